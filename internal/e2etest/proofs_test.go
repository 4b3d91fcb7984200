// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"strconv"
	"testing"
)

// holding is what proves the sessions of one customer: those of a browser at the
// hub and two sites, of an app, and of the browser that the customer is at.
type holding struct {
	browser, here *visitor
	app           tokens
	email         string
}

func (s *server) hold(t *testing.T, email string) holding {
	t.Helper()
	h := holding{browser: s.visitor(t), here: s.newcomer(t, email), email: email}
	h.app = s.login(t, email)
	h.browser.signIn(s.newsURL+"/", email)
	for _, v := range []*visitor{h.browser, h.here} {
		for _, site := range []string{s.newsURL, s.sportsURL} {
			if v.visit(site + "/"); !v.signedIn(site) {
				t.Fatalf("not signed in at %s to begin with", site)
			}
		}
	}
	return h
}

// newcomer signs a customer up at a site.
func (s *server) newcomer(t *testing.T, email string) *visitor {
	t.Helper()
	v := s.visitor(t)
	v.signUp(s.newsURL+"/", email, accepted...)
	return v
}

// alive returns what of a browser's session is not refused.
func (v *visitor) alive() (alive []string) {
	v.t.Helper()
	for _, site := range []string{v.s.newsURL, v.s.sportsURL} {
		if v.signedIn(site) {
			alive = append(alive, "the cookie of "+site)
		}
	}
	if v.knows() {
		alive = append(alive, "the hub's cookie")
	}
	ask := v.s.visitor(v.t).open(v.s.newsURL+"/.usher/login").says(v.t, 302).to()
	if a := v.open(ask).says(v.t, 302); member(v.t, a.to(), "code") != "" {
		alive = append(alive, "the hub's cookie, for a code")
	}
	return alive
}

// living returns which uses of an app's tokens are not refused. It spends the
// refresh token.
func (of tokens) living(t *testing.T, s *server) (alive []string) {
	t.Helper()
	client := &visitor{t: t, s: s, client: s.client()}
	for _, at := range []string{s.newsURL + "/account", s.sportsURL + "/account", s.hub + "/customers/" + of.customer()} {
		if client.fetch(at, bearer(of.JWT)).status != 401 {
			alive = append(alive, "the token at "+at)
		}
	}
	if s.refresh(t, of.RefreshToken).status != 401 {
		alive = append(alive, "the refresh token")
	}
	return alive
}

// ownEndings are what a customer does in their own browser that ends sessions,
// and those of which holders live on. What an app and the publisher's servers do
// is in endings.
var ownEndings = map[string]struct {
	end           func(t *testing.T, s *server, h holding) answer
	status        int
	browser, here bool // live on
	app           bool
}{
	"password changed": {func(_ *testing.T, s *server, h holding) answer {
		return h.here.submit(s.hub+"/account/password", url.Values{"current": {password}, "password": {"copper-lantern-72-river"}})
	}, 303, false, true, false},
	"other devices signed out": {func(_ *testing.T, s *server, h holding) answer {
		return h.here.submit(s.hub+"/account/sessions", url.Values{"others": {"yes"}})
	}, 303, false, true, false},
	"one device signed out": {func(t *testing.T, s *server, h holding) answer {
		return h.here.submit(s.hub+"/account/sessions", url.Values{"session": {h.browser.session(t)}})
	}, 303, false, true, true},
	"signed out at a site": {func(_ *testing.T, s *server, h holding) answer {
		return h.here.twin().submit(s.sportsURL+"/.usher/logout", nil)
	}, 303, true, false, true},
	"signed out at the hub": {func(_ *testing.T, s *server, h holding) answer {
		return h.here.twin().submit(s.hub+"/logout", nil)
	}, 303, true, false, true},
	"required consent withdrawn": {func(_ *testing.T, s *server, h holding) answer {
		return h.here.twin().submit(s.hub+"/account/consents", url.Values{"confirm": {"withdraw"}})
	}, 200, false, false, false},
	"account deleted": {func(_ *testing.T, s *server, h holding) answer {
		return h.here.twin().submit(s.hub+"/account/delete", url.Values{"understood": {"yes"}, "current": {password}})
	}, 200, false, false, false},
	"password reset": {func(t *testing.T, s *server, h holding) answer {
		w := s.visitor(t)
		return w.fill(w.open(s.askReset(t, h.email, 1)).says(t, 200), "password", "copper-lantern-72-river")
	}, 200, false, false, false},
}

func TestEveryProofOfASessionThatHasEndedIsRefused(t *testing.T) {
	t.Parallel()
	s := borrow(t, withConsents)
	n := 0
	for what, e := range ownEndings {
		n++
		email := "ending" + strconv.Itoa(n) + "@viewer.test"
		t.Run(what, func(t *testing.T) {
			h := s.hold(t, email)
			e.end(t, s, h).says(t, e.status)
			for who, found := range map[string]struct {
				alive []string
				lives bool
			}{
				"the browser": {h.browser.alive(), e.browser}, "the browser that the customer is at": {h.here.alive(), e.here},
				"the app": {h.app.living(t, s), e.app},
			} {
				if want := map[bool]int{true: 4}[found.lives]; len(found.alive) != want {
					t.Errorf("%s holds %q alive, want %d", who, found.alive, want)
				}
			}
		})
	}
}
