// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/publisher"
)

const (
	// maxSending bounds the connections to the mail server; more at a time make
	// servers suspicious.
	maxSending = 4

	// sendTime bounds one delivery, from the store to the mail server.
	sendTime = 30 * time.Second

	// lease is how long a mail is its worker's alone. Well beyond sendTime, so
	// that nobody else sends it meanwhile; when a process dies, it is how long
	// the mails under way are late.
	lease = 2 * time.Minute

	// lookEvery is how often mails that other processes queued, or that are to be
	// tried again, are looked for.
	lookEvery = 5 * time.Second

	// stopTime is how long deliveries under way may take to end when the worker
	// is stopped. One that is cut off is tried again and may arrive twice.
	stopTime = 5 * time.Second

	// giveUp is how long a mail is tried. Later it is no news.
	giveUp = 72 * time.Hour
)

// pauses are the waits after the first failures; the last is that after all
// others.
var pauses = []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// ErrOutdated says that there is nothing to tell any more.
var ErrOutdated = errors.New("the mail is out of date")

// Links makes what must not be kept: links that prove something, at the moment a
// mail is sent, to the customer as they are then. Making one again ends the one
// before. Its errors: ErrOutdated.
type Links interface {
	// Mailbox returns a customer's address as mail servers want it.
	Mailbox(c authstore.Customer) (string, error)

	ResetLink(ctx context.Context, m authstore.Mail, c authstore.Customer) (Link, error)
	VerifyLink(ctx context.Context, m authstore.Mail, c authstore.Customer) (Link, error)
	UndoEmailLink(ctx context.Context, m authstore.Mail, c authstore.Customer) (Link, error)

	// JoinCode makes a code alone, for a mail to an address that may be nobody's.
	JoinCode(ctx context.Context, m authstore.Mail) (Link, error)
}

// WorkerConfig is what a Worker stands on.
type WorkerConfig struct {
	Hub    publisher.Origin // where links lead, and, unless the mailer has one, the sender's address
	Store  *authstore.Store
	Mailer mail.Mailer

	// MailerFor, when set, returns who sends the mails of a publisher in place of
	// Mailer: those of a sandbox must not reach people.
	MailerFor func(authstore.Publisher) mail.Mailer

	Catalog *i18n.Catalog
	Links   Links
	Report  func(error)      // hears of mails that were not sent; errors name no address
	Tick    <-chan time.Time // when to look for mails; nil means every few seconds
}

// Worker sends queued mails. Several, in one process or on several machines, may
// work on one store.
type Worker struct {
	WorkerConfig
	wake  <-chan struct{}
	slots chan struct{}
}

// NewWorker returns a Worker that looks at once for what s has queued.
func NewWorker(s *Sender, c WorkerConfig) *Worker {
	return &Worker{WorkerConfig: c, wake: s.wake, slots: make(chan struct{}, maxSending)}
}

// Deliver sends mails until the context ends, and returns when the last delivery
// has.
func (w *Worker) Deliver(ctx context.Context) {
	tick := w.Tick
	if tick == nil {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	// Deliveries under way get a little longer than the worker.
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopTime, cancel) })()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		w.start(ctx, sending, &group)
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-w.wake:
		}
	}
}

// DeliverDue sends what is due, and returns when that was tried.
func (w *Worker) DeliverDue(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	w.start(ctx, ctx, &group)
}

// start begins the delivery of all mails that are due, a bounded number at a time.
func (w *Worker) start(ctx, sending context.Context, group *sync.WaitGroup) {
	for {
		select {
		case <-ctx.Done():
			return
		case w.slots <- struct{}{}:
		}
		claimed, err := w.Store.ClaimMails(ctx, 1, lease)
		if err != nil && ctx.Err() == nil {
			w.Report(fmt.Errorf("reading queued mails: %w", err))
		}
		if err != nil || len(claimed) == 0 {
			<-w.slots
			return
		}
		group.Go(func() {
			defer func() { <-w.slots }()
			w.deliver(sending, claimed[0])
		})
	}
}

// deliver tries to send a mail and keeps what came of it.
func (w *Worker) deliver(ctx context.Context, m authstore.Mail) {
	err := w.send(ctx, m)
	now, keep := w.Store.Now(), context.WithoutCancel(ctx)
	pause := jitter(pauses[min(m.Tries, len(pauses))-1])
	about := fmt.Sprintf("mail %s of customer %d", m.Kind, m.CustomerID)
	switch {
	case err == nil || errors.Is(err, ErrOutdated):
		err = w.Store.MailSent(keep, m)
	case ctx.Err() != nil: // the worker was stopped; the next one goes on
		err = w.Store.MailFailed(keep, m, now)
	case errors.Is(err, mail.ErrInvalid):
		w.Report(fmt.Errorf("dropping the %s, which can never be sent: %w", about, err))
		err = w.Store.MailSent(keep, m)
	case now.Add(pause).After(m.Created.Add(giveUp)):
		w.Report(fmt.Errorf("dropping the %s after %d tries: %w", about, m.Tries, err))
		err = w.Store.MailSent(keep, m)
	default:
		w.Report(fmt.Errorf("sending the %s, try %d, the next one in %s: %w", about, m.Tries, pause.Round(time.Second), err))
		err = w.Store.MailFailed(keep, m, now.Add(pause))
	}
	if err != nil {
		w.Report(fmt.Errorf("keeping what came of the %s, which may arrive twice: %w", about, err))
	}
}

// jitter keeps mails that failed together from being tried together for ever.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

// send composes a mail and hands it to the mailer.
func (w *Worker) send(ctx context.Context, m authstore.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	p, c, err := w.parties(ctx, m)
	if err != nil {
		return err
	}
	to := m.To
	if to == "" {
		if to, err = w.Links.Mailbox(c); err != nil {
			return fmt.Errorf("%w: the address is none", mail.ErrInvalid)
		}
	}
	link, err := w.link(ctx, m, c)
	if err != nil {
		return err
	}
	said := write(w.Catalog.Among(p.Languages).Choose(c.Locale), p.Name, m, link)
	html, err := said.html()
	if err != nil {
		return err
	}
	mailer := w.mailer(p)
	return mailer.Send(ctx, mail.Message{
		ID: m.ID, From: w.from(mailer), FromName: p.Name, To: to, Subject: marked(p, said.Subject), Text: said.plain(), HTML: html,
	})
}

// mailer returns who sends the mails of a publisher.
func (w *Worker) mailer(p authstore.Publisher) mail.Mailer {
	if w.MailerFor != nil {
		return w.MailerFor(p)
	}
	return w.Mailer
}

// marked returns the subject of a publisher's mail. That of a sandbox says so, in the
// word that staff use for it.
func marked(p authstore.Publisher, subject string) string {
	if p.Sandbox {
		return "[Sandbox] " + subject
	}
	return subject
}

// from returns the sender's address.
func (w *Worker) from(mailer mail.Mailer) string {
	own := ""
	if a, ok := mailer.(mail.Addressed); ok {
		own = a.Sender()
	}
	return cmp.Or(own, "no-reply@"+w.Hub.Hostname())
}

// parties returns who writes, and whom the mail is about. Errors: ErrOutdated
// when one of them is gone.
func (w *Worker) parties(ctx context.Context, m authstore.Mail) (p authstore.Publisher, c authstore.Customer, err error) {
	if m.CustomerID == 0 && m.To == "" {
		return p, c, ErrOutdated
	}
	p, err = w.Store.Publisher(ctx, m.PublisherID)
	switch {
	case err != nil:
	case m.CustomerID == 0: // somebody who is about to be one
		c = authstore.Customer{PublisherID: p.ID, Locale: m.Data[Locale]}
	default:
		c, err = w.Store.Customer(ctx, m.CustomerID)
	}
	if errors.Is(err, authstore.ErrNotFound) || err == nil && (!p.Declared || !c.Erased.IsZero()) {
		return p, c, ErrOutdated
	}
	if err != nil {
		return p, c, fmt.Errorf("reading whom a mail is about: %w", err)
	}
	return p, c, nil
}

// link returns where a mail leads to.
func (w *Worker) link(ctx context.Context, m authstore.Mail, c authstore.Customer) (Link, error) {
	hub := string(w.Hub)
	switch m.Kind {
	case Verify:
		return w.Links.VerifyLink(ctx, m, c)
	case Reset:
		return w.Links.ResetLink(ctx, m, c)
	case EmailChanged:
		return w.Links.UndoEmailLink(ctx, m, c)
	case SessionEnded, AccountExists:
		return Link{URL: hub + "/login" + forPublisher(c)}, nil
	case Join:
		return w.Links.JoinCode(ctx, m)
	case WayAdded, WayRemoved:
		return Link{URL: hub + "/account" + forPublisher(c)}, nil
	case PasswordChanged, NewDevice:
		return Link{URL: hub + "/forgot" + forPublisher(c)}, nil
	}
	return Link{}, fmt.Errorf("%w: unknown kind of mail", mail.ErrInvalid) // a newer version queued it
}

// forPublisher is the query that tells the hub's pages which account is meant.
func forPublisher(c authstore.Customer) string {
	return "?publisher=" + strconv.FormatInt(c.PublisherID, 10)
}
