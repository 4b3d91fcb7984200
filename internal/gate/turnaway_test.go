// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/gate"
)

// html is an Accept that asks for HTML by name.
const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// stranger is a request without a session, and what becomes of it at a
// protected path. The table is the one of the specification, cell by cell.
type stranger struct {
	name    string
	method  string
	headers map[string]string
	want    outcome
}

type outcome int

const (
	redirected     outcome = iota // 302 to the hub
	redirectedPOST                // 303 to the hub
	told                          // 401 and JSON
	shownOut                      // 401 and a page
	preflighted                   // 204
)

var strangers = []stranger{
	// Top-level navigation.
	{"navigation", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": html}, redirected},
	{"navigation from another site", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site", "Accept": html}, redirected},
	{"navigation that takes no HTML", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "application/pdf"}, told},

	// Programs.
	{"fetch", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}, told},
	{"fetch of HTML", "GET", map[string]string{"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": html}, told},
	{"fetch that posts", "POST", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "application/json"}, told},
	{"XMLHttpRequest", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "X-Requested-With": "XMLHttpRequest", "Accept": "*/*"}, told},
	{"EventSource", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "text/event-stream"}, told},
	{"WebSocket", "GET", map[string]string{"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "empty", "Connection": "Upgrade", "Upgrade": "websocket"}, told},
	{"WebSocket that takes HTML", "GET", map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Accept": html}, told},
	{"WebSocket over HTTP/2", "CONNECT", map[string]string{"Sec-Fetch-Mode": "websocket"}, told},
	{"no HTML", "GET", map[string]string{"Accept": "application/json"}, told},
	{"PUT", "PUT", map[string]string{"Accept": html}, told},
	{"PATCH", "PATCH", map[string]string{"Accept": html}, told},
	{"DELETE", "DELETE", map[string]string{"Accept": html}, told},
	{"no known method", "PURGE", map[string]string{"Accept": html}, told},

	// Parts of a page.
	{"script", "GET", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script", "Accept": "*/*"}, told},
	{"module", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "script", "Accept": "*/*"}, told},
	{"style", "GET", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "style", "Accept": "text/css,*/*;q=0.1"}, told},
	{"image", "GET", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/avif,*/*"}, told},
	{"media segment", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "video", "Range": "bytes=0-"}, told},
	{"service worker", "GET", map[string]string{"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "serviceworker"}, told},

	// Requests that nobody has made yet.
	{"prefetch", "GET", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty", "Sec-Purpose": "prefetch", "Accept": html}, told},
	{"prefetched navigation", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch", "Accept": html}, told},
	{"prerender", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender", "Accept": html}, told},
	{"preview of Firefox", "GET", map[string]string{"X-Moz": "prefetch", "Accept": html}, told},
	{"preview of Safari", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Purpose": "prefetch", "Accept": html}, told},

	// Frames.
	{"iframe", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": html}, shownOut},
	{"frame", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "frame", "Accept": html}, shownOut},
	{"embed", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed", "Accept": html}, shownOut},
	{"object", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object", "Accept": html}, shownOut},
	{"form in an iframe", "POST", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": html}, shownOut},

	// Clients that say nothing of themselves.
	{"old browser", "GET", map[string]string{"Accept": html}, redirected},
	{"old browser's form", "POST", map[string]string{"Accept": html}, redirectedPOST},
	{"curl", "GET", map[string]string{"Accept": "*/*"}, told},
	{"television", "GET", map[string]string{}, told},
	{"crawler", "GET", map[string]string{"Accept": "image/*"}, told},

	{"HEAD", "HEAD", map[string]string{"Accept": html}, told},
	{"HEAD of a navigation", "HEAD", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": html}, told},
	{"OPTIONS", "OPTIONS", map[string]string{"Accept": "*/*"}, told},
	{"preflight", "OPTIONS", map[string]string{"Origin": string(sports), "Access-Control-Request-Method": "PUT"}, preflighted},

	{"form", "POST", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": html}, redirectedPOST},
}

func TestStrangersAreTurnedAwayAsTheirRequestNeeds(t *testing.T) {
	for _, s := range strangers {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.send(request(s.method, string(news)+"/live?x=1", s.headers))
			if a.passed || a.identity != nil || a.err != nil {
				t.Fatalf("passed %v as %v, %v", a.passed, a.identity, a.err)
			}
			ownAnswer(t, a)
			location := a.Header().Get("Location")
			if toHub := strings.HasPrefix(location, string(hub)+"/authorize?"); toHub != (s.want == redirected || s.want == redirectedPOST) {
				t.Errorf("Location %q", location)
			}
			switch s.want {
			case redirected:
				status(t, a, http.StatusFound)
			case redirectedPOST:
				status(t, a, http.StatusSeeOther)
			case told:
				toldToSignIn(t, a, s.method)
			case shownOut:
				status(t, a, http.StatusUnauthorized)
				want := gate.Problem{Kind: gate.ProblemNotSignedIn, Status: 401, Site: news, Return: "/live?x=1"}
				if w.pages.problem != want {
					t.Errorf("shown %+v, want %+v", w.pages.problem, want)
				}
			case preflighted:
				status(t, a, http.StatusNoContent)
			}
			if s.want >= told && len(a.Result().Cookies()) > 0 {
				t.Errorf("a sign-in was begun: %v", a.Header()["Set-Cookie"])
			}
		})
	}
}

// What comes from nowhere in particular is not asked about, whatever it is.
func TestStrangersPassOptionalAndPublicPathsUntouched(t *testing.T) {
	w := newWorld(t)
	for _, s := range strangers {
		for _, path := range []string{"/articles/1", "/about"} {
			a := w.send(request(s.method, string(news)+path, s.headers))
			if !a.passed || a.identity != nil || a.err != nil || a.Code != http.StatusOK || len(a.Header()) > 0 {
				t.Errorf("%s at %s: passed %v as %v, %v; status %d, %v", s.name, path, a.passed, a.identity, a.err, a.Code, a.Header())
			}
		}
	}
}

// The hub is asked about people who open an optional page from a sister site,
// and about nothing else.
func TestOfStrangersAtOptionalPathsOnlyNavigationsAreAskedAbout(t *testing.T) {
	w := newWorld(t)
	asked := 0
	for _, s := range strangers {
		headers := maps.Clone(s.headers)
		headers["Referer"] = string(sports) + "/"
		if a := w.send(request(s.method, string(news)+"/about", headers)); !a.passed {
			t.Errorf("%s does not pass a public path", s.name)
		}
		a := w.send(request(s.method, string(news)+"/articles/1", headers))
		if told := s.headers["Sec-Fetch-Mode"] != ""; s.want == redirected && told {
			asked++
			status(t, a, http.StatusFound)
			ownAnswer(t, a)
			if to := a.Header().Get("Location"); a.passed || !strings.HasPrefix(to, string(hub)+"/authorize?") || !strings.Contains(to, "&prompt=none&") {
				t.Errorf("%s: passed %v, Location %q", s.name, a.passed, to)
			}
		} else if !a.passed || a.identity != nil || len(a.Header()) > 0 {
			t.Errorf("%s: passed %v, %v", s.name, a.passed, a.Header())
		}
	}
	if asked != 2 {
		t.Errorf("%d kinds of navigation were asked about, want 2", asked)
	}
}

func status(t *testing.T, a answer, want int) {
	t.Helper()
	if a.Code != want {
		t.Errorf("status %d, want %d", a.Code, want)
	}
}

// ownAnswer checks what every answer of the gate itself says about keeping it.
func ownAnswer(t *testing.T, a answer) {
	t.Helper()
	if got := a.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
	vary := strings.Join(a.Header()["Vary"], ", ")
	for _, name := range []string{"Cookie", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
		if !slices.Contains(strings.Split(vary, ", "), name) {
			t.Errorf("Vary %q lacks %s", vary, name)
		}
	}
}

// toldToSignIn checks the answer to programs.
func toldToSignIn(t *testing.T, a answer, method string) {
	t.Helper()
	status(t, a, http.StatusUnauthorized)
	if got := a.Header().Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("WWW-Authenticate %q, want Bearer", got)
	}
	if got := a.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q, want application/json", got)
	}
	if method == http.MethodHead {
		if a.Body.Len() > 0 {
			t.Errorf("HEAD is answered with a body: %s", a.Body)
		}
		return
	}
	var body map[string]string
	if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
	if want := map[string]string{"error": "login_required", "loginUrl": "https://news.example.com/.usher/login"}; !maps.Equal(body, want) {
		t.Errorf("body %v, want %v", body, want)
	}
}

func TestPreflightIsAnsweredForSisterSitesOnly(t *testing.T) {
	for _, test := range []struct {
		origin  string
		allowed bool
	}{
		{string(sports), true}, {string(news), true}, {string(rovers), true},
		{string(other), false}, {"https://evil.example", false}, {"null", false}, {"", false}, {"*", false},
		{"http://sports.test", false}, {"https://sports.test:8443", false}, {"https://sports.test.evil.example", false},
		{"https://evil.example/https://sports.test", false}, {"https://*.clubs", false}, {"https://a.b.clubs", false},
		{"https://SPORTS.test", false},
	} {
		w := newWorld(t)
		a := w.send(request("OPTIONS", string(news)+"/live", map[string]string{
			"Origin": test.origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization",
		}))
		status(t, a, http.StatusNoContent)
		ownAnswer(t, a)
		if !slices.Contains(a.Header()["Vary"], "Origin") {
			t.Errorf("%q: Vary %q lacks Origin", test.origin, a.Header()["Vary"])
		}
		allow := a.Header().Get("Access-Control-Allow-Origin")
		switch {
		case !test.allowed && allow != "":
			t.Errorf("%q: Access-Control-Allow-Origin %q, want none", test.origin, allow)
		case test.allowed && allow != test.origin:
			t.Errorf("%q: Access-Control-Allow-Origin %q", test.origin, allow)
		case test.allowed && !strings.Contains(a.Header().Get("Access-Control-Allow-Headers"), "Authorization"):
			t.Errorf("%q: Access-Control-Allow-Headers %q", test.origin, a.Header().Get("Access-Control-Allow-Headers"))
		case test.allowed != (a.Header().Get("Access-Control-Allow-Credentials") == "true"):
			t.Errorf("%q: Access-Control-Allow-Credentials %q", test.origin, a.Header().Get("Access-Control-Allow-Credentials"))
		}
	}
}

// A page of a sister site whose preflight was answered must be able to read
// that it has to sign in.
func TestRefusalCanBeReadBySisterSites(t *testing.T) {
	for origin, want := range map[string]string{string(sports): string(sports), string(other): "", "https://evil.example": ""} {
		w := newWorld(t)
		a := w.send(request("GET", string(news)+"/api", map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "*/*", "Origin": origin}))
		status(t, a, http.StatusUnauthorized)
		if got := a.Header().Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("to %s: Access-Control-Allow-Origin %q, want %q", origin, got, want)
		}
	}
}

func TestAmbiguousPathsAreRefusedToEveryone(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	for _, accept := range []string{html, "*/*"} {
		a := w.send(request("GET", string(news)+"/assets/%2e%2e/private", map[string]string{"Accept": accept}, cookie))
		status(t, a, http.StatusBadRequest)
		ownAnswer(t, a)
		if a.passed {
			t.Error("the request passes")
		}
	}
}

func TestOnlyOwnHostsAreServed(t *testing.T) {
	w := newWorld(t)
	for host, known := range map[string]bool{
		"news.example.com": true, "NEWS.example.com": true, "news.example.com:443": true, "news.example.com:8080": true, "rovers.clubs": true,
		"id.example.com": false, "news.example.com.": false, "evil.example": false, "": false, "a.b.clubs": false, "clubs": false,
		"*.clubs": false, "news.example.com@evil.example": false, "evil.example/news.example.com": false,
	} {
		for _, path := range []string{"/", "/about", "/.usher/login"} {
			r := request("GET", "https://x"+path, page)
			r.Host = host
			a := w.send(r)
			if (a.err == nil) != known {
				t.Errorf("host %q at %s: %v", host, path, a.err)
			}
			if !known && (a.passed || a.err != gate.ErrNoSite || len(a.Header()) > 0) {
				t.Errorf("host %q at %s: passed %v, %v, %v", host, path, a.passed, a.err, a.Header())
			}
			if location := a.Header().Get("Location"); strings.Contains(strings.ToLower(location), "8080") {
				t.Errorf("host %q decides a link: %s", host, location)
			}
		}
	}
}
