// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package publisher

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// watchEvery is how often the store is asked whether settings have changed: soon
// enough for staff who look at a page after saving, and one small read.
const watchEvery = 2 * time.Second

// Watcher keeps a Directory in step with what staff set, on this node or another.
//
// What a configuration declares is its own: what another one has put into the store
// meanwhile, such as one that failed to load, changes nothing here.
type Watcher struct {
	Declared  []authstore.Publisher
	Store     *authstore.Store
	Directory *Directory

	// Changed, when set, hears of the publishers in force and of what staff have set
	// whenever either has changed, after the Directory tells of it. After an error
	// it is told again by the next Refresh.
	Changed func(ctx context.Context, publishers []authstore.Publisher, set map[int64]authstore.Settings) error

	Report func(error)      // hears of a failure of Watch once, until it works again
	Tick   <-chan time.Time // when Watch looks; nil means every two seconds

	mu       sync.Mutex
	known    bool      // guarded by mu; whether a Refresh has succeeded
	revision int64     // guarded by mu; of the settings that are in force
	next     time.Time // guarded by mu; when a scheduled version begins; zero: none
}

// Refresh makes the Directory tell what is in force now. It reads one value when
// nothing has changed. After an error the next call tries again.
func (w *Watcher) Refresh(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	revision, err := w.Store.SettingsRevision(ctx)
	if err != nil {
		return fmt.Errorf("asking whether settings have changed: %w", err)
	}
	now := w.Store.Now()
	due := !w.next.IsZero() && !now.Before(w.next)
	if w.known && revision == w.revision && !due {
		return nil
	}
	managed, err := w.Store.Managed(ctx)
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	inForce, next := make([]authstore.Publisher, len(w.Declared)), time.Time{}
	for i, p := range w.Declared {
		versions := managed.Versions[p.ID]
		inForce[i] = p.With(managed.Settings[p.ID], versions, now)
		if t := authstore.NextChange(versions, now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if err := w.Directory.Replace(inForce); err != nil {
		return fmt.Errorf("putting settings in force: %w", err)
	}
	if w.Changed != nil {
		if err := w.Changed(ctx, inForce, managed.Settings); err != nil {
			return fmt.Errorf("putting settings in force: %w", err)
		}
	}
	w.known, w.revision, w.next = true, managed.Revision, next
	return nil
}

// Watch refreshes again and again until the context ends.
func (w *Watcher) Watch(ctx context.Context) {
	tick := w.Tick
	if tick == nil {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		err := w.Refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.Report(err)
		}
		failing = err != nil
	}
}
