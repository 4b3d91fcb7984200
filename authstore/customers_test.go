// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

func TestCustomerIDsHaveNineDigitsAndAreUnique(t *testing.T) {
	w := newWorld(t)
	seen := map[int64]bool{}
	for i := range 300 {
		c := w.mustRegister(t, fmt.Sprintf("v%d@example.com", i))
		if len(strconv.FormatInt(c.ID, 10)) != 9 || seen[c.ID] {
			t.Fatalf("customer %d has id %d", i, c.ID)
		}
		seen[c.ID] = true
	}
}

func TestRegistrationIsStoredWhole(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		r := registration("ann@example.com")
		r.Customer.ID, r.Customer.FirstName = 7, "Ann" // an id is never the caller's choice
		r.Answers = []authstore.ConsentRecord{{Name: "terms", Version: "1", State: authstore.Accepted}}
		s := w.newSession(r.Customer, "s1")
		r.Session = &s
		c, err := w.Register(t.Context(), r)
		if err != nil || c.ID == 7 {
			t.Fatal(c.ID, err)
		}
		if !c.Registered.Equal(w.Now()) || !c.LastLogin.Equal(w.Now()) {
			t.Errorf("registered %v, last login %v, want now", c.Registered, c.LastLogin)
		}
		stored, err := w.Customer(t.Context(), c.ID)
		if err != nil || !reflect.DeepEqual(stored, c) {
			t.Errorf("stored %+v, %v; returned %+v", stored, err, c)
		}
		found, identity, err := w.CustomerByIdentity(t.Context(), 100_000_001, authstore.ProviderPassword, "ann@example.com")
		if err != nil || found.ID != c.ID || identity.CustomerID != c.ID || identity.PublisherID != 100_000_001 || identity.Password != "hash of ann@example.com" {
			t.Errorf("by identity: %+v, %+v, %v", found, identity, err)
		}
		answers, err := w.Consents(t.Context(), c.ID)
		if err != nil || answers["terms"] != (authstore.ConsentAnswer{Version: "1", State: authstore.Accepted, Time: w.Now()}) {
			t.Errorf("answers %+v, %v", answers, err)
		}
		session, err := w.Session(t.Context(), "s1")
		if err != nil || session.CustomerID != c.ID {
			t.Errorf("session %+v, %v", session, err)
		}
		if s.CustomerID == c.ID {
			t.Error("the caller's session was changed")
		}
	})
}

func TestTakenIdentityLeavesNothingOfARegistration(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, "ann@example.com")
	before := w.records()
	r := registration("ann@example.com")
	r.Answers = []authstore.ConsentRecord{{Name: "terms", Version: "1", State: authstore.Accepted}}
	s := w.newSession(r.Customer, "s2")
	r.Session = &s
	if _, err := w.Register(t.Context(), r); !errors.Is(err, authstore.ErrTaken) {
		t.Errorf("got %v, want ErrTaken", err)
	}
	if after := w.records(); after != before {
		t.Errorf("stored before:\n%s\nand after:\n%s", before, after)
	}
}

func TestIdentityIsUniqueWithinPublisherAndProviderOnly(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, "ann@example.com")
	elsewhere := registration("ann@example.com")
	elsewhere.Customer.PublisherID = 100_000_002
	social := registration("ann@example.com")
	social.Identity.Provider = "google"
	for _, r := range []authstore.Registration{elsewhere, social} {
		if _, err := w.Register(t.Context(), r); err != nil {
			t.Errorf("publisher %d, provider %s: %v", r.Customer.PublisherID, r.Identity.Provider, err)
		}
	}
	if _, _, err := w.CustomerByIdentity(t.Context(), 100_000_003, authstore.ProviderPassword, "ann@example.com"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("at a third publisher: %v, want ErrNotFound", err)
	}
}

func TestOneOfManyRegistrationsOfAnAddressWins(t *testing.T) {
	const n = 30
	onBackends(t, func(t *testing.T, w *world) {
		errs := parallel(n, func(i int) error {
			r := registration("ann@example.com")
			s := w.newSession(r.Customer, fmt.Sprint("s", i))
			r.Session = &s
			_, err := w.Register(t.Context(), r)
			return err
		})
		if won, taken := count(errs, nil), count(errs, authstore.ErrTaken); won != 1 || taken != n-1 {
			t.Errorf("%d won, %d were told that it is taken: %v", won, taken, errs)
		}
		c, _, err := w.CustomerByIdentity(t.Context(), 100_000_001, authstore.ProviderPassword, "ann@example.com")
		if err != nil {
			t.Fatal(err)
		}
		for i, err := range errs {
			w.wantSession(t, fmt.Sprint("s", i), err == nil)
		}
		if sessions, err := w.CustomerSessions(t.Context(), c.ID); len(sessions) != 1 || err != nil {
			t.Errorf("%d sessions, %v, want one", len(sessions), err)
		}
	})
}

func TestChangesOfACustomerDoNotOverwriteEachOther(t *testing.T) {
	const n = 40
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		errs := parallel(n, func(int) error {
			_, err := w.ChangeCustomer(t.Context(), c.ID, func(c *authstore.Customer) error {
				c.FirstName += "x"
				return nil
			})
			return err
		})
		got, err := w.Customer(t.Context(), c.ID)
		if count(errs, nil) != n || err != nil || len(got.FirstName) != n {
			t.Errorf("%d of %d changes are there; %v, %v", len(got.FirstName), n, err, errs)
		}
	})
}

func TestChangeOfACustomerCannotMoveIt(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	got, err := w.ChangeCustomer(t.Context(), c.ID, func(c *authstore.Customer) error {
		c.ID, c.PublisherID, c.Country = 1, 2, "NL"
		return nil
	})
	if err != nil || got.ID != c.ID || got.PublisherID != c.PublisherID || got.Country != "NL" {
		t.Errorf("changed to %+v, %v", got, err)
	}
	if stored, err := w.Customer(t.Context(), c.ID); err != nil || stored != got {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

func TestRefusedChangeOfACustomerKeepsNothing(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	before, no := w.records(), errors.New("no")
	_, err := w.ChangeCustomer(t.Context(), c.ID, func(c *authstore.Customer) error { c.Country = "DE"; return no })
	if !errors.Is(err, no) || w.records() != before {
		t.Errorf("got %v, stored %s", err, w.records())
	}
	_, err = w.ChangeCustomer(t.Context(), c.ID, func(c *authstore.Customer) error { c.Disabled = true; return nil })
	if !errors.Is(err, authstore.ErrDisabling) || w.records() != before {
		t.Errorf("disabling without the sessions: %v, stored %s", err, w.records())
	}
	_, err = w.ChangeCustomer(t.Context(), 123_456_789, func(*authstore.Customer) error { return nil })
	if !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("unknown customer: %v, want ErrNotFound", err)
	}
}

func TestDisabledCustomerHasNoSessionsUntilEnabledAgain(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c, bob := w.mustStartThree(t), w.mustRegister(t, "bob@example.com")
		w.mustStart(t, bob, "b1")
		for i, want := range []int{3, 0} { // twice is no error
			ids, err := w.DisableCustomer(t.Context(), c.ID, endedFor)
			if err != nil || len(ids) != want {
				t.Errorf("time %d: ended %v, %v", i, ids, err)
			}
			if ended, err := w.EndedSessions(t.Context()); err != nil || len(ended) != 3 {
				t.Errorf("time %d: marked %v, %v", i, ended, err)
			}
		}
		if got, err := w.Customer(t.Context(), c.ID); err != nil || !got.Disabled {
			t.Errorf("stored %+v, %v", got, err)
		}
		for _, id := range []string{"a1", "a2", "a3"} {
			w.wantSession(t, id, false)
		}
		w.wantSession(t, "b1", true)
		err := w.StartSession(t.Context(), authstore.SessionStart{Session: w.newSession(c, "a4")})
		if !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("a new session: %v, want ErrNotFound", err)
		}
		_, err = w.ChangeCustomer(t.Context(), c.ID, func(c *authstore.Customer) error { c.Disabled = false; return nil })
		if err != nil {
			t.Fatal(err)
		}
		w.mustStart(t, c, "a5")
	})
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	if _, err := w.EraseCustomer(t.Context(), c.ID, endedFor); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{c.ID, 123_456_789} {
		if _, err := w.DisableCustomer(t.Context(), id, endedFor); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("customer %d, who is not there: %v, want ErrNotFound", id, err)
		}
	}
}

func TestRegistrationEndsTheSessionItReplaces(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustStartThree(t)
		r := registration("bob@example.com")
		r.Replaces, r.EndedFor = "a2", endedFor
		if _, err := w.Register(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		for id, alive := range map[string]bool{"a1": true, "a2": false, "a3": true} {
			w.wantSession(t, id, alive)
		}
		if ended, err := w.EndedSessions(t.Context()); err != nil || len(ended) != 1 {
			t.Errorf("marked %v, %v", ended, err)
		}
		r = registration("bob@example.com")
		r.Replaces = "a1"
		if _, err := w.Register(t.Context(), r); !errors.Is(err, authstore.ErrTaken) {
			t.Errorf("a second time: %v, want ErrTaken", err)
		}
		w.wantSession(t, "a1", true)
	})
}

func TestPasswordIsSetOnlyIfTheOldOneMatches(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, "ann@example.com")
	_, identity, err := w.CustomerByIdentity(t.Context(), 100_000_001, authstore.ProviderPassword, "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		old, new, want string
		done           bool
	}{
		{"hash of ann@example.com", "second", "second", true},
		{"hash of ann@example.com", "rehash of the first", "second", false},
		{"", "third", "second", false},
		{"second", "third", "third", true},
	}
	for _, s := range steps {
		done, err := w.SetPassword(t.Context(), identity, s.old, s.new)
		_, got, _ := w.CustomerByIdentity(t.Context(), 100_000_001, authstore.ProviderPassword, "ann@example.com")
		if done != s.done || err != nil || got.Password != s.want {
			t.Errorf("%q to %q: %t, %v, now %q; want %t, %q", s.old, s.new, done, err, got.Password, s.done, s.want)
		}
	}
	identity.Subject = "nobody@example.com"
	if done, err := w.SetPassword(t.Context(), identity, "third", "fourth"); done || !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("unknown identity: %t, %v", done, err)
	}
}

func TestOneOfManyPasswordsThatReplaceTheSameOneWins(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustRegister(t, "ann@example.com")
		_, identity, err := w.CustomerByIdentity(t.Context(), 100_000_001, authstore.ProviderPassword, "ann@example.com")
		if err != nil {
			t.Fatal(err)
		}
		lost := errors.New("lost")
		errs := parallel(20, func(i int) error {
			done, err := w.SetPassword(t.Context(), identity, identity.Password, fmt.Sprint("new ", i))
			if err == nil && !done {
				return lost
			}
			return err
		})
		if count(errs, nil) != 1 || count(errs, lost) != 19 {
			t.Errorf("outcomes: %v", errs)
		}
	})
}

func TestStoreTimesAreWholeMillisecondsInUTC(t *testing.T) {
	w := newWorld(t)
	w.clock.Add(1_234_567 * time.Nanosecond)
	s := authstore.New(w.faulty, func() time.Time { return w.clock.Now().In(time.FixedZone("", 3600)) })
	if now := s.Now(); now.Location() != time.UTC || now.Nanosecond() != 1_000_000 {
		t.Errorf("Now = %v", now)
	}
}
