// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package throttle

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a clock that moves when told.
type clock struct{ now time.Time }

func (c *clock) add(d time.Duration) { c.now = c.now.Add(d) }

// newTest returns a throttle and the clock it reads.
func newTest() (*Throttle, *clock) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return New(func() time.Time { return c.now }), c
}

// account is a key with five tries in 15 minutes: one comes back every 3 minutes.
func account(name string) Key {
	return Key{Name: "account/" + name, Limit: Limit{Tries: 5, Window: 15 * time.Minute}}
}

// network is a key with 100 tries a minute.
func network(name string) Key {
	return Key{Name: "network/" + name, Limit: Limit{Tries: 100, Window: time.Minute}}
}

// wantTake takes keys and expects them to be there.
func wantTake(t *testing.T, th *Throttle, keys ...Key) {
	t.Helper()
	if wait, ok := th.Take(keys...); !ok || wait != 0 {
		t.Fatalf("Take = %v, %v, want 0, true", wait, ok)
	}
}

// wantWait takes keys and expects to be refused until wait has passed.
func wantWait(t *testing.T, th *Throttle, wait time.Duration, keys ...Key) {
	t.Helper()
	if got, ok := th.Take(keys...); ok || got != wait {
		t.Fatalf("Take = %v, %v, want %v, false", got, ok, wait)
	}
}

// wantTries expects exactly n tries of key to be left, and uses them up.
func wantTries(t *testing.T, th *Throttle, n int, key Key) {
	t.Helper()
	for i := range key.Limit.Tries + 1 {
		if _, ok := th.Take(key); !ok {
			if i != n {
				t.Fatalf("%d tries of %s were left, want %d", i, key.Name, n)
			}
			return
		}
	}
	t.Fatalf("more than %d tries of %s were left", key.Limit.Tries, key.Name)
}

func TestTriesComeBackOneByOneExactlyOnTime(t *testing.T) {
	th, c := newTest()
	ann := account("ann")
	for range 5 {
		wantTake(t, th, ann)
	}
	wantWait(t, th, 3*time.Minute, ann)
	c.add(time.Minute)
	wantWait(t, th, 2*time.Minute, ann)
	c.add(2*time.Minute - 1)
	wantWait(t, th, 1, ann)
	c.add(1)
	wantTake(t, th, ann)
	wantWait(t, th, 3*time.Minute, ann)

	c.add(15 * time.Minute)
	wantTries(t, th, 5, ann)
}

func TestRetryAfterIsExactForAnyLimit(t *testing.T) {
	limits := []Limit{
		{1, time.Second}, {3, time.Second}, {7, time.Minute}, {10, 15 * time.Minute},
		{1000, time.Minute}, {99_991, time.Hour}, {5, 3}, {3, 5 * time.Nanosecond},
	}
	for _, limit := range limits {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			th, c := newTest()
			key := Key{"k", limit}
			wantTries(t, th, limit.Tries, key)
			for range 3 {
				wait, ok := th.Take(key)
				if ok || wait <= 0 || wait > limit.Window {
					t.Fatalf("Take = %v, %v, want a wait within the window", wait, ok)
				}
				c.add(wait - 1)
				wantWait(t, th, 1, key)
				c.add(1)
				wantTake(t, th, key)
			}
		})
	}
}

func TestRefusedTriesCostNothing(t *testing.T) {
	th, c := newTest()
	ann := account("ann")
	wantTries(t, th, 5, ann)
	for range 1000 {
		wantWait(t, th, 3*time.Minute, ann)
	}
	c.add(3 * time.Minute)
	wantTake(t, th, ann)
}

func TestKeysAreIndependent(t *testing.T) {
	th, _ := newTest()
	wantTries(t, th, 5, account("ann"))
	wantTries(t, th, 5, account("bob"))
}

func TestAllKeysOrNone(t *testing.T) {
	th, _ := newTest()
	ann, net := account("ann"), network("192.0.2.7/32")
	for range 5 {
		wantTake(t, th, ann, net)
	}
	for range 50 {
		wantWait(t, th, 3*time.Minute, ann, net)
		wantWait(t, th, 3*time.Minute, net, ann)
	}
	wantTries(t, th, 95, net)
	// Both refuse now: the longer wait counts, in either order.
	wantWait(t, th, 3*time.Minute, ann, net)
	wantWait(t, th, 3*time.Minute, net, ann)
	wantWait(t, th, time.Minute/100, account("bob"), net)
	wantTries(t, th, 5, account("bob"))
}

func TestANameGivenTwiceCountsOnce(t *testing.T) {
	th, _ := newTest()
	wantTake(t, th, account("ann"), account("ann"))
	wantTries(t, th, 4, account("ann"))
}

func TestNoKeysNoLimit(t *testing.T) {
	th, _ := newTest()
	wantTake(t, th)
}

func TestUnsetLimitRefuses(t *testing.T) {
	th, _ := newTest()
	tests := []struct {
		limit Limit
		wait  time.Duration
	}{
		{Limit{}, time.Minute},
		{Limit{Tries: 5}, time.Minute},
		{Limit{Tries: -1, Window: time.Hour}, time.Hour},
		{Limit{Tries: 5, Window: -time.Hour}, time.Minute},
	}
	for _, tt := range tests {
		wantWait(t, th, tt.wait, account("ann"), Key{"k", tt.limit})
		th.Refund(Key{"k", tt.limit})
		th.Forgive(Key{"k", tt.limit})
	}
	wantTries(t, th, 5, account("ann"))
}

func TestForgiveGivesAllTriesBack(t *testing.T) {
	th, _ := newTest()
	ann, bob := account("ann"), account("bob")
	wantTries(t, th, 5, ann)
	wantTries(t, th, 5, bob)
	th.Forgive(ann)
	th.Forgive(account("never seen"))
	wantTries(t, th, 5, ann)
	wantTries(t, th, 0, bob)
}

func TestRefundGivesOneTryBack(t *testing.T) {
	th, _ := newTest()
	net := network("192.0.2.7/32")
	for range 10_000 { // a carrier full of people who know their passwords
		wantTake(t, th, net)
		th.Refund(net)
	}
	for range 30 {
		wantTake(t, th, net)
	}
	th.Refund(net)
	wantTries(t, th, 71, net)
	th.Refund(net, account("never seen"))
	wantTries(t, th, 1, net)
}

func TestRefundNeverGivesMoreThanAllTries(t *testing.T) {
	th, _ := newTest()
	ann := account("ann")
	wantTake(t, th, ann)
	for range 10 {
		th.Refund(ann)
	}
	wantTries(t, th, 5, ann)
}

func TestLoweredLimitWaitsAtMostOneWindow(t *testing.T) {
	th, c := newTest()
	wide := Key{"k", Limit{Tries: 5, Window: 24 * time.Hour}}
	narrow := Key{"k", Limit{Tries: 5, Window: time.Minute}}
	wantTries(t, th, 5, wide)
	wantWait(t, th, 12*time.Second, narrow)
	c.add(-time.Hour) // an injected clock without monotonic readings
	wantWait(t, th, 12*time.Second, narrow)
}

func TestParallelTriesDoNotSlipPast(t *testing.T) {
	th, _ := newTest()
	ann, net := account("ann"), network("192.0.2.7/32")
	var passed atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 100 {
		wg.Go(func() {
			<-start
			keys := []Key{ann, net}
			if i%2 == 0 { // the order must not matter, nor deadlock
				keys = []Key{net, ann}
			}
			if _, ok := th.Take(keys...); ok {
				passed.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	if got := passed.Load(); got != 5 {
		t.Errorf("%d of 100 parallel tries passed, want 5", got)
	}
	wantTries(t, th, 95, net)
}

func TestParallelUseOfAllMethods(t *testing.T) {
	th := New(nil)
	th.max = 20
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				key := account(fmt.Sprint((i + j) % 40))
				th.Take(key, network("n"))
				th.Refund(network("n"))
				if j%3 == 0 {
					th.Forgive(key)
				}
			}
		})
	}
	wg.Wait()
	checkBound(t, th)
}

// checkBound holds the two views of the counters against each other and the bound.
func checkBound(t *testing.T, th *Throttle) {
	t.Helper()
	if len(th.counters) != len(th.queue) || len(th.queue) > th.max {
		t.Errorf("%d counters, %d queued, at most %d wanted", len(th.counters), len(th.queue), th.max)
	}
	for i, c := range th.queue {
		if c.index != i || th.counters[c.name] != c {
			t.Fatalf("counter %d is out of place", i)
		}
	}
}

func TestNumberOfKeysIsBounded(t *testing.T) {
	th, _ := newTest()
	th.max = 1000
	for i := range 10 * th.max {
		wantTake(t, th, account(fmt.Sprint("flood", i)))
	}
	checkBound(t, th)
	if len(th.queue) != th.max {
		t.Errorf("%d counters, want all %d in use", len(th.queue), th.max)
	}
}

func TestAFloodDoesNotFreeAKeyUnderAttack(t *testing.T) {
	victims := []Key{
		account("victim"),
		network("192.0.2.7/32"),
		{"overall", Limit{Tries: 1000, Window: 10 * time.Second}},
	}
	floods := []struct {
		name  string
		tries int
		limit Limit
	}{
		{"one try each", 1, Limit{5, 15 * time.Minute}},
		{"two tries each", 2, Limit{5, 15 * time.Minute}},
		{"under a longer limit", 2, Limit{3, 24 * time.Hour}},
		{"under a shorter limit", 1, Limit{30, 10 * time.Second}},
	}
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			th, c := newTest()
			th.max = 1000
			th.pick = rand.New(rand.NewPCG(1, 2)).IntN
			for _, victim := range victims {
				wantTries(t, th, victim.Limit.Tries, victim)
			}
			for i := range 20 * th.max {
				for range flood.tries {
					wantTake(t, th, Key{fmt.Sprint("flood", i), flood.limit})
				}
				if i%th.max == 0 {
					c.add(time.Millisecond)
				}
			}
			for _, victim := range victims {
				wantTries(t, th, int(20*time.Millisecond/victim.Limit.interval()), victim)
			}
		})
	}
}

func TestNewKeysAreCountedWhenFull(t *testing.T) {
	th, _ := newTest()
	th.max = 10
	for i := range th.max {
		wantTries(t, th, 5, account(fmt.Sprint("heavy", i)))
	}
	wantTries(t, th, 5, account("new"))
	checkBound(t, th)
}

func TestClearCountersGoFirst(t *testing.T) {
	th, c := newTest()
	th.max = 10
	for i := range th.max {
		wantTake(t, th, Key{fmt.Sprint("old", i), Limit{1, time.Minute}})
	}
	c.add(time.Minute)
	wantTries(t, th, 5, account("live"))
	for i := range th.max - 1 {
		wantTries(t, th, 5, account(fmt.Sprint("other", i)))
	}
	wantTries(t, th, 0, account("live"))
	checkBound(t, th)
}

func TestCountersVanishWhenClear(t *testing.T) {
	th, c := newTest()
	for i := range 1000 {
		wantTake(t, th, network(fmt.Sprint(i)))
	}
	c.add(time.Hour)
	for range 1000 / sweepPerTake {
		th.Take(network("one"))
	}
	if len(th.queue) != 1 {
		t.Errorf("%d counters left, want 1", len(th.queue))
	}
	checkBound(t, th)
}

func TestMemoryIsBounded(t *testing.T) {
	const limit = 32 << 20 // the promise of maxKeys, and some room
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	th, _ := newTest()
	for i := range maxKeys + 1000 {
		wantTake(t, th, account(fmt.Sprint("flood", i)))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	if used > limit {
		t.Errorf("%d MB in use, want at most %d", used>>20, limit>>20)
	}
	t.Logf("%d counters take %d MB", len(th.queue), used>>20)
	checkBound(t, th)
}

func BenchmarkTake(b *testing.B) {
	th := New(nil)
	for i := range maxKeys {
		th.Take(account(fmt.Sprint("flood", i)))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		th.Take(account(fmt.Sprint("user", i)), network("192.0.2.7/32"), network("overall"))
	}
}
