// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// mustIssueReset stores a reset ticket for ann@example.com, the newest.
func (w *world) mustIssueReset(t *testing.T, c authstore.Customer, digest string) {
	t.Helper()
	err := w.IssueNewest(t.Context(), digest, authstore.Ticket{
		Purpose: forReset, PublisherID: c.PublisherID, CustomerID: c.ID,
		Data: map[string]string{"subject": "ann@example.com"}, Expires: w.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func reset(c authstore.Customer, digest string) authstore.PasswordReset {
	return authstore.PasswordReset{Digest: digest, Purpose: forReset, Customer: c.ID, Encoded: "new hash", EndedFor: endedFor}
}

// wantPassword tells which password ann@example.com has.
func (w *world) wantPassword(t *testing.T, want string) {
	t.Helper()
	_, i, err := w.CustomerByIdentity(t.Context(), 100_000_001, authstore.ProviderPassword, "ann@example.com")
	if err != nil || i.Password != want {
		t.Errorf("password %q, %v, want %q", i.Password, err, want)
	}
}

func TestResetUsesTheTicketUpSetsThePasswordAndEndsSessions(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
		w.mustStart(t, c, "a1")
		w.mustStart(t, c, "a2")
		w.mustStart(t, bob, "b1")
		w.mustIssueReset(t, c, "d1")
		if ticket, err := w.Ticket(t.Context(), "d1", forReset); err != nil || ticket.CustomerID != c.ID {
			t.Errorf("ticket %+v, %v", ticket, err)
		}
		got, ids, err := w.ResetPassword(t.Context(), reset(c, "d1"))
		slices.Sort(ids)
		if err != nil || got.ID != c.ID || !slices.Equal(ids, []string{"a1", "a2"}) {
			t.Errorf("customer %d, ended %v, %v", got.ID, ids, err)
		}
		w.wantPassword(t, "new hash")
		for id, alive := range map[string]bool{"a1": false, "a2": false, "b1": true} {
			w.wantSession(t, id, alive)
		}
		if ended, err := w.EndedSessions(t.Context()); err != nil || len(ended) != 2 {
			t.Errorf("ended %v, %v", ended, err)
		}
		if _, _, err := w.ResetPassword(t.Context(), reset(c, "d1")); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("second use: %v, want ErrNotFound", err)
		}
	})
}

func TestOneOfManyResetsWithATicketWins(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.mustIssueReset(t, c, "d1")
		errs := parallel(20, func(i int) error {
			r := reset(c, "d1")
			r.Encoded = fmt.Sprint("hash ", i)
			_, _, err := w.ResetPassword(t.Context(), r)
			return err
		})
		if count(errs, nil) != 1 || count(errs, authstore.ErrNotFound) != 19 {
			t.Errorf("outcomes %v", errs)
		}
		for i, err := range errs {
			if err == nil {
				w.wantPassword(t, fmt.Sprint("hash ", i))
			}
		}
	})
}

func TestResetIsRefused(t *testing.T) {
	tests := map[string]func(w *world, c authstore.Customer, r *authstore.PasswordReset){
		"unknown ticket":    func(_ *world, _ authstore.Customer, r *authstore.PasswordReset) { r.Digest = "d2" },
		"another purpose":   func(_ *world, _ authstore.Customer, r *authstore.PasswordReset) { r.Purpose = forSignIn },
		"another customer":  func(_ *world, _ authstore.Customer, r *authstore.PasswordReset) { r.Customer++ },
		"expired":           func(w *world, _ authstore.Customer, _ *authstore.PasswordReset) { w.clock.Add(time.Hour) },
		"newer ticket":      func(w *world, c authstore.Customer, _ *authstore.PasswordReset) { w.mustIssueReset(t, c, "d2") },
		"address has moved": func(w *world, c authstore.Customer, _ *authstore.PasswordReset) { w.move(t, c, "other purpose") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegister(t, "ann@example.com")
			w.mustStart(t, c, "a1")
			w.mustIssueReset(t, c, "d1")
			r := reset(c, "d1")
			change(w, c, &r)
			before := w.records()
			if _, _, err := w.ResetPassword(t.Context(), r); !errors.Is(err, authstore.ErrNotFound) || w.records() != before {
				t.Errorf("got %v, want ErrNotFound and nothing changed", err)
			}
			w.wantSession(t, "a1", true)
		})
	}
}

// move gives ann@example.com another address; tickets of the purpose die.
func (w *world) move(t *testing.T, c authstore.Customer, kills authstore.Purpose) {
	t.Helper()
	_, err := w.ChangeEmail(t.Context(), authstore.EmailChange{
		Customer: c.ID, Address: "New@example.com", From: "ann@example.com", To: "new@example.com", Kills: kills,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Somebody else may register with the address that the link was sent to.
func TestOldLinkDoesNotResetTheNextOwnerOfAnAddress(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustIssueReset(t, c, "d1")
	w.move(t, c, "other purpose")
	w.mustRegister(t, "ann@example.com")
	if _, _, err := w.ResetPassword(t.Context(), reset(c, "d1")); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	w.wantPassword(t, "hash of ann@example.com")
}

func TestChangedAddressMovesTheIdentityAndKillsTickets(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.mustIssueReset(t, c, "d1")
		w.move(t, c, forReset)
		if _, err := w.Ticket(t.Context(), "d1", forReset); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("ticket: %v, want ErrNotFound", err)
		}
		if _, _, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "ann@example.com"); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("old address: %v, want ErrNotFound", err)
		}
		got, i, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "new@example.com")
		if err != nil || got.ID != c.ID || got.Email != "New@example.com" || i.Password != "hash of ann@example.com" || i.Subject != "new@example.com" {
			t.Errorf("new address: %+v, %+v, %v", got, i, err)
		}
	})
}

func TestRefusedChangeOfAddressKeepsNothing(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustRegister(t, "bob@example.com")
	before := w.records()
	for name, tt := range map[string]struct {
		change authstore.EmailChange
		want   error
	}{
		"taken":               {authstore.EmailChange{Customer: c.ID, From: "ann@example.com", To: "bob@example.com"}, authstore.ErrTaken},
		"not one's own":       {authstore.EmailChange{Customer: c.ID, From: "bob@example.com", To: "new@example.com"}, authstore.ErrNotFound},
		"no such address":     {authstore.EmailChange{Customer: c.ID, From: "x@example.com", To: "new@example.com"}, authstore.ErrNotFound},
		"no such customer":    {authstore.EmailChange{Customer: 123_456_789, From: "ann@example.com", To: "new@example.com"}, authstore.ErrNotFound},
		"nobody's, unchanged": {authstore.EmailChange{Customer: 123_456_789, From: "x", To: "x"}, authstore.ErrNotFound},
	} {
		if _, err := w.ChangeEmail(t.Context(), tt.change); !errors.Is(err, tt.want) || w.records() != before {
			t.Errorf("%s: %v, want %v and nothing changed", name, err, tt.want)
		}
	}
}

func TestAddressAndExternalIDChangeByTheirOwnOperationsOnly(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	got, err := w.ChangeCustomer(t.Context(), c.ID, func(c *authstore.Customer) error { c.Email, c.ExternalID = "x@example.com", "x"; return nil })
	if err != nil || got.Email != "ann@example.com" || got.ExternalID != "" {
		t.Errorf("ChangeCustomer left %+v, %v", got, err)
	}
	err = w.ChangeCapture(t.Context(), c.ID, func(c *authstore.Customer, _ *authstore.CaptureAnswers) error {
		c.ID, c.PublisherID, c.Email, c.ExternalID, c.FirstName = 1, 2, "x@example.com", "x", "Ann"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err = w.Customer(t.Context(), c.ID)
	if err != nil || got.Email != "ann@example.com" || got.ExternalID != "" || got.PublisherID != c.PublisherID || got.FirstName != "Ann" {
		t.Errorf("ChangeCapture left %+v, %v", got, err)
	}
}

func TestExternalIDIsUniqueWithinAPublisher(t *testing.T) {
	w := newWorld(t)
	register := func(email, external string, publisher int64) error {
		r := registration(email)
		r.Customer.ExternalID, r.Customer.PublisherID = external, publisher
		_, err := w.Register(t.Context(), r)
		return err
	}
	if err := register("ann@example.com", "ext", 100_000_001); err != nil {
		t.Fatal(err)
	}
	before := w.records()
	if err := register("bob@example.com", "ext", 100_000_001); !errors.Is(err, authstore.ErrExternalIDTaken) || w.records() != before {
		t.Errorf("the same: %v, want ErrExternalIDTaken and nothing stored", err)
	}
	for email, external := range map[string]string{"bob@example.com": "EXT", "cy@example.com": "", "di@example.com": ""} {
		if err := register(email, external, 100_000_001); err != nil {
			t.Errorf("%q: %v", external, err)
		}
	}
	if err := register("ann@example.com", "ext", 100_000_002); err != nil {
		t.Errorf("at another publisher: %v", err)
	}
}

func TestCaptureAnswersAreKeptBesideTheProfile(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		if a, err := w.Capture(t.Context(), c.ID); err != nil || !a.Submitted.IsZero() || len(a.Values) != 0 {
			t.Errorf("before: %+v, %v", a, err)
		}
		errs := parallel(20, func(i int) error {
			return w.ChangeCapture(t.Context(), c.ID, func(c *authstore.Customer, a *authstore.CaptureAnswers) error {
				c.FirstName += "x"
				a.Values[fmt.Sprint("custom_", i)] = "yes"
				return nil
			})
		})
		a, err := w.Capture(t.Context(), c.ID)
		if err != nil || len(a.Values) != 20 || !a.Submitted.Equal(w.Now()) || count(errs, nil) != 20 {
			t.Errorf("answers %+v, %v, %v", a, err, errs)
		}
		if got, err := w.Customer(t.Context(), c.ID); err != nil || len(got.FirstName) != 20 {
			t.Errorf("profile %+v, %v", got, err)
		}
	})
}

func TestRefusedCaptureKeepsNothing(t *testing.T) {
	w, no := newWorld(t), errors.New("no")
	c := w.mustRegister(t, "ann@example.com")
	before := w.records()
	err := w.ChangeCapture(t.Context(), c.ID, func(c *authstore.Customer, a *authstore.CaptureAnswers) error {
		c.FirstName, a.Values["custom_1"] = "x", "y"
		return no
	})
	if !errors.Is(err, no) || w.records() != before {
		t.Errorf("got %v, stored %s", err, w.records())
	}
	err = w.ChangeCapture(t.Context(), 123_456_789, func(*authstore.Customer, *authstore.CaptureAnswers) error { return nil })
	if !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("nobody: %v, want ErrNotFound", err)
	}
}

func TestErasureLeavesIDDatesAndEvidence(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		bob := w.mustRegister(t, "bob@example.com")
		w.mustStart(t, bob, "b1")
		r := registration("ann@example.com")
		r.Customer.FirstName, r.Customer.ExternalID = "Ann", "ext"
		c, err := w.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		w.mustAnswerFour(t, c)
		w.mustStart(t, c, "a1")
		w.mustIssueReset(t, c, "d1")
		err = w.ChangeCapture(t.Context(), c.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error { a.Values["custom_1"] = "x"; return nil })
		if err != nil {
			t.Fatal(err)
		}
		ids, err := w.EraseCustomer(t.Context(), c.ID, endedFor, forReset)
		if err != nil || !slices.Equal(ids, []string{"a1"}) {
			t.Errorf("ended %v, %v", ids, err)
		}
		w.wantErased(t, c)
		w.wantSession(t, "b1", true)
		first := w.Now()
		w.clock.Add(time.Hour)
		if ids, err := w.EraseCustomer(t.Context(), c.ID, endedFor, forReset); err != nil || len(ids) != 0 {
			t.Errorf("again: %v, %v", ids, err)
		}
		if got, err := w.Customer(t.Context(), c.ID); err != nil || !got.Erased.Equal(first) {
			t.Errorf("erased at %v, %v, want the first time", got.Erased, err)
		}
		if _, err := w.Register(t.Context(), r); err != nil { // address and external id are free
			t.Errorf("the next owner: %v", err)
		}
		if _, err := w.EraseCustomer(t.Context(), 123_456_789, endedFor); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("nobody: %v, want ErrNotFound", err)
		}
	})
}

// wantErased insists that nothing tells who a customer was.
func (w *world) wantErased(t *testing.T, c authstore.Customer) {
	t.Helper()
	got, err := w.Customer(t.Context(), c.ID)
	if err != nil || got.Email+got.FirstName+got.ExternalID+got.LastIP != "" || !got.Disabled || got.PublisherID != c.PublisherID || !got.Registered.Equal(c.Registered) {
		t.Errorf("customer %+v, %v", got, err)
	}
	if _, _, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "ann@example.com"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("identity: %v, want ErrNotFound", err)
	}
	if _, err := w.Ticket(t.Context(), "d1", forReset); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("ticket: %v, want ErrNotFound", err)
	}
	if a, err := w.Capture(t.Context(), c.ID); err != nil || len(a.Values) != 0 {
		t.Errorf("answers %+v, %v", a, err)
	}
	w.wantSession(t, "a1", false)
	if history, err := w.ConsentHistory(t.Context(), c.ID); err != nil || len(history) != 4 {
		t.Errorf("evidence %v, %v", history, err)
	}
	if w.memory != nil && strings.Contains(w.records(), "ann@example.com") {
		t.Errorf("the address is left in\n%s", w.records())
	}
}
