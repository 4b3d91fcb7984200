// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package sso_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/token"
)

const (
	hub    publisher.Origin = "https://id.example.com"
	news   publisher.Origin = "https://news.example"
	sports publisher.Origin = "https://sports.example"
	local  publisher.Origin = "http://news.localhost:9080"
)

// world is a hub and its sites, with one viewer who is signed in at the hub.
type world struct {
	*sso.Service
	clock    *authstoretest.Clock
	stored   *authstoretest.Memory
	faulty   *authstoretest.Faulty
	store    *authstore.Store
	sessions *session.Manager
	visitor  authstore.Session
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), stored: authstoretest.NewMemory()}
	w.stored.Retry = true
	w.faulty = authstoretest.NewFaulty(w.stored)
	w.store = authstore.New(w.faulty, w.clock.Now)
	directory, err := publisher.NewDirectory([]authstore.Publisher{
		{ID: 100_000_001, Sites: []string{string(news), string(sports), string(local), "https://*.clubs.example"}},
		{ID: 100_000_002, Sites: []string{"https://other.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.OpenKeyring(t.Context(), w.store, string(hub), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	memory, err := session.LoadMemory(t.Context(), w.store)
	if err != nil {
		t.Fatal(err)
	}
	root := secret.NewRoot()
	w.sessions = session.NewManager(w.store, memory, keys, directory, root)
	w.Service = sso.NewService(hub, w.store, w.sessions, directory, root)
	c, err := w.store.Register(t.Context(), authstore.Registration{
		Customer: authstore.Customer{PublisherID: 100_000_001},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: "ann@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.visitor, _, err = w.sessions.Start(t.Context(), c, "", session.Device{}, session.AtHub, ""); err != nil {
		t.Fatal(err)
	}
	return w
}

// maxCookie is how long name and value of a cookie may be; browsers drop a
// longer one (RFC 6265bis, section 5.6).
const maxCookie = 4096

// browser keeps the cookies of one origin as browsers do.
type browser struct {
	origin  publisher.Origin
	cookies map[string]string
}

func newBrowser(origin publisher.Origin) *browser {
	return &browser{origin, map[string]string{}}
}

func (b *browser) request(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (b *browser) receive(rec *httptest.ResponseRecorder) {
	for _, c := range rec.Result().Cookies() {
		switch {
		case c.MaxAge < 0:
			delete(b.cookies, c.Name)
		case len(c.Name)+len(c.Value) <= maxCookie:
			b.cookies[c.Name] = c.Value
		}
	}
}

// begin asks a site for a page and returns what it then asks the hub.
func (w *world) begin(t *testing.T, b *browser, returnTo string) url.Values {
	t.Helper()
	rec := httptest.NewRecorder()
	to := w.Begin(rec, b.request(string(b.origin)+"/"), b.origin, sso.Ask{Return: returnTo})
	b.receive(rec)
	question, ok := strings.CutPrefix(to, string(hub)+sso.AuthorizePath+"?")
	if !ok {
		t.Fatalf("redirect to %s", to)
	}
	v, err := url.ParseQuery(question)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// grant lets the hub answer for its visitor and returns the callback.
func (w *world) grant(t *testing.T, question url.Values) *url.URL {
	t.Helper()
	r, p, err := w.ParseRequest(question)
	if err != nil || p.ID != 100_000_001 {
		t.Fatalf("%v: publisher %d, %v", question, p.ID, err)
	}
	to, err := w.Grant(t.Context(), r, w.visitor)
	if err != nil {
		t.Fatal(err)
	}
	return mustParse(t, to)
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// finish follows a callback.
func (w *world) finish(t *testing.T, b *browser, callback *url.URL) (sso.Result, error) {
	t.Helper()
	rec := httptest.NewRecorder()
	result, err := w.Finish(t.Context(), rec, b.request(callback.String()), b.origin)
	b.receive(rec)
	return result, err
}

// with returns a callback with one parameter changed; "" removes it.
func with(callback *url.URL, name, value string) *url.URL {
	u, q := *callback, callback.Query()
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return &u
}

func TestVisitorIsSignedInAtASiteAndComesBackToThePage(t *testing.T) {
	for _, site := range []publisher.Origin{news, sports, local, "https://ajax.clubs.example"} {
		w, b := newWorld(t), newBrowser(site)
		question := w.begin(t, b, "/live?match=7&t=1#now")
		callback := w.grant(t, question)
		if callback.Scheme+"://"+callback.Host != string(site) || callback.Path != sso.CallbackPath {
			t.Errorf("%s: called back at %s", site, callback)
		}
		result, err := w.finish(t, b, callback)
		if err != nil || result.Return != "/live?match=7&t=1#now" || result.Denied != "" || result.Session.ID != w.visitor.ID {
			t.Errorf("%s: %+v, %v", site, result, err)
		}
		if _, err := w.sessions.AtSite(t.Context(), result.Session.ID, string(site), result.Secret); err != nil {
			t.Errorf("%s: the secret does not prove the session: %v", site, err)
		}
		if len(b.cookies) != 0 {
			t.Errorf("%s: cookies are left: %v", site, b.cookies)
		}
	}
}

func TestNoAddressOfASignInSaysWhereTheVisitorReturns(t *testing.T) {
	w, b := newWorld(t), newBrowser(news)
	question := w.begin(t, b, "/secret-page")
	callback := w.grant(t, question)
	if strings.Contains(question.Encode()+callback.String(), "secret-page") {
		t.Errorf("asked %v, answered %s", question, callback)
	}
	for _, value := range b.cookies {
		if strings.Contains(value, "secret-page") || strings.Contains(value, question.Get("state")) {
			t.Errorf("the cookie is readable: %s", value)
		}
	}
	for _, name := range []string{"return", "redirect_uri", "returnTo", "next", "url"} {
		if result, err := w.finish(t, b, with(callback, name, "https://evil.test/")); result.Return == "https://evil.test/" {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

var unguessable = regexp.MustCompile(`^[A-Za-z0-9_-]{22,43}$`)

func TestQuestionsAreUnguessableAndDiffer(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for range 20 {
		question := w.begin(t, newBrowser(news), "/")
		if question.Get("site") != string(news) || question.Has("prompt") || len(question) != 4 {
			t.Fatalf("asked %v", question)
		}
		_, state, _ := strings.Cut(question.Get("state"), ".")
		for _, v := range []string{state, question.Get("nonce"), question.Get("code_challenge")} {
			if !unguessable.MatchString(v) || seen[v] {
				t.Fatalf("asked %v", question)
			}
			seen[v] = true
		}
	}
}

func TestLanguagesOfAQuestionAreKeptWhenTheyAreAny(t *testing.T) {
	w, b := newWorld(t), newBrowser(news)
	for given, want := range map[string]string{
		"":                        "",
		"de":                      "de",
		"fr-CA fr en":             "fr-CA fr en",
		"de_AT":                   "de_AT",
		`"><script>`:              "",
		"de\r\nX: y":              "",
		strings.Repeat("de ", 40): "",
	} {
		question := w.begin(t, b, "/")
		question.Set("ui_locales", given)
		r, _, err := w.ParseRequest(question)
		if err != nil || r.UILocales != want || r.Values().Get("ui_locales") != want {
			t.Errorf("%q: %q, %v; want %q", given, r.UILocales, err, want)
		}
		if r.Values().Has("ui_locales") != (want != "") {
			t.Errorf("%q: the pages are asked for %v", given, r.Values())
		}
	}
}

func TestSilentQuestionSaysSo(t *testing.T) {
	w := newWorld(t)
	to := mustParse(t, w.Begin(httptest.NewRecorder(), newBrowser(news).request("/"), news, sso.Ask{Return: "/", Silent: true}))
	r, _, err := w.ParseRequest(to.Query())
	if err != nil || !r.Silent || to.Query().Get("prompt") != "none" {
		t.Errorf("asked %s, read %+v, %v", to, r, err)
	}
}

func TestHubRefusesOddQuestions(t *testing.T) {
	w := newWorld(t)
	tests := map[string]func(v url.Values){
		"unknown site":       func(v url.Values) { v.Set("site", "https://evil.test") },
		"no site":            func(v url.Values) { v.Del("site") },
		"site with a path":   func(v url.Values) { v.Set("site", string(news)+"/live") },
		"site below a site":  func(v url.Values) { v.Set("site", "https://news.example.evil.test") },
		"site with userinfo": func(v url.Values) { v.Set("site", "https://news.example@evil.test") },
		"site by plain http": func(v url.Values) { v.Set("site", "http://news.example") },
		"pattern":            func(v url.Values) { v.Set("site", "https://*.clubs.example") },
		"name in two labels": func(v url.Values) { v.Set("site", "https://a.b.clubs.example") },
		"fragment in a name": func(v url.Values) { v.Set("site", "https://evil.test#.clubs.example") },
		"two sites":          func(v url.Values) { v.Add("site", "https://evil.test") },
		"two states":         func(v url.Values) { v.Add("state", v.Get("state")) },
		"two prompts":        func(v url.Values) { v["prompt"] = []string{"none", "login"} },
		"two of an unknown":  func(v url.Values) { v["x"] = []string{"1", "2"} },
		"no state":           func(v url.Values) { v.Del("state") },
		"no nonce":           func(v url.Values) { v.Del("nonce") },
		"no challenge":       func(v url.Values) { v.Del("code_challenge") },
		"short challenge":    func(v url.Values) { v.Set("code_challenge", "A") },
		"long state":         func(v url.Values) { v.Set("state", strings.Repeat("A", 129)) },
		"markup in a nonce":  func(v url.Values) { v.Set("nonce", "<script>alert(1)</script>") },
		"line break":         func(v url.Values) { v.Set("state", v.Get("state")+"\n") },
	}
	for name, change := range tests {
		question := w.begin(t, newBrowser(news), "/")
		change(question)
		if r, _, err := w.ParseRequest(question); !errors.Is(err, sso.ErrRequest) {
			t.Errorf("%s: %+v, %v; want ErrRequest", name, r, err)
		}
	}
}

func TestSessionServesSitesOfItsPublisherOnly(t *testing.T) {
	w := newWorld(t)
	question := w.begin(t, newBrowser(news), "/")
	for _, site := range []string{"https://other.example", "https://evil.test", "https://*.clubs.example", ""} {
		question.Set("site", site)
		r, _, _ := w.ParseRequest(question)
		if to, err := w.Grant(t.Context(), r, w.visitor); !errors.Is(err, sso.ErrRequest) || to != "" {
			t.Errorf("%q: %s, %v; want ErrRequest", site, to, err)
		}
	}
}

func TestCodeIsStoredAsADigest(t *testing.T) {
	w := newWorld(t)
	code := w.grant(t, w.begin(t, newBrowser(news), "/")).Query().Get("code")
	if len(code) != 43 {
		t.Errorf("code of %d characters, want 256 bits in 43", len(code))
	}
	for _, r := range w.stored.Records() {
		if strings.Contains(r.Key+r.Value, code) {
			t.Errorf("%s holds the code", r.Table)
		}
	}
}

func TestCodeThatCannotBeStoredIsNotGiven(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	r, _, err := w.ParseRequest(w.begin(t, newBrowser(news), "/"))
	if err != nil {
		t.Fatal(err)
	}
	w.faulty.FailCommit(fault)
	if to, err := w.Grant(t.Context(), r, w.visitor); !errors.Is(err, fault) || to != "" {
		t.Errorf("got %q, %v; want the fault", to, err)
	}
}
