// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"strings"
	"testing"
)

// callback begins a sign-in at a site and returns the address with which the
// hub sends the visitor back, without opening it. The visitor has a session
// with the hub.
func (v *visitor) callback(target string) string {
	v.t.Helper()
	ask := v.open(target).says(v.t, 302)
	back := v.open(ask.to()).says(v.t, 302)
	if u, err := url.Parse(back.to()); err != nil || u.Path != "/.usher/callback" || u.Query().Get("code") == "" {
		v.t.Fatalf("the hub sends the visitor to %s", back.to())
	}
	return back.to()
}

// changed returns an address with one member of its query changed, or removed
// when the value is empty.
func changed(t testing.TB, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// member returns one member of an address's query.
func member(t testing.TB, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

// refusedHere checks that a callback was refused and signed nobody in.
func refusedHere(t *testing.T, v *visitor, site string, a answer) {
	t.Helper()
	if a.status != 400 || a.header.Get("Location") != "" {
		t.Errorf("the callback answered %d with Location %q, want 400", a.status, a.header.Get("Location"))
	}
	if v.cookies(site)["usher"] != "" || v.signedIn(site) {
		t.Error("somebody is signed in")
	}
}

// hubOnly returns a visitor who is signed in at the hub and at no site.
func (s *server) hubOnly(t testing.TB, email string) *visitor {
	t.Helper()
	v := s.visitor(t)
	v.submit(s.hub+"/login", url.Values{"email": {email}, "password": {password}}).says(t, 303)
	return v
}

func TestCodeUsedTwiceEndsTheSession(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "twice")
	v := s.hubOnly(t, viewer.email)
	back := v.callback(s.newsURL + "/once")
	replay := v.twin() // has the pending sign-in, too
	v.arrive(v.open(back), s.newsURL+"/once")

	// Without the pending sign-in, which is spent, it is an old link and harms nobody.
	if a := v.open(back); a.status != 400 || !v.signedIn(s.newsURL) {
		t.Errorf("opening the address again: status %d", a.status)
	}
	refusedHere(t, replay, s.newsURL, replay.open(back))
	if v.signedIn(s.newsURL) || v.knows() {
		t.Error("the session that was minted from the code is alive")
	}
	s.visitor(t).fetch(s.newsURL+"/account", bearer(viewer.JWT)).says(t, 200) // another session of the customer
}

// misuses are ways to use a callback otherwise than it is meant. It is for v; w
// is somebody else with a session at the hub. Each returns who opens which
// address.
var misuses = map[string]func(v, w *visitor, back string) (who *visitor, address string){
	"at another site": func(v, _ *visitor, back string) (*visitor, string) {
		v.open(v.s.sportsURL + "/")
		return v, strings.Replace(back, v.s.newsURL, v.s.sportsURL, 1)
	},
	"at another site with its cookies": func(v, _ *visitor, back string) (*visitor, string) {
		v.keep(v.s.sportsURL, v.cookies(v.s.newsURL))
		return v, strings.Replace(back, v.s.newsURL, v.s.sportsURL, 1)
	},
	"without a pending sign-in": func(v, _ *visitor, back string) (*visitor, string) {
		return v.s.visitor(v.t), back
	},
	"in a browser with a sign-in of its own": func(_, w *visitor, back string) (*visitor, string) {
		w.open(w.s.newsURL + "/")
		return w, back
	},
	"in place of the browser's own": func(_, w *visitor, back string) (*visitor, string) {
		return w, changed(w.t, w.callback(w.s.newsURL+"/"), "code", member(w.t, back, "code"))
	},
	"as an answer to another question": func(v, _ *visitor, back string) (*visitor, string) {
		return v, changed(v.t, v.callback(v.s.newsURL+"/second"), "code", member(v.t, back, "code"))
	},
	"from another hub": func(v, _ *visitor, back string) (*visitor, string) {
		return v, changed(v.t, back, "iss", "http://evil.test")
	},
	"from nobody": func(v, _ *visitor, back string) (*visitor, string) {
		return v, changed(v.t, back, "iss", "")
	},
	"with another state": func(v, _ *visitor, back string) (*visitor, string) {
		return v, changed(v.t, back, "state", member(v.t, back, "state")+"x")
	},
	"with a state of nobody's": func(v, _ *visitor, back string) (*visitor, string) {
		return v, changed(v.t, back, "state", "x")
	},
	"cut short": func(v, _ *visitor, back string) (*visitor, string) {
		return v, changed(v.t, back, "code", member(v.t, back, "code")[1:])
	},
	"without a code": func(v, _ *visitor, back string) (*visitor, string) {
		return v, changed(v.t, back, "code", "")
	},
}

func TestCodeIsForOneSiteAndOneBrowser(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer, other := s.register(t, "bound"), s.register(t, "other")
	for what, misuse := range misuses {
		t.Run(what, func(t *testing.T) {
			v, w := s.hubOnly(t, viewer.email), s.hubOnly(t, other.email)
			who, address := misuse(v, w, v.callback(s.newsURL+"/first"))
			site := s.newsURL
			if strings.HasPrefix(address, s.sportsURL) {
				site = s.sportsURL
			}
			refusedHere(t, who, site, who.open(address))
			if !v.knows() || !w.knows() {
				t.Error("a session was ended by what anybody could send")
			}
		})
	}
}

func TestCallbackOpenedByAVictimDoesNothing(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	attacker, victim := s.register(t, "lure"), s.register(t, "lured")
	lure := s.hubOnly(t, attacker.email).callback(s.newsURL + "/")

	v := s.visitor(t)
	v.signIn(s.newsURL+"/mine", victim.email)
	if a := v.open(lure); a.status != 400 {
		t.Errorf("the callback answered %d", a.status)
	}
	var told struct{ CustomerID string }
	v.fetch(s.newsURL+"/.usher/session").says(t, 200).json(t, &told)
	if told.CustomerID != victim.id {
		t.Errorf("the victim is signed in as %q", told.CustomerID)
	}
}

// TestTabsSignInOneByOne: each tab has a pending sign-in of its own, and one
// that is answered spends no other.
func TestTabsSignInOneByOne(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "tabs")
	v := s.hubOnly(t, viewer.email)
	var backs []string
	for _, path := range []string{"/one", "/two?x=1", "/three"} {
		backs = append(backs, v.callback(s.newsURL+path))
	}
	for i, path := range []string{"/one", "/two?x=1", "/three"} {
		v.arrive(v.open(backs[i]), s.newsURL+path)
	}
	for range 12 {
		s.visitor(t).open(s.newsURL + "/")
		v.callback(s.sportsURL + "/")
	}
	pending := 0
	for name := range v.cookies(s.sportsURL) {
		if strings.HasPrefix(name, "usher-tx-") {
			pending++
		}
	}
	if pending > 5 {
		t.Errorf("the browser keeps %d pending sign-ins, want at most 5", pending)
	}
}
