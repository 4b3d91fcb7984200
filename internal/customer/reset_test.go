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
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

const newPassword = "another 7 words"

func (w *world) mustRequest(t *testing.T) string {
	t.Helper()
	if unknown, err := w.ask(t, address, "192.0.2.7"); err != nil || unknown {
		t.Fatalf("unknown %t, %v", unknown, err)
	}
	_, token, _ := secretsOf(t, w.mustMail(t))
	return token
}

func (w *world) ask(t *testing.T, email, ip string) (unknown bool, err error) {
	t.Helper()
	return w.RequestReset(t.Context(), nova, customer.ResetRequest{Email: email, IP: ip})
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

// A store that costs the same tells nothing: an unknown address is as dear.
func TestResetForNobodyCostsTheSameAndSendsNothing(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, "disabled@example.com")
	w.mustRegister(t, address)
	if err := w.sessions.EndByDisabling(t.Context(), e.Customer.ID); err != nil {
		t.Fatal(err)
	}
	count := func() int { return len(w.stored.Records()) }
	before := count()
	if unknown, err := w.ask(t, address, "192.0.2.7"); err != nil || unknown {
		t.Fatalf("unknown %t, %v", unknown, err)
	}
	cost := count() - before
	w.mustMail(t)
	for email, want := range map[string]bool{"nobody@example.com": true, "disabled@example.com": false} {
		before := count()
		unknown, err := w.ask(t, email, "192.0.2.7")
		if err != nil || unknown != want || count()-before != cost || cost == 0 {
			t.Errorf("%s: unknown %t, %v, %d records, want %d", email, unknown, err, count()-before, cost)
		}
		if got := w.mailed(t); len(got) != 0 || count() != before {
			t.Errorf("%s: mailed %+v and left something", email, got)
		}
	}
	if _, err := w.ask(t, "no address", "192.0.2.7"); !errors.Is(err, customer.ErrEmail) {
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
	if unknown, err := w.ask(t, "ANN.SMITH@example.com", "198.51.100.1"); err != nil || unknown || len(w.mailed(t)) != 0 {
		t.Errorf("the sixth: unknown %t, %v; want the answer of the fifth and no mail", unknown, err)
	}
	if err := w.reset(t, nova, token, newPassword); err != nil {
		t.Errorf("the fifth: %v", err)
	}
}

func TestResetRequestsOfANetworkAreLimited(t *testing.T) {
	w := newWorld(t)
	for range 60 {
		if _, err := w.ask(t, "nobody@example.com", "192.0.2.7"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.ask(t, address, "192.0.2.7")
	wantLimit(t, err, time.Minute)
}

func TestResetMailLeadsToTheHub(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	if _, err := w.ask(t, address, ""); err != nil {
		t.Fatal(err)
	}
	m := w.mustMail(t)
	link, _, _ := secretsOf(t, m)
	if m.To != address || link.Host != "id.example.com" || link.Path != customer.ResetPath || link.Query().Get("publisher") != "100000001" {
		t.Errorf("mail to %s with %s", m.To, link)
	}
}

// What is queued may be read by whoever holds the store.
func TestNoSecretWaitsInTheQueue(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	if _, err := w.ask(t, address, ""); err != nil {
		t.Fatal(err)
	}
	if left := w.records(); strings.Contains(left, "password reset") {
		t.Errorf("a ticket was made before its mail in\n%s", left)
	}
	m := w.mustMail(t)
	_, token, code := secretsOf(t, m)
	left := w.records()
	for _, secret := range []string{token, code, strings.ReplaceAll(code, "-", "")} {
		if strings.Contains(left, secret) {
			t.Errorf("%s is in\n%s", secret, left)
		}
	}
}

// A page that the publisher has taken from its list is not mailed any more.
func TestPageOfAResetIsJudgedAgainWhenItIsMailed(t *testing.T) {
	w := newWorld(t)
	w.mustRegisterAt(t, orbit, address)
	ask := func(page string) error {
		_, err := w.RequestReset(t.Context(), orbit, customer.ResetRequest{Email: address, Page: page})
		return err
	}
	if err := ask("https://evil.example/"); !errors.Is(err, customer.ErrResetURL) {
		t.Errorf("another's page: %v, want ErrResetURL", err)
	}
	if err := ask("https://orbit.example/" + strings.Repeat("x", 2000)); !errors.Is(err, customer.ErrResetURL) {
		t.Errorf("endless page: %v, want ErrResetURL", err)
	}
	if err := ask("https://orbit.example/new?a=b"); err != nil {
		t.Fatal(err)
	}
	if link := mailedLink.FindString(w.mustMail(t).Text); !strings.HasPrefix(link, "https://orbit.example/new?a=b&email=Ann.Smith%40example.com&publisherId=100000002&resetPasswordToken=") {
		t.Errorf("link %s", link)
	}
	if err := ask("https://orbit.example/new"); err != nil {
		t.Fatal(err)
	}
	elsewhere := orbit
	elsewhere.Sites = []string{"https://moved.example"}
	if err := w.store.DeclarePublishers(t.Context(), []authstore.Publisher{elsewhere}); err != nil {
		t.Fatal(err)
	}
	if got := w.mailed(t); len(got) != 0 {
		t.Errorf("mailed %+v", got)
	}
}

func TestResetIsToldAndProvesTheAddress(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	if err := w.reset(t, nova, w.mustRequest(t), newPassword); err != nil {
		t.Fatal(err)
	}
	if m := w.mustMail(t); m.To != address || m.Subject != "Your password was changed" {
		t.Errorf("mailed %+v", m)
	}
	if c, err := w.store.Customer(t.Context(), e.Customer.ID); err != nil || !c.EmailVerified.Equal(w.store.Now()) {
		t.Errorf("verified at %v, %v", c.EmailVerified, err)
	}
}
