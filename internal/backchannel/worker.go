// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/token"
)

const (
	// maxSending bounds the deliveries to one receiver at a time. Each receiver
	// has its own, so that one that hangs holds up nobody else.
	maxSending = 4

	// lease is how long an announcement is its worker's alone. Well beyond the
	// time that a delivery takes; when a process dies, it is how long what was
	// under way is late.
	lease = 30 * time.Second

	// lookEvery is how often announcements that other processes stored, or that
	// are to be tried again, are looked for.
	lookEvery = 5 * time.Second

	// stopTime is how long deliveries under way may take to end when the worker
	// is stopped. One that is cut off is tried again and may arrive twice.
	stopTime = 5 * time.Second

	// giveUp is how long an announcement is tried. Later the app's own sessions
	// are over, or should be.
	giveUp = 24 * time.Hour

	// tokenLife is how long a logout token is good, as the standard recommends.
	tokenLife = 2 * time.Minute
)

// pauses are the waits after the first failures; the last is that after all
// others.
var pauses = []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// ErrDropped says that a receiver was not told, and will not be.
var ErrDropped = errors.New("given up")

// errOutdated says that the receiver is not the publisher's any more.
var errOutdated = errors.New("the receiver is no longer registered")

// Config is what a Worker stands on.
type Config struct {
	Store *authstore.Store
	Keys  *token.Keyring

	// Report hears of what did not arrive; it is ErrDropped when it never will.
	// Errors name the receiver's host, no more of its address, and no token.
	Report func(error)

	Tick    <-chan time.Time // when to look; nil means every few seconds
	Timeout time.Duration    // of one delivery; 0 means five seconds
}

// Worker tells receivers of sessions that have ended. Several, in one process or
// on several machines, may work on one store.
type Worker struct {
	Config
	client *http.Client
	again  chan struct{}            // a delivery has ended, so there is room for another
	slots  map[string]chan struct{} // by receiver; used by one goroutine
}

// NewWorker returns a Worker that looks at once for what its store is given.
func NewWorker(c Config) *Worker {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return &Worker{Config: c, client: newClient(c.Timeout), again: make(chan struct{}, 1), slots: map[string]chan struct{}{}}
}

// Deliver tells receivers until the context ends, and returns when the last
// delivery has.
func (w *Worker) Deliver(ctx context.Context) {
	tick := w.Tick
	if tick == nil {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	defer w.client.CloseIdleConnections()
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
		case <-w.Store.Announced():
		case <-w.again:
		}
	}
}

// DeliverDue tells what is due, and returns when that was tried.
func (w *Worker) DeliverDue(ctx context.Context) {
	var group sync.WaitGroup
	for w.start(ctx, ctx, &group) > 0 {
		group.Wait()
	}
}

// start begins deliveries of what is due, as many as there is room for, and
// returns how many.
func (w *Worker) start(ctx, sending context.Context, group *sync.WaitGroup) (started int) {
	if ctx.Err() != nil {
		return 0
	}
	receivers, err := w.Store.DueReceivers(ctx)
	if err != nil {
		w.cannotRead(ctx, err)
		return 0
	}
	for _, r := range receivers {
		started += w.startFor(ctx, sending, group, r)
	}
	return started
}

// startFor is start for one receiver.
func (w *Worker) startFor(ctx, sending context.Context, group *sync.WaitGroup, receiver string) (started int) {
	slots, ok := w.slots[receiver]
	if !ok {
		slots = make(chan struct{}, maxSending)
		w.slots[receiver] = slots
	}
	for {
		select {
		case slots <- struct{}{}:
		default: // all are busy; the first that is free says so
			return started
		}
		a, ok, err := w.Store.ClaimAnnouncement(ctx, receiver, lease)
		if err != nil || !ok {
			<-slots
			w.cannotRead(ctx, err)
			return started
		}
		started++
		group.Go(func() {
			defer func() {
				<-slots
				select {
				case w.again <- struct{}{}:
				default: // it will look anyway
				}
			}()
			w.deliver(sending, a)
		})
	}
}

func (w *Worker) cannotRead(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		w.Report(fmt.Errorf("reading announcements: %w", err))
	}
}

// deliver tries to tell a receiver and keeps what came of it.
func (w *Worker) deliver(ctx context.Context, a authstore.Announcement) {
	err := w.send(ctx, a)
	now, keep := w.Store.Now(), context.WithoutCancel(ctx)
	pause := jitter(pauses[min(a.Tries, len(pauses))-1])
	about := fmt.Sprintf("the end of a session of customer %d to %s, try %d", a.CustomerID, host(a.URL), a.Tries)
	switch {
	case err == nil || errors.Is(err, errOutdated):
		err = w.Store.AnnouncementDone(keep, a)
	case ctx.Err() != nil: // the worker was stopped; the next one goes on
		err = w.Store.AnnouncementFailed(keep, a, now)
	case errors.Is(err, errRefused), now.Add(pause).After(a.Created.Add(giveUp)):
		w.Report(fmt.Errorf("announcing %s: %w: %w", about, ErrDropped, err))
		err = w.Store.AnnouncementDone(keep, a)
	default:
		w.Report(fmt.Errorf("announcing %s, the next one in %s: %w", about, pause.Round(time.Second), err))
		err = w.Store.AnnouncementFailed(keep, a, now.Add(pause))
	}
	if err != nil {
		w.Report(fmt.Errorf("keeping what came of announcing %s, which may arrive twice: %w", about, err))
	}
}

// jitter keeps announcements that failed together from being tried together for
// ever.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

// host returns what may be told of an address: the rest may hold a secret.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an unreadable address"
	}
	return u.Host
}

// send signs a logout token for a receiver and hands it over.
func (w *Worker) send(ctx context.Context, a authstore.Announcement) error {
	audience, err := w.audience(ctx, a)
	if err != nil {
		return err
	}
	now := w.Store.Now()
	raw, err := w.Keys.SignLogout(token.Logout{
		ID: a.ID, SessionID: a.SessionID, CustomerID: a.CustomerID, Audience: audience, IssuedAt: now, Expires: now.Add(tokenLife),
	})
	if err != nil {
		return fmt.Errorf("signing a logout token: %w", err)
	}
	return post(ctx, w.client, a.URL, raw)
}

// audience returns who the receiver is to itself, as it is configured now.
// Errors: errOutdated.
func (w *Worker) audience(ctx context.Context, a authstore.Announcement) (string, error) {
	p, err := w.Store.Publisher(ctx, a.PublisherID)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return "", fmt.Errorf("reading whom to tell: %w", err)
	}
	if err == nil && p.Declared {
		for _, r := range p.Receivers {
			if r.URL == a.URL {
				return r.Audience, nil
			}
		}
	}
	return "", errOutdated
}
