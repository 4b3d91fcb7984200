// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/usher-sso/usher/internal/gate"
)

// caller sends one request again and again, as Caddy's handler does it.
type caller struct {
	w        *world
	r        *http.Request
	response *httptest.ResponseRecorder
	cookies  []string
}

func newCaller(w *world, cookies ...*http.Cookie) *caller {
	r := request("GET", string(news)+"/live", page, cookies...)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	r.Header.Set("Accept-Language", "en-US,en;q=0.5")
	r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	return &caller{w: w, r: r, response: httptest.NewRecorder(), cookies: r.Header["Cookie"]}
}

func (c *caller) call() bool {
	if c.cookies != nil {
		c.r.Header["Cookie"] = c.cookies
	}
	c.w.headers.Strip(c.r)
	id, pass, err := c.w.Serve(c.response, c.r, c.r.URL)
	if err != nil || !pass {
		return false
	}
	gate.StripCookies(c.r.Header)
	if id != nil {
		c.w.headers.Tell(c.r.Header, id)
	}
	return true
}

// maxAllocations is what a signed-in request may cost: the copy of the cookie
// that is hashed.
const maxAllocations = 1

func TestSignedInRequestAllocatesNextToNothing(t *testing.T) {
	w := newWorld(t)
	c := newCaller(w, w.signIn(t, news, w.mustViewer(t, ours)))
	if !c.call() {
		t.Fatal("the request is refused")
	}
	if got := testing.AllocsPerRun(1000, func() { c.call() }); got > maxAllocations {
		t.Errorf("%v allocations, want %d at most", got, maxAllocations)
	}
}

// BenchmarkServeCookie is the hot path: a signed-in viewer, remembered.
func BenchmarkServeCookie(b *testing.B) {
	w := newWorld(b)
	cookie := w.signIn(b, news, w.mustViewer(b, ours))
	b.Run("one", func(b *testing.B) {
		c := newCaller(w, cookie)
		b.ReportAllocs()
		for b.Loop() {
			if !c.call() {
				b.Fatal("refused")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			c := newCaller(w, cookie)
			for pb.Next() {
				if !c.call() {
					b.Error("refused")
					return
				}
			}
		})
	})
	b.Run("among_others", func(b *testing.B) {
		var all []*http.Cookie
		for i := range 20 {
			all = append(all, &http.Cookie{Name: "tracker" + strconv.Itoa(i), Value: "0123456789abcdef0123456789abcdef"})
		}
		c := newCaller(w, append(all, cookie)...)
		b.ReportAllocs()
		for b.Loop() {
			if !c.call() {
				b.Fatal("refused")
			}
		}
	})
}

// BenchmarkServeMiss is a token that this node sees for the first time.
func BenchmarkServeMiss(b *testing.B) {
	w := newWorld(b)
	cookie := w.signIn(b, news, w.mustViewer(b, ours))
	c := newCaller(w, cookie)
	b.ReportAllocs()
	for b.Loop() {
		w.Forget(cookie.Value, news)
		if !c.call() {
			b.Fatal("refused")
		}
	}
}

// BenchmarkRefused is a flood: forged tokens that are all different, one that
// comes again, and no token at all.
func BenchmarkRefused(b *testing.B) {
	w := newWorld(b)
	cookie := w.signIn(b, news, w.mustViewer(b, ours))
	begin, end := cookie.Value[:len(cookie.Value)-40], cookie.Value[len(cookie.Value)-32:] // of a signature with another middle
	program := func(value string) *caller {
		c := newCaller(w, &http.Cookie{Name: "__Host-usher", Value: value})
		c.r.Header["Accept"] = []string{"*/*"}
		return c
	}
	b.Run("different", func(b *testing.B) {
		c := program("")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c.response.Body.Reset()
			clear(c.response.Header())
			c.cookies = []string{"__Host-usher=" + begin + strconv.Itoa(10_000_000+i%89_999_999) + end}
			if c.call() {
				b.Fatal("passed")
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		c := program(begin + "12345678" + end)
		b.ReportAllocs()
		for b.Loop() {
			c.response.Body.Reset()
			clear(c.response.Header())
			if c.call() {
				b.Fatal("passed")
			}
		}
	})
	b.Run("nobody", func(b *testing.B) {
		c := newCaller(w)
		c.r.Header["Accept"] = []string{"*/*"}
		b.ReportAllocs()
		for b.Loop() {
			c.response.Body.Reset()
			clear(c.response.Header())
			if c.call() {
				b.Fatal("passed")
			}
		}
	})
}
