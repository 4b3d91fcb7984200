// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

const (
	forVerify authstore.Purpose = "verify"
	forUndo   authstore.Purpose = "undo"
)

// mailed returns a ticket whose secret was mailed to an address.
func (w *world) mailed(c authstore.Customer, purpose authstore.Purpose, to string) authstore.Ticket {
	return authstore.Ticket{
		Purpose: purpose, PublisherID: c.PublisherID, CustomerID: c.ID, Expires: w.Now().Add(time.Hour),
		Data: map[string]string{authstore.Subject: strings.ToLower(to), authstore.Address: to}, Code: "mark",
	}
}

func (w *world) mustIssueAt(t *testing.T, digest string, ticket authstore.Ticket) {
	t.Helper()
	if err := w.IssueNewestAt(t.Context(), digest, ticket); err != nil {
		t.Fatal(err)
	}
}

// wantTicket tells whether a ticket is good.
func (w *world) wantTicket(t *testing.T, digest string, purpose authstore.Purpose, good bool) {
	t.Helper()
	_, err := w.Ticket(t.Context(), digest, purpose)
	if good && err != nil || !good && !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("ticket %s: %v, want good: %t", digest, err, good)
	}
}

func TestNewestTicketIsFoundByItsAddress(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		find := func(subject string) string {
			digest, _, err := w.NewestTicket(t.Context(), c.PublisherID, forUndo, subject)
			if err != nil && !errors.Is(err, authstore.ErrNotFound) {
				t.Error(err)
			}
			return digest
		}
		w.mustIssueAt(t, "a1", w.mailed(c, forUndo, "A@example.com"))
		w.mustIssueAt(t, "b1", w.mailed(c, forUndo, "b@example.com"))
		w.mustIssueAt(t, "a2", w.mailed(c, forUndo, "A@example.com"))
		for digest, good := range map[string]bool{"a1": false, "a2": true, "b1": true} {
			w.wantTicket(t, digest, forUndo, good)
		}
		if find("a@example.com") != "a2" || find("b@example.com") != "b1" || find("A@example.com") != "" || find("") != "" {
			t.Errorf("found %q, %q, %q", find("a@example.com"), find("b@example.com"), find("A@example.com"))
		}
		if _, _, err := w.NewestTicket(t.Context(), c.PublisherID, forReset, "a@example.com"); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("for another purpose: %v", err)
		}
		if err := w.ExchangeTicket(t.Context(), "a2", "a3", forReset); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("exchanged for another purpose: %v", err)
		}
		errs := parallel(10, func(int) error { return w.ExchangeTicket(t.Context(), "a2", "a3", forUndo) })
		if count(errs, nil) != 1 || count(errs, authstore.ErrNotFound) != 9 {
			t.Errorf("exchanging: %v", errs)
		}
		w.wantTicket(t, "a2", forUndo, false)
		if got, err := w.Ticket(t.Context(), "a3", forUndo); err != nil || got.Code != "" || got.Data[authstore.Address] != "A@example.com" {
			t.Errorf("exchanged for %+v, %v", got, err)
		}
		if err := w.IssueNewest(t.Context(), "only", w.mailed(c, forUndo, "c@example.com")); err != nil {
			t.Fatal(err)
		}
		for digest, good := range map[string]bool{"a3": false, "b1": false, "only": true} {
			w.wantTicket(t, digest, forUndo, good)
		}
		if find("a@example.com")+find("b@example.com") != "" || w.stored(t, "address_tickets") != 1 || w.stored(t, "customer_tickets") != 1 {
			t.Errorf("what leads to tickets that are gone is left: %d, %d", w.stored(t, "address_tickets"), w.stored(t, "customer_tickets"))
		}
	})
}

// An expired ticket must not leave the address it was mailed to behind.
func TestSweepRemovesWhatLeadsToATicket(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustIssueAt(t, "a1", w.mailed(c, forUndo, "a@example.com"))
	if err := w.IssueNewest(t.Context(), "v1", w.mailed(c, forVerify, "a@example.com")); err != nil {
		t.Fatal(err)
	}
	w.clock.Add(time.Hour)
	if removed := w.mustSweepAround(t); !slices.Equal(removed, []int{2}) {
		t.Errorf("removed %v", removed)
	}
	if n := w.stored(t, "tickets") + w.stored(t, "address_tickets") + w.stored(t, "customer_tickets"); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

func TestTicketVerifiesTheAddressItWasMailedTo(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world, c authstore.Customer, v *authstore.EmailVerification)
		good   bool
	}{
		"as it is":           {func(*world, authstore.Customer, *authstore.EmailVerification) {}, true},
		"respelled":          {func(w *world, c authstore.Customer, _ *authstore.EmailVerification) { w.respell(c) }, true},
		"another publisher":  {func(_ *world, _ authstore.Customer, v *authstore.EmailVerification) { v.Publisher++ }, false},
		"another purpose":    {func(_ *world, _ authstore.Customer, v *authstore.EmailVerification) { v.Purpose = forReset }, false},
		"unknown":            {func(_ *world, _ authstore.Customer, v *authstore.EmailVerification) { v.Digest = "x" }, false},
		"expired":            {func(w *world, _ authstore.Customer, _ *authstore.EmailVerification) { w.clock.Add(time.Hour) }, false},
		"another address":    {func(w *world, c authstore.Customer, _ *authstore.EmailVerification) { w.move(w.watch.t, c, forReset) }, false},
		"an erased customer": {func(w *world, c authstore.Customer, _ *authstore.EmailVerification) { w.erase(c) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegister(t, "ann@example.com")
			if err := w.IssueNewest(t.Context(), "v1", w.mailed(c, forVerify, "ann@example.com")); err != nil {
				t.Fatal(err)
			}
			v := authstore.EmailVerification{Digest: "v1", Purpose: forVerify, Publisher: c.PublisherID}
			tt.change(w, c, &v)
			got, err := w.VerifyEmail(t.Context(), v)
			if tt.good && (err != nil || !got.EmailVerified.Equal(w.Now())) || !tt.good && !errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("got %+v, %v, want good: %t", got, err, tt.good)
			}
			if stored, err := w.Customer(t.Context(), c.ID); err != nil || stored.EmailVerified.IsZero() == tt.good {
				t.Errorf("stored %+v, %v", stored, err)
			}
			if _, err := w.VerifyEmail(t.Context(), v); tt.good && !errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("second use: %v", err)
			}
		})
	}
}

func (w *world) respell(c authstore.Customer) {
	_, err := w.ChangeEmail(w.watch.t.Context(), authstore.EmailChange{Customer: c.ID, Address: "ANN@example.com", From: "ann@example.com", To: "ann@example.com"})
	if err != nil {
		w.watch.t.Error(err)
	}
}

func (w *world) erase(c authstore.Customer) {
	if _, err := w.EraseCustomer(w.watch.t.Context(), c.ID, endedFor); err != nil {
		w.watch.t.Error(err)
	}
}

// undo is the use of the ticket u1.
func (w *world) undo(c authstore.Customer) authstore.EmailUndo {
	return authstore.EmailUndo{
		Digest: "u1", Purpose: forUndo, Publisher: c.PublisherID, EndedFor: endedFor,
		Reset: "r2", ResetTicket: authstore.Ticket{Purpose: forReset, Expires: w.Now().Add(time.Hour)},
	}
}

func TestUndoGivesTheAccountBack(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.mustIssueAt(t, "u1", w.mailed(c, forUndo, "Ann@example.com"))
		w.move(t, c, forReset)
		w.mustStart(t, c, "s1")
		w.mustIssueReset(t, c, "r1")
		errs := parallel(10, func(int) error {
			_, ids, err := w.UndoEmailChange(t.Context(), w.undo(c))
			if err == nil && !slices.Equal(ids, []string{"s1"}) {
				t.Errorf("ended %v", ids)
			}
			return err
		})
		if count(errs, nil) != 1 || count(errs, authstore.ErrNotFound) != 9 {
			t.Errorf("outcomes %v", errs)
		}
		got, i, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "ann@example.com")
		if err != nil || got.ID != c.ID || got.Email != "Ann@example.com" || !got.EmailVerified.Equal(w.Now()) || i.Password != "hash of ann@example.com" {
			t.Errorf("customer %+v, %+v, %v", got, i, err)
		}
		if _, _, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "new@example.com"); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("the other address: %v", err)
		}
		w.wantSession(t, "s1", false)
		w.wantTicket(t, "r1", forReset, false)
		if _, _, err := w.ResetPassword(t.Context(), reset(c, "r2")); err != nil {
			t.Errorf("a new password: %v", err)
		}
	})
}

func TestUndoIsRefusedAndKeepsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world, c authstore.Customer, u *authstore.EmailUndo)
		want   error
	}{
		"another publisher": {func(_ *world, _ authstore.Customer, u *authstore.EmailUndo) { u.Publisher++ }, authstore.ErrNotFound},
		"another purpose":   {func(_ *world, _ authstore.Customer, u *authstore.EmailUndo) { u.Purpose = forReset }, authstore.ErrNotFound},
		"expired":           {func(w *world, _ authstore.Customer, _ *authstore.EmailUndo) { w.clock.Add(time.Hour) }, authstore.ErrNotFound},
		"erased":            {func(w *world, c authstore.Customer, _ *authstore.EmailUndo) { w.erase(c) }, authstore.ErrNotFound},
		"taken": {func(w *world, _ authstore.Customer, _ *authstore.EmailUndo) {
			w.mustRegister(w.watch.t, "ann@example.com")
		}, authstore.ErrTaken},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegister(t, "ann@example.com")
			w.mustIssueAt(t, "u1", w.mailed(c, forUndo, "ann@example.com"))
			w.move(t, c, forReset)
			u := w.undo(c)
			tt.change(w, c, &u)
			before := w.records()
			if _, _, err := w.UndoEmailChange(t.Context(), u); !errors.Is(err, tt.want) || w.records() != before {
				t.Errorf("got %v, want %v and nothing changed", err, tt.want)
			}
		})
	}
}

// The account may be back already by another way.
func TestUndoOfAChangeThatWasUndoneStillEndsSessions(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustIssueAt(t, "u1", w.mailed(c, forUndo, "ann@example.com"))
	w.mustStart(t, c, "s1")
	if got, ids, err := w.UndoEmailChange(t.Context(), w.undo(c)); err != nil || got.Email != "ann@example.com" || len(ids) != 1 {
		t.Errorf("got %+v, %v, %v", got, ids, err)
	}
}
