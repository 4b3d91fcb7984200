// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package authstoretest tells when a storage backend is right, and helps to test
// what is built above one. It owns the conformance suite, the in-memory backend
// that the suite and everybody else compare with, and a wrapper that fails on
// demand. It refuses to judge speed, and it is imported by tests only.
package authstoretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// Harness tells RunBackend how to get at the backend under test.
type Harness struct {
	// Open returns a new, empty backend. The suite closes it. Required.
	Open func(t *testing.T) authstore.Backend

	// Reopen opens the data of a backend that has been closed. Without it the
	// rules about durability are skipped.
	Reopen func(t *testing.T, closed authstore.Backend) authstore.Backend

	// Restore opens what Snapshot wrote, as a backend of its own. Without it
	// the rules about snapshots are skipped.
	Restore func(t *testing.T, snapshot []byte) authstore.Backend
}

// RunBackend runs the conformance suite: one subtest for each rule of the
// contract in package authstore, named after the rule. Run it with -race.
//
// The suite puts JSON documents only, and compares them as such: a backend may
// change their white space and the order of their fields.
func RunBackend(t *testing.T, h Harness) {
	groups := []struct {
		name  string
		rules []rule
	}{
		{"Keys", keyRules()},
		{"Bytes", byteRules()},
		{"Scan", scanRules()},
		{"Transactions", transactionRules()},
		{"Concurrency", concurrencyRules()},
		{"Context", contextRules()},
		{"Close", closeRules(canCheck(t, h))},
		{"Durability", durabilityRules(h.Reopen != nil, canSnapshot(t, h))},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, r := range g.rules {
				t.Run(r.name, func(t *testing.T) { r.check(t, h, open(t, h)) })
			}
		})
	}
}

// rule is one sentence of the contract and the test that holds a new and empty
// backend against it.
type rule struct {
	name  string
	check func(t *testing.T, h Harness, b authstore.Backend)
}

func canSnapshot(t *testing.T, h Harness) bool {
	_, ok := open(t, h).(authstore.Snapshotter)
	return ok && h.Restore != nil
}

func canCheck(t *testing.T, h Harness) bool {
	_, ok := open(t, h).(authstore.Checker)
	return ok
}

func open(t *testing.T, h Harness) authstore.Backend {
	t.Helper()
	return closeAfter(t, h.Open(t))
}

func closeAfter(t *testing.T, b authstore.Backend) authstore.Backend {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// mustUpdate and mustView end the test if the transaction fails. The functions
// that the suite hands to a backend report by error, never by t: a backend may
// run them in a goroutine of its own, and more than once.
func mustUpdate(t *testing.T, b authstore.Backend, fn func(authstore.Tx) error) {
	t.Helper()
	if err := b.Update(context.Background(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func mustView(t *testing.T, b authstore.Backend, fn func(authstore.Tx) error) {
	t.Helper()
	if err := b.View(context.Background(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// record is one key with its value, a JSON document.
type record struct{ table, key, value string }

func mustPut(t *testing.T, b authstore.Backend, records ...record) {
	t.Helper()
	mustUpdate(t, b, func(tx authstore.Tx) error { return put(tx, records...) })
}

func put(tx authstore.Tx, records ...record) error {
	for _, r := range records {
		if err := tx.Put(r.table, r.key, []byte(r.value)); err != nil {
			return fmt.Errorf("Put(%q, %q): %w", r.table, r.key, err)
		}
	}
	return nil
}

// expect returns an error unless each record is there with its value.
func expect(tx authstore.Tx, records ...record) error {
	for _, r := range records {
		got, err := tx.Get(r.table, r.key)
		if err != nil {
			return fmt.Errorf("Get(%q, %q): %w", r.table, r.key, err)
		}
		if !sameJSON(got, []byte(r.value)) {
			return fmt.Errorf("Get(%q, %q) = %.100s, want %.100s", r.table, r.key, got, r.value)
		}
	}
	return nil
}

// expectMissing returns an error unless the keys are not there.
func expectMissing(tx authstore.Tx, table string, keys ...string) error {
	for _, key := range keys {
		if got, err := tx.Get(table, key); !errors.Is(err, authstore.ErrNotFound) {
			return fmt.Errorf("Get(%q, %q) = %.100s, %v, want ErrNotFound", table, key, got, err)
		}
	}
	return nil
}

// expectKeys returns an error unless a scan gives just these keys.
func expectKeys(tx authstore.Tx, table, from, to string, want ...string) error {
	var got []string
	err := tx.Scan(table, from, to, func(key string, _ []byte) error {
		got = append(got, key)
		return nil
	})
	if err != nil {
		return fmt.Errorf("Scan(%q, %q, %q): %w", table, from, to, err)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("Scan(%q, %q, %q) = %.200q, want %.200q", table, from, to, got, want)
	}
	return nil
}

func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// number reads a key that holds a number; one that is not there counts as zero.
func number(tx authstore.Tx, table, key string) (int, error) {
	value, err := tx.Get(table, key)
	if errors.Is(err, authstore.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var n int
	return n, json.Unmarshal(value, &n)
}

// add changes a key that holds a number.
func add(tx authstore.Tx, table, key string, delta int) error {
	n, err := number(tx, table, key)
	if err != nil {
		return err
	}
	return tx.Put(table, key, fmt.Append(nil, n+delta))
}

// parallel runs n functions at the same time and reports their errors.
func parallel(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				t.Errorf("goroutine %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}
