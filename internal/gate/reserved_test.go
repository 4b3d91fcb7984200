// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/session"
)

func TestReservedPathsThatAreNoneAreNeverProxied(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	for _, test := range []struct {
		method, path string
		want         int
		kind         gate.ProblemKind
	}{
		{"GET", "/.usher", 404, gate.ProblemNotFound},
		{"GET", "/.usher/", 404, gate.ProblemNotFound},
		{"GET", "/.usher/nothing", 404, gate.ProblemNotFound},
		{"GET", "/.usher/login/", 404, gate.ProblemNotFound},
		{"GET", "/.usher/Login", 404, gate.ProblemNotFound},
		{"POST", "/.usher/login", 405, gate.ProblemMethod},
		{"POST", "/.usher/session", 405, gate.ProblemMethod},
		{"POST", "/.usher/callback", 405, gate.ProblemMethod},
		{"PUT", "/.usher/logout", 405, gate.ProblemMethod},
		{"DELETE", "/.usher/session", 405, gate.ProblemMethod},
		{"OPTIONS", "/.usher/session", 405, gate.ProblemMethod},
	} {
		a := w.send(request(test.method, string(news)+test.path, page, cookie))
		status(t, a, test.want)
		ownAnswer(t, a)
		if a.passed || w.pages.kind != test.kind {
			t.Errorf("%s %s: passed %v, shown %q, want %q", test.method, test.path, a.passed, w.pages.kind, test.kind)
		}
	}
	a := w.send(request("GET", string(news)+"/.usher/nothing", map[string]string{"Accept": "*/*"}))
	if got := a.Body.String(); got != `{"error":"not-found"}` {
		t.Errorf("to a program: %s", got)
	}
}

// A rewrite for the app's sake, such as try_files, must not swallow the gate's
// own paths, nor may one lead into them.
func TestReservedPathsAreFoundBeforeAndAfterARewrite(t *testing.T) {
	w := newWorld(t)
	serve := func(asked, rewritten string) answer {
		r := request("GET", string(news)+rewritten, page)
		u, err := url.Parse(asked)
		must(t, err)
		recorder := httptest.NewRecorder()
		id, pass, err := w.Serve(recorder, r, u)
		return answer{recorder, id, pass, err}
	}
	if a := serve("/.usher/login", "/index.html"); a.Code != http.StatusFound || a.passed {
		t.Errorf("rewritten: status %d, passed %v", a.Code, a.passed)
	}
	if a := serve("/about", "/.usher/login"); a.passed {
		t.Error("a rewrite to a reserved path passes")
	}
	if a := serve("/about", "/private"); a.passed {
		t.Error("a public path that is rewritten to a protected one passes")
	}
	if a := serve("/private", "/about"); !a.passed {
		t.Error("a path that is rewritten to a public one is refused; the app will see the latter")
	}
}

func TestSignedOutVisitorReturnsToTheAddressBeforeTheRewrite(t *testing.T) {
	w := newWorld(t)
	r := request("GET", string(news)+"/index.php?page=live", page)
	asked, err := url.Parse("/live?from=mail")
	must(t, err)
	recorder := httptest.NewRecorder()
	if _, _, err := w.Serve(recorder, r, asked); err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(recorder.Header().Get("Location"))
	must(t, err)
	question, _, err := w.sso.ParseRequest(to.Query())
	must(t, err)
	back, err := w.sso.Grant(context.Background(), question, w.mustViewer(t, ours).session)
	must(t, err)
	if got := w.get(back, recorder.Result().Cookies()...).Header().Get("Location"); got != string(news)+"/live?from=mail" {
		t.Errorf("comes back to %q", got)
	}
}

func TestLoginComesBackToThePageThatAskedForIt(t *testing.T) {
	for referer, want := range map[string]string{
		"":                                 "/",
		string(news) + "/articles/1?x=1":   "/articles/1?x=1",
		string(news):                       "/",
		string(sports) + "/live":           "/",
		"https://evil.example/live":        "/",
		"https://news.example.com:8443/x":  "/",
		"http://news.example.com/x":        "/",
		"javascript:alert(1)":              "/",
		"https://user@news.example.com/x":  "/x",
		"https://news.example.com.evil/x":  "/",
		string(news) + "/a b":              "/a%20b",
		"https://news.example.com/x#part":  "/x",
		"https://[::1%25lo]:namedport/bad": "/",
	} {
		w := newWorld(t)
		a := w.send(request("GET", string(news)+"/.usher/login", map[string]string{"Referer": referer, "Accept": html}))
		status(t, a, http.StatusFound)
		ownAnswer(t, a)
		to, err := url.Parse(a.Header().Get("Location"))
		must(t, err)
		asked, _, err := w.sso.ParseRequest(to.Query())
		must(t, err)
		back, err := w.sso.Grant(context.Background(), asked, w.mustViewer(t, ours).session)
		must(t, err)
		if got := w.get(back, a.Result().Cookies()...).Header().Get("Location"); got != string(news)+want {
			t.Errorf("from %q: back to %q, want %q", referer, got, want)
		}
	}
}

func (w *world) sessionAt(t *testing.T, cookies ...*http.Cookie) (answer, map[string]any) {
	t.Helper()
	a := w.send(request("GET", string(news)+"/.usher/session", map[string]string{"Accept": "application/json"}, cookies...))
	status(t, a, http.StatusOK)
	ownAnswer(t, a)
	var body map[string]any
	if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return a, body
}

func TestSessionTellsWhoIsSignedIn(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	nobody := map[string]any{"signedIn": false, "reason": "login_required", "loginUrl": "https://news.example.com/.usher/login"}
	if _, body := w.sessionAt(t); !maps.Equal(body, nobody) {
		t.Errorf("nobody: %v", body)
	}
	cookie := w.signIn(t, news, v)
	want := map[string]any{
		"signedIn": true, "customerId": strconv.FormatInt(v.customer.ID, 10), "publisherId": "100000001",
		"email": "anna@example.com", "expires": float64(w.clock.Now().Add(session.TokenLife).Unix()),
	}
	if _, body := w.sessionAt(t, cookie); !maps.Equal(body, want) {
		t.Errorf("signed in: %v, want %v", body, want)
	}
	w.clock.Add(expired)
	want["expires"] = float64(w.clock.Now().Add(session.TokenLife).Unix())
	a, body := w.sessionAt(t, cookie)
	if _, set := a.cookie("__Host-usher"); !maps.Equal(body, want) || !set {
		t.Errorf("renewed: %v, want %v; cookie set %v", body, want, set)
	}
	must(t, w.sessions.End(context.Background(), v.session.ID))
	if _, body := w.sessionAt(t, cookie); !maps.Equal(body, nobody) {
		t.Errorf("ended: %v", body)
	}
}

func TestSessionIsNotToldWhileTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	w.clock.Add(expired)
	w.faulty.FailView(errDown)
	a := w.send(request("GET", string(news)+"/.usher/session", nil, cookie))
	if !errors.Is(a.err, gate.ErrUnavailable) || a.Body.Len() > 0 {
		t.Errorf("%v, body %s", a.err, a.Body)
	}
}

// logout posts to the site's logout.
func (w *world) logout(headers map[string]string, cookies ...*http.Cookie) answer {
	return w.send(request("POST", string(news)+"/.usher/logout", headers, cookies...))
}

func TestLogoutEndsTheSessionEverywhere(t *testing.T) {
	for name, test := range map[string]struct {
		headers  map[string]string
		status   int
		location string
		body     string
	}{
		"form":   {map[string]string{"Sec-Fetch-Site": "same-origin", "Accept": html}, 303, string(hub) + "/signed-out?site=https%3A%2F%2Fnews.example.com", ""},
		"old":    {map[string]string{"Origin": string(news), "Accept": html}, 303, string(hub) + "/signed-out?site=https%3A%2F%2Fnews.example.com", ""},
		"script": {map[string]string{"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}, 200, "", `{"signedIn":false,"signedOutUrl":"https://id.example.com/signed-out?site=https%3A%2F%2Fnews.example.com"}`},
	} {
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			v := w.mustViewer(t, ours)
			atNews, atSports := w.signIn(t, news, v), w.signIn(t, sports, v)
			if after {
				w.clock.Add(expired)
			}
			a := w.logout(test.headers, atNews)
			status(t, a, test.status)
			ownAnswer(t, a)
			if a.Header().Get("Location") != test.location || a.Body.String() != test.body {
				t.Errorf("%s: Location %q, body %s", name, a.Header().Get("Location"), a.Body)
			}
			set := a.Result().Cookies()
			if len(set) != 1 || set[0].Name != "__Host-usher" || set[0].Value != "" || set[0].MaxAge >= 0 {
				t.Errorf("%s: cookies %v, want the site's removed", name, set)
			}
			if w.get(string(news)+"/", atNews).passed || w.get(string(sports)+"/", atSports).passed {
				t.Errorf("%s, expired %v: still signed in", name, after)
			}
		}
	}
}

func TestLogoutIsRefusedUnlessTheSiteItselfAsks(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	for name, headers := range map[string]map[string]string{
		"other site":              {"Sec-Fetch-Site": "cross-site", "Accept": html},
		"sibling":                 {"Sec-Fetch-Site": "same-site", "Accept": html},
		"typed in":                {"Sec-Fetch-Site": "none", "Accept": html},
		"other origin":            {"Origin": "https://evil.example", "Accept": html},
		"sister site":             {"Origin": string(sports), "Accept": html},
		"hub":                     {"Origin": string(hub), "Accept": html},
		"no origin":               {"Origin": "null", "Accept": html},
		"nothing said":            {"Accept": html},
		"right origin, wrong say": {"Sec-Fetch-Site": "cross-site", "Origin": string(news), "Accept": html},
	} {
		a := w.logout(headers, cookie)
		status(t, a, http.StatusForbidden)
		if w.pages.kind != gate.ProblemForeign || len(a.Result().Cookies()) > 0 {
			t.Errorf("%s: shown %q, cookies %v", name, w.pages.kind, a.Result().Cookies())
		}
	}
	if a := w.get(string(news)+"/.usher/logout", cookie); a.Code != http.StatusOK || !w.pages.signOut {
		t.Errorf("GET: status %d, asked %v", a.Code, w.pages.signOut)
	}
	if !w.get(string(news)+"/live", cookie).passed {
		t.Error("the session has ended")
	}
}

func TestLogoutWithoutASessionClearsTheCookie(t *testing.T) {
	w := newWorld(t)
	a := w.logout(map[string]string{"Sec-Fetch-Site": "same-origin"}, &http.Cookie{Name: "__Host-usher", Value: "x"})
	status(t, a, http.StatusOK)
	if c, set := a.cookie("__Host-usher"); !set || c.MaxAge >= 0 {
		t.Errorf("cookie %+v", c)
	}
}

func TestLogoutThatCannotBeKeptIsNotConfirmed(t *testing.T) {
	w := newWorld(t)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	w.faulty.FailUpdate(errDown)
	a := w.logout(map[string]string{"Sec-Fetch-Site": "same-origin", "Accept": html}, cookie)
	if !errors.Is(a.err, gate.ErrUnavailable) || a.Header().Get("Location") != "" {
		t.Errorf("%v, Location %q", a.err, a.Header().Get("Location"))
	}
}

func TestAssetsAreServedToEveryone(t *testing.T) {
	w := newWorld(t)
	a := w.get(string(news) + "/.usher/assets/style.0123.css")
	status(t, a, http.StatusOK)
	if w.pages.asset != "style.0123.css" {
		t.Errorf("asset %q", w.pages.asset)
	}
	if a := w.get(string(news) + "/.usher/assets/../session"); a.Code != http.StatusBadRequest {
		t.Errorf("asset out of its place: status %d", a.Code)
	}
}

func TestLoginURLsNeverNameAHostThatAHeaderBrought(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Url", "X-Original-Host", "X-Rewrite-Url", "X-Host"} {
		for _, accept := range []string{html, "*/*"} {
			a := w.send(request("GET", string(news)+"/live", map[string]string{"Accept": accept, name: "evil.example"}))
			if everything := a.Header().Get("Location") + a.Body.String(); strings.Contains(everything, "evil") {
				t.Errorf("%s: %s", name, everything)
			}
		}
	}
}

// Only the hub's page after a sign-out makes browsers forget.
func TestPictureAfterASignOut(t *testing.T) {
	for referer, want := range map[string]string{
		string(hub) + "/": `"cache"`, string(hub): `"cache"`, string(sports) + "/": "", "https://evil.example/": "", "": "",
		"https://id.example.com.evil.example/": "", "http://id.example.com/": "",
	} {
		w := newWorld(t)
		a := w.send(request("GET", string(news)+"/.usher/gone.svg", map[string]string{"Referer": referer, "Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"}))
		status(t, a, http.StatusOK)
		ownAnswer(t, a)
		if got := a.Header().Get("Clear-Site-Data"); got != want {
			t.Errorf("from %q: Clear-Site-Data %q, want %q", referer, got, want)
		}
		if got := a.Header().Get("Content-Type"); got != "image/svg+xml" || len(a.Result().Cookies()) > 0 {
			t.Errorf("Content-Type %q, cookies %v", got, a.Result().Cookies())
		}
	}
}
