// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
)

func TestSignedInViewerPassesAndTheAppIsTold(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	for _, path := range []string{"/live", "/articles/1"} {
		for range 2 { // judged, then remembered
			r := request("GET", string(news)+path, page, cookie)
			r.Header.Set("X-Usher-Email", "boss@example.com")
			a := w.send(r)
			if !a.passed || a.identity == nil || len(a.Header()) > 0 {
				t.Fatalf("%s: passed %v as %v, %v", path, a.passed, a.identity, a.Header())
			}
			w.headers.Tell(r.Header, a.identity)
			signed := r.Header.Get("X-Usher-Token")
			if c, err := w.keys.Verify(signed, string(news)); err != nil || c.SessionID != v.session.ID || c.CustomerID != v.customer.ID || c.Email != "anna@example.com" {
				t.Errorf("the app is given a token that says %+v, %v", c, err)
			}
			for name, want := range map[string]string{
				"X-Usher-Customer-Id": strconv.FormatInt(v.customer.ID, 10), "X-Usher-Publisher-Id": "100000001",
				"X-Usher-Session-Id": v.session.ID, "X-Usher-Email": "anna@example.com", "X-Usher-Consents": "terms",
				"X-Usher-Token": signed,
			} {
				if got := r.Header[name]; len(got) != 1 || got[0] != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		}
	}
	if a := w.get(string(news)+"/about", cookie); !a.passed || a.identity != nil {
		t.Errorf("public path: passed %v as %v, want passed as nobody", a.passed, a.identity)
	}
}

// Two gates of one site share what they remember, and may tell their apps
// different things; so may a gate and the one that a reload puts in its place.
func TestGateThatTellsATokenSignsOneThoughAnotherDidNot(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	short, err := gate.NewHeaders(map[string][]string{"token": {}})
	must(t, err)
	w.headers = short
	w.reload(t, asking(terms("1")))
	for _, cookie := range []*http.Cookie{cookie, w.renewed(t, cookie)} {
		w.headers = short
		w.Gate = w.with(w.policy)
		if got := w.toldAt(t, news, cookie); got != "" {
			t.Errorf("a token is signed that nobody is told: %s", got)
		}
		w.headers = ownHeaders
		w.Gate = w.with(w.policy)
		if claims, err := w.keys.Verify(w.toldAt(t, news, cookie), string(news)); err != nil || claims.SessionID != v.session.ID {
			t.Errorf("the app is told a token that says %+v, %v", claims, err)
		}
	}
}

// renewed lets a cookie's token run out, and returns the cookie that its owner is
// given then.
func (w *world) renewed(t testing.TB, cookie *http.Cookie) *http.Cookie {
	t.Helper()
	w.clock.Add(expired)
	fresh, ok := w.get(string(news)+"/live", cookie).cookie("__Host-usher")
	if !ok {
		t.Fatal("the cookie is not renewed")
	}
	return fresh
}

func TestCookieIsBoundToItsSiteAndUnforgeable(t *testing.T) {
	w := newWorld(t)
	v, stranger := w.mustViewer(t, ours), w.mustViewer(t, theirs)
	cookie := w.signIn(t, news, v)
	parts := strings.Split(cookie.Value, "~")
	foreign := strings.Split(w.signIn(t, other, stranger).Value, "~")
	if !w.get(string(news)+"/live", cookie).passed {
		t.Fatal("the cookie itself is refused")
	}
	for name, forged := range map[string]string{
		"empty":                       "",
		"no parts":                    "x",
		"two parts":                   parts[0] + "~" + parts[1],
		"token of the API":            parts[0] + "~" + parts[1] + "~" + v.bearer,
		"token of another publisher":  strings.Join(foreign, "~"),
		"token of another session":    foreign[0] + "~" + foreign[1] + "~" + parts[2],
		"session of another viewer":   foreign[0] + "~" + parts[1] + "~" + parts[2],
		"token with another payload":  parts[0] + "~" + parts[1] + "~" + swapPayload(parts[2], foreign[2]),
		"token with another mark":     parts[0] + "~" + parts[1] + "~" + swapPayload(foreign[2], parts[2]),
		"signed token of the app":     parts[0] + "~" + parts[1] + "~" + w.toldAt(t, news, cookie),
		"token without its signature": parts[0] + "~" + parts[1] + "~" + parts[2][:strings.LastIndex(parts[2], ".")+1],
		"token cut short":             parts[0] + "~" + parts[1] + "~" + parts[2][:len(parts[2])-1],
		"more than a token":           cookie.Value + "~x",
	} {
		for range 2 { // judged, then remembered
			a := w.get(string(news)+"/live", &http.Cookie{Name: "__Host-usher", Value: forged})
			if a.passed || a.Code != http.StatusFound || a.err != nil {
				t.Errorf("%s: passed %v, status %d, %v", name, a.passed, a.Code, a.err)
			}
		}
	}
	for _, at := range []publisher.Origin{sports, rovers, other} {
		if a := w.get(string(at)+"/live", cookie); a.passed || a.identity != nil {
			t.Errorf("the cookie of %s is good at %s", news, at)
		}
	}
	if !w.get(string(news)+"/live", cookie).passed {
		t.Error("the cookie itself is refused afterwards")
	}
}

// swapPayload gives one token the payload of another.
func swapPayload(a, b string) string {
	_, mark, _ := strings.Cut(a, ".")
	body, _, _ := strings.Cut(b, ".")
	return body + "." + mark
}

// toldAt returns the signed token that the app at a site is told.
func (w *world) toldAt(t testing.TB, site publisher.Origin, cookie *http.Cookie) string {
	t.Helper()
	a := w.get(string(site)+"/live", cookie)
	if a.identity == nil {
		t.Fatalf("nobody is signed in: %d", a.Code)
	}
	return a.identity.Get(gate.Token)
}

func TestBearerTokenServesAllSitesOfItsPublisherAndNoOther(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	atSite, signed := strings.Split(cookie.Value, "~")[2], w.toldAt(t, news, cookie)
	for _, test := range []struct {
		name   string
		site   publisher.Origin
		values []string
		pass   bool
	}{
		{"token", news, []string{"Bearer " + v.bearer}, true},
		{"token at a sister site", sports, []string{"Bearer " + v.bearer}, true},
		{"token at a site by pattern", rovers, []string{"Bearer " + v.bearer}, true},
		{"scheme in small letters", news, []string{"bearer " + v.bearer}, true},
		{"token at another publisher", other, []string{"Bearer " + v.bearer}, false},
		{"token of a site cookie", news, []string{"Bearer " + atSite}, false},
		{"signed token of the app at the site", news, []string{"Bearer " + signed}, false},
		{"other scheme", news, []string{"Basic " + v.bearer}, false},
		{"no scheme", news, []string{v.bearer}, false},
		{"no token", news, []string{"Bearer "}, false},
		{"two headers", news, []string{"Bearer " + v.bearer, "Bearer " + v.bearer}, false},
		{"two tokens", news, []string{"Bearer " + v.bearer + ", " + v.bearer}, false},
		{"empty", news, []string{""}, false},
		{"garbage", news, []string{"Bearer x.y.z"}, false},
	} {
		for range 2 { // judged, then remembered
			r := request("GET", string(test.site)+"/live", map[string]string{"Accept": "*/*"})
			r.Header["Authorization"] = test.values
			a := w.send(r)
			if a.passed != test.pass || a.err != nil || !test.pass && a.Code != http.StatusUnauthorized {
				t.Errorf("%s: passed %v, status %d, %v", test.name, a.passed, a.Code, a.err)
			}
			if a.passed && (a.identity.Get(gate.Token) != v.bearer || a.identity.Get(gate.Email) == "") {
				t.Errorf("%s: the app is told %q with the token %q", test.name, a.identity.Get(gate.Email), a.identity.Get(gate.Token))
			}
		}
	}
}

// A client that shows a token is a program, whatever it accepts.
func TestRefusedBearerTokenIsNeverRedirected(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	w.clock.Add(expired)
	a := w.send(request("GET", string(news)+"/live", map[string]string{"Accept": html, "Authorization": "Bearer " + v.bearer}))
	toldToSignIn(t, a, "GET")
}

func TestExpiredBearerTokenIsRefusedAlsoWhenItWasRemembered(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	send := func() bool {
		return w.send(request("GET", string(news)+"/live", map[string]string{"Authorization": "Bearer " + v.bearer})).passed
	}
	if !send() {
		t.Fatal("a fresh token is refused")
	}
	w.clock.Add(session.TokenLife - time.Second)
	if !send() {
		t.Error("refused before it expires")
	}
	w.clock.Add(time.Second)
	if send() {
		t.Error("good after it has expired")
	}
}

func TestEndedSessionIsRefusedAtOnceEverywhere(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	atNews, atSports := w.signIn(t, news, v), w.signIn(t, sports, v)
	bearer := map[string]string{"Authorization": "Bearer " + v.bearer}
	all := func() []bool {
		return []bool{
			w.get(string(news)+"/", atNews).passed, w.get(string(sports)+"/", atSports).passed,
			w.send(request("GET", string(news)+"/", bearer)).passed,
		}
	}
	// Judged, remembered, and remembered after it was last seen not to have ended;
	// then once more, because another session has.
	stays := func() {
		t.Helper()
		for range 3 {
			for i, passed := range all() {
				if !passed {
					t.Fatalf("%d is refused before", i)
				}
			}
		}
	}
	stays()
	must(t, w.sessions.End(context.Background(), w.mustViewer(t, ours).session.ID))
	stays()
	must(t, w.sessions.End(context.Background(), v.session.ID))
	for range 2 {
		for i, passed := range all() {
			if passed {
				t.Errorf("%d passes after the session has ended", i)
			}
		}
	}
	if a := w.get(string(news)+"/articles/1", atNews); !a.passed || a.identity != nil {
		t.Errorf("optional path: passed %v as %v, want passed as nobody", a.passed, a.identity)
	}
	w.clock.Add(expired) // nor does the secret get a new token
	for i, passed := range all() {
		if passed {
			t.Errorf("%d passes later", i)
		}
	}
}

func TestExpiredTokenIsRenewedWithoutARedirect(t *testing.T) {
	w := newWorld(t)
	old := w.signIn(t, news, w.mustViewer(t, ours))
	w.clock.Add(expired)
	a := w.get(string(news)+"/live", old)
	renewed, ok := a.cookie("__Host-usher")
	if !a.passed || a.identity == nil || !ok || a.Header().Get("Location") != "" {
		t.Fatalf("passed %v as %v, %v", a.passed, a.identity, a.Header())
	}
	was, is := strings.Split(old.Value, "~"), strings.Split(renewed.Value, "~")
	if is[0] != was[0] || is[1] != was[1] || is[2] == was[2] {
		t.Errorf("cookie %q became %q, want the same session and secret and another token", old.Value, renewed.Value)
	}
	if !renewed.Secure || !renewed.HttpOnly || renewed.Path != "/" || renewed.Domain != "" || renewed.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %+v", renewed)
	}
	// What a page asks for with the old cookie meanwhile gets the same answer.
	again, _ := w.get(string(news)+"/style.css", old).cookie("__Host-usher")
	if again == nil || again.Value != renewed.Value {
		t.Errorf("a second request is given %v, want %q", again, renewed.Value)
	}
	next := w.get(string(news)+"/live", renewed)
	if _, set := next.cookie("__Host-usher"); !next.passed || set {
		t.Errorf("with the new cookie: passed %v, set again %v", next.passed, set)
	}
}

func TestOneRenewalServesParallelRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := w.signIn(t, news, w.mustViewer(t, ours))
		w.clock.Add(expired)
		const requests = 50
		var reads atomic.Int64
		held := make(chan struct{})
		w.counted.views = func() { reads.Add(1); <-held }
		values := make(chan string, requests)
		for range requests {
			go func() {
				a := w.get(string(news)+"/live", old)
				c, _ := a.cookie("__Host-usher")
				if !a.passed || c == nil {
					c = &http.Cookie{Value: "refused: " + a.Header().Get("Location")}
				}
				values <- c.Value
			}()
		}
		synctest.Wait() // one reads the store, all others wait for it
		if got := reads.Load(); got != 1 {
			t.Errorf("%d requests read the store, want 1", got)
		}
		close(held)
		first := <-values
		for range requests - 1 {
			if got := <-values; got != first || !strings.Contains(got, "~") {
				t.Errorf("given %q and %q, want one new cookie", first, got)
			}
		}
	})
}

func TestRenewalEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(*world, viewer) error{
		"ended":   func(w *world, v viewer) error { return w.sessions.End(context.Background(), v.session.ID) },
		"expired": func(w *world, _ viewer) error { w.clock.Add(session.Idle + time.Hour); return nil },
	} {
		w := newWorld(t)
		v := w.mustViewer(t, ours)
		cookie := w.signIn(t, news, v)
		w.clock.Add(expired)
		must(t, end(w, v))
		if a := w.get(string(news)+"/live", cookie); a.passed || a.Code != http.StatusFound {
			t.Errorf("%s: passed %v, status %d", name, a.passed, a.Code)
		}
	}
}

func TestRenewalNeedsTheSecretOfThatSite(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	atNews, atSports := w.signIn(t, news, v), w.signIn(t, sports, v)
	w.clock.Add(expired)
	n, s := strings.Split(atNews.Value, "~"), strings.Split(atSports.Value, "~")
	for name, forged := range map[string]string{
		"no secret":                 n[0] + "~~" + n[2],
		"secret of the sister site": n[0] + "~" + s[1] + "~" + n[2],
	} {
		if a := w.get(string(news)+"/live", &http.Cookie{Name: "__Host-usher", Value: forged}); a.passed {
			t.Errorf("%s: renewed", name)
		}
	}
	if !w.get(string(news)+"/live", atNews).passed {
		t.Error("the right secret is refused")
	}
}

var errDown = errors.New("disk is gone")

func TestStoreThatIsDownFailsClosed(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	down := func() { w.faulty.FailView(errDown); w.faulty.FailUpdate(errDown) }

	down()
	w.Forget(cookie.Value, news)
	if a := w.get(string(news)+"/live", cookie); !a.passed || a.identity == nil {
		t.Errorf("live token: passed %v as %v, %v", a.passed, a.identity, a.err)
	}
	down()
	if a := w.send(request("GET", string(news)+"/live", map[string]string{"Authorization": "Bearer " + v.bearer})); !a.passed {
		t.Errorf("live bearer token: %v", a.err)
	}

	w.clock.Add(expired)
	for range 2 {
		down()
		a := w.get(string(news)+"/live", cookie)
		if a.passed || !errors.Is(a.err, gate.ErrUnavailable) || !errors.Is(a.err, errDown) || len(a.Header()) > 0 {
			t.Errorf("expired token: passed %v, %v, %v", a.passed, a.err, a.Header())
		}
	}
	for _, path := range []string{"/articles/1", "/about"} {
		down()
		if a := w.get(string(news)+path, cookie); !a.passed || a.identity != nil || a.err != nil {
			t.Errorf("%s: passed %v as %v, %v", path, a.passed, a.identity, a.err)
		}
	}
	down()
	if a := w.get(string(news) + "/live"); a.Code != http.StatusFound || a.err != nil {
		t.Errorf("stranger: status %d, %v", a.Code, a.err)
	}

	w.faulty.FailView(nil)
	w.faulty.FailUpdate(nil)
	if a := w.get(string(news)+"/live", cookie); !a.passed {
		t.Errorf("after the store is back: %v", a.err)
	}
}

func TestUnavailableIsAProblemForPeopleAndJSONForPrograms(t *testing.T) {
	w := newWorld(t)
	for accept, want := range map[string]string{html: "", "*/*": `{"error":"unavailable"}`} {
		recorder := httptest.NewRecorder()
		w.Unavailable(recorder, request("GET", string(news)+"/live", map[string]string{"Accept": accept}))
		a := answer{ResponseRecorder: recorder}
		status(t, a, http.StatusServiceUnavailable)
		ownAnswer(t, a)
		if got := recorder.Body.String(); got != want {
			t.Errorf("to %s: %s, want %s", accept, got, want)
		}
	}
	if w.pages.problem.Site != news || w.pages.kind != gate.ProblemUnavailable {
		t.Errorf("shown %+v", w.pages.problem)
	}
}

func TestTokenOfAnotherIssuerIsRefused(t *testing.T) {
	w, foreign := newWorld(t), newWorld(t)
	v := foreign.mustViewer(t, ours)
	if w.send(request("GET", string(news)+"/live", map[string]string{"Authorization": "Bearer " + v.bearer})).passed {
		t.Error("a token signed by another installation is good here")
	}
	cookie := foreign.signIn(t, news, v)
	if w.get(string(news)+"/live", cookie).passed {
		t.Error("a cookie of another installation is good here")
	}
}
