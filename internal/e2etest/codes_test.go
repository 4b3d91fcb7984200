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
	s := start(t, standard)
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

func TestCodeIsForOneSiteAndOneBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, standard)
	viewer, other := s.register(t, "bound"), s.register(t, "other")
	tests := map[string]func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer){
		"at another site": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			v.open(s.sportsURL + "/")
			return v, s.sportsURL, v.open(strings.Replace(back, s.newsURL, s.sportsURL, 1))
		},
		"at another site with its cookies": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			v.keep(s.sportsURL, v.cookies(s.newsURL))
			return v, s.sportsURL, v.open(strings.Replace(back, s.newsURL, s.sportsURL, 1))
		},
		"without a pending sign-in": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			w = s.visitor(t)
			return w, s.newsURL, w.open(back)
		},
		"in a browser with a sign-in of its own": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			w.open(s.newsURL + "/")
			return w, s.newsURL, w.open(back)
		},
		"in place of the browser's own": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			u, _ := url.Parse(back)
			return w, s.newsURL, w.open(changed(t, w.callback(s.newsURL+"/"), "code", u.Query().Get("code")))
		},
		"as an answer to another question": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			u, _ := url.Parse(back)
			return v, s.newsURL, v.open(changed(t, v.callback(s.newsURL+"/second"), "code", u.Query().Get("code")))
		},
		"from another hub": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			return v, s.newsURL, v.open(changed(t, back, "iss", "http://evil.test"))
		},
		"from nobody": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			return v, s.newsURL, v.open(changed(t, back, "iss", ""))
		},
		"with another state": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			u, _ := url.Parse(back)
			return v, s.newsURL, v.open(changed(t, back, "state", u.Query().Get("state")+"x"))
		},
		"with a state of nobody's": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			return v, s.newsURL, v.open(changed(t, back, "state", "x"))
		},
		"cut short": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			u, _ := url.Parse(back)
			return v, s.newsURL, v.open(changed(t, back, "code", u.Query().Get("code")[1:]))
		},
		"missing": func(t *testing.T, v, w *visitor, back string) (*visitor, string, answer) {
			return v, s.newsURL, v.open(changed(t, back, "code", ""))
		},
	}
	for what, try := range tests {
		t.Run(what, func(t *testing.T) {
			v, w := s.hubOnly(t, viewer.email), s.hubOnly(t, other.email)
			v.t, w.t = t, t
			who, site, a := try(t, v, w, v.callback(s.newsURL+"/first"))
			refusedHere(t, who, site, a)
			if !v.knows() || !w.knows() {
				t.Error("a session was ended by what anybody could send")
			}
		})
	}
}

func TestCallbackOpenedByAVictimDoesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, standard)
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
	s := start(t, standard)
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
