// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Attacks on sign-in across sites that need no other file's tools. Codes are in
// codes_test.go, refresh tokens in refresh_test.go, forms of other sites and
// sessions from before a login in login_test.go. What needs time to pass is not
// seen from outside: a code that is too old (30 seconds) is tested in
// internal/sso, a refresh token after its grace and a renewal after the token's
// life in internal/session and internal/gate.

// trapped are values for parameters of our own, as they stand in an address.
func (s *server) trapped() []string {
	site := url.QueryEscape(s.newsURL)
	return []string{
		"//evil.test", `/\evil.test`, `\\evil.test`, "https://evil.test", "%2F%5Cevil.test", "%252f%252fevil.test", "https%3A%2F%2Fevil.test",
		"/%09/evil.test", "/%0d%0aX-Injected:%201", "%0d%0aLocation:%20https://evil.test", "x%0aSet-Cookie:%20injected=1", "%E5%98%8A%E5%98%8DX-Injected:1",
		"javascript:alert(1)", "%00", site + "@evil.test", site + ".evil.test", site + "%2F..%2F%2Fevil.test", site + "%00.evil.test",
		"overview", strings.Repeat("A", 900), "",
	}
}

// ownParameters are all that the pages of the hub and the gate read.
var ownParameters = []string{"page", "then", "ui_locales", "notice", "done", "token", "code", "iss", "error", "email", "prompt"}

// injected tells whether a value of an address became a header.
func (a answer) injected() bool {
	return a.header.Get("X-Injected") != "" || strings.Contains(strings.Join(a.header.Values("Set-Cookie"), "\n"), "injected")
}

func TestNoParameterOfOursLeadsElsewhere(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "trapped")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	genuine := s.visitor(t).open(s.newsURL+"/page?x=1").says(t, 302).to()
	site := url.QueryEscape(s.newsURL)
	pages := []string{
		s.hub + "/", s.hub + "/login", s.hub + "/register", s.hub + "/forgot", s.hub + "/reset", s.hub + "/verify", s.hub + "/verify/confirm",
		s.hub + "/consents", s.hub + "/capture", s.hub + "/logout", s.hub + "/signed-out", s.hub + "/authorize", s.hub + "/account",
		s.hub + "/.well-known/change-password", s.newsURL + "/.usher/login", s.newsURL + "/.usher/logout", s.newsURL + "/.usher/callback",
	}
	check := func(visitor *visitor, address string) {
		t.Helper()
		a := visitor.open(address)
		if away := s.leadsAway(a); len(away) > 0 || a.injected() || a.status >= 500 {
			t.Errorf("%s: status %d, leads to %q, headers %v", address, a.status, away, a.header)
		}
	}
	stranger := &visitor{t: t, s: s, client: s.client()}
	for _, value := range s.trapped() {
		all := "&" + strings.Join(ownParameters, "="+value+"&") + "=" + value
		for _, page := range pages {
			check(v, page+"?site="+value+all)
			check(v, page+"?site="+site+all)
		}
		for _, name := range []string{"page", "ui_locales", "notice", "prompt", "state", "nonce", "code_challenge"} {
			check(v, genuine+"&"+name+"="+value) // some twice
			check(stranger, changed(t, genuine, name, "")+"&"+name+"="+value)
		}
	}
	s.trapForms(t, viewer)
}

// trapForms has a person send the forms of pages whose address somebody else has
// made.
func (s *server) trapForms(t *testing.T, viewer account) {
	t.Helper()
	site := url.QueryEscape(s.newsURL)
	for _, value := range []string{"//evil.test", "https%3A%2F%2Fevil.test", "/%0d%0aX-Injected:%201"} {
		for _, query := range []string{"site=" + site + "&page=" + value, "site=" + value + "&page=" + value, "then=" + value, "ui_locales=" + value} {
			a := s.visitor(t).submit(s.hub+"/login?"+query, url.Values{"email": {viewer.email}, "password": {password}})
			if away := s.leadsAway(a); a.status != 303 || len(away) > 0 || a.injected() {
				t.Errorf("a login at /login?%s: status %d, leads to %q", query, a.status, a.to())
			}
		}
		a := s.visitor(t).submit(s.newsURL+"/.usher/logout?site="+value+"&page="+value, nil)
		if a.status != 303 || a.to() != s.hub+"/signed-out?site="+site {
			t.Errorf("a sign-out with %s leads to %s", value, a.to())
		}
	}
}

// demanding is the standard Caddyfile with three publishers, of which each
// demands another thing of its customers once demands has been applied.
const demanding = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			sites {{.News}} http://more.localhost:{{.Port}}
			#1
		}
		publisher 100000002 {
			sites {{.Sports}}
			#2
		}
		publisher 100000003 {
			sites http://radio.localhost:{{.Port}}
			#3
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}}, {{.Sports}}, http://radio.localhost:{{.Port}}, http://more.localhost:{{.Port}} {
	usher_gate {
		optional /open/*
	}
	reverse_proxy {{.NewsApp}}
}
`

// demands are what the publishers of demanding begin to demand.
var demands = strings.NewReplacer(
	"#1", "consent terms {\n label \"I accept the [terms](https://media.example/terms).\"\n required\n}",
	"#2", "capture {\n field firstNameLastName required\n}",
	"#3", "verify_email")

// TestQuestionsWithoutAPageGetNone: whoever the visitor is, a silent question
// passes the hub without a page and ends where the visitor wanted to be.
func TestQuestionsWithoutAPageGetNone(t *testing.T) {
	t.Parallel()
	s := start(t, demanding)
	radio, more := s.at("radio.localhost"), s.at("more.localhost")
	in := func(publisher string) *visitor {
		s.registerAt(t, publisher, "silent")
		v := s.visitor(t)
		v.submit(s.hub+"/login?publisher="+publisher, url.Values{"email": {"silent@viewer.test"}, "password": {password}}).says(t, 303)
		return v
	}
	terms, capture, verify := in("100000001"), in("100000002"), in("100000003")
	ended, madeUp := terms.twin(), s.visitor(t)
	madeUp.keep(s.hub, map[string]string{"usher-hub": "a.b~c.d~~"})
	states := []struct {
		who, site, reason string
		v                 *visitor
	}{
		{"a stranger", s.newsURL, "login_required", s.visitor(t)},
		{"who made a session up", s.newsURL, "login_required", madeUp},
		{"a customer of another publisher", s.newsURL, "login_required", capture.twin()},
		{"who has terms to accept", s.newsURL, "interaction_required", terms},
		{"who is asked something", s.sportsURL, "interaction_required", capture},
		{"who has an address to verify", radio, "interaction_required", verify},
		{"whose session has ended", more, "login_required", ended},
	}
	hops := terms.follow(terms.open(more+"/open/first", "Referer: "+s.newsURL+"/"))
	if len(hops) != 4 || !terms.signedIn(more) {
		t.Fatalf("who has nothing to do takes %v", places(hops))
	}
	if out, err := s.reload(demands.Replace(demanding), "2"); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	for _, tt := range states {
		t.Run(tt.who, func(t *testing.T) {
			tt.v.t, ended.t = t, t
			if tt.who == "whose session has ended" {
				leaver := ended.twin()
				leaver.fill(leaver.open(s.hub+"/logout?publisher=100000001").says(t, 200)).says(t, 303)
			}
			page := tt.site + "/open/page?x=1"
			hops := tt.v.follow(tt.v.open(page, "Referer: "+s.hub+"/"))
			if len(hops) != 4 || hops[1].at.Path != "/authorize" || hops[1].at.Query().Get("prompt") != "none" {
				t.Fatalf("takes %v", places(hops))
			}
			if hops[1].status != 302 || hops[1].body != "" || member(t, hops[1].to(), "error") != tt.reason || member(t, hops[1].to(), "code") != "" {
				t.Errorf("the hub answers %d with %s, want %s\n%s", hops[1].status, hops[1].to(), tt.reason, hops[1].body)
			}
			if last := hops[3]; last.status != 200 || last.at.String() != page || strings.Contains(last.body, "silent@viewer.test") {
				t.Errorf("ends with %d at %s\n%s", last.status, last.at, last.body)
			}
			tt.v.open(page, "Referer: "+s.hub+"/").says(t, 200) // and is not asked about again
		})
	}
	s.refusesOddQuestions(t, terms, s.visitor(t))
}

// refusesOddQuestions checks that a silent question that no site has asked, for
// whose answer there is no place to go, ends in a refusal that asks for nothing.
func (s *server) refusesOddQuestions(t *testing.T, visitors ...*visitor) {
	t.Helper()
	genuine := s.visitor(t).open(s.newsURL+"/open/x", "Referer: "+s.hub+"/").says(t, 302).to()
	for _, v := range visitors {
		for what, question := range map[string]string{
			"an unknown site": changed(t, genuine, "site", "https://evil.test"), "no site": changed(t, genuine, "site", ""),
			"a pattern": changed(t, genuine, "site", "http://*.localhost:"+s.port), "no nonce": changed(t, genuine, "nonce", ""),
			"two prompts": genuine + "&prompt=login",
		} {
			a := v.open(question)
			if a.status != 400 || a.to() != "" || strings.Contains(a.body, `type="password"`) || len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s: status %d, Location %q\n%s", what, a.status, a.to(), a.body)
			}
		}
	}
}

// TestTabsThatRenewTogetherStaySignedIn: all requests that come with one cookie
// whose token is too old are let in, and get one new cookie.
func TestTabsThatRenewTogetherStaySignedIn(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	v, viewer := s.signedInAtBoth(t, "together")
	for _, site := range []string{s.newsURL, s.sportsURL} {
		cookie := v.cookies(site)["usher"]
		old := "Cookie: usher=" + s.stale(t, site, cookie)
		var mu sync.Mutex
		renewed := map[string]int{}
		var crowd sync.WaitGroup
		tab := &visitor{t: t, s: s, client: s.client()}
		for i := range 30 {
			crowd.Go(func() {
				ask := tab.fetch
				if i%2 == 0 {
					ask = tab.open
				}
				a := ask(site+"/account", old, "X-Probe: "+site)
				mu.Lock()
				defer mu.Unlock()
				renewed[strings.Join(a.header.Values("Set-Cookie"), "\n")]++
				if a.status != 200 {
					t.Errorf("%s: one of the requests got status %d", site, a.status)
				}
			})
		}
		crowd.Wait()
		if len(renewed) != 1 || renewed[""] > 0 {
			t.Errorf("%s: new cookies, with how many got them: %v; want one", site, renewed)
		}
		for _, e := range s.news.calls(site) {
			checkIdentity(t, e, viewer)
		}
		for set := range renewed {
			fresh, _, _ := strings.Cut(set, ";")
			a := tab.fetch(site+"/account", "Cookie: "+fresh).says(t, 200)
			if len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s: the new cookie is renewed again", site)
			}
		}
		tab.fetch(site+"/account", old).says(t, 200)                     // a tab that was late
		tab.fetch(site+"/account", "Cookie: usher="+cookie).says(t, 200) // and one that has the cookie from before
	}
	if !v.knows() {
		t.Error("the hub has lost the session")
	}
}
