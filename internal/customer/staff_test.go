// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

func TestStaffMoveACustomerWithoutTheirPassword(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, address).Customer
	w.mustRegister(t, "bob@example.com")
	token := w.mustRequest(t)
	before := w.records()
	for to, want := range map[string]error{"Bob@example.com": customer.ErrEmailTaken, "no address": customer.ErrEmail} {
		if _, err := w.MoveEmail(t.Context(), c, to); !errors.Is(err, want) || w.records() != before {
			t.Errorf("to %q: %v, want %v and nothing changed", to, err, want)
		}
	}
	moved, err := w.MoveEmail(t.Context(), c, "new@example.com")
	if err != nil || moved.Email != "new@example.com" || !moved.EmailVerified.IsZero() {
		t.Fatalf("%+v, %v", moved, err)
	}
	if m := w.mustMail(t); m.To != address {
		t.Errorf("told %s, want the address before", m.To)
	}
	if err := w.login(t, "new@example.com", password); err != nil {
		t.Errorf("new address: %v", err)
	}
	if err := w.reset(t, nova, token, newPassword); !errors.Is(err, customer.ErrResetToken) {
		t.Errorf("link mailed to the address before: %v, want ErrResetToken", err)
	}
}

func TestResetThatStaffSendCountsAsOneThatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, address).Customer
	for range 5 {
		if err := w.SendReset(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		_, token, _ := secretsOf(t, w.mustMail(t))
		if _, err := w.ResetTicket(t.Context(), nova, token); err != nil {
			t.Fatal(err)
		}
	}
	var limit *customer.LimitError
	if err := w.SendReset(t.Context(), c); !errors.As(err, &limit) {
		t.Errorf("sixth within the hour: %v, want a limit", err)
	}
	if w.ask(t, address, "192.0.2.7"); len(w.mailed(t)) > 0 {
		t.Error("the customer's own request is not counted with them")
	}
	w.clock.Add(time.Hour)
	if err := w.SendReset(t.Context(), c); err != nil || len(w.mailed(t)) != 1 {
		t.Errorf("an hour later: %v", err)
	}
}

func TestStaffVerifyTheAddressThatTheySee(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, address).Customer
	if _, err := w.store.MarkEmailVerified(t.Context(), c.ID, "other@example.com"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("another address: %v, want ErrNotFound", err)
	}
	if got, err := w.store.MarkEmailVerified(t.Context(), c.ID, c.Email); err != nil || !got.EmailVerified.Equal(w.store.Now()) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.Erase(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.MarkEmailVerified(t.Context(), c.ID, c.Email); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("an erased customer: %v, want ErrNotFound", err)
	}
}
