// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/authstore/bolt"
)

// endedFor is what the tests pass for the life of a token.
const endedFor = 15 * time.Minute

// world is a store under test, its clock, and what stands below.
type world struct {
	*authstore.Store
	clock  *authstoretest.Clock
	faulty *authstoretest.Faulty
	memory *authstoretest.Memory // nil above bolt
	edited bool                  // below the store, so that lists need not be in step
	watch  *watched
	queued time.Time // when a mail was queued, if one was

	claimedEnd authstore.Announcement // if one was claimed
}

// newWorld returns a world above a memory that runs each update twice.
func newWorld(t *testing.T) *world {
	t.Helper()
	m := authstoretest.NewMemory()
	m.Retry = true
	w := worldOver(t, m)
	w.memory = m
	t.Cleanup(func() {
		if !t.Failed() && !w.edited {
			w.wantListsInStep(t)
		}
	})
	return w
}

func worldOver(t *testing.T, b authstore.Backend) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), watch: &watched{Backend: b, t: t}}
	w.faulty = authstoretest.NewFaulty(w.watch)
	w.Store = authstore.New(w.faulty, w.clock.Now)
	t.Cleanup(func() { _ = b.Close() })
	return w
}

// onBackends runs a test above the memory and above bolt.
func onBackends(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { fn(t, newWorld(t)) })
	t.Run("bolt", func(t *testing.T) {
		b, err := bolt.Open(filepath.Join(t.TempDir(), "usher.db"), bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fn(t, worldOver(t, b))
	})
}

// watched counts writes and insists that a store keeps to what the contract
// asks of it: the limits of Tx.
type watched struct {
	authstore.Backend
	t      *testing.T
	writes atomic.Int64

	failAt int         // the call of each transaction that fails; 0 is none
	failed atomic.Bool // whether one did
}

var errStep = errors.New("disk on fire in the middle of a transaction")

func (b *watched) Update(ctx context.Context, fn func(authstore.Tx) error) error {
	return b.Backend.Update(ctx, func(tx authstore.Tx) error { return fn(&watchedTx{Tx: tx, b: b}) })
}

func (b *watched) View(ctx context.Context, fn func(authstore.Tx) error) error {
	return b.Backend.View(ctx, func(tx authstore.Tx) error { return fn(&watchedTx{Tx: tx, b: b}) })
}

type watchedTx struct {
	authstore.Tx
	b     *watched
	calls int
}

// step counts a call, and fails it if it is the one to fail.
func (tx *watchedTx) step() error {
	if tx.calls++; tx.calls == tx.b.failAt {
		tx.b.failed.Store(true)
		return errStep
	}
	return nil
}

func (tx *watchedTx) Get(table, key string) ([]byte, error) {
	if err := tx.step(); err != nil {
		return nil, err
	}
	return tx.Tx.Get(table, key)
}

func (tx *watchedTx) Put(table, key string, value []byte) error {
	tx.b.writes.Add(1)
	if table == "" || key == "" || len(key) > 1<<10 || len(value) > 64<<10 || !json.Valid(value) || strings.Contains(string(value), `\u0000`) {
		tx.b.t.Errorf("Put(%q, %q, %d bytes) is against the contract of Tx", table, key, len(value))
	}
	if err := tx.step(); err != nil {
		return err
	}
	return tx.Tx.Put(table, key, value)
}

func (tx *watchedTx) Delete(table, key string) error {
	tx.b.writes.Add(1)
	if err := tx.step(); err != nil {
		return err
	}
	return tx.Tx.Delete(table, key)
}

func (tx *watchedTx) Scan(table, from, to string, fn func(key string, value []byte) error) error {
	if err := tx.step(); err != nil {
		return err
	}
	return tx.Tx.Scan(table, from, to, fn)
}

// records returns everything that is stored.
func (w *world) records() string {
	var b strings.Builder
	for _, r := range w.memory.Records() {
		fmt.Fprintf(&b, "%s %q %s\n", r.Table, r.Key, r.Value)
	}
	return b.String()
}

// put writes a value below the store, as somebody who holds the file could.
func (w *world) put(t *testing.T, table, key, value string) {
	t.Helper()
	w.edited = true
	err := w.watch.Backend.Update(t.Context(), func(tx authstore.Tx) error { return tx.Put(table, key, []byte(value)) })
	if err != nil {
		t.Fatal(err)
	}
}

// remove deletes a value below the store.
func (w *world) remove(t *testing.T, table, key string) {
	t.Helper()
	w.edited = true
	err := w.watch.Backend.Update(t.Context(), func(tx authstore.Tx) error { return tx.Delete(table, key) })
	if err != nil {
		t.Fatal(err)
	}
}

// mustRegister stores a customer of publisher 100000001.
func (w *world) mustRegister(t *testing.T, email string) authstore.Customer {
	t.Helper()
	c, err := w.Register(t.Context(), registration(email))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func registration(email string) authstore.Registration {
	return authstore.Registration{
		Customer: authstore.Customer{PublisherID: 100_000_001, Email: email},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: email, Password: "hash of " + email},
	}
}

// The limits of sessions in the tests, which declare none.
const (
	idle     = authstore.DefaultIdle
	absolute = authstore.DefaultAbsolute
)

// newSession returns a session of a customer that begins now.
func (w *world) newSession(c authstore.Customer, id string) authstore.Session {
	now := w.Now()
	return authstore.Session{
		ID: id, PublisherID: c.PublisherID, CustomerID: c.ID, Created: now, Seen: now, IP: "192.0.2.7",
	}
}

func (w *world) mustStart(t *testing.T, c authstore.Customer, id string) authstore.Session {
	t.Helper()
	s := w.newSession(c, id)
	if err := w.StartSession(t.Context(), authstore.SessionStart{Session: s, LastIP: "192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// wantSession tells whether a session is alive.
func (w *world) wantSession(t *testing.T, id string, alive bool) {
	t.Helper()
	_, err := w.Session(t.Context(), id)
	if alive && err != nil || !alive && !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("session %s: %v, want alive: %t", id, err, alive)
	}
}

// parallel runs fn n times at once and returns the errors, in the order of i.
func parallel(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// count returns how many of errs are target; nil counts successes.
func count(errs []error, target error) int {
	n := 0
	for _, err := range errs {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}
