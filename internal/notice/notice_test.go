// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/notice/noticetest"
	"github.com/usher-sso/usher/internal/throttle"
)

var nova = authstore.Publisher{ID: 100_000_001, Name: "Nova TV", Declared: true, Sites: []string{"https://nova.example"}}

// links makes links that tell how often they were made.
type links struct {
	mu   sync.Mutex
	made int   // guarded by mu
	fail error // instead of a link
}

func (*links) Mailbox(c authstore.Customer) (string, error) {
	if c.Email == "" {
		return "", errors.New("no address")
	}
	return c.Email, nil
}

func (l *links) make(what string) (notice.Link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	return notice.Link{URL: fmt.Sprintf("https://id.example.com/%s?n=%d", what, l.made), Code: "ABCD-2345"}, l.fail
}

func (l *links) ResetLink(context.Context, authstore.Mail, authstore.Customer) (notice.Link, error) {
	return l.make("reset")
}

func (l *links) VerifyLink(context.Context, authstore.Mail, authstore.Customer) (notice.Link, error) {
	return l.make("verify")
}

func (l *links) UndoEmailLink(context.Context, authstore.Mail, authstore.Customer) (notice.Link, error) {
	return l.make("undo")
}

func (l *links) JoinCode(context.Context, authstore.Mail) (notice.Link, error) {
	link, err := l.make("join")
	link.URL = ""
	return link, err
}

// world is a queue with all it stands on.
type world struct {
	*notice.Sender
	clock  *authstoretest.Clock
	memory *authstoretest.Memory
	store  *authstore.Store
	links  *links
	box    noticetest.Box
	worker *notice.Worker

	mailer   *mailer
	mu       sync.Mutex
	reported []error // guarded by mu
}

// mailer is a box that may be broken.
type mailer struct {
	noticetest.Box
	mu   sync.Mutex
	fail error // guarded by mu
}

func (m *mailer) Send(ctx context.Context, message mail.Message) error {
	m.mu.Lock()
	err := m.fail
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.Box.Send(ctx, message)
}

func (m *mailer) set(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), memory: authstoretest.NewMemory(), links: &links{}, box: make(noticetest.Box, 32)}
	w.memory.Retry = true
	w.mailer = &mailer{Box: w.box}
	w.store = authstore.New(w.memory, w.clock.Now)
	w.Sender = notice.NewSender(w.store, throttle.New(w.clock.Now))
	if err := w.store.DeclarePublishers(t.Context(), []authstore.Publisher{nova}); err != nil {
		t.Fatal(err)
	}
	w.worker = w.newWorker(t, nil)
	return w
}

func (w *world) newWorker(t *testing.T, tick <-chan time.Time) *notice.Worker {
	t.Helper()
	return noticetest.Worker(t, w.Sender, notice.WorkerConfig{
		Store: w.store, Mailer: w.mailer, Links: w.links, Tick: tick,
		Report: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reported = append(w.reported, err)
		},
	})
}

func (w *world) mustCustomer(t *testing.T, email, locale string) authstore.Customer {
	t.Helper()
	c, err := w.store.Register(t.Context(), authstore.Registration{
		Customer: authstore.Customer{PublisherID: nova.ID, Email: email, Locale: locale},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: email},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mailed sends what is due and returns it.
func (w *world) mailed(t *testing.T) (all []mail.Message) {
	t.Helper()
	w.worker.DeliverDue(t.Context())
	for range len(w.box) {
		all = append(all, <-w.box)
	}
	return all
}

// reports returns what was reported since it was last called, and insists that
// no address is in it.
func (w *world) reports(t *testing.T) (all []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, err := range w.reported {
		all = append(all, err.Error())
		if strings.Contains(err.Error(), "@") {
			t.Errorf("an address is in %v", err)
		}
	}
	w.reported = nil
	return all
}

// waiting tells how many mails are queued.
func (w *world) waiting() (n int) {
	for _, r := range w.memory.Records() {
		if r.Table == "mails" {
			n++
		}
	}
	return n
}

func TestNoticesNameThePublisherAndTheHub(t *testing.T) {
	w := newWorld(t)
	c := w.mustCustomer(t, "ann@example.com", "de_AT")
	for name, tt := range map[string]struct {
		queue   func() error
		subject string
		link    string
	}{
		"AccountExists":   {func() error { return w.AccountExists(t.Context(), c) }, "Sie haben schon ein Konto", "https://id.example.com/login?publisher=100000001"},
		"SessionEnded":    {func() error { return w.SessionEnded(t.Context(), c) }, "Eines Ihrer Geräte wurde abgemeldet", "https://id.example.com/login?publisher=100000001"},
		"NewDevice":       {func() error { return w.NewDevice(t.Context(), c, "x", "") }, "Neue Anmeldung in Ihrem Konto", "https://id.example.com/forgot?publisher=100000001"},
		"PasswordChanged": {func() error { return w.PasswordChanged(t.Context(), c) }, "Ihr Passwort wurde geändert", "https://id.example.com/forgot?publisher=100000001"},
		"VerifyEmail":     {func() error { return w.VerifyEmail(t.Context(), c, "") }, "Bestätigen Sie Ihre E-Mail-Adresse", "https://id.example.com/verify?n="},
		"ResetPassword":   {func() error { return w.ResetPassword(t.Context(), nova.ID, c.ID, "", "") }, "Wählen Sie ein neues Passwort", "https://id.example.com/reset?n="},
		"EmailChanged": {func() error {
			return w.store.QueueMail(t.Context(), authstore.Mail{Kind: notice.EmailChanged, PublisherID: nova.ID, CustomerID: c.ID, To: "old@example.com"})
		}, "Die E-Mail-Adresse Ihres Kontos wurde geändert", "https://id.example.com/undo?n="},
		"Join": {func() error {
			return w.store.QueueMail(t.Context(), authstore.Mail{Kind: notice.Join, PublisherID: nova.ID, CustomerID: c.ID})
		}, "Ihr Code zum Anmelden", "ABCD-2345"},
		"WayAdded": {func() error {
			return w.store.QueueMail(t.Context(), authstore.Mail{Kind: notice.WayAdded, PublisherID: nova.ID, CustomerID: c.ID})
		}, "Neue Anmeldemöglichkeit für Ihr Konto", "https://id.example.com/account?publisher=100000001"},
		"WayRemoved": {func() error {
			return w.store.QueueMail(t.Context(), authstore.Mail{Kind: notice.WayRemoved, PublisherID: nova.ID, CustomerID: c.ID})
		}, "Eine Anmeldemöglichkeit Ihres Kontos wurde entfernt", "https://id.example.com/account?publisher=100000001"},
	} {
		if err := tt.queue(); err != nil || len(w.box) != 0 {
			t.Errorf("%s: %v, %d mails were sent by the request", name, err, len(w.box))
		}
		all := w.mailed(t)
		if len(all) != 1 {
			t.Fatalf("%s: mailed %+v", name, all)
		}
		m := all[0]
		to := map[bool]string{true: "old@example.com", false: "ann@example.com"}[name == "EmailChanged"]
		if m.To != to || m.From != "no-reply@id.example.com" || m.FromName != "Nova TV" || m.Subject != tt.subject || !strings.Contains(m.Text, tt.link) || !strings.Contains(m.HTML, "Nova TV") || m.ID == "" {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if w.waiting() != 0 || len(w.reports(t)) != 0 {
		t.Error("something is left")
	}
}

// Somebody who is about to join has an address and a language, and is no customer.
func TestSomebodyWhoIsNoCustomerYetIsWrittenTo(t *testing.T) {
	w := newWorld(t)
	err := w.store.QueueMail(t.Context(), authstore.Mail{
		Kind: notice.Join, PublisherID: nova.ID, To: "new@example.com",
		Data: map[string]string{notice.Locale: "fr_BE", notice.Provider: "Google"},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := w.mailed(t)
	if len(all) != 1 || all[0].To != "new@example.com" || all[0].Subject != "Votre code de connexion" ||
		!strings.Contains(all[0].Text, "Google") || !strings.Contains(all[0].Text, "ABCD-2345") || strings.Contains(all[0].HTML, "<a ") {
		t.Errorf("mailed %+v", all)
	}
}

func TestAnAddressGetsThreeNoticesOfAKindAnHour(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mustCustomer(t, "ann@example.com", ""), w.mustCustomer(t, "bob@example.com", "")
	for range 10 {
		if err := w.AccountExists(t.Context(), ann); err != nil {
			t.Fatal(err)
		}
	}
	for _, queue := range []func() error{
		func() error { return w.NewDevice(t.Context(), ann, "", "") }, // strangers cannot hide it
		func() error { return w.AccountExists(t.Context(), bob) },
	} {
		if err := queue(); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for _, m := range w.mailed(t) {
		got[m.To+" "+m.Subject]++
	}
	if len(got) != 3 || got["ann@example.com You already have an account"] != 3 || got["ann@example.com New sign-in to your account"] != 1 {
		t.Errorf("mailed %v", got)
	}
}

// senderOf is a mailer with an address of its own.
type senderOf struct {
	mail.Mailer
	address string
}

func (s senderOf) Sender() string { return s.address }

func TestMailersMayHaveAnAddressOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	c := w.mustCustomer(t, "ann@example.com", "")
	for address, want := range map[string]string{"": "no-reply@id.example.com", "tv@nova.example": "tv@nova.example"} {
		if err := w.PasswordChanged(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		noticetest.Worker(t, w.Sender, notice.WorkerConfig{Store: w.store, Mailer: senderOf{w.box, address}, Links: w.links}).DeliverDue(t.Context())
		if m := <-w.box; m.From != want {
			t.Errorf("from %s, want %s", m.From, want)
		}
	}
}

func TestMailIsTriedAgainWithGrowingPauses(t *testing.T) {
	w := newWorld(t)
	if err := w.ResetPassword(t.Context(), nova.ID, w.mustCustomer(t, "ann@example.com", "").ID, "", ""); err != nil {
		t.Fatal(err)
	}
	w.mailer.set(errors.New("no mail server"))
	for _, pause := range []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour} {
		if w.mailed(t); len(w.reports(t)) != 1 {
			t.Fatalf("no try before the pause of %s", pause)
		}
		w.clock.Add(pause - pause/10 - time.Millisecond)
		if w.mailed(t); len(w.reports(t)) != 0 {
			t.Fatalf("tried again well before %s", pause)
		}
		w.clock.Add(pause / 5)
	}
	w.mailer.set(nil)
	all := w.mailed(t)
	if len(all) != 1 || !strings.Contains(all[0].Text, "reset?n=7\n") {
		t.Errorf("mailed %+v, want one with a link of its own", all)
	}
}

func TestMailIsDroppedWhenItIsNoNews(t *testing.T) {
	w := newWorld(t)
	if err := w.SessionEnded(t.Context(), w.mustCustomer(t, "ann@example.com", "")); err != nil {
		t.Fatal(err)
	}
	w.mailer.set(errors.New("no mail server"))
	begun := w.clock.Now()
	for w.waiting() > 0 {
		w.mailed(t)
		w.clock.Add(15 * time.Minute)
	}
	reports := w.reports(t)
	if took := w.clock.Now().Sub(begun); took < 70*time.Hour || took > 73*time.Hour || !strings.Contains(reports[len(reports)-1], "dropping the mail sessionEnded of customer") {
		t.Errorf("dropped after %s: %s", took, reports[len(reports)-1])
	}
}

func TestMailThatTellsNothingIsDroppedAtOnce(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, w *world, c authstore.Customer)
		reports int
	}{
		"for nobody": {func(t *testing.T, w *world, c authstore.Customer) {
			if err := w.ResetPassword(t.Context(), nova.ID, 0, "", ""); err != nil {
				t.Error(err)
			}
		}, 0},
		"out of date": {func(t *testing.T, w *world, c authstore.Customer) {
			w.links.fail = notice.ErrOutdated
			if err := w.VerifyEmail(t.Context(), c, ""); err != nil {
				t.Error(err)
			}
		}, 0},
		"of a publisher that is gone": {func(t *testing.T, w *world, c authstore.Customer) {
			if err := w.PasswordChanged(t.Context(), c); err != nil {
				t.Error(err)
			}
			if err := w.store.DeclarePublishers(t.Context(), []authstore.Publisher{{ID: 100_000_009}}); err != nil {
				t.Error(err)
			}
		}, 0},
		"of a customer who is gone": {func(t *testing.T, w *world, c authstore.Customer) {
			if _, err := w.store.EraseCustomer(t.Context(), c.ID, 0); err != nil {
				t.Error(err)
			}
			if err := w.PasswordChanged(t.Context(), c); err != nil {
				t.Error(err)
			}
		}, 0},
		"refused for ever": {func(t *testing.T, w *world, c authstore.Customer) {
			w.mailer.set(fmt.Errorf("%w: no such mailbox", mail.ErrInvalid))
			if err := w.PasswordChanged(t.Context(), c); err != nil {
				t.Error(err)
			}
		}, 1},
		"of an unknown kind": {func(t *testing.T, w *world, c authstore.Customer) {
			if err := w.store.QueueMail(t.Context(), authstore.Mail{Kind: "x", PublisherID: nova.ID, CustomerID: c.ID}); err != nil {
				t.Error(err)
			}
		}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.prepare(t, w, w.mustCustomer(t, "ann@example.com", ""))
			if got := w.mailed(t); len(got) != 0 || w.waiting() != 0 || len(w.reports(t)) != tt.reports {
				t.Errorf("mailed %+v, %d wait", got, w.waiting())
			}
		})
	}
}

// A store that fails while a mail is written loses nothing.
func TestFailureToMakeALinkIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.links.fail = errors.New("disk on fire")
	if err := w.ResetPassword(t.Context(), nova.ID, w.mustCustomer(t, "ann@example.com", "").ID, "", ""); err != nil {
		t.Fatal(err)
	}
	if got := w.mailed(t); len(got) != 0 || w.waiting() != 1 || len(w.reports(t)) != 1 {
		t.Errorf("mailed %+v, %d wait", got, w.waiting())
	}
	w.links.fail = nil
	w.clock.Add(time.Minute)
	if got := w.mailed(t); len(got) != 1 {
		t.Errorf("mailed %+v", got)
	}
}

func TestWorkerIsWokenAtOnceLooksNowAndThenAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tick := newWorld(t), make(chan time.Time)
		c := w.mustCustomer(t, "ann@example.com", "")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			w.newWorker(t, tick).Deliver(ctx)
			close(done)
		}()
		synctest.Wait()
		if err := w.SessionEnded(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		<-w.box // without a tick
		synctest.Wait()
		// Another process queues.
		if err := notice.NewSender(w.store, throttle.New(w.clock.Now)).SessionEnded(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(w.box) != 0 {
			t.Error("the other process's mail was sent without a look")
		}
		tick <- time.Time{}
		<-w.box
		stop()
		<-done
	})
}

// hang is a mailer that never answers.
type hang chan struct{}

func (h hang) Send(ctx context.Context, _ mail.Message) error {
	h <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func TestStoppedWorkerCutsDeliveriesOffAndTheNextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.mustCustomer(t, "ann@example.com", "")
		for range 6 {
			if err := w.PasswordChanged(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		calls, done := make(hang, 32), make(chan struct{})
		go func() {
			noticetest.Worker(t, w.Sender, notice.WorkerConfig{Store: w.store, Mailer: calls, Links: w.links}).Deliver(ctx)
			close(done)
		}()
		synctest.Wait()
		if len(calls) != 4 {
			t.Errorf("%d connections at a time, want 4", len(calls))
		}
		begun := time.Now()
		stop()
		<-done
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if got := w.mailed(t); len(got) != 6 {
			t.Errorf("the next worker sent %d mails, want 6", len(got))
		}
	})
}

// Each of many workers over one store sends some mails, and none sends another's.
func TestTwoWorkersNeverSendOneMail(t *testing.T) {
	w := newWorld(t)
	var all []authstore.Customer
	for i := range 30 {
		all = append(all, w.mustCustomer(t, fmt.Sprintf("c%d@example.com", i), ""))
		if err := w.PasswordChanged(t.Context(), all[i]); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for range 4 {
		worker := w.newWorker(t, nil)
		group.Go(func() { worker.DeliverDue(t.Context()) })
	}
	group.Wait()
	got := map[string]int{}
	for range len(w.box) {
		got[(<-w.box).To]++
	}
	for _, c := range all {
		if got[c.Email] != 1 {
			t.Errorf("%s got %d mails", c.Email, got[c.Email])
		}
	}
}
