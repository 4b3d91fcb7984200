// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// proxied is a server whose news site another proxy serves.
func proxied(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), {"handle": []object{s.verifier()}}}
	return s
}

// verifier is the handler that other proxies at loopback ask.
func (s *server) verifier() object {
	return object{
		"handler": "usher_verify", "sites": []string{s.origin("news")}, "trust": []string{"127.0.0.1"},
		"public": []string{"/about"}, "optional": []string{"/articles/*"},
	}
}

// ofProxy are the headers with which a proxy describes a request to the news
// site.
func (s *server) ofProxy(uri string, more ...string) []string {
	return append([]string{
		"Host", "usher.internal:9080", "X-Forwarded-Method", "GET", "X-Forwarded-Proto", "http",
		"X-Forwarded-Host", "news.localhost:" + s.port, "X-Forwarded-Uri", uri,
	}, more...)
}

// plainly makes a browser follow no redirect.
func (b *browser) plainly() *browser {
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// through asks as the proxy does that holds a request of the browser's.
func (b *browser) through(path, uri string, cookies ...string) answer {
	b.t.Helper()
	site, err := url.Parse(b.s.origin("news"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(site) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	proxy := *b
	proxy.Client = &http.Client{Transport: b.Transport, CheckRedirect: b.CheckRedirect} // keeps no cookies
	a := proxy.get("news", path, b.s.ofProxy(uri, "Cookie", strings.Join(cookies, "; "))...)
	b.Jar.SetCookies(site, a.Cookies())
	return a
}

// Whoever is not the proxy is refused before anything else is looked at.
func TestOnlyProxiesInTrustAreAnswered(t *testing.T) {
	s := proxied(t)
	h := s.beforeStart(t, nil)
	for peer, want := range map[string]int{
		"127.0.0.1:4711": 200, "[::ffff:127.0.0.1]:4711": 200,
		"127.0.0.2:4711": 403, "192.0.2.1:80": 403, "[::1]:4711": 403, "[fe80::1%eth0]:1": 403, "@": 403, "": 403, "127.0.0.1": 403, "localhost:80": 403,
	} {
		for _, path := range []string{"/.usher/verify", "/.usher/verify/status"} {
			r := httptest.NewRequest("GET", "http://usher.internal"+path, nil)
			r.RemoteAddr = peer
			for name, value := range map[string]string{
				"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "news.localhost", "X-Forwarded-Uri": "/about",
				"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Client-Ip": "127.0.0.1", "True-Client-Ip": "127.0.0.1",
			} {
				r.Header.Set(name, value)
			}
			a := httptest.NewRecorder()
			h.ServeHTTP(a, r)
			if a.Code != want || want == 403 && (a.Body.Len() > 0 || len(a.Header()) > 1 || a.Header().Get("Server") == "") {
				t.Errorf("%q at %s: status %d, %v, %s; want %d", peer, path, a.Code, a.Header(), a.Body, want)
			}
		}
	}
	for _, target := range []string{"http://news.localhost/about", "http://news.localhost/.usher/login", "http://evil.test/"} {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("X-Forwarded-Proto", "http")
		r.RemoteAddr = "192.0.2.1:80"
		a := httptest.NewRecorder()
		if h.ServeHTTP(a, r); a.Code != http.StatusForbidden {
			t.Errorf("%s from elsewhere: status %d", target, a.Code)
		}
	}
}

func TestNetworksInTrustAreTheirAddressesAndNoOthers(t *testing.T) {
	s := newServer(t)
	v := s.verifier()
	v["trust"] = []string{"10.1.0.0/16", "192.0.2.10", "2001:db8::/32", "fe80::1"}
	s.http["routes"] = []object{{"handle": []object{v}}}
	h := s.beforeStart(t, nil)
	for peer, want := range map[string]int{
		"10.1.2.3:1": 200, "[::ffff:10.1.2.3]:1": 200, "192.0.2.10:1": 200, "[2001:db8:1::1]:1": 200, "[fe80::1%eth0]:1": 200,
		"10.2.0.1:1": 403, "192.0.2.11:1": 403, "[2001:db9::1]:1": 403, "[fe80::2%eth0]:1": 403, "127.0.0.1:1": 403, "[::ffff:10.2.0.1]:1": 403,
	} {
		r := httptest.NewRequest("GET", "http://usher.internal/.usher/verify", nil)
		r.RemoteAddr = peer
		for name, value := range map[string]string{
			"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "news.localhost", "X-Forwarded-Uri": "/about",
		} {
			r.Header.Set(name, value)
		}
		a := httptest.NewRecorder()
		if h.ServeHTTP(a, r); a.Code != want {
			t.Errorf("%s: status %d, want %d", peer, a.Code, want)
		}
	}
}

// Caddy's own trusted proxies say who the client is; they do not make one a
// proxy that may ask.
func TestForwardedAddressMakesNobodyAProxyInTrust(t *testing.T) {
	s := proxied(t)
	s.http["trusted_proxies"] = object{"source": "static", "ranges": []string{"192.0.2.0/24"}}
	h := s.beforeStart(t, nil)
	r := httptest.NewRequest("GET", "http://usher.internal/.usher/verify", nil)
	r.RemoteAddr = "192.0.2.1:80"
	for name, value := range map[string]string{
		"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "news.localhost", "X-Forwarded-Uri": "/about", "X-Forwarded-For": "127.0.0.1",
	} {
		r.Header.Set(name, value)
	}
	a := httptest.NewRecorder()
	if h.ServeHTTP(a, r); a.Code != http.StatusForbidden {
		t.Errorf("status %d, want 403", a.Code)
	}
}

func TestProxyAsksAndVisitorsComeThroughIt(t *testing.T) {
	s := proxied(t)
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	b.plainly()

	// The proxy asks, is told to lead the visitor to the hub, and hands on what
	// comes back from there.
	begun := b.through("/.usher/verify", "/live?x=1")
	if begun.StatusCode != http.StatusFound {
		t.Fatalf("a stranger: %s", begun.Status)
	}
	to, err := url.Parse(begun.Header.Get("Location"))
	if err != nil || to.Host != "hub.localhost:"+s.port {
		t.Fatalf("leads to %v, %v", to, err)
	}
	granted := b.get("hub", to.RequestURI())
	back, err := url.Parse(granted.Header.Get("Location"))
	if err != nil || back.Path != "/.usher/callback" {
		t.Fatalf("the hub leads to %v, %v", back, err)
	}
	if a := b.get("news", back.RequestURI(), "X-Forwarded-Proto", "http"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != s.origin("news")+"/live?x=1" {
		t.Fatalf("the callback: %s, %v", a.Status, a.Header)
	}
	for _, path := range []string{"/.usher/verify", "/.usher/verify/status"} {
		a := b.through(path, "/live?x=1", "lang=de")
		if a.StatusCode != http.StatusOK || a.Header.Get("X-Usher-Email") != "anna@example.com" || a.Header.Get("Cookie") != "lang=de" || a.body != "" {
			t.Errorf("%s: %s, %v", path, a.Status, a.Header)
		}
	}
	session := b.get("news", "/.usher/session", "X-Forwarded-Proto", "http", "Accept", "application/json")
	if !strings.Contains(session.body, `"signedIn":true`) {
		t.Errorf("session: %s", session.body)
	}
	if a := b.get("news", "/.usher/assets/usher.css", "X-Forwarded-Proto", "http"); a.StatusCode == http.StatusForbidden {
		t.Errorf("assets: %s", a.Status)
	}
	b.send("POST", "news", "/.usher/logout", "", "X-Forwarded-Proto", "http", "Sec-Fetch-Site", "same-origin")
	if a := b.through("/.usher/verify/status", "/live"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out: %s", a.Status)
	}
}

// What a proxy was told not to let pass, it hands on, and the gate answers. What
// would pass has no app to go to.
func TestRequestsThatAProxyHandsOnAreAnsweredByTheGate(t *testing.T) {
	s := proxied(t)
	s.start(t, nil)
	b := s.browser(t).plainly()
	for _, test := range []struct {
		method, path, accept string
		want                 int
	}{
		{"GET", "/live", "text/html", 302}, {"POST", "/live", "text/html", 303}, {"GET", "/live", "application/json", 401},
		{"GET", "/live/..;/x", "application/json", 400}, {"GET", "/about", "text/html", 404}, {"POST", "/articles/1", "*/*", 404},
		{"GET", "/.usher/login", "text/html", 302}, {"GET", "/.usher/nothing", "text/html", 404},
	} {
		a := b.send(test.method, "news", test.path, "", "X-Forwarded-Proto", "http", "Accept", test.accept)
		if a.StatusCode != test.want || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s as %s: %s, %v; want %d", test.method, test.path, test.accept, a.Status, a.Header, test.want)
		}
	}
	for name, headers := range map[string][]string{
		"another scheme": {"X-Forwarded-Proto", "https"}, "two schemes": {"X-Forwarded-Proto", "http", "X-Forwarded-Proto", "http"},
		"joined schemes": {"X-Forwarded-Proto", "http, http"}, "no scheme": nil,
		"another host": {"X-Forwarded-Proto", "http", "Host", "evil.test", "X-Forwarded-Host", "news.localhost"},
		"trailing dot": {"X-Forwarded-Proto", "http", "Host", "news.localhost."},
	} {
		for _, path := range []string{"/live", "/about", "/.usher/login", "/.usher/session"} {
			a := b.get("news", path, headers...)
			if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusMisdirectedRequest || a.body != "" || a.Header.Get("Location") != "" {
				t.Errorf("%s, %s: %s, %s", name, path, a.Status, a.body)
			}
		}
	}
}

// The answer to a proxy holds the access token, which no script of a site may
// read: a page's own request for it, with all that a script can send, is one
// for a path that is not there.
func TestPagesOfASiteCannotAskWhatProxiesAsk(t *testing.T) {
	s := proxied(t)
	s.start(t, nil)
	b := s.browser(t).plainly()
	for _, path := range []string{"/.usher/verify", "/.usher/verify/status", "/.usher/verify?x", "/.USHER/verify"} {
		for _, host := range []string{"news.localhost:" + s.port, "NEWS.localhost", "news.localhost"} {
			a := b.get("news", path, append(s.ofProxy("/about"), "Host", host)...)
			if a.StatusCode != http.StatusNotFound {
				t.Errorf("%s at %s: %s", path, host, a.Status)
			}
		}
	}
	for _, path := range []string{"/.usher/verify/", "/.usher/verify/x", "/.USHER/verify", "/verify", "/.usher/../.usher/verify", "/", "/.usher/session"} {
		if a := b.get("news", path, s.ofProxy("/about")...); a.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s under the handler's own host: %s", path, a.Status)
		}
	}
}

func TestOperatorIsToldWhyAProxyIsRefusedAndNobodyElseIs(t *testing.T) {
	s := proxied(t)
	file := filepath.Join(t.TempDir(), "usher.log")
	s.logs = object{"default": object{"writer": object{"output": "file", "filename": file}, "encoder": object{"format": "json"}}}
	s.start(t, nil)
	b := s.browser(t).plainly()
	for _, test := range []struct {
		change []string
		want   int
	}{
		{[]string{"X-Forwarded-Uri", "/live"}, 400}, {[]string{"X!Usher!Email", "boss@example.com"}, 403}, {[]string{"X-Forwarded-Proto", "https"}, 400},
	} {
		for _, path := range []string{"/.usher/verify", "/.usher/verify/status"} {
			if a := b.get("news", path, s.ofProxy("/about", test.change...)...); a.StatusCode != test.want || a.body != "" {
				t.Errorf("%v: %s, %s", test.change, a.Status, a.body)
			}
		}
	}
	foreign := []string{"Host", "usher.internal", "X-Forwarded-Method", "GET", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.test", "X-Forwarded-Uri", "/about"}
	if a := b.get("news", "/.usher/verify", foreign...); a.StatusCode != http.StatusForbidden || a.body != "" {
		t.Errorf("a foreign site: %s, %s", a.Status, a.body)
	}
	if a := b.get("news", "/.usher/verify", s.ofProxy("/.usher/login?code=secret")...); a.StatusCode != http.StatusNotFound || a.body != "" {
		t.Errorf("a reserved path: %s, %s", a.Status, a.body)
	}
	if a := b.get("news", "/.usher/verify/status", s.ofProxy("/.usher/login")...); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a reserved path, status alone: %s", a.Status)
	}
	if err := caddy.Stop(); err != nil { // closes the log
		t.Fatal(err)
	}
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"X-Forwarded-Uri comes 2 times", "X-Forwarded-Proto comes 2 times", "http://evil.test: host is not a site of this gate", "hand such requests on",
	} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	if strings.Contains(string(log), "secret") || strings.Contains(string(log), "boss@") {
		t.Errorf("the log holds what clients sent:\n%s", log)
	}
}

func TestStoreThatCannotBeOpenedLetsNothingPassThroughAProxy(t *testing.T) {
	s := proxied(t)
	if err := os.MkdirAll(filepath.Join(s.store, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := s.beforeStart(t, nil)
	for _, path := range []string{"/.usher/verify", "/.usher/verify/status"} {
		r := httptest.NewRequest("GET", "http://usher.internal"+path, nil)
		r.RemoteAddr = "127.0.0.1:1"
		a := httptest.NewRecorder()
		if h.ServeHTTP(a, r); a.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", path, a.Code)
		}
	}
}

func TestVerifierThatCannotWorkIsRefusedInJSON(t *testing.T) {
	for name, change := range map[string]object{
		"trust": {"trust": nil}, "sites": {"sites": nil}, "trusts everybody": {"trust": []string{"0.0.0.0/0"}}, "no address": {"trust": []string{"proxy"}},
		"is reserved": {"public": []string{"/.usher/*"}}, "belongs to no publisher": {"sites": []string{"https://elsewhere.example"}},
	} {
		s := newServer(t)
		s.usher["publishers"] = []object{{"id": 100000001, "sites": []string{s.origin("news")}}}
		v := s.verifier()
		maps.Copy(v, change)
		s.http["routes"] = []object{{"handle": []object{v}}}
		err := caddy.Load(s.config(t, nil), true)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v, want what says %q", change, err, name)
		}
	}
	s := newServer(t)
	s.http["routes"] = []object{{"handle": []object{s.verifier()}}}
	s.usher["hub"] = s.origin("news")
	if err := caddy.Load(s.config(t, nil), true); err == nil || !strings.Contains(err.Error(), "hub") {
		t.Errorf("a site that is the hub: %v", err)
	}
}

// Another gate of the same site, in this very Caddy, knows the same sessions.
func TestSiteMayBeServedHereAndByAnotherProxy(t *testing.T) {
	s := newServer(t)
	s.http["routes"] = []object{
		s.route("hub", object{"handler": "usher"}), s.route("news", s.gate("news"), tell), {"handle": []object{s.verifier()}},
	}
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	b.signedIn("news", "/live", "anna@example.com")
	b.plainly()
	if a := b.through("/.usher/verify", "/live"); a.Header.Get("X-Usher-Email") != "anna@example.com" {
		t.Errorf("asked by a proxy: %s, %v", a.Status, a.Header)
	}
}
