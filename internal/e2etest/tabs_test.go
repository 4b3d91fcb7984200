// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"strings"
	"testing"
)

// TestTabsThatFinishInAnyOrderStaySignedIn: two tabs sign in at a site at once,
// and the browser keeps the cookie whose answer arrives last, which need not be
// the one that the server made last. That cookie must be good for as long as the
// session is, not for as long as its token.
func TestTabsThatFinishInAnyOrderStaySignedIn(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "any-order")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	var callbacks []string
	for _, page := range []string{"/first", "/second"} {
		asked := v.open(s.sportsURL+page).says(t, 302)
		callbacks = append(callbacks, v.open(asked.to()).says(t, 302).to())
	}
	var cookies []string
	for _, callback := range callbacks {
		v.open(callback).says(t, 303)
		cookies = append(cookies, v.cookies(s.sportsURL)[s.siteCookie()])
	}
	for i, cookie := range cookies {
		v.keep(s.sportsURL, map[string]string{s.siteCookie(): s.stale(t, cookie)})
		if a := v.fetch(s.sportsURL + "/api/me"); a.status != 200 {
			t.Errorf("the cookie of tab %d is not renewed when its token has expired: status %d", i+1, a.status)
		}
	}
}

// stale returns a site's cookie with an expired token: one whose key is
// forgotten, as nobody but the server can make one that it has signed. The secret
// beside it is what renews either.
func (s *server) stale(t testing.TB, cookie string) string {
	t.Helper()
	at := strings.LastIndex(cookie, "~") + 1
	f := newForge(t, s, cookie[at:])
	return cookie[:at] + f.signed(with(f.header, map[string]any{"kid": "forgotten"}), with(f.claims, map[string]any{"exp": 1}))
}
