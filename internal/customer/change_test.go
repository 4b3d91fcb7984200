// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

func TestChangedAddressIsTheOneToLogInWith(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	c, err := w.ChangeEmail(t.Context(), e.Customer, "New@Example.com", password, "192.0.2.7")
	if err != nil || c.Email != "New@Example.com" || c.ID != e.Customer.ID {
		t.Fatalf("got %+v, %v", c, err)
	}
	if err := w.login(t, address, password); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("old address: %v, want ErrCredentials", err)
	}
	if err := w.login(t, "new@example.com", password); err != nil {
		t.Errorf("new address: %v", err)
	}
	again := w.mustRegister(t, address) // free for somebody else
	if again.Customer.ID == c.ID {
		t.Error("two customers share an id")
	}
}

func TestChangeOfAddressIsConfirmedByThePassword(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, address).Customer
	w.mustRegister(t, "bob@example.com")
	before := w.records()
	for _, try := range []struct {
		address, password string
		want              error
	}{
		{"new@example.com", wrong, customer.ErrConfirmation},
		{"new@example.com", "", customer.ErrConfirmation},
		{"Bob@example.com", password, customer.ErrEmailTaken},
		{"no address", password, customer.ErrEmail},
	} {
		if _, err := w.ChangeEmail(t.Context(), c, try.address, try.password, "192.0.2.7"); !errors.Is(err, try.want) || w.records() != before {
			t.Errorf("%q with %q: %v, want %v and nothing changed", try.address, try.password, err, try.want)
		}
	}
	if got, err := w.ChangeEmail(t.Context(), c, "ANN.SMITH@example.com", "", "192.0.2.7"); err != nil || got.Email != "ANN.SMITH@example.com" {
		t.Errorf("another spelling: %+v, %v; want no password asked", got, err)
	}
}

// Whoever has a stolen token must not guess the password here.
func TestConfirmationCostsTheTriesOfALogin(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, address).Customer
	w.useUp(t, 10, atHome, address)
	_, err := w.ChangeEmail(t.Context(), c, "new@example.com", password, "198.51.100.1")
	wantLimit(t, err, 90*time.Second)
}

func TestErasedCustomerIsGone(t *testing.T) {
	w := newWorld(t)
	e, err := w.Register(t.Context(), nova, customer.Registration{
		Email: address, Password: password, Answers: agreed,
		Profile: authstore.Customer{FirstName: "Annabella", LastName: "Smithson", ExternalID: "ext-4711", ExternalData: `{"shoe":"size 46"}`},
	}, atHome)
	if err != nil {
		t.Fatal(err)
	}
	id, token := e.Customer.ID, w.mustRequest(t)
	for range 2 { // erasing twice is no error
		if err := w.Erase(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	left := strings.ToLower(w.records())
	for _, word := range []string{strings.ToLower(address), "annabella", "smithson", "ext-4711", "size 46", "argon2id"} {
		if strings.Contains(left, word) {
			t.Errorf("%q is left in\n%s", word, left)
		}
	}
	c, err := w.store.Customer(t.Context(), id)
	if err != nil || !c.Disabled || c.Erased.IsZero() || !c.Registered.Equal(e.Customer.Registered) {
		t.Errorf("what stays: %+v, %v", c, err)
	}
	if !w.sessions.Ended(e.Session.ID) {
		t.Error("a session lives on")
	}
	if err := w.login(t, address, password); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("login: %v, want ErrCredentials", err)
	}
	if err := w.reset(t, nova, token, newPassword); !errors.Is(err, customer.ErrResetToken) {
		t.Errorf("reset link: %v, want ErrResetToken", err)
	}
	if history, err := w.store.ConsentHistory(t.Context(), id); err != nil || len(history) != 1 {
		t.Errorf("evidence: %v, %v; want it kept whole", history, err)
	}
	if again := w.mustRegister(t, address); again.Customer.ID == id {
		t.Error("the next customer with the address got the old id")
	}
	if err := w.Erase(t.Context(), 123_456_789); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("nobody: %v, want ErrNotFound", err)
	}
}

func TestTrustedServerLogsItsCustomersIn(t *testing.T) {
	w := newWorld(t)
	profile := authstore.Customer{FirstName: "Ann", Disabled: true, PublisherID: 1}
	first, err := w.Trusted(t.Context(), nova, address, profile, atHome)
	if err != nil || first.Customer.FirstName != "Ann" || first.Customer.Disabled || first.Customer.PublisherID != nova.ID {
		t.Fatalf("created %+v, %v", first.Customer, err)
	}
	second, err := w.Trusted(t.Context(), nova, "ann.smith@EXAMPLE.com", authstore.Customer{FirstName: "Eve"}, atHome)
	if err != nil || second.Customer.ID != first.Customer.ID || second.Customer.FirstName != "Ann" {
		t.Errorf("again: %+v, %v", second.Customer, err)
	}
	for _, e := range []customer.Entry{first, second} {
		if _, err := w.sessions.AtHub(t.Context(), e.Secrets.Hub); err != nil {
			t.Error(err)
		}
	}
	for _, password := range []string{"", password} {
		if err := w.login(t, address, password); !errors.Is(err, customer.ErrCredentials) {
			t.Errorf("login with %q: %v, want ErrCredentials: there is no password", password, err)
		}
	}
	if err := w.sessions.EndByDisabling(t.Context(), first.Customer.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Trusted(t.Context(), nova, address, profile, atHome); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("disabled: %v, want ErrCredentials", err)
	}
	if _, err := w.Trusted(t.Context(), nova, "no address", profile, atHome); !errors.Is(err, customer.ErrEmail) {
		t.Errorf("no address: %v, want ErrEmail", err)
	}
}

func TestParallelTrustedLoginsMakeOneCustomer(t *testing.T) {
	w := newWorld(t)
	ids := make([]int64, 10)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			e, err := w.Trusted(t.Context(), nova, address, authstore.Customer{}, atHome)
			if err != nil {
				t.Error(err)
			}
			ids[i] = e.Customer.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("customers %v, want one", ids)
		}
	}
}
