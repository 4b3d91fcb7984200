// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"cmp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// Clock is a clock that moves only when told. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

// NewClock returns a Clock that stands at noon UTC of 1 March 2026.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// Now returns the time that the clock shows. It fits authstore.New.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock; back, if d is negative.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// NewStore returns a Store by the given clock over an empty Memory that runs
// every update twice, so that a test also finds functions that must not run
// again.
func NewStore(t testing.TB, c *Clock) *authstore.Store {
	t.Helper()
	m := NewMemory()
	m.Retry = true
	t.Cleanup(func() { _ = m.Close() })
	return authstore.New(m, c.Now)
}

// Record is one value as a backend keeps it.
type Record struct {
	Table string
	Key   string
	Value string
}

// Records returns everything that is stored, by table and key, for tests of
// what must never be in a store.
func (m *Memory) Records() []Record {
	var all []Record
	for name, cells := range m.current() {
		for _, c := range cells {
			all = append(all, Record{Table: name, Key: c.key, Value: string(c.value)})
		}
	}
	slices.SortStableFunc(all, func(a, b Record) int { return cmp.Compare(a.Table, b.Table) })
	return all
}
