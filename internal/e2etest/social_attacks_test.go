// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/socialtest"
)

// Attacks on sign-in with accounts elsewhere that only a running server can be tested
// by. What the providers may not say is tested in internal/social, what time does there
// and in authstore.

// twoShores has two publishers, of which the second lets nobody in whose address is
// not verified. Google and Facebook are those of both; the others are the first's.
const twoShores = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			sites {{.News}}
			app_redirect com.example.media:/signed-in https://app.example.test/in http://127.0.0.1/in
			login google {
				client_id google-app
				client_secret google-secret
			}
			login facebook {
				client_id facebook-app
				client_secret facebook-secret
			}
			login openid corporate {
				issuer #corporate
				client_id mock-app
				client_secret mock-secret
			}
			login openid partner {
				issuer #partner
				client_id mock-app
				client_secret mock-secret
			}
		}
		publisher 100000002 {
			name "Rival Press"
			sites {{.Sports}}
			verify_email
			login google {
				client_id google-app
				client_secret google-secret
			}
			login facebook {
				client_id facebook-app
				client_secret facebook-secret
			}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	usher_gate {
		public /assets/*
		optional /open/*
	}
	reverse_proxy {{.NewsApp}}
}
{{.Sports}} {
	usher_gate {
		public /assets/*
		optional /open/*
	}
	reverse_proxy {{.SportsApp}}
}
`

// shore is a server of twoShores, with the providers that it knows.
type shore struct {
	*server
	in        *socialtest.Internet
	mocks     map[string]*socialtest.Mock
	caddyfile string
	mu        sync.Mutex
	hosts     int // addresses that tests have spoken from
}

// land starts one; edits are pairs of what is in the Caddyfile once and what is there
// instead.
func land(t testing.TB, edits ...string) *shore {
	t.Helper()
	s := &shore{in: socialtest.New(t, time.Now), mocks: map[string]*socialtest.Mock{}, caddyfile: twoShores}
	for _, name := range []string{"corporate", "partner"} {
		s.mocks[name] = socialtest.StartMock(t, socialtest.Client{ID: "mock-app", Secret: "mock-secret"})
		s.caddyfile = strings.ReplaceAll(s.caddyfile, "#"+name, s.mocks[name].Issuer)
	}
	for i := 0; i < len(edits); i += 2 {
		s.caddyfile = edit(t, s.caddyfile, edits[i], edits[i+1])
	}
	s.server = startOn(t, s.in, s.caddyfile)
	s.registers("google", "facebook")
	return s
}

// registers makes the hub known to Google and Facebook, which answer to the providers
// of these names.
func (s *shore) registers(google, facebook string) {
	for p, name := range map[socialtest.Provider]string{socialtest.Google: google, socialtest.Facebook: facebook} {
		s.in.Register(p, socialtest.Client{
			ID: string(p) + "-app", Secret: string(p) + "-secret", RedirectURIs: []string{s.hub + "/login/" + name + "/callback"},
		})
	}
}

// stranger is a browser of a network of its own, so that its tries are not counted
// against another.
func (s *shore) stranger(t testing.TB) *visitor {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts++
	own := *s.server
	own.t, own.from = t, fmt.Sprintf("127.2.%d.%d", s.hosts/250, s.hosts%250+1)
	return own.visitor(t)
}

// person is somebody with an account at a provider.
type person struct {
	at string // the provider's name
	socialtest.Person
}

// somebody has an account at a provider from now on.
func (s *shore) somebody(at, subject, email string) person {
	p := person{at, socialtest.Person{Subject: subject, Email: email, GivenName: "Some", FamilyName: "Body", Name: "Some Body"}}
	s.knows(p)
	return p
}

// doubted is somebody whose address the provider has not verified.
func (s *shore) doubted(at, subject, email string) person {
	p := s.somebody(at, subject, email)
	p.Unverified = true
	s.knows(p)
	return p
}

func (s *shore) knows(p person) {
	switch p.at {
	case "google":
		s.in.Add(socialtest.Google, p.Person)
	case "facebook":
		s.in.Add(socialtest.Facebook, p.Person)
	}
}

// begins opens a page of a site as a stranger does, and follows the button of a
// provider to where it leads.
func (v *visitor) begins(target, name string) (question string) {
	v.t.Helper()
	hops := v.visit(target)
	return v.leaves(hops[len(hops)-1].says(v.t, 200), name)
}

// leaves follows the button of a provider on a page.
func (v *visitor) leaves(page answer, name string) (question string) {
	v.t.Helper()
	m := regexp.MustCompile(`href="([^"]*/login/` + name + `\?[^"]*)"`).FindStringSubmatch(page.body)
	if m == nil {
		v.t.Fatalf("no button for %s at %s:\n%s", name, page.at, page.body)
	}
	a := v.open(page.resolve(v.t, html.UnescapeString(m[1])), "Sec-Fetch-Site: same-origin")
	return a.says(v.t, 302).to()
}

// answers is what the provider answers when a person agrees.
func (s *shore) answers(t testing.TB, question string, p person) (callback string) {
	t.Helper()
	agree := s.in.Consent
	if mock := s.mocks[p.at]; mock != nil {
		agree = mock.Consent
	}
	back, err := agree(question, p.Person)
	if err != nil {
		t.Fatal(err)
	}
	return back.URL
}

// comes has a person come to a page of a site by a provider, and returns where they
// end.
func (s *shore) comes(v *visitor, target string, p person) answer {
	v.t.Helper()
	return s.comesAs(v, target, p, p.at)
}

func (s *shore) comesAs(v *visitor, target string, p person, name string) answer {
	v.t.Helper()
	hops := v.follow(v.open(s.answers(v.t, v.begins(target, name), p)))
	return hops[len(hops)-1]
}

// customerAt is who a site takes the visitor for.
func (v *visitor) customerAt(site string) string {
	v.t.Helper()
	id, _ := v.seenAs(site)
	return id
}

// enters has a person come to a page of the site without being asked anything, and
// returns which customer they are.
func (s *shore) enters(v *visitor, target string, p person) (customer string) {
	v.t.Helper()
	if a := s.comes(v, target, p).says(v.t, 200); a.at.String() != target {
		v.t.Fatalf("%s of %s ends at %s\n%s", p.Subject, p.at, a.at, a.body)
	}
	return v.customerAt(strings.TrimSuffix(target, "/page"))
}

// signinPage is where a customer manages how they sign in.
func (v *visitor) signinPage() answer {
	v.t.Helper()
	return v.open(v.s.hub+"/account/signin?site="+url.QueryEscape(v.s.newsURL)).says(v.t, 200)
}

var (
	wayEntry  = regexp.MustCompile(`<li class="entry">[^§]*?<bdi>([^<]*)</bdi>`)
	wayButton = regexp.MustCompile(`name="remove" value="([^"]*)"`)
)

// waysIn are the ways in which the customer signs in.
func (v *visitor) waysIn() (names []string) {
	v.t.Helper()
	for _, m := range wayEntry.FindAllStringSubmatch(v.signinPage().body, -1) {
		names = append(names, m[1])
	}
	return names
}

// removable are the ids of those that can be removed.
func (v *visitor) removable() (ids []string) {
	v.t.Helper()
	for _, m := range wayButton.FindAllStringSubmatch(v.signinPage().body, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// isIn tells whether anything has signed the visitor in, at the hub or a site.
func (v *visitor) isIn() bool {
	v.t.Helper()
	for origin, cookie := range map[string]string{v.s.hub: "usher-hub", v.s.newsURL: "usher", v.s.sportsURL: "usher"} {
		if v.cookies(origin)[cookie] != "" {
			return true
		}
	}
	return v.signedIn(v.s.newsURL) || v.signedIn(v.s.sportsURL)
}

func TestIdentityIsIssuerAndSubject(t *testing.T) {
	t.Parallel()
	s := land(t)
	const subject = "4711"
	customers := map[string]string{}
	who := map[string]person{}
	for _, at := range []string{"google", "facebook", "corporate", "partner"} {
		who[at] = s.somebody(at, subject, at+"@key.test")
		customers[at] = s.enters(s.stranger(t), s.newsURL+"/page", who[at])
	}
	customers["google at the rival"] = s.enters(s.stranger(t), s.sportsURL+"/page", who["google"])
	seen := map[string]string{}
	for at, id := range customers {
		if other := seen[id]; id == "" || other != "" {
			t.Errorf("%s of %s and of %s are the customer %q", subject, at, other, id)
		}
		seen[id] = at
	}

	// Another name is the same provider; another issuer is another.
	renamed := strings.NewReplacer("login google {", "login google search {", "openid corporate", "openid company",
		s.mocks["corporate"].Issuer, s.mocks["partner"].Issuer, s.mocks["partner"].Issuer, "http://127.0.0.1:1/nobody").Replace(s.caddyfile)
	if out, err := s.reload(renamed, "2"); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	s.registers("search", "facebook")
	changed := who["google"]
	changed.Email = "another@key.test" // an address decides nothing
	s.knows(changed)
	as := func(p person, name string) string {
		v := s.stranger(t)
		s.comesAs(v, s.newsURL+"/page", p, name).says(t, 200)
		return v.customerAt(s.newsURL)
	}
	if got := as(changed, "search"); got != customers["google"] {
		t.Errorf("by another name of the provider, with another address, somebody is the customer %q, was %q", got, customers["google"])
	}
	if got := as(who["partner"], "company"); got != customers["partner"] {
		t.Errorf("the customers of an issuer did not follow it to another name: %q, was %q", got, customers["partner"])
	}
}

// joinCode waits for the n-th code that is mailed to an address for joining.
func (s *shore) joinCode(t testing.TB, to string, n int) string {
	t.Helper()
	return s.awaitLetter(t, to, "Your code to sign in", n).code(t)
}

// joins sends a form of the page where somebody joins.
func (v *visitor) joins(page answer, path string, fields url.Values) answer {
	v.t.Helper()
	to := *page.at
	to.Path = path
	return v.submit(to.String(), fields)
}

func TestUnverifiedAddressOpensNothing(t *testing.T) {
	t.Parallel()
	s := land(t)
	victim := s.register(t, "victim")
	before := s.stranger(t)
	for _, p := range []person{
		s.doubted("google", "1", "victim@viewer.test"), s.doubted("google", "2", "VICTIM@viewer.test"), s.doubted("google", "3", " victim@viewer.test "),
		s.somebody("facebook", "4", "victim@viewer.test"), s.doubted("corporate", "5", "victim@viewer.test"),
		s.somebody("google", "6", "victim@viewer.test"), // verified, and still asked for a proof
	} {
		v := s.stranger(t)
		a := s.comes(v, s.newsURL+"/page", p).says(t, 200)
		if a.at.Path != "/join" || v.isIn() {
			t.Errorf("%s of %s ends at %s", p.Subject, p.at, a.at)
		}
		for _, guess := range []url.Values{{"password": {"wrong wombat 1"}}, {"code": {""}}, {"code": {"AAAA-AAAA"}}} {
			if got := v.joins(a, "/join", guess); got.status != 422 || v.isIn() {
				t.Errorf("%s of %s answers %v: status %d", p.Subject, p.at, guess, got.status)
			}
		}
		if strings.Contains(a.body, victim.id) {
			t.Errorf("the page tells of the customer:\n%s", a.body)
		}
	}
	if before.isIn() {
		t.Error("a bystander is in")
	}
	s.login(t, victim.email)
}

func TestVerifiedFirstTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	s := land(t)
	s.registerAt(t, rivalPublisher, "known")
	ask := func(p person) (answer, answer) {
		v := s.stranger(t)
		a := s.comes(v, s.sportsURL+"/page", p)
		if a.at.Path == "/join" && strings.Contains(a.body, `name="email"`) {
			a = v.follow(v.joins(a, "/join", url.Values{"email": {p.Email}}))[0]
		}
		sent := v.follow(v.joins(a, "/join/code", nil))
		wrong := v.joins(sent[len(sent)-1], "/join", url.Values{"code": {"AAAA-AAAA"}})
		return a, wrong
	}
	query := regexp.MustCompile(`\?[^"]*"`)
	plain := func(a answer, name string) string {
		return query.ReplaceAllString(strings.ReplaceAll(a.body, name, "NAME"), `?"`)
	}
	a1, w1 := ask(s.doubted("google", "1", "known@viewer.test"))
	a2, w2 := ask(s.doubted("google", "2", "fresh@viewer.test"))
	if a1.status != a2.status || plain(a1, "known") != plain(a2, "fresh") {
		t.Errorf("who has an account is asked %d\n%s\nwho has none %d\n%s", a1.status, a1.body, a2.status, a2.body)
	}
	if w1.status != w2.status || plain(w1, "known") != plain(w2, "fresh") {
		t.Errorf("who has an account gets %d\n%s\nwho has none %d\n%s", w1.status, w1.body, w2.status, w2.body)
	}
}

// TestAccountMadeByAnotherGainsNothing: somebody makes an account with the victim's
// address, and leaves in it whatever may serve them later.
func TestAccountMadeByAnotherGainsNothing(t *testing.T) {
	t.Parallel()
	s := land(t)
	for _, first := range []string{"by password", "by Facebook"} {
		t.Run(first, func(t *testing.T) {
			email := "pre-" + first[3:] + "@viewer.test"
			attacker, own := s.stranger(t), s.somebody("facebook", "66-"+first, "")
			var app tokens
			account := attacker
			if first == "by password" {
				app = s.register(t, "pre-password").tokens
				account.signIn(s.newsURL+"/page", email)
				link := account.open(s.hub+"/account/signin?site="+url.QueryEscape(s.newsURL)).says(t, 200)
				hops := account.follow(account.open(s.answers(t, account.leaves(link, "facebook"), own), "Sec-Fetch-Site: cross-site"))
				if last := hops[len(hops)-1].says(t, 200); last.at.Path != "/account/signin" || !strings.Contains(last.body, "Facebook") {
					t.Fatalf("linking ends at %s\n%s", last.at, last.body)
				}
			} else {
				a := s.comes(account, s.newsURL+"/page", own).says(t, 200)
				account.arrive(account.joins(a, "/join", url.Values{"email": {email}}), s.newsURL+"/page")
			}
			taken := account.customerAt(s.newsURL)
			// What is under way when the victim comes.
			pending := s.answers(t, account.leaves(account.signinPage(), "google"), s.somebody("google", "later-"+first, "later@evil.test"))
			waiting := s.stranger(t)
			join := s.comes(waiting, s.newsURL+"/page", s.doubted("google", "join-"+first, email)).says(t, 200)
			waiting.joins(join, "/join/code", nil).says(t, 303)
			s.joinCode(t, email, 1)
			s.stranger(t).submit(s.hub+"/forgot?site="+url.QueryEscape(s.newsURL), url.Values{"email": {email}}).says(t, 200)
			reset := s.awaitLetter(t, email, "Choose a new password", 1).link(t)

			victim := s.stranger(t)
			asked := s.comes(victim, s.newsURL+"/page", s.somebody("google", "victim-"+first, email)).says(t, 200)
			if asked.at.Path != "/join" || victim.isIn() {
				t.Fatalf("the victim ends at %s", asked.at)
			}
			victim.joins(asked, "/join/code", nil).says(t, 303)
			victim.arrive(victim.joins(asked, "/join", url.Values{"code": {s.joinCode(t, email, 2)}}), s.newsURL+"/page")
			if got := victim.customerAt(s.newsURL); got != taken {
				t.Fatalf("the victim is customer %s, want %s", got, taken)
			}

			if attacker.signedIn(s.newsURL) || attacker.knowsAt(ownPublisher) {
				t.Error("the session of before is alive")
			}
			if a := attacker.open(pending); a.status < 400 {
				t.Errorf("an account is linked by a sign-in that was under way: status %d, to %s", a.status, a.to())
			}
			if app.JWT != "" {
				if alive := app.living(t, s.server); len(alive) > 0 {
					t.Errorf("the app of before has %q", alive)
				}
				s.post(t, "/auths", credentials(email, password)).says(t, 401)
			}
			if a := s.stranger(t).open(reset); a.status == 200 && strings.Contains(a.body, `type="password"`) {
				t.Errorf("the link of before is good: %s", reset)
			}
			again := s.stranger(t)
			if s.comes(again, s.newsURL+"/page", own); again.isIn() && again.customerAt(s.newsURL) == taken {
				t.Error("the linked account opens it")
			}
			if waiting.joins(join, "/join", url.Values{"password": {password}}); waiting.isIn() {
				t.Error("who waited to join is in by the password of before")
			}
			if ways := victim.waysIn(); fmt.Sprint(ways) != "[Google]" {
				t.Errorf("the victim's ways to sign in are %q", ways)
			}
		})
	}
}
