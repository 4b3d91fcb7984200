// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asked is a hub, and a listener that other proxies ask about one site. %[1]s
// is its port, %[2]s the site, %[3]s more of the Caddyfile.
const asked = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			offers S100000001_US
		}
	}
}
{{.Hub}} {
	usher
}
http://:%[1]s {
	usher_verify {
		site %[2]s
		public /assets/* /robots.txt
		optional /open/*
		trust 127.0.0.1
	}
}
%[3]s
`

// example returns a file of the documented example with replacements, each of
// which must be needed.
func example(t testing.TB, name string, replacements ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "examples", "other-proxies", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(text, replacements[i]) {
			t.Fatalf("%s has no %q", name, replacements[i])
		}
		text = strings.ReplaceAll(text, replacements[i], replacements[i+1])
	}
	return text
}

func TestAnotherCaddyAsksByForwardAuth(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	other := example(t, "forward_auth.caddyfile", "\nnews.example.com {", "\n{{.News}} {", "10.0.0.5:9080", "127.0.0.1:"+port, "127.0.0.1:8081", "{{.NewsApp}}")
	s := start(t, fmt.Sprintf(asked, port, "{{.News}}", other))
	p := &otherProxy{s: s, site: s.newsURL, port: s.port}
	p.walk(t)

	t.Run("from elsewhere", func(t *testing.T) { p.elsewhere(t, port) })
}

// elsewhere reaches usher's listener, but is not the proxy.
func (p *otherProxy) elsewhere(t *testing.T, port string) {
	stranger := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for _, host := range []string{"usher.internal", "news.localhost"} {
		conn, err := stranger.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Skipf("this machine has one address of loopback: %v", err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(rawTime))
		fmt.Fprintf(conn, "GET /.usher/verify HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: http\r\n"+
			"X-Forwarded-Host: news.localhost\r\nX-Forwarded-Uri: /assets/logo.svg\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n", host)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := read(t, res, &url.URL{Host: host}); a.status != 403 || a.body != "" {
			t.Errorf("a stranger at %s is answered %d, %s", host, a.status, a.body)
		}
	}
}

func TestNginxAsksByAuthRequest(t *testing.T) {
	t.Parallel()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("!!! NO NGINX: install the package nginx-light, or nothing tells whether the documented configuration works")
	}
	port, front := freePort(t), freePort(t)
	site := "http://news.localhost:" + front
	s := start(t, fmt.Sprintf(asked, port, site, ""))
	own := example(t, "nginx.conf", "listen 443 ssl;", "listen 127.0.0.1:"+front+";", "server_name news.example.com;", "server_name news.localhost;",
		"ssl_certificate /etc/ssl/news.example.com.pem;", "", "ssl_certificate_key /etc/ssl/news.example.com.key;", "",
		"10.0.0.5:9080", "127.0.0.1:"+port, "127.0.0.1:8081", s.news.addr())
	runNginx(t, nginx, front, own)
	p := &otherProxy{s: s, site: site, port: front}
	p.walk(t)

	// A browser asks whether it may send a request; nginx can have usher answer.
	a := p.raw(t, "OPTIONS /account HTTP/1.1", "Host: news.localhost", "Origin: "+site, "Access-Control-Request-Method: PUT")
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != site {
		t.Errorf("preflight: %d, %v", a.status, a.header)
	}
	if a := p.raw(t, "GET /usher-verify HTTP/1.1", "Host: news.localhost"); a.status == 200 {
		t.Error("a visitor may ask what nginx asks")
	}
}

// runNginx runs nginx with a part of http { } until the test ends.
func runNginx(t testing.TB, nginx, port, part string) {
	t.Helper()
	dir := t.TempDir()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // the workers' own cannot read the folder
	}
	whole := user + "\ndaemon off;\nworker_processes 1;\npid " + dir + "/pid;\nevents { }\nhttp {\n\taccess_log off;\n"
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		whole += "\t" + what + "_temp_path " + dir + "/" + what + ";\n"
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(whole+part+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.Command(nginx, "-p", dir, "-c", config, "-e", "stderr")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil || t.Failed() {
			t.Logf("nginx: %v\n%s", err, &log)
		}
	})
	for deadline := time.Now().Add(startTime); ; {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("nginx ended: %v\n%s", err, &log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not serve after %s", startTime)
		}
	}
}

// otherProxy is a proxy that serves a site in front of an app and asks usher.
type otherProxy struct {
	s    *server
	site string // its origin
	port string
}

// visitor is a browser that knows two ports: the hub's and the site's.
func (p *otherProxy) visitor(t testing.TB) *visitor {
	t.Helper()
	v := p.s.visitor(t)
	transport := p.s.transport()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	t.Cleanup(transport.CloseIdleConnections)
	v.client.Transport = transport
	return v
}

// raw sends lines to the proxy as they are.
func (p *otherProxy) raw(t testing.TB, lines ...string) answer {
	t.Helper()
	at := server{port: p.port}
	return at.raw(t, append(lines, "Connection: close")...)
}

// walk is the life of a session at the site.
func (p *otherProxy) walk(t *testing.T) {
	viewer := p.s.register(t, "walk")
	v := p.visitor(t)
	p.strangers(t)

	v.keep(p.site, map[string]string{"lang": "de"})
	if page := v.signIn(p.site+"/live?x=1&y=%2F", viewer.email); !strings.Contains(page.body, viewer.email) {
		t.Fatalf("the app does not know who comes back:\n%s", page.body)
	}
	for _, path := range []string{"/account", "/open/page", "/account?x=1,2&y=a%20b"} {
		var seen echo
		v.fetch(p.site+path).says(t, 200).json(t, &seen)
		checkIdentity(t, seen, viewer)
		if cookie := seen.Header.Get("Cookie"); seen.Target != path || cookie != "lang=de" {
			t.Errorf("%s: the app is asked for %s with the cookies %q", path, seen.Target, cookie)
		}
	}
	var seen echo
	v.fetch(p.site+"/assets/logo.svg").says(t, 200).json(t, &seen)
	if told := seen.told(); len(told) > 0 {
		t.Errorf("a public path: the app is told %v", told)
	}
	p.renewal(t, v, viewer)
	p.spoofed(t, v, viewer)
	p.ownPaths(t, v)

	before := p.visitor(t)
	before.keep(p.site, v.cookies(p.site))
	if !before.signedIn(p.site) {
		t.Fatal("the cookie alone does not sign in")
	}
	v.submit(p.site+"/.usher/logout", nil).says(t, 303)
	if before.signedIn(p.site) || v.signedIn(p.site) || v.knows() {
		t.Error("signed in after the sign-out")
	}
}

// strangers are answered by usher, through the proxy, and never reach the app.
func (p *otherProxy) strangers(t *testing.T) {
	t.Helper()
	stranger := p.visitor(t)
	const probe = "X-Probe: stranger"
	if a := stranger.open(p.site+"/live", probe).says(t, 302); !strings.HasPrefix(a.to(), p.s.hub+"/authorize?") || len(a.header.Values("Set-Cookie")) != 1 {
		t.Errorf("a page: leads to %s, cookies %q", a.to(), a.header.Values("Set-Cookie"))
	}
	a := stranger.fetch(p.site+"/account", probe).says(t, 401)
	var refusal struct{ Error, LoginURL string }
	a.json(t, &refusal)
	if refusal.Error != "login_required" || refusal.LoginURL != p.site+"/.usher/login" || strings.Join(a.header.Values("Www-Authenticate"), " and ") != "Bearer" {
		t.Errorf("a script: %s, WWW-Authenticate %q", a.body, a.header.Values("Www-Authenticate"))
	}
	stranger.send("POST", p.site+"/form", "a=b", append([]string{probe, "Content-Type: application/x-www-form-urlencoded"}, asPage...)...).says(t, 303)
	for _, path := range []string{
		"/assets/..%2faccount", "/assets/%2e%2e/account", "//assets/../account", "/assets/..;/account", "/assets/%252e%252e/account", "/account", "//account",
		"/x/../assets/../account", "/.usher/../account", "/.USHER/../account",
	} {
		a := p.raw(t, "GET "+path+" HTTP/1.1", "Host: news.localhost", probe,
			"X-Forwarded-Uri: /assets/x", "X-Forwarded-Method: GET", "X-Forwarded-Host: news.localhost", "X-Forwarded-Proto: http", "X-Original-URL: /assets/x")
		if a.status != 400 && a.status != 401 {
			t.Errorf("%s: status %d", path, a.status)
		}
	}
	if a := p.raw(t, "OPTIONS /account HTTP/1.1", "Host: news.localhost", probe, "Origin: "+p.site, "Access-Control-Request-Method: PUT"); a.status == 200 {
		t.Error("a preflight opens a protected path")
	}
	if calls := p.s.news.calls("stranger"); len(calls) > 0 {
		t.Errorf("the app was called for strangers: %+v", calls)
	}
	for _, path := range []string{"/assets/logo.svg", "/open/page"} {
		var seen echo
		stranger.fetch(p.site+path).says(t, 200).json(t, &seen)
		if told := seen.told(); len(told) > 0 {
			t.Errorf("%s: the app is told %v of a stranger", path, told)
		}
	}
}

// renewal checks that a cookie whose token is old comes back new.
func (p *otherProxy) renewal(t *testing.T, v *visitor, viewer account) {
	t.Helper()
	cookie := v.cookies(p.site)["usher"]
	beside := cookie[:strings.LastIndex(cookie, "~")+1]
	w := p.visitor(t)
	w.keep(p.site, map[string]string{"usher": p.s.stale(t, p.site, cookie), "lang": "de"})
	a := w.fetch(p.site+"/account").says(t, 200)
	var seen echo
	a.json(t, &seen)
	checkIdentity(t, seen, viewer)
	renewed := a.header.Values("Set-Cookie")
	if len(renewed) != 1 || !strings.HasPrefix(renewed[0], "usher="+beside) || !strings.Contains(renewed[0], "HttpOnly") {
		t.Errorf("the renewed cookie: %q", renewed)
	}
	if again := w.fetch(p.site+"/account").says(t, 200).header.Values("Set-Cookie"); len(again) > 0 {
		t.Errorf("the renewed cookie is renewed: %q", again)
	}
}

// spoofed checks that no word of a client on identity reaches the app.
func (p *otherProxy) spoofed(t *testing.T, v *visitor, viewer account) {
	t.Helper()
	cookie := "Cookie: usher=" + v.cookies(p.site)["usher"]
	for what, lines := range lies {
		for access, path := range map[string]string{"protected": "/account", "optional": "/open/page", "public": "/assets/logo.svg"} {
			for _, proof := range []string{"X-Nothing: 1", cookie} {
				proven := proof == cookie
				probe := fmt.Sprint("lie/", what, access, proven)
				a := p.raw(t, append([]string{"GET " + path + " HTTP/1.1", "Host: news.localhost", "X-Probe: " + probe, proof}, lines...)...)
				calls := p.s.news.calls(probe)
				if len(calls) == 0 && a.status == 403 && (what == "other characters" || what == "a name nobody has") {
					continue // usher refuses what it cannot have the proxy remove
				}
				t.Run(probe, func(t *testing.T) { checkTold(t, calls, a, access, proven, viewer) })
			}
		}
	}
}

// ownPaths checks that usher's paths are served, and the proxy's question is
// not a visitor's.
func (p *otherProxy) ownPaths(t *testing.T, v *visitor) {
	t.Helper()
	if a := v.fetch(p.site+"/.usher/session").says(t, 200); !strings.Contains(a.body, `"signedIn":true`) {
		t.Errorf("session: %s", a.body)
	}
	v.open(p.site+"/.usher/logout").says(t, 200)
	for _, path := range []string{"/.usher/verify", "/.usher/verify/status", "/.USHER/verify"} {
		a := v.fetch(p.site+path, "X-Forwarded-Method: GET", "X-Forwarded-Uri: /account", "X-Forwarded-Host: news.localhost", "X-Forwarded-Proto: http")
		if a.status != 404 || a.header.Get("X-Usher-Token") != "" || len(p.s.news.at(path)) > 0 {
			t.Errorf("%s from a page: status %d, %v", path, a.status, a.header)
		}
	}
}
