// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

const (
	forSignIn authstore.Purpose = "sign-in"
	forReset  authstore.Purpose = "reset"
)

// mustIssue stores a sign-in code for a new session s1.
func (w *world) mustIssue(t *testing.T, digest string) {
	t.Helper()
	c := w.mustRegister(t, "ann@example.com")
	w.mustStart(t, c, "s1")
	err := w.IssueTicket(t.Context(), digest, authstore.Ticket{
		Purpose: forSignIn, PublisherID: c.PublisherID, CustomerID: c.ID, SessionID: "s1",
		Data: map[string]string{"nonce": "n"}, Expires: w.Now().Add(30 * time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func signIn(digest, site, secret string) authstore.SignInCode {
	return authstore.SignInCode{
		Digest: digest, Purpose: forSignIn, Site: site, Secret: secret, EndedFor: endedFor,
		Check: func(authstore.Ticket) error { return nil },
	}
}

func TestRedeemedCodeGivesASiteSession(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustIssue(t, "d1")
		_, err := w.JudgeSession(t.Context(), "s1", endedFor, func(s *authstore.Session) (authstore.Verdict, error) {
			s.Sites = map[string]authstore.SiteSession{"https://sports.example": {Digest: "other"}}
			return authstore.Save, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		c := signIn("d1", "https://news.example", "secret digest")
		c.Check = func(ticket authstore.Ticket) error {
			if ticket.Data["nonce"] != "n" || ticket.SessionID != "s1" {
				t.Errorf("Check was given %+v", ticket)
			}
			return nil
		}
		s, err := w.RedeemSignIn(t.Context(), c)
		if err != nil || s.ID != "s1" {
			t.Fatalf("got %+v, %v", s, err)
		}
		stored, err := w.Session(t.Context(), "s1")
		if err != nil || stored.Sites["https://news.example"].Digest != "secret digest" || stored.Sites["https://sports.example"].Digest != "other" {
			t.Errorf("stored %+v, %v", stored, err)
		}
	})
}

func TestCodeIsRedeemedOnceAndItsReuseEndsTheSession(t *testing.T) {
	const n = 50
	onBackends(t, func(t *testing.T, w *world) {
		w.mustIssue(t, "d1")
		errs := parallel(n, func(i int) error {
			s, err := w.RedeemSignIn(t.Context(), signIn("d1", "https://news.example", fmt.Sprint("secret ", i)))
			if errors.Is(err, authstore.ErrUsed) && s.ID != "s1" {
				return fmt.Errorf("reuse returned session %q", s.ID)
			}
			return err
		})
		won, reused, late := count(errs, nil), count(errs, authstore.ErrUsed), count(errs, authstore.ErrNotFound)
		if won != 1 || reused != 1 || late != n-2 {
			t.Errorf("%d won, %d ended the session, %d came after that: %v", won, reused, late, errs)
		}
		w.wantSession(t, "s1", false)
		if ended, err := w.EndedSessions(t.Context()); err != nil || !ended["s1"].Equal(w.Now().Add(endedFor)) {
			t.Errorf("ended %v, %v", ended, err)
		}
	})
}

func TestCodeIsRefused(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(w *world, c *authstore.SignInCode)
		spent   bool // afterwards the right code is refused too
	}{
		{"unknown", func(_ *world, c *authstore.SignInCode) { c.Digest = "d2" }, false},
		{"for another purpose", func(_ *world, c *authstore.SignInCode) { c.Purpose = forReset }, false},
		{"expired", func(w *world, _ *authstore.SignInCode) { w.clock.Add(30 * time.Second) }, true},
		{"of an ended session", func(w *world, _ *authstore.SignInCode) {
			_, _ = w.EndCustomerSessions(w.watch.t.Context(), w.customer("ann@example.com"), "", endedFor)
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.mustIssue(t, "d1")
			c := signIn("d1", "https://news.example", "secret")
			c.Check = func(authstore.Ticket) error { t.Error("Check was asked"); return nil }
			tt.prepare(w, &c)
			before := w.records()
			if _, err := w.RedeemSignIn(t.Context(), c); !errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
			if after := w.records(); after != before {
				t.Errorf("stored before:\n%s\nand after:\n%s", before, after)
			}
			if _, err := w.RedeemSignIn(t.Context(), signIn("d1", "https://news.example", "secret")); (err != nil) != tt.spent {
				t.Errorf("the right code afterwards: %v", err)
			}
		})
	}
}

// customer returns the id of the customer with that address.
func (w *world) customer(email string) int64 {
	c, _, _ := w.CustomerByIdentity(w.watch.t.Context(), 100_000_001, authstore.ProviderPassword, email)
	return c.ID
}

func TestCodeWorksUntilItExpires(t *testing.T) {
	w := newWorld(t)
	w.mustIssue(t, "d1")
	w.clock.Add(30*time.Second - time.Millisecond)
	if _, err := w.RedeemSignIn(t.Context(), signIn("d1", "https://news.example", "secret")); err != nil {
		t.Error(err)
	}
}

func TestCodeThatCheckRefusesIsSpentAndEndsNothing(t *testing.T) {
	w := newWorld(t)
	w.mustIssue(t, "d1")
	foreign := errors.New("another browser's")
	var asked atomic.Int32
	bad := signIn("d1", "https://news.example", "secret")
	bad.Check = func(authstore.Ticket) error { asked.Add(1); return foreign }
	if _, err := w.RedeemSignIn(t.Context(), bad); !errors.Is(err, foreign) || asked.Load() == 0 {
		t.Errorf("got %v, want Check's error", err)
	}
	if _, err := w.RedeemSignIn(t.Context(), signIn("d1", "https://news.example", "secret")); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("the right browser afterwards: %v, want ErrNotFound", err)
	}
	s, err := w.Session(t.Context(), "s1")
	if err != nil || len(s.Sites) != 0 {
		t.Errorf("session %+v, %v", s, err)
	}
}

// A pattern such as https://*.clubs.example has any number of sites, and whoever
// is signed in may visit names that nobody has thought of.
func TestSessionAtAnyNumberOfSitesFitsIntoAValue(t *testing.T) {
	const visited, more = 500, 60
	secretDigest := strings.Repeat("x", 43)
	site := func(i int) string { return fmt.Sprintf("https://club-%04d.clubs.example", i) }
	w := newWorld(t)
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	_, err := w.JudgeSession(t.Context(), "s1", endedFor, func(s *authstore.Session) (authstore.Verdict, error) {
		s.Sites = map[string]authstore.SiteSession{}
		for i := range visited {
			s.Sites[site(i)] = authstore.SiteSession{Digest: secretDigest, Since: w.Now().Add(-time.Hour)}
		}
		return authstore.Save, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := visited; i < visited+more && !t.Failed(); i++ { // the store watches the size
		digest := fmt.Sprint("d", i)
		if err := w.IssueTicket(t.Context(), digest, authstore.Ticket{Purpose: forSignIn, SessionID: "s1", Expires: w.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		s, err := w.RedeemSignIn(t.Context(), signIn(digest, site(i), secretDigest))
		if err != nil || s.Sites[site(i)].Digest != secretDigest {
			t.Fatalf("site %d: %v", i, err)
		}
	}
}
