// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

const newPassword = "another 7 words"

func (w *world) mustRequest(t *testing.T) string {
	t.Helper()
	r, found, err := w.RequestReset(t.Context(), nova, address, "192.0.2.7")
	if err != nil || !found || len(r.Token) != 43 {
		t.Fatalf("found %t, %v", found, err)
	}
	return r.Token
}

func (w *world) reset(t *testing.T, p authstore.Publisher, token, password string) error {
	t.Helper()
	_, err := w.ResetPassword(t.Context(), p, token, password)
	return err
}

func TestResetSetsThePasswordAndEndsAllSessions(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	from := atHome
	from.Start = session.ByAPI
	api, err := w.Login(t.Context(), nova, address, password, from)
	if err != nil {
		t.Fatal(err)
	}
	token := w.mustRequest(t)
	if strings.Contains(w.records(), token) || !strings.Contains(w.records(), secret.Digest(token)) {
		t.Error("the token is not stored as a digest")
	}
	if ticket, err := w.ResetTicket(t.Context(), nova, token); err != nil || ticket.CustomerID != e.Customer.ID {
		t.Errorf("looking at the ticket: %+v, %v", ticket, err)
	}
	if err := w.reset(t, nova, token, newPassword); err != nil { // looking used nothing up
		t.Fatal(err)
	}
	if !w.sessions.Ended(e.Session.ID) || !w.sessions.Ended(api.Session.ID) {
		t.Error("a session lives on")
	}
	if _, _, err := w.sessions.Refresh(t.Context(), api.Secrets.Refresh); !errors.Is(err, session.ErrRefused) {
		t.Errorf("refresh token: %v, want ErrRefused", err)
	}
	if err := w.login(t, address, password); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("old password: %v, want ErrCredentials", err)
	}
	if err := w.login(t, address, newPassword); err != nil {
		t.Errorf("new password: %v", err)
	}
	if err := w.reset(t, nova, token, "yet 2 others"); !errors.Is(err, customer.ErrResetToken) {
		t.Errorf("second use: %v, want ErrResetToken", err)
	}
}

func TestResetLinkIsRefused(t *testing.T) {
	tests := map[string]func(w *world, token string) (authstore.Publisher, string){
		"unknown":              func(*world, string) (authstore.Publisher, string) { return nova, secret.New() },
		"empty":                func(*world, string) (authstore.Publisher, string) { return nova, "" },
		"digest":               func(_ *world, token string) (authstore.Publisher, string) { return nova, secret.Digest(token) },
		"at another publisher": func(_ *world, token string) (authstore.Publisher, string) { return orbit, token },
		"after an hour": func(w *world, token string) (authstore.Publisher, string) {
			w.clock.Add(customer.ResetLife)
			return nova, token
		},
		"older than another": func(w *world, token string) (authstore.Publisher, string) {
			w.mustRequest(t)
			return nova, token
		},
		"after a change of address": func(w *world, token string) (authstore.Publisher, string) {
			c, _, err := w.store.CustomerByIdentity(t.Context(), nova.ID, authstore.ProviderPassword, strings.ToLower(address))
			if err == nil {
				_, err = w.ChangeEmail(t.Context(), c, "new@example.com", password, "192.0.2.7")
			}
			if err != nil {
				t.Error(err)
			}
			return nova, token
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.mustRegister(t, address)
			p, token := change(w, w.mustRequest(t))
			if err := w.reset(t, p, token, newPassword); !errors.Is(err, customer.ErrResetToken) {
				t.Errorf("got %v, want ErrResetToken", err)
			}
			if _, err := w.ResetTicket(t.Context(), p, token); !errors.Is(err, customer.ErrResetToken) {
				t.Errorf("looking at it: %v, want ErrResetToken", err)
			}
			if w.sessions.Ended(e.Session.ID) {
				t.Error("the session has ended")
			}
		})
	}
}

func TestResetLinkWorksInItsLastMomentAndAfterAWeakPassword(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	token := w.mustRequest(t)
	w.clock.Add(customer.ResetLife - time.Millisecond)
	for weak, want := range map[string]error{"short": customer.ErrPasswordShort, "Ann.Smith-1": customer.ErrPasswordCommon, "nova-2026": customer.ErrPasswordCommon} {
		if err := w.reset(t, nova, token, weak); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", weak, err, want)
		}
	}
	if err := w.reset(t, nova, token, newPassword); err != nil {
		t.Error(err)
	}
}

func TestOneOfManyUsesOfAResetLinkWins(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	token := w.mustRequest(t)
	errs := make([]error, 6)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.ResetPassword(t.Context(), nova, token, newPassword) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, customer.ErrResetToken) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won: %v", won, errs)
	}
}

// An unknown address costs what a known one does, a write included.
func TestResetForNobodyGivesNothing(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, "disabled@example.com")
	_, err := w.store.ChangeCustomer(t.Context(), e.Customer.ID, func(c *authstore.Customer) error { c.Disabled = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"nobody@example.com", "disabled@example.com"} {
		r, found, err := w.RequestReset(t.Context(), nova, email, "192.0.2.7")
		if err != nil || found || r.Token != "" {
			t.Errorf("%s: token %q, found %t, %v; want nothing", email, r.Token, found, err)
		}
	}
	if _, _, err := w.RequestReset(t.Context(), nova, "no address", "192.0.2.7"); !errors.Is(err, customer.ErrEmail) {
		t.Errorf("no address: %v, want ErrEmail", err)
	}
}

func TestResetMailsToAnAddressAreLimitedAndTheLastStaysGood(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	var token string
	for range 5 {
		token = w.mustRequest(t)
	}
	r, found, err := w.RequestReset(t.Context(), nova, "ANN.SMITH@example.com", "198.51.100.1")
	if err != nil || found || r.Token != "" {
		t.Errorf("the sixth: found %t, %v; want the answer for an unknown address", found, err)
	}
	if err := w.reset(t, nova, token, newPassword); err != nil {
		t.Errorf("the fifth: %v", err)
	}
}

func TestResetRequestsOfANetworkAreLimited(t *testing.T) {
	w := newWorld(t)
	for range 60 {
		if _, _, err := w.RequestReset(t.Context(), nova, "nobody@example.com", "192.0.2.7"); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := w.RequestReset(t.Context(), nova, address, "192.0.2.7")
	wantLimit(t, err, time.Minute)
}

func TestResetLinkLeadsToTheHub(t *testing.T) {
	const hub = "https://id.example.com"
	u, err := url.Parse(customer.ResetLink(hub, nova, customer.Reset{Token: "a&b=c"}))
	if err != nil || u.Scheme+"://"+u.Host != hub || u.Path != "/reset" || u.Query().Get("token") != "a&b=c" || u.Query().Get("publisher") != "100000001" {
		t.Errorf("link %v, %v", u, err)
	}
}
