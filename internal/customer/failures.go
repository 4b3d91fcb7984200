// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// maxFailures bounds the days of publishers that Failures keeps, for when the
// store is away for long. What does not fit is not counted.
const maxFailures = 10_000

// Failures counts tries to log in that were refused for their credentials, by
// publisher and day, until they are written. Safe for concurrent use.
type Failures struct {
	mu     sync.Mutex
	counts map[failure]int64 // guarded by mu
}

type failure struct {
	publisher int64
	day       string // by UTC, as in 2006-01-02
}

func (f *Failures) count(publisher int64, at time.Time) {
	f.add(failure{publisher, at.UTC().Format(time.DateOnly)}, 1)
}

func (f *Failures) add(what failure, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[failure]int64{}
	}
	if _, known := f.counts[what]; known || len(f.counts) < maxFailures {
		f.counts[what] += n
	}
}

// Flush adds what was counted to the store's numbers. What could not be written is
// kept for the next time.
func (f *Failures) Flush(ctx context.Context, store *authstore.Store) error {
	f.mu.Lock()
	counts := f.counts
	f.counts = nil
	f.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	failed := map[int64]map[string]int64{}
	for what, n := range counts {
		if failed[what.publisher] == nil {
			failed[what.publisher] = map[string]int64{}
		}
		failed[what.publisher][what.day] = n
	}
	if err := store.AddFailedLogins(ctx, failed); err != nil {
		for what, n := range counts {
			f.add(what, n)
		}
		return fmt.Errorf("counting failed logins: %w", err)
	}
	return nil
}
