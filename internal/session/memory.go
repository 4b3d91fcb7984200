// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// touchEvery is how often the use of a session is noted at most: the store is
// not written for every request, and an idle limit of days needs no seconds.
const touchEvery = 5 * time.Minute

// Memory is what a process knows of sessions beside the store: which were
// ended lately, and which were used and not yet noted. One Memory serves one
// store, however many configurations stand on it. Safe for concurrent use.
type Memory struct {
	ended sync.Map // session id → time.Time until which it is remembered; read on every request, without a lock

	mu      sync.Mutex
	touched map[string]time.Time // guarded by mu; not yet in the store
	noted   map[string]time.Time // guarded by mu; when a session was last put into touched
}

// LoadMemory returns a Memory that knows the sessions which were ended before
// this process began.
func LoadMemory(ctx context.Context, store *authstore.Store) (*Memory, error) {
	m := &Memory{touched: map[string]time.Time{}, noted: map[string]time.Time{}}
	ended, err := store.EndedSessions(ctx)
	if err != nil {
		return nil, err
	}
	for id, until := range ended {
		m.end(id, until)
	}
	return m, nil
}

// Ended tells whether the session was ended while tokens of it may be alive.
func (m *Memory) Ended(id string) bool {
	_, ok := m.ended.Load(id)
	return ok
}

func (m *Memory) end(id string, until time.Time) { m.ended.Store(id, until) }

func (m *Memory) touch(id string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.Sub(m.noted[id]) >= touchEvery {
		m.noted[id], m.touched[id] = at, at
	}
}

// Flush writes down which sessions were used and forgets ended ones whose
// tokens are all dead. Calling it every minute is enough; what a crash loses
// is a few minutes of an idle time of days.
func (m *Memory) Flush(ctx context.Context, store *authstore.Store) error {
	now := store.Now()
	m.ended.Range(func(id, until any) bool {
		if !now.Before(until.(time.Time)) {
			m.ended.Delete(id)
		}
		return true
	})
	m.mu.Lock()
	touched := m.touched
	m.touched = map[string]time.Time{}
	maps.DeleteFunc(m.noted, func(_ string, at time.Time) bool { return now.Sub(at) >= touchEvery })
	m.mu.Unlock()
	if len(touched) == 0 {
		return nil
	}
	return store.TouchSessions(ctx, touched, Idle)
}
