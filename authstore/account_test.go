// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// change is the change of ann@example.com's password, which is "hash".
func change(t *testing.T, w *world, c authstore.Customer) authstore.PasswordChange {
	t.Helper()
	_, i, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return authstore.PasswordChange{
		Customer: c.ID, Subject: "ann@example.com", Old: i.Password, Encoded: "new hash", Keep: "a2", Kills: forReset, EndedFor: endedFor,
		Tell: []authstore.Mail{{Kind: "changed"}},
	}
}

func TestChangeOfPasswordEndsTheOtherSessionsAndKillsResets(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
		for _, id := range []string{"a1", "a2", "a3"} {
			w.mustStart(t, c, id)
		}
		w.mustStart(t, bob, "b1")
		w.mustIssueReset(t, c, "d1")
		ids, err := w.ChangePassword(t.Context(), change(t, w, c))
		slices.Sort(ids)
		if err != nil || !slices.Equal(ids, []string{"a1", "a3"}) {
			t.Errorf("ended %v, %v", ids, err)
		}
		w.wantPassword(t, "new hash")
		for id, alive := range map[string]bool{"a1": false, "a2": true, "a3": false, "b1": true} {
			w.wantSession(t, id, alive)
		}
		if _, err := w.Ticket(t.Context(), "d1", forReset); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("the reset link: %v", err)
		}
		if mails, err := w.ClaimMails(t.Context(), 9, time.Minute); err != nil || len(mails) != 1 || mails[0].CustomerID != c.ID {
			t.Errorf("mails %+v, %v", mails, err)
		}
	})
}

func TestChangeOfPasswordIsForWhoeverKnowsTheOldOne(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
		w.mustStart(t, c, "a1")
		good := change(t, w, c)
		for name, spoil := range map[string]func(p *authstore.PasswordChange){
			"another password": func(p *authstore.PasswordChange) { p.Old = "other hash" },
			"another customer": func(p *authstore.PasswordChange) { p.Customer = bob.ID },
			"another subject":  func(p *authstore.PasswordChange) { p.Subject = "bob@example.com" },
			"nobody":           func(p *authstore.PasswordChange) { p.Customer = 1 },
		} {
			p := good
			spoil(&p)
			if name == "another subject" {
				p.Old = "never"
			}
			if _, err := w.ChangePassword(t.Context(), p); !errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
			w.wantPassword(t, good.Old)
			w.wantSession(t, "a1", true)
		}
	})
}

func TestOneOfManyChangesOfAPasswordWins(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		good := change(t, w, c)
		errs := parallel(20, func(i int) error {
			p := good
			p.Encoded = fmt.Sprint("hash ", i)
			_, err := w.ChangePassword(t.Context(), p)
			return err
		})
		if count(errs, nil) != 1 || count(errs, authstore.ErrNotFound) != 19 {
			t.Errorf("errors %v, want one success", errs)
		}
	})
}

func TestIdentitiesAreTheCustomersOwn(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.mustRegister(t, "bob@example.com")
		list, err := w.Identities(t.Context(), c.ID)
		if err != nil || len(list) != 1 || list[0].Subject != "ann@example.com" || list[0].CustomerID != c.ID {
			t.Errorf("identities %+v, %v", list, err)
		}
		if _, err := w.EraseCustomer(t.Context(), c.ID, endedFor); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Identities(t.Context(), c.ID); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("of an erased customer: %v, want ErrNotFound", err)
		}
	})
}

func TestOwnSessionIsNobodyElses(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
		w.mustStart(t, c, "a1")
		if s, err := w.OwnSession(t.Context(), c.ID, "a1"); err != nil || s.ID != "a1" {
			t.Errorf("own: %+v, %v", s, err)
		}
		for _, id := range []string{"a1", "nonsense", ""} {
			if s, err := w.OwnSession(t.Context(), bob.ID, id); !errors.Is(err, authstore.ErrNotFound) || s.ID != "" {
				t.Errorf("%q: %+v, %v, want ErrNotFound", id, s, err)
			}
		}
	})
}

func TestTextOfAConsentIsKeptAfterItIsAskedForNoMore(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		declare := func(defs ...authstore.ConsentDefinition) {
			t.Helper()
			err := w.DeclarePublishers(t.Context(), []authstore.Publisher{{ID: 100_000_001, Name: "Nova", Consents: defs}})
			if err != nil {
				t.Fatal(err)
			}
		}
		declare(authstore.ConsentDefinition{Name: "terms", Version: "1", Label: "I agree", Value: "https://a.example/1"})
		declare(authstore.ConsentDefinition{Name: "terms", Version: "2", Label: "I agree again"})
		declare()
		for version, want := range map[string]authstore.ConsentText{
			"1": {Label: "I agree", Value: "https://a.example/1"}, "2": {Label: "I agree again"},
		} {
			if got, err := w.ConsentText(t.Context(), 100_000_001, "terms", version); err != nil || got != want {
				t.Errorf("version %s: %+v, %v", version, got, err)
			}
		}
		for _, at := range []struct {
			publisher     int64
			name, version string
		}{{100_000_001, "terms", "3"}, {100_000_001, "news", "1"}, {100_000_002, "terms", "1"}} {
			if _, err := w.ConsentText(t.Context(), at.publisher, at.name, at.version); !errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("%+v: %v, want ErrNotFound", at, err)
			}
		}
	})
}
