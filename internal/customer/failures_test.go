// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
)

func failedOn(t *testing.T, s *authstore.Store, publisher int64, day time.Time) int64 {
	t.Helper()
	days, err := s.Activity(t.Context(), publisher, day, day.Add(time.Nanosecond))
	if err != nil || len(days) != 1 {
		t.Fatal(days, err)
	}
	return days[0].Failed
}

func TestFailedLoginsAreCountedByPublisherAndDay(t *testing.T) {
	clock := authstoretest.NewClock()
	store := authstoretest.NewStore(t, clock)
	var f Failures
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { f.count(1, clock.Now()) })
	}
	wg.Wait()
	f.count(2, clock.Now())
	f.count(1, clock.Now().AddDate(0, 0, 1).In(time.FixedZone("", -20*3600))) // the day after by UTC, not there
	for range 2 {                                                             // the second has nothing to add
		if err := f.Flush(t.Context(), store); err != nil {
			t.Fatal(err)
		}
	}
	today, tomorrow := clock.Now(), clock.Now().AddDate(0, 0, 1)
	if a, b, c := failedOn(t, store, 1, today), failedOn(t, store, 2, today), failedOn(t, store, 1, tomorrow); a != 50 || b != 1 || c != 1 {
		t.Errorf("counted %d, %d, %d, want 50, 1, 1", a, b, c)
	}
}

func TestFailedLoginsThatCouldNotBeWrittenAreKept(t *testing.T) {
	clock := authstoretest.NewClock()
	faulty := authstoretest.NewFaulty(authstoretest.NewMemory())
	store := authstore.New(faulty, clock.Now)
	var f Failures
	f.count(1, clock.Now())
	fault := errors.New("disk on fire")
	faulty.FailUpdate(fault)
	if err := f.Flush(t.Context(), store); !errors.Is(err, fault) {
		t.Errorf("got %v, want the fault", err)
	}
	f.count(1, clock.Now())
	if err := f.Flush(t.Context(), store); err != nil || failedOn(t, store, 1, clock.Now()) != 2 {
		t.Errorf("%v, counted %d, want 2", err, failedOn(t, store, 1, clock.Now()))
	}
}

func TestFailedLoginsTakeBoundedMemory(t *testing.T) {
	var f Failures
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range int64(maxFailures + 100) {
		f.count(i, at)
	}
	f.count(0, at)
	if len(f.counts) != maxFailures || f.counts[failure{0, "2026-03-01"}] != 2 {
		t.Errorf("%d kept, want %d", len(f.counts), maxFailures)
	}
}
