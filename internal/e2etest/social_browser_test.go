// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/socialtest"
)

// Attacks on the way to a provider and back: whose browser, which provider, which
// publisher.

// anna and bob are two who have accounts everywhere. What a provider answers for anna
// is turned against her or bob.
type pair struct {
	anna, bob map[string]person
}

func (s *shore) pair() pair {
	p := pair{map[string]person{}, map[string]person{}}
	for _, at := range []string{"google", "facebook", "corporate", "partner"} {
		p.anna[at] = s.somebody(at, "1001", "anna-"+at+"@pair.test")
		p.bob[at] = s.somebody(at, "1002", "bob-"+at+"@pair.test")
	}
	return p
}

// crossings are ways to use a provider's answer otherwise than it is meant. Each
// returns who opens which address; nobody is to be in afterwards.
var crossings = map[string]func(s *shore, v *visitor, p pair) (who *visitor, address string){
	"in another browser": func(s *shore, v *visitor, p pair) (*visitor, string) {
		return s.stranger(v.t), s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"])
	},
	"in a browser with a sign-in of its own": func(s *shore, v *visitor, p pair) (*visitor, string) {
		w := s.stranger(v.t)
		w.begins(s.newsURL+"/page", "google")
		return w, s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"])
	},
	"in place of the browser's own": func(s *shore, v *visitor, p pair) (*visitor, string) {
		w := s.stranger(v.t)
		own := s.answers(v.t, w.begins(s.newsURL+"/page", "google"), p.bob["google"])
		return w, changed(v.t, own, "code", member(v.t, s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"]), "code"))
	},
	"as an answer to the browser's other question": func(s *shore, v *visitor, p pair) (*visitor, string) {
		first := s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"])
		second := s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"])
		return v, changed(v.t, first, "code", member(v.t, second, "code"))
	},
	"with the state of the browser's question to another provider": func(s *shore, v *visitor, p pair) (*visitor, string) {
		corporate := s.answers(v.t, v.begins(s.newsURL+"/page", "corporate"), p.anna["corporate"])
		partner := s.answers(v.t, v.begins(s.newsURL+"/page", "partner"), p.anna["partner"])
		return v, changed(v.t, corporate, "state", member(v.t, partner, "state"))
	},
	"of one provider at another's address": func(s *shore, v *visitor, p pair) (*visitor, string) {
		back := s.answers(v.t, v.begins(s.newsURL+"/page", "corporate"), p.anna["corporate"])
		return v, strings.Replace(back, "/login/corporate/", "/login/partner/", 1)
	},
	"that says another issuer": func(s *shore, v *visitor, p pair) (*visitor, string) {
		return v, s.answers(v.t, v.begins(s.newsURL+"/page", "corporate"), p.anna["corporate"]) + "&iss=" + url.QueryEscape(s.mocks["partner"].Issuer)
	},
	"that says two issuers": func(s *shore, v *visitor, p pair) (*visitor, string) {
		back := s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"])
		return v, changed(v.t, back, "iss", "https://evil.test") + "&iss=" + url.QueryEscape("https://accounts.google.com")
	},
	"with a code of nobody's": func(s *shore, v *visitor, p pair) (*visitor, string) {
		return v, changed(v.t, s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"]), "code", "x")
	},
	"without a code": func(s *shore, v *visitor, p pair) (*visitor, string) {
		return v, changed(v.t, s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"]), "code", "")
	},
	"without a state": func(s *shore, v *visitor, p pair) (*visitor, string) {
		return v, changed(v.t, s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"]), "state", "")
	},
	"with a state cut short": func(s *shore, v *visitor, p pair) (*visitor, string) {
		back := s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"])
		return v, changed(v.t, back, "state", member(v.t, back, "state")[1:])
	},
	"with an attempt of another provider under its name": func(s *shore, v *visitor, p pair) (*visitor, string) {
		back := s.answers(v.t, v.begins(s.newsURL+"/page", "google"), p.anna["google"])
		w := s.stranger(v.t)
		w.begins(s.newsURL+"/page", "google")
		names, values := v.attempts(), w.attempts()
		for name := range names {
			for _, value := range values {
				v.keep(s.hub, map[string]string{name: value})
			}
		}
		return v, back
	},
}

// attempts are the cookies of sign-ins elsewhere that are under way.
func (v *visitor) attempts() map[string]string {
	v.t.Helper()
	all := map[string]string{}
	for name, value := range v.cookies(v.s.hub) {
		if strings.HasPrefix(name, "usher-social-") {
			all[name] = value
		}
	}
	return all
}

func TestProvidersAnswerIsForOneBrowserProviderAndPublisher(t *testing.T) {
	t.Parallel()
	s := land(t)
	people := s.pair()
	for what, cross := range crossings {
		t.Run(what, func(t *testing.T) {
			v := s.stranger(t)
			who, at := cross(s, v, people)
			a := who.open(at, "Sec-Fetch-Site: cross-site")
			if a.status < 400 || a.status > 499 || who.isIn() || v.isIn() || a.to() != "" {
				t.Errorf("status %d, to %q\n%s", a.status, a.to(), a.body)
			}
			if who.cookies(s.hub)["usher-join"] != "" {
				t.Error("somebody waits to join")
			}
		})
	}

	// What the request says of a publisher or a site counts for nothing.
	for what, add := range map[string]string{
		"another publisher": "&publisher=" + rivalPublisher, "another site": "&site=" + url.QueryEscape(s.sportsURL),
		"a page elsewhere": "&page=//evil.test&then=https://evil.test", "an intent": "&intent=link", "an app": "&app=x&redirect_uri=https://evil.test",
	} {
		v := s.stranger(t)
		back := s.answers(t, v.begins(s.newsURL+"/page", "google"), people.anna["google"])
		v.arrive(v.open(back+add), s.newsURL+"/page")
		if v.signedIn(s.sportsURL) || v.knowsAt(rivalPublisher) {
			t.Errorf("%s in the callback signs in there", what)
		}
	}
}

func TestProvidersAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	s := land(t)
	people := s.pair()
	for _, at := range []string{"google", "corporate"} {
		v := s.stranger(t)
		question := v.begins(s.newsURL+"/page", at)
		before := v.twin()
		before.keep(s.hub, v.cookies(s.hub))
		back := s.answers(t, question, people.anna[at])
		v.arrive(v.open(back), s.newsURL+"/page")
		if left := v.attempts(); len(left) > 0 {
			t.Errorf("%s: cookies %v are left", at, left)
		}
		// A copy of the browser from before, with a new answer too.
		for what, again := range map[string]string{
			"the same answer": back, "a new one to the same question": s.answers(t, question, people.anna[at]),
		} {
			thief := before.twin()
			if a := thief.open(again); a.status != 400 || thief.isIn() {
				t.Errorf("%s: %s: status %d, to %s", at, what, a.status, a.to())
			}
		}
		if a := v.open(back); a.status != 400 || !v.signedIn(s.newsURL) {
			t.Errorf("%s: opening it again: status %d", at, a.status)
		}
	}

	// All at once.
	v := s.stranger(t)
	back := s.answers(t, v.begins(s.newsURL+"/page", "corporate"), people.bob["corporate"])
	var crowd sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 8 {
		w := v.twin()
		crowd.Go(func() {
			if a := w.open(back); a.status < 400 {
				mu.Lock()
				in++
				mu.Unlock()
			}
		})
	}
	if crowd.Wait(); in != 1 {
		t.Errorf("the answer counted %d times", in)
	}
}

func TestPeopleAtOnceEndAsThemselves(t *testing.T) {
	t.Parallel()
	s := land(t)
	const people = 50
	ways := []string{"google", "facebook", "corporate", "partner"}
	type one struct {
		person
		v *visitor
	}
	var all []one
	for i := range people {
		at := ways[i%len(ways)]
		// The same subjects at all providers.
		all = append(all, one{s.somebody(at, strconv.Itoa(9000+i/len(ways)), fmt.Sprintf("one-%d@crowd.test", i)), s.stranger(t)})
	}
	for round := range 2 { // as new customers, and as those they are then
		ids := map[string]string{}
		var mu sync.Mutex
		var crowd sync.WaitGroup
		start := make(chan struct{})
		for _, one := range all {
			crowd.Go(func() {
				<-start
				v := one.v
				if round > 0 {
					v = v.s.visitor(t)
				}
				a := s.comes(v, s.newsURL+"/page", one.person)
				var e echo
				told := v.fetch(s.newsURL + "/open/x")
				told.json(t, &e)
				id, email := e.Header.Get("X-Usher-Customer-Id"), e.Header.Get("X-Usher-Email")
				mu.Lock()
				defer mu.Unlock()
				if a.status != 200 || email != one.Email || id == "" || ids[id] != "" {
					t.Errorf("%s is customer %q with the address %q, who is %q too; status %d at %s", one.Email, id, email, ids[id], a.status, a.at)
				}
				ids[id] = one.Email
			})
		}
		close(start)
		crowd.Wait()
	}
}

func TestCookiesOfSigningInElsewhereAreBoundedAndTheHubsOwn(t *testing.T) {
	t.Parallel()
	s := land(t)
	v := s.stranger(t)
	for i := range 30 {
		page := s.newsURL + "/page?x=" + strconv.Itoa(i)
		v.begins(page, []string{"google", "facebook", "corporate"}[i%3])
	}
	size := 0
	for name, value := range v.attempts() {
		size += len(name) + len(value)
	}
	if n := len(v.attempts()); n == 0 || n > 3 || size > 12000 {
		t.Errorf("%d cookies of %d bytes are left", n, size)
	}
	for _, site := range []string{s.newsURL, s.sportsURL} {
		for name := range v.cookies(site) {
			if strings.Contains(name, "social") {
				t.Errorf("%s gets %s", site, name)
			}
		}
	}
	// The newest is good.
	anna := s.somebody("google", "1", "anna@cookies.test")
	target := s.newsURL + "/page?" + strings.Repeat("long=value&", 150)
	a := s.comes(v, target, anna)
	if a.status != 200 || a.at.String() != target {
		t.Errorf("a long address ends with %d at %s", a.status, a.at)
	}

	// What makes a cookie too long for browsers is refused, or cut, and no error.
	for _, n := range []int{1000, 2000, 3000, 5000, 20000} {
		long := s.stranger(t).open(s.hub + "/login/google?publisher=100000001&ui_locales=en&page=" + strings.Repeat("%2Fa", n))
		for _, cookie := range long.header.Values("Set-Cookie") {
			if len(cookie) > 4096 {
				t.Errorf("a cookie of %d bytes", len(cookie))
			}
		}
		if long.status >= 500 {
			t.Errorf("%d: status %d", n, long.status)
		}
	}
}

func TestCookiesOfSigningInElsewhereBelongToNoScript(t *testing.T) {
	t.Parallel()
	in := socialtest.New(t, time.Now)
	caddyfile := edit(t, secured(), "offers S100000001_US", "offers S100000001_US\n\t\t\tlogin google {\n\t\t\t\tclient_id google-app\n\t\t\t\tclient_secret google-secret\n\t\t\t}\n\t\t\tlogin facebook {\n\t\t\t\tclient_id facebook-app\n\t\t\t\tclient_secret facebook-secret\n\t\t\t}")
	base := newServer(t, real, withRace, t.TempDir())
	base.env = in.Environment(t)
	t.Cleanup(base.finish)
	s := &shore{in: in, server: base.begin(caddyfile), mocks: map[string]*socialtest.Mock{}}
	s.registers("google", "facebook")
	v := s.visitor(t)
	hops := v.visit(s.newsURL + "/page")
	begun := v.open(s.hub+"/login/facebook?"+hops[len(hops)-1].at.RawQuery).says(t, 302)
	checkCookies(t, begun, "__Host-usher-social-")
	back := v.open(s.answers(t, begun.to(), s.somebody("facebook", "1", ""))).says(t, 303)
	checkCookies(t, back, "__Host-usher-join", "__Host-usher-social-")
	form := v.open(back.to()).says(t, 200)
	in2 := v.joins(form, "/join", url.Values{"email": {"cookies@join.test"}}).says(t, 303)
	checkCookies(t, in2, "__Host-usher-hub", "__Host-usher-join")
	for name := range v.cookies(s.hub) {
		if strings.Contains(name, "join") || strings.Contains(name, "social") {
			t.Errorf("%s is left", name)
		}
	}
	for _, a := range []answer{begun, back, form, in2} {
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", a.at.Path, a.header.Get("Cache-Control"))
		}
	}
	if begun.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("Referrer-Policy %q", begun.header.Get("Referrer-Policy"))
	}
}

func TestRefusedAnswersOfOneNetworkAreCounted(t *testing.T) {
	t.Parallel()
	s := land(t)
	anna := s.somebody("google", "1", "anna@counted.test")
	v := s.stranger(t)
	page := s.hub + "/login/google?publisher=" + ownPublisher
	refused := 0
	for range 310 {
		state := member(t, v.open(page).says(t, 302).to(), "state")
		a := v.open(s.hub + "/login/google/callback?code=x&iss=https://evil.test&state=" + state)
		if a.status == 429 {
			checkWait(t, a)
			break
		}
		a.says(t, 400)
		refused++
	}
	if refused != 300 {
		t.Errorf("%d answers were refused before the network had to wait", refused)
	}
	if a := s.comes(v, s.newsURL+"/page", anna); a.status != 429 || v.isIn() {
		t.Errorf("status %d at %s", a.status, a.at)
	}
	s.enters(s.stranger(t), s.newsURL+"/page", anna) // another network
}
