// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// Memory is what a process knows of sessions beside the store: which were
// ended lately, and which were used and not yet noted. One Memory serves one
// store, however many configurations stand on it. Safe for concurrent use.
type Memory struct {
	ended   sync.Map      // session id → time.Time until which it is remembered; read without a lock
	endings atomic.Uint64 // how often one was added, and one

	flushing sync.Mutex // held while uses are written

	mu      sync.Mutex
	touched map[string]time.Time // guarded by mu; not yet in the store
	noted   map[string]time.Time // guarded by mu; when a session was last put into touched
}

// LoadMemory returns a Memory that knows the sessions which were ended before
// this process began.
func LoadMemory(ctx context.Context, store *authstore.Store) (*Memory, error) {
	m := &Memory{touched: map[string]time.Time{}, noted: map[string]time.Time{}}
	m.endings.Add(1)
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

// end remembers that a session has ended. Whoever sees the same number of endings
// as before needs not look again, so the session is there before it is counted.
func (m *Memory) end(id string, until time.Time) {
	m.ended.Store(id, until)
	m.endings.Add(1)
}

// touch notes the use of a session, unless another was noted less than every ago.
func (m *Memory) touch(id string, at time.Time, every time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.Sub(m.noted[id]) >= every {
		m.noted[id], m.touched[id] = at, at
	}
}

// usedLately tells whether the session was used and the store may not know yet.
func (m *Memory) usedLately(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.noted[id]
	return ok
}

// Flush writes down which sessions were used and forgets ended ones whose
// tokens are all dead. Calling it every minute is enough for the shortest idle
// limit, see limits.go.
func (m *Memory) Flush(ctx context.Context, store *authstore.Store) error {
	now := store.Now()
	m.ended.Range(func(id, until any) bool {
		if !now.Before(until.(time.Time)) {
			m.ended.Delete(id)
		}
		return true
	})
	m.flushing.Lock()
	defer m.flushing.Unlock()
	m.mu.Lock()
	touched := m.touched
	m.touched = map[string]time.Time{}
	maps.DeleteFunc(m.noted, func(_ string, at time.Time) bool { return now.Sub(at) >= longestNote })
	m.mu.Unlock()
	if len(touched) == 0 {
		return nil
	}
	err := store.TouchSessions(ctx, touched)
	if err != nil {
		m.putBack(touched)
	}
	return err
}

// putBack keeps uses that could not be written for the next Flush.
func (m *Memory) putBack(touched map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, at := range touched {
		if at.After(m.touched[id]) {
			m.touched[id] = at
		}
	}
}
