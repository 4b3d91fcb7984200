// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
	"github.com/usher-sso/usher/internal/sso"
)

// in tells whom a browser is signed in as, or "".
func (p *player) in(t *testing.T, query string) string {
	t.Helper()
	return first(sentence, p.open("/?"+query).Body.String())
}

// goes leads a browser to a provider as far as the way back.
func (p *player) goes(t *testing.T, at, who string) string {
	t.Helper()
	to, err := p.internet.Consent(p.open(at).Header().Get("Location"), people[who])
	must(t, err)
	back, _, _ := strings.Cut(to.URL, "#")
	return back
}

const nobodyIsIn = "Sign in once and every site knows you."

// Whatever of an answer is somebody else's, or for somebody else, signs nobody in.
func TestAnswerOfAProviderCountsWhereItWasAskedForAndOnce(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	for name, attack := range map[string]func(t *testing.T, victim, attacker *player) *httptest.ResponseRecorder{
		"the way back of another browser": func(t *testing.T, victim, attacker *player) *httptest.ResponseRecorder {
			return victim.open(attacker.goes(t, "/login/google", "eve"))
		},
		"the same, while one's own is under way": func(t *testing.T, victim, attacker *player) *httptest.ResponseRecorder {
			victim.open("/login/google")
			return victim.open(attacker.goes(t, "/login/google", "eve"))
		},
		"a code of another's with one's own state": func(t *testing.T, victim, attacker *player) *httptest.ResponseRecorder {
			own, theirs := mustURL(t, victim.goes(t, "/login/google", "anna")), mustURL(t, attacker.goes(t, "/login/google", "eve"))
			q := own.Query()
			q.Set("code", theirs.Query().Get("code"))
			return victim.open(own.Path + "?" + q.Encode())
		},
		"a second time": func(t *testing.T, victim, _ *player) *httptest.ResponseRecorder {
			back := victim.goes(t, "/login/google", "anna")
			kept := victim.jar("id.example.com")
			before := map[string]string{}
			for name, value := range kept {
				before[name] = value
			}
			if a := victim.open(back); a.Code != http.StatusSeeOther {
				t.Fatalf("the first time: status %d", a.Code)
			}
			victim.jars[victim.browser+" id.example.com"] = before // the attacker has kept the cookie
			return victim.open(back)
		},
		"at another provider's address": func(t *testing.T, victim, _ *player) *httptest.ResponseRecorder {
			return victim.open(strings.Replace(victim.goes(t, "/login/google", "anna"), "/google/", "/facebook/", 1))
		},
		"at an address that is no provider's": func(t *testing.T, victim, _ *player) *httptest.ResponseRecorder {
			return victim.open(strings.Replace(victim.goes(t, "/login/google", "anna"), "/google/", "/nowhere/", 1))
		},
		"from another issuer": func(t *testing.T, victim, _ *player) *httptest.ResponseRecorder {
			u := mustURL(t, victim.goes(t, "/login/google", "anna"))
			q := u.Query()
			q.Set("iss", "https://evil.example")
			return victim.open(u.Path + "?" + q.Encode())
		},
		"without a code": func(t *testing.T, victim, _ *player) *httptest.ResponseRecorder {
			u := mustURL(t, victim.goes(t, "/login/google", "anna"))
			return victim.open(u.Path + "?state=" + u.Query().Get("state"))
		},
		"without a state": func(t *testing.T, victim, _ *player) *httptest.ResponseRecorder {
			u := mustURL(t, victim.goes(t, "/login/google", "anna"))
			return victim.open(u.Path + "?code=" + u.Query().Get("code"))
		},
		"in a cookie that was changed": func(t *testing.T, victim, _ *player) *httptest.ResponseRecorder {
			back := victim.goes(t, "/login/google", "anna")
			for name, value := range victim.jar("id.example.com") {
				victim.jar("id.example.com")[name] = value[:len(value)-2] + "AA"
			}
			return victim.open(back)
		},
		"with another's posted answer": func(t *testing.T, victim, attacker *player) *httptest.ResponseRecorder {
			attacker.open("/login/apple")
			to, err := w.internet.Consent(attacker.to, people["eve"])
			must(t, err)
			victim.open("/login/apple")
			victim.do(victim.asking("POST", to.URL, to.Form))
			return victim.open(victim.to)
		},
		"with a posted answer for another state": func(t *testing.T, victim, attacker *player) *httptest.ResponseRecorder {
			own := victim.goes(t, "/login/google", "anna")
			attacker.open("/login/apple")
			to, err := w.internet.Consent(attacker.to, people["eve"])
			must(t, err)
			to.Form.Set("state", mustURL(t, own).Query().Get("state"))
			victim.do(victim.asking("POST", to.URL, to.Form))
			return victim.open(mustURL(t, own).Path + "?state=" + to.Form.Get("state"))
		},
	} {
		victim, attacker := w.viewer("victim "+name), w.viewer("attacker "+name)
		victim.jar("id.example.com")["__Host-usher-device"] = "kept" // it keeps cookies
		a := attack(t, victim, attacker)
		if a.Code != http.StatusBadRequest && a.Code != http.StatusBadGateway {
			t.Errorf("%s: status %d to %s", name, a.Code, a.Header().Get("Location"))
		}
		if got := victim.in(t, ""); got != nobodyIsIn {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	must(t, err)
	return u
}

// An answer counts at the publisher that the sign-in began at, whatever its address
// says now.
func TestSignInElsewhereCountsAtThePublisherWhereItBegan(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social two")
	p := w.viewer("a browser")
	back := p.goes(t, "/login/google?publisher=100000002", "anna")
	if a := p.open(back + "&publisher=100000001&site=https%3A%2F%2Fnews.example.com"); a.Header().Get("Location") != "/?publisher=100000002" {
		t.Errorf("status %d to %s", a.Code, a.Header().Get("Location"))
	}
	if p.in(t, "publisher=100000001") != nobodyIsIn || p.in(t, "publisher=100000002") == nobodyIsIn {
		t.Error("signed in at the other publisher")
	}
	// One of them has no such provider any more.
	back = p.goes(t, "/login/apple?publisher=100000001", "eve")
	w.configure(t, "social consents")
	if a := p.open(back); a.Code != http.StatusBadRequest {
		t.Errorf("status %d to %s", a.Code, a.Header().Get("Location"))
	}
}

// Who signs out, or in as somebody else, meanwhile does not have an account linked.
func TestAccountIsLinkedToTheSessionThatAskedForIt(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	for name, meanwhile := range map[string]func(p *player){
		"signed out":               func(p *player) { p.send("/logout") },
		"signed in as another one": func(p *player) { p.send("/login", "email", "eve@example.com", "password", password) },
		"signed in anew":           func(p *player) { p.send("/login", "email", "anna@example.com", "password", password) },
	} {
		p := w.viewer(name)
		w.form("/register", nil, "email", "eve@example.com", "password", password)
		w.form("/register", nil, "email", "anna@example.com", "password", password)
		p.send("/login", "email", "anna@example.com", "password", password)
		for _, intent := range []string{"link", "confirm"} {
			back := p.goes(t, "/login/google?for=signin&intent="+intent, "nobody")
			meanwhile(p)
			if a := p.open(back); a.Code != http.StatusBadRequest {
				t.Errorf("%s, %s: status %d to %s", name, intent, a.Code, a.Header().Get("Location"))
			}
			p.send("/login", "email", "anna@example.com", "password", password)
		}
		if _, _, err := w.store.CustomerByIdentity(w.ctx, 100000001, "https://accounts.google.com", "1003"); err == nil {
			t.Errorf("%s: the account is linked", name)
		}
	}
}

// Another site that sends a viewer to the link of an account page begins nothing.
func TestLinkingIsBegunOnOurPagesOnly(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	p := w.viewer("a browser")
	p.send("/register", "email", "anna@example.com", "password", password)
	for name, headers := range map[string]map[string]string{
		"another site": {"Sec-Fetch-Site": "cross-site"}, "a site of the same domain": {"Sec-Fetch-Site": "same-site"}, "typed": {"Sec-Fetch-Site": "none"},
		"an old browser": {"Referer": "https://id.example.com.evil.test/"}, "nothing said": {},
	} {
		for _, intent := range []string{"link", "confirm"} {
			r := p.asking("GET", hub+"/login/google?for=signin&intent="+intent, nil)
			for header, value := range headers {
				r.Header.Set(header, value)
			}
			if a := p.do(r); a.Header().Get("Location") != "/account/signin" || len(a.Result().Cookies()) != 0 {
				t.Errorf("%s, %s: to %s", name, intent, a.Header().Get("Location"))
			}
		}
	}
	r := p.asking("GET", hub+"/login/google?for=signin&intent=link", nil)
	r.Header.Set("Referer", hub+"/account/signin")
	if a := p.do(r); !strings.HasPrefix(a.Header().Get("Location"), "https://accounts.google.com/") {
		t.Errorf("an old browser on our page: to %s", a.Header().Get("Location"))
	}
}

// Nothing in an address leads away from the hub, but to the provider.
func TestSigningInElsewhereLeadsNowhereElse(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	for _, parameter := range []string{
		"redirect_uri", "return", "next", "then", "for", "page", "site", "url", "to", "app", "publisher", "intent", "ways", "done", "iss", "RelayState",
	} {
		for _, value := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "https://news.example.com.evil.example"} {
			p := w.viewer(parameter + value)
			query := "?" + url.Values{parameter: {value}}.Encode()
			begun := p.open("/login/google" + query)
			if begun.Code == http.StatusBadRequest && parameter == "app" {
				continue // no app's request
			}
			to := mustURL(t, begun.Header().Get("Location"))
			if to.Host != "accounts.google.com" || to.Query().Get("redirect_uri") != hub+"/login/google/callback" {
				t.Fatalf("%s: to %s", query, to)
			}
			back, err := w.internet.Consent(to.String(), people["anna"])
			must(t, err)
			a := p.open(back.URL + "&" + query[1:])
			if parameter == "iss" {
				continue // refused
			}
			if got := mustURL(t, a.Header().Get("Location")); got.Host != "" || got.Scheme != "" || a.Code != http.StatusSeeOther || !strings.HasPrefix(got.Path, "/") || strings.HasPrefix(got.Path, "//") {
				t.Errorf("%s: status %d to %s", query, a.Code, got)
			}
		}
	}
}

// What a provider tells of somebody, and what a configuration calls it, is text.
func TestWhatProvidersTellIsInert(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social consents")
	p := w.viewer("a browser")
	if a := p.signsIn(t, "/login/google", "hostile"); a.Header().Get("Location") != "/join" {
		t.Fatalf("status %d to %s", a.Code, a.Header().Get("Location"))
	}
	joining := p.open("/join")
	p.send("/join", "consent.terms", "1")
	for at, page := range map[string]*httptest.ResponseRecorder{
		"/join": joining, "/account": p.open("/account"), "/account/profile": p.open("/account/profile"), "/account/signin": p.open("/account/signin"),
		"the answer": p.open("/login/google/callback?state=<script>alert(1)</script>&error=<script>alert(1)</script>&error_description=<script>"),
	} {
		if body := page.Body.String(); strings.Contains(body, "<script>") || strings.Contains(body, "<img") {
			t.Errorf("%s: %s", at, body)
		}
		headersOfEveryAnswer(t, page)
	}
}

// Every answer on the way is kept out of caches, frames and referrers, its cookies are
// the hub's own, and no secret is in an address that is not OAuth's.
func TestAnswersOnTheWayElsewhereAreNobodyElses(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social consents")
	p := w.viewer("a browser")
	begun := p.open("/login/google")
	to, err := w.internet.Consent(begun.Header().Get("Location"), people["anna"])
	must(t, err)
	back := p.open(to.URL)
	for name, a := range map[string]*httptest.ResponseRecorder{
		"begin": begun, "callback": back, "join": p.open("/join"), "a callback of nobody": p.open("/login/google/callback?state=x"),
		"joined": p.send("/join", "consent.terms", "1"), "no provider": p.open("/login/nowhere"), "ways": p.open("/account/signin"),
	} {
		headersOfEveryAnswer(t, a)
		if strings.HasPrefix(a.Header().Get("Location"), "https://") && a.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %q", name, a.Header().Get("Referrer-Policy"))
		}
		if location := a.Header().Get("Location"); strings.HasPrefix(location, "/") && strings.ContainsAny(location, "?") {
			t.Errorf("%s: leads to %s", name, location)
		}
	}
	state := mustURL(t, begun.Header().Get("Location")).Query().Get("state")
	for _, c := range begun.Result().Cookies() {
		if c.MaxAge != 15*60 || strings.Contains(c.Name+c.Value, state) {
			t.Errorf("cookie %+v", c)
		}
	}
	if again := back.Header()["Set-Cookie"]; !strings.Contains(strings.Join(again, "\n"), "__Host-usher-social-"+social.CookieSuffix(state)+"=; Path=/; Max-Age=0") {
		t.Errorf("the attempt is kept: %q", again)
	}
}

// A browser that begins again and again keeps the last few.
func TestBrowserKeepsFewAttempts(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	p := w.viewer("a browser")
	p.jar("id.example.com")["__Host-usher-social-forged00"] = "forged"
	var backs []string
	for range 5 {
		w.clock.Add(time.Second)
		backs = append(backs, p.goes(t, "/login/google", "anna"))
	}
	if n := len(p.jar("id.example.com")); n != 3 {
		t.Errorf("%d cookies", n)
	}
	if a := p.open(backs[0]); a.Code != http.StatusBadRequest {
		t.Errorf("the oldest: status %d", a.Code)
	}
	if a := p.open(backs[4]); a.Code != http.StatusSeeOther {
		t.Errorf("the newest: status %d", a.Code)
	}
}

// A question of a site that is as long as it may be still fits a cookie; one that does
// not is refused before the viewer leaves.
func TestLongVisitsFitTheCookie(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	p := w.viewer("a browser")
	p.begin(news, sso.Ask{Return: "/" + strings.Repeat("a", 500)})
	a := p.open("/login/google?" + query(p.ask) + "&ui_locales=" + strings.Repeat("de+", 30) + "en")
	if !strings.HasPrefix(a.Header().Get("Location"), "https://accounts.google.com/") {
		t.Fatalf("status %d to %s", a.Code, a.Header().Get("Location"))
	}
	for _, c := range a.Result().Cookies() {
		if n := len(c.Name) + len(c.Value); n > 4000 {
			t.Errorf("the cookie has %d bytes", n)
		}
	}
	to, err := w.internet.Consent(a.Header().Get("Location"), people["anna"])
	must(t, err)
	if a := p.open(to.URL); !strings.HasPrefix(a.Header().Get("Location"), "/authorize?") {
		t.Errorf("status %d to %s", a.Code, a.Header().Get("Location"))
	}
}

// Posted answers come from anywhere, and are worth what they are.
func TestPostedAnswersAreBounded(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	p := w.viewer("a browser")
	for name, fields := range map[string][]string{
		"nothing": {}, "no state": {"code", "x"}, "a long code": {"state", "x", "code", strings.Repeat("c", 4000)},
		"a long name": {"state", "x", "code", "c", "user", strings.Repeat("u", 4000)}, "too much": {"state", "x", "y", strings.Repeat("z", 70<<10)},
	} {
		if a := p.send("/login/apple/callback", fields...); a.Code != http.StatusBadRequest || len(a.Result().Cookies()) != 0 {
			t.Errorf("%s: status %d, %d cookies", name, a.Code, len(a.Result().Cookies()))
		}
	}
	a := p.send("/login/apple/callback", "state", "x&y=z", "code", "c", "id_token", "t", "user", `{"name":{"firstName":"Anna"}}`)
	if got := a.Header().Get("Location"); got != "/login/apple/callback?state=x%26y%3Dz" {
		t.Errorf("to %s", got)
	}
}

// Fifty people who sign in at the same time are themselves.
func TestManyWhoSignInElsewhereAtOnceAreThemselves(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	const many = 50
	var crowd []socialtest.Person
	for i := range many {
		id := string(rune('a'+i%26)) + string(rune('a'+i/26))
		crowd = append(crowd, socialtest.Person{Subject: "77" + id, Email: id + "@crowd.example", Name: id, Picture: fmt.Sprintf("198.51.%d.7", i)})
	}
	w.internet.Add(socialtest.Google, crowd...)
	var all sync.WaitGroup
	for _, who := range crowd {
		all.Go(func() {
			p := w.viewer(who.Name)
			p.ip = who.Picture // the limits are each network's
			to, err := w.internet.Consent(p.open("/login/google").Header().Get("Location"), who)
			if err != nil {
				t.Error(err)
				return
			}
			p.open(to.URL)
			if got := first(sentence, p.open("/").Body.String()); !strings.Contains(got, who.Email) {
				t.Errorf("%s: %s", who.Name, got)
			}
		})
	}
	all.Wait()
}

// A store that fails lets nobody in, and says so without an address to open again.
func TestStoreThatFailsLetsNobodyInFromElsewhere(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	p := w.viewer("a browser")
	back := p.goes(t, "/login/google", "anna")
	w.faulty.FailUpdate(errDown)
	a := p.open(back)
	if a.Code != http.StatusInternalServerError || strings.Contains(a.Body.String(), "code=") || !strings.Contains(a.Body.String(), `href="/login"`) {
		t.Errorf("status %d: %s", a.Code, a.Body)
	}
	if got := p.in(t, ""); got != nobodyIsIn {
		t.Error(got)
	}
	if _, _, err := w.store.CustomerByIdentity(w.ctx, 100000001, authstore.ProviderPassword, "anna@example.com"); err == nil {
		t.Error("half a customer")
	}
}
