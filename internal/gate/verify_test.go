// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/gate"
)

// subrequest is the one with which a proxy asks about a request that it
// holds.
func subrequest(held *http.Request) *http.Request {
	r := httptest.NewRequest("GET", "http://usher.internal:9080"+gate.VerifyPath, nil)
	r.Header = held.Header.Clone()
	r.Header.Set("X-Forwarded-Method", held.Method)
	r.Header.Set("X-Forwarded-Proto", held.URL.Scheme)
	r.Header.Set("X-Forwarded-Host", held.URL.Host)
	r.Header.Set("X-Forwarded-Uri", held.URL.RequestURI())
	return r
}

// verify asks about a held request, as proxies do that pass answers on.
func (w *world) verify(r *http.Request) answer {
	recorder := httptest.NewRecorder()
	described, err := w.Described(r)
	if err == nil {
		err = w.Verify(recorder, described)
	}
	return answer{recorder, nil, recorder.Code == http.StatusOK && err == nil, err}
}

// verifyStatus asks as proxies do that take yes and no.
func (w *world) verifyStatus(r *http.Request) answer {
	recorder := httptest.NewRecorder()
	described, err := w.Described(r)
	if err == nil {
		err = w.VerifyStatus(recorder, described)
	}
	return answer{recorder, nil, recorder.Code == http.StatusOK && err == nil, err}
}

// told returns the identity headers of an answer.
func (a answer) told() map[string]string {
	told := map[string]string{}
	for name, values := range a.Header() {
		if strings.HasPrefix(name, "X-Usher-") {
			told[name] = strings.Join(values, " and ")
		}
	}
	return told
}

func TestProxyIsToldWhatTheAppBehindTheGateIsTold(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	for _, path := range []string{"/live?x=1,2", "/articles/1", "/about"} {
		for who, headers := range map[string]map[string]string{
			"nobody": {}, "a liar": {"X-Usher-Email": "boss@example.com", "X-Usher-Token": "x"},
			"by token": {"Authorization": "Bearer " + v.bearer}, "by cookie": {"Cookie": cookie.Name + "=" + cookie.Value},
		} {
			held := func() *http.Request { return request("GET", string(news)+path, headers) }
			direct := w.send(held())
			want := http.Header{}
			if direct.passed && direct.identity != nil {
				w.headers.Tell(want, direct.identity)
			}
			for how, a := range map[string]answer{"verify": w.verify(subrequest(held())), "status": w.verifyStatus(subrequest(held()))} {
				if a.passed != direct.passed || a.err != nil {
					t.Errorf("%s, %s, %s: passed %v, %v; the gate says %v", path, who, how, a.passed, a.err, direct.passed)
				}
				if a.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%s, %s, %s: Cache-Control %q", path, who, how, a.Header().Get("Cache-Control"))
				}
				if got := a.told(); len(got) != len(want) || a.passed && len(want) != 0 && len(want) != 6 {
					t.Errorf("%s, %s, %s: told %v, want %v", path, who, how, got, want)
				}
				for name := range want {
					if !slices.Equal(a.Header()[name], want[name]) {
						t.Errorf("%s, %s, %s: %s is %q, want %q", path, who, how, name, a.Header()[name], want[name])
					}
				}
			}
		}
	}
}

// What becomes of strangers is the table of TestStrangersAreTurnedAwayAsTheirRequestNeeds,
// but for preflights: a proxy would take the gate's 204 for a yes.
func TestStrangersAreTurnedAwayThroughAProxyAsByTheGate(t *testing.T) {
	for _, s := range strangers {
		w := newWorld(t)
		held := func() *http.Request { return request(s.method, string(news)+"/live?x=1", s.headers) }
		direct, a := w.send(held()), w.verify(subrequest(held()))
		want := direct.Code
		if s.want == preflighted {
			want = http.StatusUnauthorized
		}
		if a.passed || a.err != nil || a.Code != want || a.Body.String() != direct.Body.String() {
			t.Errorf("%s: status %d, %v, %s; the gate says %d, %s", s.name, a.Code, a.err, a.Body, want, direct.Body)
		}
		for _, name := range []string{"Content-Type", "Cache-Control", "Vary", "Www-Authenticate", "Access-Control-Allow-Origin"} {
			if !slices.Equal(a.Header()[name], direct.Header()[name]) {
				t.Errorf("%s: %s is %q, the gate says %q", s.name, name, a.Header()[name], direct.Header()[name])
			}
		}
		begun := len(direct.Result().Cookies()) > 0
		if leads := strings.HasPrefix(a.Header().Get("Location"), string(hub)+"/authorize?"); leads != begun || len(a.Result().Cookies()) > 0 != begun {
			t.Errorf("%s: Location %q, cookies %v", s.name, a.Header().Get("Location"), a.Result().Cookies())
		}
		no := w.verifyStatus(subrequest(held()))
		if no.passed || no.err != nil || no.Code != http.StatusUnauthorized || no.Body.Len() > 0 ||
			!maps.EqualFunc(no.Header(), http.Header{"Cache-Control": {"no-store"}}, slices.Equal) {
			t.Errorf("%s, status alone: %d, %v, %v, %s", s.name, no.Code, no.err, no.Header(), no.Body)
		}
		for _, path := range []string{"/articles/1", "/about"} {
			held := request(s.method, string(news)+path, s.headers)
			if a := w.verify(subrequest(held)); !a.passed || len(a.told()) > 0 {
				t.Errorf("%s at %s: status %d, %v, told %v", s.name, path, a.Code, a.err, a.told())
			}
		}
	}
}

func TestSignInThroughAProxyComesBackToThePageAskedFor(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	for path, want := range map[string]string{"/live?x=1&y=%2F": "/live?x=1&y=%2F", "/": "/", "//evil.test/x": "/"} {
		begun := w.verify(subrequest(request("GET", string(rovers)+path, page)))
		status(t, begun, http.StatusFound)
		to, err := url.Parse(begun.Header().Get("Location"))
		must(t, err)
		asked, _, err := w.sso.ParseRequest(to.Query())
		must(t, err)
		back, err := w.sso.Grant(t.Context(), asked, v.session)
		must(t, err)
		a := w.get(back, begun.Result().Cookies()...)
		if got := a.Header().Get("Location"); got != string(rovers)+want {
			t.Errorf("%s: comes back to %q", path, got)
		}
	}
}

func TestVisitorFromASisterSiteIsAskedAboutThroughAProxy(t *testing.T) {
	w := newWorld(t)
	for referer, silently := range map[string]bool{string(sports) + "/": true, "https://search.example/": false} {
		held := func() *http.Request {
			r := request("GET", string(news)+"/articles/1?x=1", page)
			r.Header.Set("Referer", referer)
			return r
		}
		a, no := w.verify(subrequest(held())), w.verifyStatus(subrequest(held()))
		if a.passed == silently || no.passed == silently || no.Code == http.StatusUnauthorized != silently {
			t.Errorf("from %s: status %d, alone %d", referer, a.Code, no.Code)
		}
		if silently {
			w.silently(t, a)
		}
	}
}

func TestCookieIsRenewedThroughAProxy(t *testing.T) {
	for _, ask := range []func(*world, *http.Request) answer{(*world).verify, (*world).verifyStatus} {
		w := newWorld(t)
		cookie := w.signIn(t, news, w.mustViewer(t, ours))
		w.clock.Add(expired)
		for range 2 { // renewed, then remembered
			a := ask(w, subrequest(request("GET", string(news)+"/live", nil, cookie)))
			fresh, ok := a.cookie("__Host-usher")
			if !a.passed || !ok || fresh.Value == cookie.Value || len(a.Header()["Set-Cookie"]) != 1 || a.told()["X-Usher-Email"] != "anna@example.com" {
				t.Errorf("status %d, %v, Set-Cookie %q", a.Code, a.err, a.Header()["Set-Cookie"])
			}
		}
	}
}

func TestProxyIsToldTheCookiesThatTheAppMaySee(t *testing.T) {
	w := newWorld(t)
	signed := w.signIn(t, news, w.mustViewer(t, ours))
	cookie := signed.Name + "=" + signed.Value
	for _, test := range []struct {
		sent []string
		want []string
	}{
		{[]string{cookie}, nil},
		{[]string{"lang=de; " + cookie + "; __Host-usher-tx-abc=1; theme=dark"}, []string{"lang=de; theme=dark"}},
		{[]string{"lang=de", cookie, "theme=dark"}, []string{"lang=de; theme=dark"}},
		{[]string{"lang=de", "theme=dark"}, []string{"lang=de; theme=dark"}},
		{nil, nil},
	} {
		for _, path := range []string{"/live", "/articles/1", "/about"} {
			held := request("GET", string(news)+path, nil)
			held.Header["Cookie"] = test.sent
			if a := w.verify(subrequest(held)); a.passed && !slices.Equal(a.Header()["Cookie"], test.want) {
				t.Errorf("%s with %q: Cookie %q, want %q", path, test.sent, a.Header()["Cookie"], test.want)
			}
		}
	}
}

func TestEndedSessionAndUnavailableStoreLetNothingPassThroughAProxy(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	held := func() *http.Request { return subrequest(request("GET", string(news)+"/live", nil, cookie)) }
	if !w.verify(held()).passed {
		t.Fatal("the cookie itself is refused")
	}
	w.clock.Add(expired)
	down := func() { w.faulty.FailView(errDown); w.faulty.FailUpdate(errDown) }
	down()
	if a := w.verify(held()); !errors.Is(a.err, gate.ErrUnavailable) || len(a.Header()) > 0 || a.Body.Len() > 0 {
		t.Errorf("without the store: %v, %v", a.err, a.Header())
	}
	down()
	if a := w.verifyStatus(held()); !errors.Is(a.err, gate.ErrUnavailable) || a.Code != http.StatusUnauthorized {
		t.Errorf("without the store, status alone: %d, %v", a.Code, a.err)
	}
	w.faulty.FailView(nil)
	w.faulty.FailUpdate(nil)
	must(t, w.sessions.End(t.Context(), v.session.ID))
	if a := w.verify(held()); a.passed || a.Code != http.StatusUnauthorized {
		t.Errorf("after the sign-out: status %d", a.Code)
	}
}

// described are headers of a sub-request that mean one thing.
var described = map[string]string{
	"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "news.example.com", "X-Forwarded-Uri": "/about",
}

// ask returns a sub-request with headers in place of those described.
func ask(changes http.Header) *http.Request {
	r := httptest.NewRequest("GET", "http://usher.internal:9080"+gate.VerifyPath, nil)
	for name, value := range described {
		r.Header.Set(name, value)
	}
	for name, values := range changes {
		if r.Header[name] = values; values == nil {
			delete(r.Header, name)
		}
	}
	return r
}

func TestDescriptionThatIsNotClearIsRefused(t *testing.T) {
	w := newWorld(t)
	for name := range described {
		for what, values := range map[string][]string{
			"missing": nil, "twice the same": {described[name], described[name]}, "two": {described[name], "x"}, "empty": {""},
			"joined": {described[name] + ", " + described[name]}, "joined with another": {"x, " + described[name]},
			"line break": {described[name] + "\r\nX-Usher-Email: boss@example.com"}, "end": {described[name] + "\n"}, "NUL": {described[name] + "\x00"},
			"blank first": {" " + described[name]}, "blank last": {described[name] + " "},
		} {
			if got, err := w.Described(ask(http.Header{name: values})); !errors.Is(err, gate.ErrForwarded) {
				t.Errorf("%s %s: described %v, %v", name, what, got, err)
			}
		}
	}
	for name, values := range map[string][]string{
		"X-Forwarded-Method": {"GET POST", "GET,POST", "G\u00cbT", "<GET>", strings.Repeat("A", 33)},
		"X-Forwarded-Proto":  {"ftp", "https,http", "https:", "https://", "file", "on", "443"},
		"X-Forwarded-Host": {
			"ann@news.example.com", "ann:pw@news.example.com", "news.example.com,sports.test", "news.example.com/", "news.example.com#", "news.example.com?",
			`news.example.com\`, "https://news.example.com", "news.example.com:", "news.example.com:x", "news.example.com:443:443", "n\u00e9ws.example.com",
			"new\u017f.example.com", "news%2eexample.com", "*.example.com", "[news.example.com]",
		},
		"X-Forwarded-Uri": {
			"about", "*", "http://evil.test/about", "https://news.example.com/about", "//evil.test/ /about", `\about`, "?x=1", "#", "javascript:alert(1)",
			"/about /live", "/%zz", "/%", "/about\x7f", "/a\tb",
		},
	} {
		for _, value := range values {
			if got, err := w.Described(ask(http.Header{name: {value}})); !errors.Is(err, gate.ErrForwarded) {
				t.Errorf("%s %q: described %v, %v", name, value, got, err)
			}
		}
	}
}

func TestHostAndSchemeMustBeThoseOfASite(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		host, proto, site string // site is "" for none
	}{
		{"news.example.com", "https", "news.example.com"}, {"NEWS.Example.COM", "https", "NEWS.Example.COM"},
		{"news.example.com:443", "https", "news.example.com:443"}, {"news.example.com", "HTTPS", "news.example.com"},
		{"news.example.com", "wss", "news.example.com"}, {"rovers.clubs", "https", "rovers.clubs"},
		{"news.example.com", "http", ""}, {"news.example.com", "ws", ""}, {"news.example.com:80", "http", ""},
		{"news.example.com.", "https", ""}, {"id.example.com", "https", ""}, {"evil.test", "https", ""}, {"a.rovers.clubs", "https", ""},
		{"clubs", "https", ""}, {"news.example.com.evil.test", "https", ""}, {"usher.internal:9080", "http", ""}, {"[::1]", "https", ""},
	} {
		r, err := w.Described(ask(http.Header{"X-Forwarded-Host": {test.host}, "X-Forwarded-Proto": {test.proto}}))
		if test.site == "" && !errors.Is(err, gate.ErrNoSite) || test.site != "" && (err != nil || r.Host != test.site) {
			t.Errorf("%s://%s: %v, %v", test.proto, test.host, r, err)
		}
		direct := httptest.NewRequest("GET", "/.usher/session", nil)
		direct.Host = test.host
		direct.Header.Set("X-Forwarded-Proto", test.proto)
		if err := w.CheckForwarded(direct); (err == nil) != (test.site != "") {
			t.Errorf("%s://%s, handed on: %v", test.proto, test.host, err)
		}
	}
	for _, protos := range [][]string{nil, {"https", "https"}, {"https, http"}, {""}} {
		direct := httptest.NewRequest("GET", string(news)+"/.usher/session", nil)
		direct.Header["X-Forwarded-Proto"] = protos
		if err := w.CheckForwarded(direct); !errors.Is(err, gate.ErrForwarded) {
			t.Errorf("X-Forwarded-Proto %q, handed on: %v", protos, err)
		}
	}
}

func TestPathsThroughAProxyAreThoseOfTheGate(t *testing.T) {
	w := newWorld(t)
	for uri, want := range map[string]int{
		"/about": 200, "/about?x=/../live": 200, "/assets/a,b/c.js?x=1,2": 200, "/%61bout": 200, "/articles/1": 200,
		"/live": 401, "/live,/about": 401, "//evil.test/x": 401, "/About": 401, "/about#x": 401,
		"//about": 400, "/assets/../live": 400, "/assets/%2e%2e/live": 400, "/assets/%252e%252e/live": 400, "/assets/..;/live": 400,
		`/assets/..\live`: 400, "/assets/%5c..%5clive": 400, "/about%00": 400, "/about%0d%0aX-Usher-Email:x": 400, "/.usher/../live": 400, "/assets/%c0%ae": 400,
	} {
		a := w.verify(ask(http.Header{"X-Forwarded-Uri": {uri}}))
		if a.err != nil || a.Code != want {
			t.Errorf("%s: status %d, %v, want %d", uri, a.Code, a.err, want)
		}
		if a := w.verifyStatus(ask(http.Header{"X-Forwarded-Uri": {uri}})); a.err != nil || a.Code != max(want, 401) && want != 200 || a.passed != (want == 200) {
			t.Errorf("%s, status alone: %d, %v, want %d", uri, a.Code, a.err, want)
		}
	}
	for _, uri := range []string{"/.usher/login", "/.usher/callback?code=x&state=y", "/.USHER/session", "/%2eusher/logout", "/.usher", "/.usher/verify", "/.usher/assets/style.css"} {
		if a := w.verify(ask(http.Header{"X-Forwarded-Uri": {uri}})); !errors.Is(a.err, gate.ErrReserved) {
			t.Errorf("%s: status %d, %v, want it handed on", uri, a.Code, a.err)
		}
	}
}

func TestOtherHeadersDescribeNothing(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	for name, value := range map[string]string{
		"X-Original-Url": "/about", "X-Original-Uri": "/about", "X-Rewrite-Url": "/about", "X-Http-Method-Override": "OPTIONS", "X-Method-Override": "HEAD",
		"X-Original-Method": "OPTIONS", "X-Forwarded-Path": "/about", "X-Forwarded-Prefix": "/about", "X-Forwarded-Scheme": "http", "X-Forwarded-Ssl": "off",
		"X-Forwarded-Server": "other.example", "X-Original-Host": "other.example", "X-Host": "other.example", "X-Forwarded-Port": "80",
		"Forwarded": "host=other.example;proto=http", "Front-End-Https": "off",
	} {
		held := func(headers map[string]string, cookies ...*http.Cookie) *http.Request {
			return subrequest(request("POST", string(news)+"/live", headers, cookies...))
		}
		lie := map[string]string{name: value}
		if a := w.verify(held(lie)); a.Code != http.StatusUnauthorized {
			t.Errorf("%s: status %d for a stranger", name, a.Code)
		}
		if a := w.verify(held(lie, cookie)); !a.passed {
			t.Errorf("%s: status %d for a viewer", name, a.Code)
		}
	}
}

// The proxy overwrites the six names that it is told of. Another spelling, which
// the app's server may read as one of them, would go through it.
func TestIdentityHeadersThatAProxyWouldHandOnAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{
		"X_usher_email", "X-Usher_email", "X.usher.email", "X!usher~email", "X-Usher-Admin", "X-Usher-", "X-Usher-Email-", "x-usher-email",
	} {
		for _, uri := range []string{"/about", "/articles/1", "/live"} {
			a := w.verify(ask(http.Header{name: {"boss@example.com"}, "X-Forwarded-Uri": {uri}}))
			if !errors.Is(a.err, gate.ErrIdentity) || len(a.Header()) > 0 {
				t.Errorf("%s at %s: status %d, %v", name, uri, a.Code, a.err)
			}
		}
	}
	for _, name := range []string{"X-Usher-Email", "X-Usher-Token", "X-Usher-Customer-Id", "X-Usher-Publisher-Id", "X-Usher-Session-Id", "X-Usher-Consents", "X-Usher"} {
		a := w.verify(ask(http.Header{name: {"boss@example.com", "2"}}))
		if !a.passed || len(a.told()) > 0 {
			t.Errorf("%s: status %d, %v, told %v", name, a.Code, a.err, a.told())
		}
	}
}

// FuzzDescribed holds descriptions to what must be true of each that is taken.
func FuzzDescribed(f *testing.F) {
	f.Add("GET", "https", "news.example.com", "/about")
	f.Add("POST", "wss", "ROVERS.clubs:443", "//evil.test/..;/%2e?x=1, 2")
	f.Add("GET", "https", "[::1]:1", "http://x/")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, method, proto, host, uri string) {
		r, err := w.Described(ask(http.Header{
			"X-Forwarded-Method": {method}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}, "X-Forwarded-Uri": {uri},
		}))
		if err != nil {
			return
		}
		if !w.Guards(r.Host) || r.URL.Host != "" || r.URL.Scheme != "" || r.URL.User != nil || !strings.HasPrefix(r.URL.RequestURI(), "/") || r.Method != method {
			t.Fatalf("%q %q %q %q became %+v", method, proto, host, uri, r.URL)
		}
		recorder := httptest.NewRecorder()
		if err := w.Verify(recorder, r); err == nil && recorder.Code == http.StatusOK && r.URL.Path != "/about" &&
			!strings.Contains(r.URL.Path, "assets/") && !strings.Contains(r.URL.Path, "articles/") {
			t.Fatalf("%q passes", uri)
		}
		if location := recorder.Header().Get("Location"); location != "" && !strings.HasPrefix(location, string(hub)+"/") {
			t.Fatalf("%q leads to %q", uri, location)
		}
	})
}
