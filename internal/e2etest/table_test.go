// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// asSocket is how browsers ask for a web socket.
var asSocket = []string{
	"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	"Sec-Fetch-Mode: websocket", "Sec-Fetch-Dest: websocket",
}

// asHTML is how browsers ask for a page, without what newer ones say of the way.
const asHTML = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// told are the headers by which browsers say what they want (Fetch Metadata).
func told(mode, dest string, more ...string) []string {
	return append([]string{"Sec-Fetch-Mode: " + mode, "Sec-Fetch-Dest: " + dest}, more...)
}

// fate is what becomes of a request of somebody who is not signed in.
type fate int

const (
	passes      fate = iota // to the app, as anonymous
	led                     // to the hub and back, by 302
	resent                  // to the hub, and back to a page that says to send the form again, by 303
	inquired                // to the hub and back without a page, by 302
	refused                 // 401 and JSON
	shownOut                // 401 and a page with the way out of the frame
	preflighted             // 204, a preflight
)

// strangers is the table "When to redirect, when to refuse": a kind of request,
// its fate at a protected path, and its fate at an optional one for who comes
// from a sister site. At optional paths all others pass, and at public ones all.
var strangers = []struct {
	kind               string
	method             string
	lines              []string
	protected, visited fate
}{
	// A person opens a page.
	{"a page opened", "GET", asPage, led, inquired},
	{"a page opened by a link of another site", "GET", told("navigate", "document", asHTML, "Sec-Fetch-Site: cross-site"), led, inquired},
	{"a file opened that is no page", "GET", told("navigate", "document", "Accept: application/pdf"), refused, passes},

	// Programs.
	{"a script's fetch", "GET", asScript, refused, passes},
	{"a script's fetch of a page", "GET", told("same-origin", "empty", asHTML), refused, passes},
	{"a script's fetch of a page of a sister site", "GET", told("cors", "empty", asHTML, "Sec-Fetch-Site: cross-site"), refused, passes},
	{"a script that sends", "POST", told("cors", "empty", "Accept: application/json", "Content-Type: application/json"), refused, passes},
	{"a script of old", "GET", []string{"X-Requested-With: XMLHttpRequest", "Accept: */*"}, refused, passes},
	{"an event stream", "GET", told("cors", "empty", "Accept: text/event-stream"), refused, passes},
	{"an event stream of an old browser", "GET", []string{"Accept: text/event-stream"}, refused, passes},
	{"a web socket", "GET", asSocket, refused, passes},
	{"a web socket that takes HTML", "GET", append([]string{asHTML}, asSocket[:4]...), refused, passes},
	{"an app with a token that is none", "GET", told("navigate", "document", asHTML, "Authorization: Bearer a.b.c"), refused, passes},
	{"data asked for by name", "GET", []string{"Accept: application/json"}, refused, passes},
	{"an upload", "PUT", []string{asHTML}, refused, passes},
	{"a change", "PATCH", []string{asHTML}, refused, passes},
	{"a deletion", "DELETE", []string{asHTML}, refused, passes},
	{"an unknown method", "PROPFIND", []string{asHTML}, refused, passes},

	// Parts of a page.
	{"a script file", "GET", told("no-cors", "script", "Accept: */*"), refused, passes},
	{"a module", "GET", told("cors", "script", "Accept: */*"), refused, passes},
	{"a worker", "GET", told("same-origin", "serviceworker", "Accept: */*"), refused, passes},
	{"a style sheet", "GET", told("no-cors", "style", "Accept: text/css,*/*;q=0.1"), refused, passes},
	{"an image", "GET", told("no-cors", "image", "Accept: image/avif,image/*,*/*;q=0.8"), refused, passes},
	{"an image that takes HTML", "GET", told("no-cors", "image", asHTML), refused, passes},
	{"a media segment", "GET", told("no-cors", "video", "Accept: */*", "Range: bytes=0-99"), refused, passes},
	{"a font", "GET", told("cors", "font", "Accept: */*"), refused, passes},

	// What nobody has asked for yet.
	{"a prefetch", "GET", append([]string{"Sec-Purpose: prefetch"}, asPage...), refused, passes},
	{"a prerender", "GET", append([]string{"Sec-Purpose: prefetch;prerender"}, asPage...), refused, passes},
	{"a prefetch by another server", "GET", append([]string{"Sec-Purpose: prefetch;anonymous-client-ip"}, asPage...), refused, passes},
	{"a prefetch of Safari", "GET", append([]string{"Purpose: prefetch"}, asPage...), refused, passes},
	{"a prefetch of an old Firefox", "GET", []string{"X-Moz: prefetch", asHTML}, refused, passes},
	{"a link's prefetch", "GET", told("no-cors", "empty", "Sec-Purpose: prefetch", asHTML), refused, passes},

	// Frames.
	{"an iframe", "GET", told("navigate", "iframe", asHTML), shownOut, passes},
	{"a frame", "GET", told("navigate", "frame", asHTML), shownOut, passes},
	{"an object", "GET", told("navigate", "object", asHTML), shownOut, passes},
	{"a form in an iframe", "POST", told("navigate", "iframe", asHTML, "Content-Type: application/x-www-form-urlencoded"), shownOut, passes},

	// Clients that say nothing of themselves.
	{"an old browser", "GET", []string{asHTML}, led, passes},
	{"an old program", "GET", []string{"Accept: */*"}, refused, passes},
	{"a program that says nothing", "GET", nil, refused, passes},
	{"a crawler", "GET", []string{"Accept: */*", "User-Agent: Googlebot/2.1"}, refused, passes},
	{"a crawler that reads HTML", "GET", []string{"Accept: text/html,*/*", "User-Agent: Googlebot/2.1"}, led, passes},

	// Questions about a page.
	{"a head request", "HEAD", []string{asHTML}, refused, passes},
	{"a head request of a page", "HEAD", asPage, refused, passes},
	{"a preflight", "OPTIONS", []string{"Origin: https://evil.test", "Access-Control-Request-Method: PUT", "Accept: */*"}, preflighted, passes},
	{"a preflight of a page", "OPTIONS", told("cors", "empty", "Origin: https://evil.test", "Access-Control-Request-Method: GET"), preflighted, passes},
	{"options without preflight", "OPTIONS", nil, refused, passes},

	// Forms.
	{"a form sent", "POST", append([]string{"Content-Type: application/x-www-form-urlencoded"}, asPage...), resent, passes},
	{"a form sent by an old browser", "POST", []string{"Content-Type: application/x-www-form-urlencoded", asHTML}, resent, passes},
}

// accesses are the columns of the table.
var accesses = []struct {
	access, path string
	visiting     bool // the request comes from a page of a sister site
}{
	{"protected", "/account?x=1&y=%2F", false},
	{"protected, from a sister site", "/account?x=1&y=%2F", true},
	{"optional", "/open/page?x=1&y=%2F", false},
	{"optional, from a sister site", "/open/page?x=1&y=%2F", true},
	{"public", "/assets/page?x=1&y=%2F", false},
	{"public, from a sister site", "/assets/page?x=1&y=%2F", true},
}

// oneOne returns a client that speaks HTTP/1.1 over TLS too.
func (s *server) oneOne() *http.Client {
	c := s.client()
	t := c.Transport.(*http.Transport)
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	return c
}

func TestStrangersMeetTheFateOfTheTable(t *testing.T) {
	t.Parallel()
	plain, encrypted := borrow(t, standard), borrowAt(t, real, secured())
	for _, way := range []struct {
		name, proto string
		s           *server
		client      *http.Client
	}{
		{"HTTP 1.1", "HTTP/1.1", plain, plain.client()},
		{"HTTP 1.1 over TLS", "HTTP/1.1", encrypted, encrypted.oneOne()},
		{"HTTP 2", "HTTP/2.0", encrypted, encrypted.client()},
	} {
		t.Run(way.name, func(t *testing.T) {
			for _, row := range strangers {
				if way.proto == "HTTP/2.0" && slices.Contains(row.lines, "Upgrade: websocket") {
					continue // it has another way; see TestWebSocketsOverHTTP2
				}
				for _, column := range accesses {
					want := row.protected
					switch {
					case strings.HasPrefix(column.access, "public"):
						want = passes
					case strings.HasPrefix(column.access, "optional"):
						if want = passes; column.visiting {
							want = row.visited
						}
					}
					lines := append([]string{"X-Probe: " + way.name + row.kind + column.access}, row.lines...)
					if column.visiting {
						lines = append(lines, "Referer: "+way.s.sportsURL+"/table")
					}
					body := ""
					if row.method == "POST" {
						body = "a=b"
					}
					t.Run(row.kind+", "+column.access, func(t *testing.T) {
						v := &visitor{t: t, s: way.s, client: way.client}
						a := v.send(row.method, way.s.newsURL+column.path, body, lines...)
						if a.proto != way.proto {
							t.Errorf("answered over %s", a.proto)
						}
						way.s.met(t, want, row.method, a, way.name+row.kind+column.access)
					})
				}
			}
		})
	}
}

// met checks that a stranger's request met its fate.
func (s *server) met(t *testing.T, want fate, method string, a answer, probe string) {
	t.Helper()
	calls, cookies, location := s.news.calls(probe), a.header.Values("Set-Cookie"), a.header.Get("Location")
	if a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a foreign origin was let in")
	}
	if want == passes {
		if a.status != 200 || len(calls) != 1 || len(cookies) > 0 || len(calls[0].told()) > 0 {
			t.Errorf("status %d, %d calls of the app, cookies %q; want 200, one as anonymous and none", a.status, len(calls), cookies)
		}
		return
	}
	checkOurs(t, a)
	if len(calls) > 0 {
		t.Errorf("the app was called %d times", len(calls))
	}
	if leads := want == led || want == resent || want == inquired; !leads && (len(cookies) > 0 || location != "") {
		t.Errorf("a sign-in was begun: Location %q, cookies %q", location, cookies)
	}
	switch want {
	case led:
		s.leads(t, a.says(t, 302), "", "")
	case resent:
		s.leads(t, a.says(t, 303), "", "form")
	case inquired:
		s.leads(t, a.says(t, 302), "none", "")
	case refused:
		refusedAsProgram(t, s, method, a)
	case shownOut:
		a.says(t, 401)
		if way := `href="` + strings.ReplaceAll(a.at.RequestURI(), "&", "&amp;") + `" target="_top"`; !strings.Contains(a.body, way) {
			t.Errorf("the page in the frame has no link %s:\n%s", way, a.body)
		}
	case preflighted:
		if a.says(t, 204); a.body != "" {
			t.Errorf("a preflight is answered with %q", a.body)
		}
	}
}

// leads checks that a redirect leads to the hub, with one pending sign-in.
func (s *server) leads(t *testing.T, a answer, prompt, notice string) {
	t.Helper()
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || to.Scheme+"://"+to.Host+to.Path != s.hub+"/authorize" {
		t.Fatalf("leads to %q: %v", to, err)
	}
	if q := to.Query(); q.Get("site") != s.newsURL || q.Get("prompt") != prompt || q.Get("notice") != notice || strings.Contains(to.RawQuery, "page%3Fx") {
		t.Errorf("asks the hub %v", q)
	}
	if cookies := a.header.Values("Set-Cookie"); len(cookies) != 1 || !strings.Contains(cookies[0], "usher-tx-") {
		t.Errorf("cookies %q, want one pending sign-in", cookies)
	}
}

// refusedAsProgram checks the answer that programs understand.
func refusedAsProgram(t *testing.T, s *server, method string, a answer) {
	t.Helper()
	a.says(t, 401)
	if a.header.Get("Www-Authenticate") != "Bearer" || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("refused with %v", a.header)
	}
	want := `{"error":"login_required","loginUrl":"` + s.newsURL + `/.usher/login"}`
	if method == "HEAD" {
		want = ""
	}
	if a.body != want {
		t.Errorf("refused with %q, want %q", a.body, want)
	}
}

// TestRefusalsCanBeReadBySisterSitesAlone: a page of a sister site must learn
// that its visitor has to sign in, and no other page may learn anything.
func TestRefusalsCanBeReadBySisterSitesAlone(t *testing.T) {
	t.Parallel()
	s := borrowAt(t, real, secured())
	origins := map[string]bool{
		s.sportsURL: true, s.newsURL: true,
		s.hub: false, "https://evil.test": false, "null": false, "*": false, strings.TrimSuffix(s.sportsURL, ":"+s.port): false,
		strings.Replace(s.sportsURL, "https", "http", 1): false, s.sportsURL + ".evil.test": false, s.sportsURL + "/": false,
		strings.ToUpper(s.sportsURL): false, "https://evil." + strings.TrimPrefix(s.sportsURL, "https://"): false, s.sportsURL + ", https://evil.test": false,
	}
	requests := []struct {
		kind, method string
		lines        []string
		status       int
	}{
		{"fetch", "GET", asScript, 401},
		{"event stream", "GET", told("cors", "empty", "Accept: text/event-stream"), 401},
		{"change", "PUT", asScript, 401},
		{"preflight", "OPTIONS", []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization"}, 204},
	}
	for name, client := range map[string]*http.Client{"HTTP 1.1": s.oneOne(), "HTTP 2": s.client()} {
		for _, r := range requests {
			for origin, sister := range origins {
				v := &visitor{t: t, s: s, client: client}
				a := v.send(r.method, s.newsURL+"/account", "", append([]string{"Origin: " + origin}, r.lines...)...)
				h, want := a.header, map[bool][2]string{true: {origin, "true"}}[sister]
				if got := [2]string{h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Allow-Credentials")}; a.status != r.status || got != want {
					t.Errorf("%s, %s from %q: status %d, allowed %q, want %d and %q", name, r.kind, origin, a.status, got, r.status, want)
				}
				if checkOurs(t, a); !slices.Contains(h.Values("Vary"), "Origin") {
					t.Errorf("%s, %s from %q: Vary is %q", name, r.kind, origin, h.Values("Vary"))
				}
				if allows := strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization"); allows != (sister && r.kind == "preflight") {
					t.Errorf("%s, %s from %q: headers allowed: %v", name, r.kind, origin, h)
				}
			}
		}
	}
	if n := len(s.news.all()); n > 0 {
		t.Errorf("the app was called %d times", n)
	}
}
