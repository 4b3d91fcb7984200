// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/token"
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
		v.keep(s.sportsURL, map[string]string{s.siteCookie(): s.stale(t, s.sportsURL, cookie)})
		if a := v.fetch(s.sportsURL + "/api/me"); a.status != 200 {
			t.Errorf("the cookie of tab %d is not renewed when its token has expired: status %d", i+1, a.status)
		}
	}
}

// stale returns a site's cookie with its token expired. Only the server can make
// one, so it is made with the server's own secret, out of its store.
func (s *server) stale(t testing.TB, site, cookie string) string {
	t.Helper()
	tokens := s.siteTokens(t)
	at := strings.LastIndex(cookie, "~") + 1
	session, _, _ := strings.Cut(cookie, "~")
	claims, err := tokens.Judge(cookie[at:], site, session)
	if err != nil {
		t.Fatalf("the token in %q: %v", cookie, err)
	}
	claims.Expires = time.Now().Add(-time.Minute)
	return cookie[:at] + tokens.Make(claims)
}

// siteTokens makes what the server's gates put into cookies.
func (s *server) siteTokens(t testing.TB) *token.SiteTokens {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "usher.db")) // the server has it locked
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "usher.db")
	if err := os.WriteFile(copied, content, 0o600); err != nil {
		t.Fatal(err)
	}
	backend, err := bolt.Open(copied, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	root, err := authstore.New(backend, time.Now).RootKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return token.NewSiteTokens(secret.Root(root.Secret), time.Now)
}
