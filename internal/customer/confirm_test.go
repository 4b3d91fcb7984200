// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"errors"
	"testing"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
)

func TestAddressIsVerifiedByItsCodeWithoutASession(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegisterAt(t, strict, address).Customer
	_, _, code := secretsOf(t, w.mustMail(t))
	for _, bad := range []struct{ address, code string }{
		{"nobody@example.com", code}, {address, "2222-2222"}, {address, ""}, {address, code + "2"},
	} {
		if _, err := w.ConfirmEmailAt(t.Context(), strict, bad.address, bad.code, ""); !errors.Is(err, customer.ErrLink) {
			t.Errorf("%s with %q: %v, want ErrLink", bad.address, bad.code, err)
		}
	}
	if _, err := w.ConfirmEmailAt(t.Context(), strict, "anna", code, ""); !errors.Is(err, customer.ErrEmail) {
		t.Errorf("no address: %v", err)
	}
	w.wantVerified(t, c.ID, false)
	if got, err := w.ConfirmEmailAt(t.Context(), strict, address, code, ""); err != nil || got.ID != c.ID {
		t.Errorf("confirming: %+v, %v", got, err)
	}
	w.wantVerified(t, c.ID, true)
}

func TestMailIsEnsuredOnlyWhileNoneWorks(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegisterAt(t, strict, address).Customer
	w.mustMail(t)
	if err := w.EnsureVerification(t.Context(), c, ""); err != nil || len(w.mailed(t)) != 0 {
		t.Errorf("a second mail is sent while the first works, %v", err)
	}
	w.clock.Add(customer.VerifyLife)
	if err := w.EnsureVerification(t.Context(), c, ""); err != nil || len(w.mailed(t)) != 1 {
		t.Errorf("no mail is sent after the first is worth nothing, %v", err)
	}
}

func TestRegistrationWithoutASessionSignsNobodyIn(t *testing.T) {
	w := newWorld(t)
	e, err := w.Register(t.Context(), strict, customer.Registration{Email: address, Password: password}, customer.Arrival{Start: session.None})
	if err != nil || e.Secrets != (session.Secrets{}) {
		t.Fatalf("%+v, %v", e, err)
	}
	sessions, err := w.store.CustomerSessions(t.Context(), e.Customer.ID)
	if err != nil || len(sessions) != 0 || !e.Customer.LastLogin.IsZero() {
		t.Errorf("sessions %+v, last login %s, %v", sessions, e.Customer.LastLogin, err)
	}
}
