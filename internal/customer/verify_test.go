// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
)

// wantVerified tells whether a customer's address is verified.
func (w *world) wantVerified(t *testing.T, id int64, want bool) {
	t.Helper()
	if c, err := w.store.Customer(t.Context(), id); err != nil || c.EmailVerified.IsZero() == want {
		t.Errorf("verified at %v, %v; want verified: %t", c.EmailVerified, err, want)
	}
}

func TestNewAddressIsVerifiedWhereThePublisherWantsIt(t *testing.T) {
	w := newWorld(t)
	if w.mustRegister(t, address); len(w.mailed(t)) != 0 {
		t.Error("a publisher that does not want it has a mail sent")
	}
	c := w.mustRegisterAt(t, strict, address).Customer
	m := w.mustMail(t)
	link, token, _ := secretsOf(t, m)
	if m.To != address || link.Path != customer.ConfirmPath || link.Query().Get("publisher") != "100000003" {
		t.Errorf("mail to %s with %s", m.To, link)
	}
	for range 2 { // scanners open links too
		if ticket, err := w.VerifyTicket(t.Context(), strict, token); err != nil || ticket.Data[authstore.Address] != address {
			t.Errorf("looking at it: %+v, %v", ticket, err)
		}
	}
	w.wantVerified(t, c.ID, false)
	if got, err := w.ConfirmEmail(t.Context(), strict, token); err != nil || got.ID != c.ID || got.EmailVerified.IsZero() {
		t.Errorf("confirming: %+v, %v", got, err)
	}
	w.wantVerified(t, c.ID, true)
	if _, err := w.ConfirmEmail(t.Context(), strict, token); !errors.Is(err, customer.ErrLink) {
		t.Errorf("second use: %v, want ErrLink", err)
	}
	if err := w.StartVerification(t.Context(), c, ""); err != nil || len(w.mailed(t)) != 0 {
		t.Errorf("one who is verified gets a mail, %v", err)
	}
	c, err := w.ChangeEmail(t.Context(), c, "new@example.com", password, "")
	if err != nil || !c.EmailVerified.IsZero() {
		t.Errorf("after a change of address: %+v, %v", c, err)
	}
	if all := w.mailed(t); len(all) != 2 {
		t.Errorf("mailed %+v, want one to each address", all)
	}
}

func TestVerificationIsRefused(t *testing.T) {
	tests := map[string]func(t *testing.T, w *world, c authstore.Customer, token string) (authstore.Publisher, string){
		"unknown": func(*testing.T, *world, authstore.Customer, string) (authstore.Publisher, string) {
			return strict, secret.New()
		},
		"at another publisher": func(_ *testing.T, _ *world, _ authstore.Customer, token string) (authstore.Publisher, string) {
			return nova, token
		},
		"after a day": func(_ *testing.T, w *world, _ authstore.Customer, token string) (authstore.Publisher, string) {
			w.clock.Add(customer.VerifyLife)
			return strict, token
		},
		"older than another": func(t *testing.T, w *world, c authstore.Customer, token string) (authstore.Publisher, string) {
			if err := w.StartVerification(t.Context(), c, ""); err != nil {
				t.Error(err)
			}
			w.mustMail(t)
			return strict, token
		},
		"for the address before": func(t *testing.T, w *world, c authstore.Customer, token string) (authstore.Publisher, string) {
			if _, err := w.ChangeEmail(t.Context(), c, "new@example.com", password, ""); err != nil {
				t.Error(err)
			}
			return strict, token
		},
		"for an erased customer": func(t *testing.T, w *world, c authstore.Customer, token string) (authstore.Publisher, string) {
			if err := w.Erase(t.Context(), c.ID); err != nil {
				t.Error(err)
			}
			return strict, token
		},
		"made for a new password": func(t *testing.T, w *world, _ authstore.Customer, _ string) (authstore.Publisher, string) {
			if _, err := w.RequestReset(t.Context(), strict, customer.ResetRequest{Email: address}); err != nil {
				t.Error(err)
			}
			_, token, _ := secretsOf(t, w.mustMail(t))
			return strict, token
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegisterAt(t, strict, address).Customer
			_, token, _ := secretsOf(t, w.mustMail(t))
			p, token := change(t, w, c, token)
			if _, err := w.ConfirmEmail(t.Context(), p, token); !errors.Is(err, customer.ErrLink) {
				t.Errorf("got %v, want ErrLink", err)
			}
			w.wantVerified(t, c.ID, false)
		})
	}
}

// Registration and the page after it both ask for the mail.
func TestVerificationIsMailedOnceWhileOneWaits(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegisterAt(t, strict, address).Customer
	for range 2 {
		if err := w.StartVerification(t.Context(), c, ""); err != nil {
			t.Fatal(err)
		}
	}
	_, token, _ := secretsOf(t, w.mustMail(t))
	if _, err := w.ConfirmEmail(t.Context(), strict, token); err != nil {
		t.Error(err)
	}
}

func TestVerificationMailsAreLimited(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, address).Customer
	for range 5 {
		if err := w.StartVerification(t.Context(), c, ""); err != nil {
			t.Fatal(err)
		}
	}
	wantLimit(t, w.StartVerification(t.Context(), c, ""), 12*time.Minute)
}

func TestCodeVerifiesOneCustomerForAFewTries(t *testing.T) {
	w := newWorld(t)
	c, other := w.mustRegisterAt(t, strict, address).Customer, w.mustRegisterAt(t, strict, "bob@example.com").Customer
	codes := map[string]string{}
	for _, m := range w.mailed(t) {
		_, _, codes[m.To] = secretsOf(t, m)
	}
	if _, err := w.ConfirmEmailByCode(t.Context(), other, codes[address]); !errors.Is(err, customer.ErrLink) {
		t.Errorf("another's code: %v, want ErrLink", err)
	}
	typed := " " + strings.ToLower(strings.ReplaceAll(codes[address], "-", " ")) + " "
	if got, err := w.ConfirmEmailByCode(t.Context(), c, typed); err != nil || got.EmailVerified.IsZero() {
		t.Errorf("%q: %+v, %v", typed, got, err)
	}
	for range 4 { // one try was another's code
		if _, err := w.ConfirmEmailByCode(t.Context(), other, "2222-2222"); !errors.Is(err, customer.ErrLink) {
			t.Fatal(err)
		}
	}
	w.clock.Add(customer.VerifyLife - time.Minute)
	if _, err := w.ConfirmEmailByCode(t.Context(), other, codes["bob@example.com"]); !errors.Is(err, customer.ErrLink) {
		t.Errorf("after five tries: %v, want ErrLink", err)
	}
	if err := w.StartVerification(t.Context(), other, ""); err != nil {
		t.Fatal(err)
	}
	_, _, code := secretsOf(t, w.mustMail(t))
	if _, err := w.ConfirmEmailByCode(t.Context(), other, code); err != nil {
		t.Errorf("a new code has new tries: %v", err)
	}
}

// mustReset asks for a reset mail and returns what it proves something by.
func (w *world) mustReset(t *testing.T) (token, code string) {
	t.Helper()
	if _, err := w.ask(t, address, "192.0.2.7"); err != nil {
		t.Fatal(err)
	}
	_, token, code = secretsOf(t, w.mustMail(t))
	return token, code
}

func TestResetCodeIsWorthOneLink(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	linked, code := w.mustReset(t)
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			token, err := w.ResetTicketByCode(t.Context(), nova, "ANN.SMITH@example.com", code, "192.0.2.7")
			if err != nil && !errors.Is(err, customer.ErrResetToken) {
				t.Error(err)
			}
			got[i] = token
		})
	}
	wg.Wait()
	won := strings.Join(got, "")
	if len(won) != 43 {
		t.Fatalf("the code was exchanged for %q, want one token", got)
	}
	if _, err := w.ResetTicket(t.Context(), nova, linked); !errors.Is(err, customer.ErrResetToken) {
		t.Errorf("the link beside it: %v, want ErrResetToken", err)
	}
	if err := w.reset(t, nova, won, newPassword); err != nil {
		t.Error(err)
	}
}

func TestResetCodeIsRefusedAlikeForEverybody(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	_, code := w.mustReset(t)
	try := func(p authstore.Publisher, email, code string) error {
		token, err := w.ResetTicketByCode(t.Context(), p, email, code, "192.0.2.7")
		if token != "" && err != nil {
			t.Errorf("token %q with %v", token, err)
		}
		return err
	}
	for _, email := range []string{address, "nobody@example.com"} {
		for range 7 { // more than there are tries
			if err := try(nova, email, "2345-6789"); err != customer.ErrResetToken {
				t.Errorf("%s: %v, want nothing but ErrResetToken", email, err)
			}
		}
	}
	if err := try(nova, address, code); err != customer.ErrResetToken {
		t.Errorf("the right one after too many: %v", err)
	}
	_, code = w.mustReset(t)
	for name, err := range map[string]error{
		"another publisher's": try(orbit, address, code),
		"empty":               try(nova, address, ""),
	} {
		if err != customer.ErrResetToken {
			t.Errorf("%s: %v, want ErrResetToken", name, err)
		}
	}
	if err := try(nova, "no address", code); !errors.Is(err, customer.ErrEmail) {
		t.Errorf("no address: %v, want ErrEmail", err)
	}
	w.clock.Add(customer.ResetLife)
	if err := try(nova, address, code); err != customer.ErrResetToken {
		t.Errorf("after an hour: %v, want ErrResetToken", err)
	}
}

func TestGuessesAtCodesOfANetworkAreLimited(t *testing.T) {
	w := newWorld(t)
	for range 60 {
		if _, err := w.ResetTicketByCode(t.Context(), nova, "nobody@example.com", "x", "192.0.2.7"); !errors.Is(err, customer.ErrResetToken) {
			t.Fatal(err)
		}
	}
	_, err := w.ResetTicketByCode(t.Context(), nova, address, "x", "192.0.2.7")
	wantLimit(t, err, time.Minute)
	_, _, err = w.UndoEmailChangeByCode(t.Context(), nova, address, "x", "192.0.2.7")
	wantLimit(t, err, time.Minute)
}

// mustMove gives a customer another address and returns what the old one was
// mailed.
func (w *world) mustMove(t *testing.T, c authstore.Customer, to string) (moved authstore.Customer, token, code string) {
	t.Helper()
	moved, err := w.ChangeEmail(t.Context(), c, to, password, "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	m := w.mustMail(t)
	link, token, code := secretsOf(t, m)
	if m.To != c.Email || link.Path != customer.UndoPath || strings.Contains(m.Text, to) {
		t.Errorf("mail to %s: %s", m.To, m.Text)
	}
	return moved, token, code
}

func TestOldAddressGetsItsAccountBack(t *testing.T) {
	for name, undo := range map[string]func(w *world, token, code string) (authstore.Customer, string, error){
		"by link": func(w *world, token, _ string) (authstore.Customer, string, error) {
			return w.UndoEmailChange(context.Background(), nova, token)
		},
		"by code": func(w *world, _, code string) (authstore.Customer, string, error) {
			return w.UndoEmailChangeByCode(context.Background(), nova, "ann.smith@EXAMPLE.com", code, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.mustRegister(t, address)
			moved, token, code := w.mustMove(t, e.Customer, "thief@example.com")
			moved, _, _ = w.mustMove(t, moved, "hideout@example.com") // must not end the first link
			if _, err := w.RequestReset(t.Context(), nova, customer.ResetRequest{Email: moved.Email}); err != nil {
				t.Fatal(err)
			}
			_, thiefs, _ := secretsOf(t, w.mustMail(t))
			if ticket, err := w.UndoTicket(t.Context(), nova, token); err != nil || ticket.Data[authstore.Address] != address {
				t.Errorf("looking at it: %+v, %v", ticket, err)
			}
			w.clock.Add(customer.UndoLife - time.Minute)
			c, reset, err := undo(w, token, code)
			if err != nil || c.ID != e.Customer.ID || c.Email != address || c.EmailVerified.IsZero() {
				t.Fatalf("got %+v, %v", c, err)
			}
			if !w.sessions.Ended(e.Session.ID) {
				t.Error("a session lives on")
			}
			if _, err := w.ResetTicket(t.Context(), nova, thiefs); !errors.Is(err, customer.ErrResetToken) {
				t.Errorf("the thief's reset link: %v, want ErrResetToken", err)
			}
			if err := w.login(t, "hideout@example.com", password); !errors.Is(err, customer.ErrCredentials) {
				t.Errorf("the thief's address: %v, want ErrCredentials", err)
			}
			if err := w.reset(t, nova, reset, newPassword); err != nil {
				t.Errorf("choosing a new password at once: %v", err)
			}
			if err := w.login(t, address, newPassword); err != nil {
				t.Error(err)
			}
			if _, _, err := undo(w, token, code); !errors.Is(err, customer.ErrLink) {
				t.Errorf("second use: %v, want ErrLink", err)
			}
		})
	}
}

func TestUndoIsRefused(t *testing.T) {
	tests := map[string]struct {
		change func(t *testing.T, w *world, c authstore.Customer)
		want   error
	}{
		"after a week": {func(_ *testing.T, w *world, _ authstore.Customer) { w.clock.Add(customer.UndoLife) }, customer.ErrLink},
		"of an erased customer": {func(t *testing.T, w *world, c authstore.Customer) {
			if err := w.Erase(t.Context(), c.ID); err != nil {
				t.Error(err)
			}
		}, customer.ErrLink},
		"when the address is somebody else's": {func(t *testing.T, w *world, _ authstore.Customer) { w.mustRegister(t, address) }, customer.ErrEmailTaken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c, token, _ := w.mustMove(t, w.mustRegister(t, address).Customer, "new@example.com")
			if _, _, err := w.UndoEmailChange(t.Context(), orbit, token); !errors.Is(err, customer.ErrLink) {
				t.Errorf("at another publisher: %v, want ErrLink", err)
			}
			tt.change(t, w, c)
			before := w.records()
			if _, _, err := w.UndoEmailChange(t.Context(), nova, token); !errors.Is(err, tt.want) || w.records() != before {
				t.Errorf("got %v, want %v and nothing changed", err, tt.want)
			}
		})
	}
}

// Whoever reads mail at the address gets the account that sits on it out of the
// way.
func TestOwnerOfAnAddressRemovesWhoeverSitsOnIt(t *testing.T) {
	w := newWorld(t)
	c, token, _ := w.mustMove(t, w.mustRegister(t, address).Customer, "thief@example.com")
	squatter := w.mustRegister(t, address).Customer
	if err := w.reset(t, nova, w.mustRequest(t), newPassword); err != nil {
		t.Fatal(err)
	}
	if err := w.Erase(t.Context(), squatter.ID); err != nil {
		t.Fatal(err)
	}
	if got, _, err := w.UndoEmailChange(t.Context(), nova, token); err != nil || got.ID != c.ID {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOwnerHearsOfANewDevice(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	login := func(change func(a *customer.Arrival)) int {
		from := atHome
		change(&from)
		if _, err := w.Login(t.Context(), nova, address, password, from); err != nil {
			t.Fatal(err)
		}
		return len(w.mailed(t))
	}
	for name, tt := range map[string]struct {
		change func(a *customer.Arrival)
		want   int
	}{
		"where they registered":             {func(*customer.Arrival) {}, 0},
		"same browser in another network":   {func(a *customer.Arrival) { a.Known, a.Device.IP = e.Known, "198.51.100.1" }, 0},
		"another program, the same network": {func(a *customer.Arrival) { a.Device.UserAgent = "curl" }, 1},
		"the same program, another network": {func(a *customer.Arrival) { a.Device.IP = "203.0.113.9" }, 1},
		"proof of another account's device": {func(a *customer.Arrival) { a.Known, a.Device.UserAgent = "x.y", "vlc" }, 1},
	} {
		if got := login(tt.change); got != tt.want {
			t.Errorf("%s: %d mails, want %d", name, got, tt.want)
		}
		w.clock.Add(time.Hour) // few mails an hour go to one address
	}
}

func TestMailOfANewDeviceSaysWhatIsKnown(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	from := atHome
	from.Device.UserAgent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0"
	from.Device.IP, from.Country = "203.0.113.9", "PL"
	if _, err := w.Login(t.Context(), nova, address, password, from); err != nil {
		t.Fatal(err)
	}
	m := w.mustMail(t)
	for _, part := range []string{"Device: Firefox, Mac", "Country: Poland", "Time: ", "UTC", "Nova", "https://id.example.com/forgot?publisher=100000001"} {
		if !strings.Contains(m.Text, part) {
			t.Errorf("%q is missing in\n%s", part, m.Text)
		}
	}
}

func TestErasedCustomerGetsNoMail(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, address).Customer
	if _, err := w.ask(t, address, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ChangeEmail(t.Context(), c, "new@example.com", password, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Erase(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if left := strings.ToLower(w.records()); strings.Contains(left, strings.ToLower(address)) || strings.Contains(left, "new@example.com") {
		t.Errorf("an address is left in\n%s", left)
	}
	if got := w.mailed(t); len(got) != 0 {
		t.Errorf("mailed %+v", got)
	}
}
