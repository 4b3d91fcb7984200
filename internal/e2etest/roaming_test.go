// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"strings"
	"testing"
)

// withConsents asks for a consent that is required and for one that is not.
const withConsents = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			consent broadcaster_terms {
				label "I accept the [terms of use]({{.Hub}}/terms)."
				value {{.Hub}}/terms
				required
			}
			consent broadcaster_marketing {
				label "Send me news about new programmes."
			}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	header X-Config "{{.Version}}"
	usher_gate {
		public /assets/*
	}
	reverse_proxy {{.NewsApp}}
}
{{.Sports}} {
	usher_gate {
		public /assets/*
	}
	reverse_proxy {{.SportsApp}}
}
`

// accepted is the form field of the required consent, ticked.
var accepted = []string{"consent.broadcaster_terms", "1"}

func TestSecondSiteTakesThreeRedirectsAndNoClick(t *testing.T) {
	t.Parallel()
	s := borrow(t, withConsents)
	v := s.visitor(t)
	v.signUp(s.newsURL+"/live?match=7&half=a%2Fb", "roamer@viewer.test", accepted...)

	hops := v.visit(s.sportsURL + "/table?league=1&name=a%2Fb")
	want := []struct {
		status int
		at     string
	}{
		{302, s.sportsURL + "/table?league=1&name=a%2Fb"},
		{302, s.hub + "/authorize"},
		{303, s.sportsURL + "/.usher/callback"},
		{200, s.sportsURL + "/table?league=1&name=a%2Fb"},
	}
	if len(hops) != len(want) {
		t.Fatalf("%d answers, want %d: %v", len(hops), len(want), places(hops))
	}
	for i, w := range want {
		if hops[i].status != w.status || !strings.HasPrefix(hops[i].at.String(), w.at) {
			t.Errorf("answer %d: status %d at %s, want %d at %s", i+1, hops[i].status, hops[i].at, w.status, w.at)
		}
	}
	for _, hop := range hops[:3] {
		if cc := hop.header.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("the redirect at %s may be kept: Cache-Control %q", hop.at, cc)
		}
	}
	if got := hops[2].header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("the callback's Referrer-Policy is %q; its address holds a code", got)
	}
	for _, hop := range hops {
		if strings.Contains(hop.at.String(), "table%3F") || strings.Contains(hop.at.RawQuery, url.QueryEscape("/table")) {
			t.Errorf("the return path travels in the address %s, where it can be forged", hop.at)
		}
	}
}

func places(hops []answer) []string {
	var all []string
	for _, h := range hops {
		all = append(all, h.at.Scheme+"://"+h.at.Host+h.at.Path)
	}
	return all
}

func TestAfterSignOutEverySiteRefusesTheNextRequest(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "leaver")
	other := s.visitor(t) // the same customer on another device
	other.signIn(s.newsURL+"/", viewer.email)
	ways := map[string]func(v *visitor) answer{
		"at a site": func(v *visitor) answer { return v.submit(s.sportsURL+"/.usher/logout", nil) },
		"at the hub": func(v *visitor) answer {
			return v.fill(v.open(s.hub + "/logout"))
		},
		"from a script": func(v *visitor) answer {
			return v.send("POST", s.newsURL+"/.usher/logout", "", append(asScript, "Origin: "+s.newsURL)...)
		},
	}
	for where, leave := range ways {
		t.Run(where, func(t *testing.T) {
			v := s.visitor(t)
			v.signIn(s.newsURL+"/", viewer.email)
			v.visit(s.sportsURL + "/")
			if !v.signedIn(s.newsURL) || !v.signedIn(s.sportsURL) || !v.knows() {
				t.Fatal("not signed in everywhere to begin with")
			}
			before := v.twin() // keeps the cookies, whose tokens have minutes left
			news, sports := len(s.news.all()), len(s.sports.all())

			if a := leave(v); a.status >= 400 {
				t.Fatalf("signing out answered %d\n%s", a.status, a.body)
			}
			for who, w := range map[string]*visitor{"the browser": v, "who copied its cookies": before} {
				if w.signedIn(s.newsURL) || w.signedIn(s.sportsURL) || w.knows() {
					t.Errorf("%s is still let in", who)
				}
				last := w.visit(s.newsURL + "/private")
				if at := last[len(last)-1].at; at.Host != strings.TrimPrefix(s.hub, "http://") || at.Path != "/login" {
					t.Errorf("%s, opening a page, lands at %s instead of the login", who, at)
				}
			}
			if len(s.news.all()) != news || len(s.sports.all()) != sports {
				t.Error("an app was called after the sign-out")
			}
			if !other.signedIn(s.newsURL) {
				t.Error("the customer's other device was signed out too")
			}
		})
	}
}

func TestSignOutAtASiteLeadsToAPageThatSaysSo(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "reader")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	ask := v.open(s.newsURL+"/.usher/logout").says(t, 200)
	if !v.signedIn(s.newsURL) {
		t.Fatal("a GET signed out")
	}
	hops := v.follow(v.fill(ask))
	last := hops[len(hops)-1].says(t, 200)
	if last.at.Path != "/signed-out" || !strings.Contains(last.body, s.newsURL+"/") {
		t.Errorf("signing out ends at %s, want the hub's page with a way back\n%s", last.at, last.body)
	}
}

func TestSessionTellsFrontEndsWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "frontend")
	v := s.visitor(t)
	var told struct {
		SignedIn                          bool
		CustomerID, PublisherID, LoginURL string
		Expires                           int64
	}
	v.fetch(s.newsURL+"/.usher/session").says(t, 200).json(t, &told)
	if told.SignedIn || told.CustomerID != "" || told.LoginURL != s.newsURL+"/.usher/login" {
		t.Errorf("told of a stranger: %+v", told)
	}
	v.signIn(s.newsURL+"/", viewer.email)
	v.fetch(s.newsURL+"/.usher/session").says(t, 200).json(t, &told)
	if !told.SignedIn || told.CustomerID != viewer.id || told.PublisherID != publisherID || told.Expires == 0 {
		t.Errorf("told of a viewer: %+v", told)
	}
}

func TestConsentMustBeTickedAndIsAskedOnlyOnce(t *testing.T) {
	t.Parallel()
	s := borrow(t, withConsents)
	v := s.visitor(t)
	hops := v.visit(s.newsURL + "/live")
	form := v.click(hops[len(hops)-1], "Create an account").says(t, 200)
	refused := v.fill(form, "email", "consent@viewer.test", "password", password).says(t, 422)
	if !strings.Contains(refused.body, "Please accept this to go on.") {
		t.Errorf("refused without saying why:\n%s", refused.body)
	}
	if v.knows() {
		t.Fatal("signed in without the required consent")
	}
	v.arrive(v.fill(refused, append(accepted, "email", "consent@viewer.test", "password", password)...), s.newsURL+"/live")
	var seen echo
	v.fetch(s.newsURL+"/account").says(t, 200).json(t, &seen)
	if got := seen.told()["x-usher-consents"]; len(got) != 1 || got[0] != "broadcaster_terms" {
		t.Errorf("the app was told consents %q, want broadcaster_terms", got)
	}
}
