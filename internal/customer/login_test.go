// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
)

func TestEverySpellingOfAnAddressIsOneAccount(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, "Ann.Smith@Bücher.example")
	for _, spelling := range []string{"ann.smith@bücher.example", "ANN.SMITH@BÜCHER.EXAMPLE", " ann.smith@xn--bcher-kva.example\t"} {
		got, err := w.Login(t.Context(), nova, spelling, password, atHome)
		if err != nil || got.Customer.ID != e.Customer.ID || got.Customer.Email != "Ann.Smith@Bücher.example" {
			t.Errorf("%q: %+v, %v", spelling, got.Customer, err)
		}
	}
}

func TestLoginStartsASession(t *testing.T) {
	w := newWorld(t)
	first := w.mustRegister(t, address)
	w.clock.Add(time.Hour)
	from := customer.Arrival{Device: session.Device{IP: "198.51.100.1", UserAgent: "app"}, Start: session.ByAPI, OfferID: "S100000001_US", Replaced: first.Session.ID}
	e, err := w.Login(t.Context(), nova, address, password, from)
	if err != nil {
		t.Fatal(err)
	}
	if e.Secrets.Refresh == "" || e.Secrets.Hub != "" || e.Session.OfferID != "S100000001_US" || e.Session.IP != "198.51.100.1" || e.Session.UserAgent != "app" {
		t.Errorf("entry %+v", e)
	}
	if !w.sessions.Ended(first.Session.ID) {
		t.Error("the session that was replaced lives on")
	}
	c, err := w.store.Customer(t.Context(), e.Customer.ID)
	if err != nil || !c.LastLogin.Equal(w.store.Now()) || c.LastIP != "198.51.100.1" {
		t.Errorf("stored %+v, %v", c, err)
	}
}

func TestRefusedLoginsAreAllAlike(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	disabled := w.mustRegister(t, "disabled@example.com")
	if err := w.sessions.EndByDisabling(t.Context(), disabled.Customer.ID); err != nil {
		t.Fatal(err)
	}
	before := w.records()
	for _, try := range []struct {
		p               authstore.Publisher
		email, password string
	}{
		{nova, address, wrong}, {nova, address, ""}, {nova, address, password + " "}, {nova, address, "Kq7v rtzm wfl"},
		{nova, "nobody@example.com", password}, {nova, "nobody@example.com", ""}, {nova, "disabled@example.com", password}, {nova, "disabled@example.com", wrong},
		{orbit, address, password}, // an account of another publisher
	} {
		e, err := w.Login(t.Context(), try.p, try.email, try.password, atHome)
		if err != customer.ErrCredentials || e.Secrets != (session.Secrets{}) || e.Known != "" || e.Customer.ID != 0 {
			t.Errorf("%s, %q at %s: %+v, %v; want nothing but ErrCredentials", try.email, try.password, try.p.Name, e, err)
		}
	}
	if w.records() != before {
		t.Error("a refused login stored something")
	}
	if err := w.login(t, "no address", password); !errors.Is(err, customer.ErrEmail) {
		t.Errorf("no address: %v, want ErrEmail", err)
	}
}

// wantLimit insists that err is a *LimitError with the wait.
func wantLimit(t *testing.T, err error, wait time.Duration) {
	t.Helper()
	var limit *customer.LimitError
	if !errors.As(err, &limit) || limit.RetryAfter != wait {
		t.Errorf("got %v, want to wait %v", err, wait)
	}
}

func TestOnlyLoginsThatFailForTheirCredentialsAreCountedAsFailed(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	for _, try := range []struct{ address, password string }{
		{address, wrong}, {"bob@example.com", wrong}, {address, password}, {"no address", wrong},
	} {
		_ = w.login(t, try.address, try.password)
	}
	if err := w.limits.Failures.Flush(t.Context(), w.store); err != nil {
		t.Fatal(err)
	}
	days, err := w.store.Activity(t.Context(), nova.ID, w.clock.Now(), w.clock.Now().Add(time.Hour))
	if err != nil || len(days) != 1 || days[0].Failed != 2 || days[0].Logins != 2 || days[0].Registrations != 1 {
		t.Errorf("got %+v, %v; want 2 failed, 2 logins (one by registering), 1 registration", days, err)
	}
}

func TestTriesOfAnAccountAreLimitedForAllSpellings(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	spellings := []string{address, "ANN.SMITH@example.com", "ann.smith@EXAMPLE.com"}
	w.useUp(t, 9, atHome, spellings...)
	if err := w.login(t, address, wrong); !errors.Is(err, customer.ErrCredentials) {
		t.Fatalf("the tenth try: %v", err)
	}
	wantLimit(t, w.login(t, address, password), 90*time.Second)
	from := atHome
	from.Device.IP = "198.51.100.1"
	_, err := w.Login(t.Context(), nova, "ann.SMITH@example.com", password, from)
	wantLimit(t, err, 90*time.Second)
	if err := w.login(t, "bob@example.com", wrong); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("another account: %v", err)
	}
	if _, err := w.Login(t.Context(), orbit, address, wrong, atHome); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("the address at another publisher: %v", err)
	}
	w.clock.Add(90 * time.Second)
	if err := w.login(t, address, password); err != nil {
		t.Errorf("when a try is back: %v", err)
	}
	w.useUp(t, 10, atHome, spellings...) // success forgave all mistakes
	wantLimit(t, w.login(t, address, password), 90*time.Second)
}

// useUp spends tries of an account, in turns by its spellings. A visitor who
// has gone costs a try and no hash.
func (w *world) useUp(t *testing.T, n int, from customer.Arrival, spellings ...string) {
	t.Helper()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range n {
		if _, err := w.Login(gone, nova, spellings[i%len(spellings)], wrong, from); !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
}

func TestUnknownAddressIsLimitedLikeAKnownOne(t *testing.T) {
	w := newWorld(t)
	w.useUp(t, 10, atHome, "nobody@example.com")
	wantLimit(t, w.login(t, "nobody@example.com", password), 90*time.Second)
}

func TestStrangersDoNotLockAKnownDeviceOut(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	other := w.mustRegister(t, "bob@example.com")
	if e.Known == "" || e.Known == other.Known {
		t.Fatalf("known devices %q and %q", e.Known, other.Known)
	}
	w.useUp(t, 10, atHome, address)
	login := func(known string) error {
		from := atHome
		from.Known = known
		got, err := w.Login(t.Context(), nova, address, password, from)
		if err == nil && got.Known != known {
			t.Errorf("%q became %q", known, got.Known)
		}
		return err
	}
	if err := login(e.Known); err != nil {
		t.Errorf("known device: %v", err)
	}
	for name, forged := range map[string]string{
		"none": "", "another account's": other.Known, "changed": "A" + e.Known, "cut": e.Known[:len(e.Known)-1], "dot": ".", "without an id": e.Known[len(e.Known)-23:],
	} {
		if err := login(forged); !errors.As(err, new(*customer.LimitError)) {
			t.Errorf("%s: %v, want *LimitError", name, err)
		}
	}
	from := atHome
	from.Known = e.Known
	w.useUp(t, 10, from, address)
	wantLimit(t, login(e.Known), 90*time.Second)
}

func TestFailuresOfANetworkAreLimitedAndSuccessesAreNot(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 299 {
		if _, err := w.Login(gone, nova, fmt.Sprintf("v%d@example.com", i), wrong, atHome); !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	for range 2 { // the try comes back
		if err := w.login(t, address, password); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.login(t, address, wrong); !errors.Is(err, customer.ErrCredentials) {
		t.Fatal(err)
	}
	wantLimit(t, w.login(t, "v300@example.com", password), 3*time.Second)
	from := atHome
	from.Device.IP = "192.0.2.8"
	if _, err := w.Login(t.Context(), nova, address, password, from); err != nil {
		t.Errorf("from another network: %v", err)
	}
}

func TestLimitErrorSaysHowLong(t *testing.T) {
	if got := (&customer.LimitError{RetryAfter: 90*time.Second + 4*time.Millisecond}).Error(); got != "too many tries; try again in 1m30s" {
		t.Error(got)
	}
}

func TestBrokenStoreIsNoRefusal(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	c, token := w.mustRegister(t, address).Customer, w.mustRequest(t)
	before := w.records()
	for name, op := range map[string]func() error{
		"login":          func() error { return w.login(t, address, password) },
		"trusted":        func() error { _, err := w.Trusted(t.Context(), nova, address, c, atHome); return err },
		"reset request":  func() error { _, err := w.ask(t, address, ""); return err },
		"reset":          func() error { return w.reset(t, nova, token, newPassword) },
		"address change": func() error { _, err := w.ChangeEmail(t.Context(), c, "new@example.com", password, ""); return err },
	} {
		for step, fail := range map[string]func(error){"read": w.faulty.FailView, "write": w.faulty.FailCommit} {
			fail(fault)
			err := op()
			if !errors.Is(err, fault) || errors.Is(err, customer.ErrCredentials) || errors.Is(err, customer.ErrResetToken) || errors.Is(err, customer.ErrConfirmation) || w.records() != before {
				t.Errorf("%s, %s: %v, want the fault and nothing changed", name, step, err)
			}
		}
	}
}

// Hashing takes a while, and a flood of logins makes it longer. A session that
// begins then must not outlive what ended all others.
func TestLoginThatIsOvertakenIsRefused(t *testing.T) {
	tests := map[string]func(t *testing.T, w *world, c authstore.Customer){
		"by a new password": func(t *testing.T, w *world, _ authstore.Customer) {
			if err := w.reset(t, nova, w.mustRequest(t), newPassword); err != nil {
				t.Error(err)
			}
		},
		"by disabling": func(t *testing.T, w *world, c authstore.Customer) {
			if err := w.sessions.EndByDisabling(t.Context(), c.ID); err != nil {
				t.Error(err)
			}
		},
		"by erasure": func(t *testing.T, w *world, c authstore.Customer) {
			if err := w.Erase(t.Context(), c.ID); err != nil {
				t.Error(err)
			}
		},
	}
	for name, overtake := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegister(t, address).Customer
			w.between.do = func() { overtake(t, w, c) }
			e, err := w.Login(t.Context(), nova, address, password, atHome)
			if !errors.Is(err, customer.ErrCredentials) || e.Secrets != (session.Secrets{}) {
				t.Errorf("got %v, want ErrCredentials", err)
			}
			if live, err := w.store.CustomerSessions(t.Context(), c.ID); len(live) != 0 || err != nil {
				t.Errorf("%d sessions live on, %v", len(live), err)
			}
		})
	}
}
