package customer
import ("testing";"os";"strings")
func TestZZ(t *testing.T){ b,_:=os.ReadFile("/tmp/pw/ok.txt"); l:=strings.Split(string(b),"\n"); miss:=[]string{}; h:=map[int]int{}
for i,w:=range l{ if CheckPassword(w)!=ErrPasswordCommon{miss=append(miss,w); for _,n:=range []int{500,1000,2000,3000,4306}{ if i<n{h[n]++}}}}
t.Log(h); t.Log(strings.Join(miss[:min(len(miss),900)]," "))}
