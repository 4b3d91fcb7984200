// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
)

// nodes holds what configurations of this process share, by what the store is:
// during a reload the new configuration works on the store that the old one
// still has open.
var nodes = caddy.NewUsagePool()

// chores is how often the store is tidied and the use of sessions noted.
const chores = time.Minute

// node is what this process has of one store: the open backend and what is
// remembered beside it. Its goroutine ends with it, not with a configuration.
type node struct {
	store    *authstore.Store
	memory   *session.Memory
	root     secret.Root
	tokens   *token.SiteTokens
	judged   *gate.Memory
	hasher   *customer.Hasher
	throttle *throttle.Throttle
	limits   *customer.Limits
	listed   chan struct{} // closed when all customers are in the dashboard's lists
	cancel   context.CancelFunc
	waiting  sync.WaitGroup
}

// openNode opens a store for the first configuration that needs it.
func openNode(ctx context.Context, guest StoreModule, log *zap.Logger) (*node, error) {
	backend, err := guest.OpenStore(ctx)
	if err != nil {
		return nil, err
	}
	tries := throttle.New(time.Now)
	n := &node{
		store: authstore.New(backend, time.Now), hasher: customer.NewHasher(0, 0),
		throttle: tries, limits: customer.NewLimits(tries), judged: gate.NewMemory(),
		listed: make(chan struct{}),
	}
	if err := n.load(ctx); err != nil {
		backend.Close()
		return nil, err
	}
	background, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	n.waiting.Go(func() { n.index(background, log) })
	n.waiting.Go(func() { n.work(background, log) })
	return n, nil
}

func (n *node) load(ctx context.Context) error {
	fresh := secret.NewRoot()
	root, err := n.store.RootKey(ctx, fresh[:])
	if err != nil {
		return fmt.Errorf("reading the root key: %w", err)
	}
	if copy(n.root[:], root.Secret) != secret.Size {
		return fmt.Errorf("the root key in the store has %d bytes instead of %d; restore the store from a backup", len(root.Secret), secret.Size)
	}
	n.tokens = token.NewSiteTokens(n.root, n.store.Now)
	if n.memory, err = session.LoadMemory(ctx, n.store); err != nil {
		return fmt.Errorf("reading ended sessions: %w", err)
	}
	return nil
}

func (n *node) work(ctx context.Context, log *zap.Logger) {
	tick := time.NewTicker(chores)
	defer tick.Stop()
	var cursor authstore.SweepCursor
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := n.memory.Flush(ctx, n.store); err != nil {
			log.Error("noting the use of sessions", zap.Error(err))
		}
		if err := n.limits.Failures.Flush(ctx, n.store); err != nil {
			log.Error("counting failed logins", zap.Error(err))
		}
		next, _, err := n.store.Sweep(ctx, cursor)
		if err != nil {
			log.Error("removing expired records", zap.Error(err))
			continue
		}
		cursor = next
	}
}

// flushTime bounds how long closing waits to note the last use of sessions.
const flushTime = 5 * time.Second

// Destruct closes the store when the last configuration has let go of it.
func (n *node) Destruct() error {
	n.cancel()
	n.waiting.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	flushed := n.memory.Flush(ctx, n.store)
	counted := n.limits.Failures.Flush(ctx, n.store)
	if err := n.store.Backend().Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	if flushed != nil {
		return fmt.Errorf("noting the use of sessions: %w", flushed)
	}
	return counted
}

// lingering is how long a store that no configuration has any more stays open after
// a reload.
const lingering = 10 * time.Second

// departures are stores of replaced configurations. Caddy cleans a configuration up
// while its last requests are under way, and when a connection may still come to it:
// they find their store open.
type departures struct {
	mu  sync.Mutex
	due map[string]*time.Timer // by the store's key, each for one reference in nodes; guarded by mu
}

var leaving = departures{due: map[string]*time.Timer{}}

// later gives a reference back after a while, or now if it is not the last one.
func (d *departures) later(key string, log *zap.Logger) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.due[key]; t != nil {
		t.Reset(lingering)
		return release(key)
	}
	if n, _ := nodes.References(key); n > 1 {
		return release(key)
	}
	d.due[key] = time.AfterFunc(lingering, func() {
		if err := d.end(key); err != nil {
			log.Error("closing a store that is no longer configured", zap.Error(err))
		}
	})
	return nil
}

// end gives the reference of one store back, unless that is done.
func (d *departures) end(key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.due[key]
	if t == nil {
		return nil
	}
	t.Stop()
	delete(d.due, key)
	return release(key)
}

// now closes all of them; no request can come any more.
func (d *departures) now() error {
	d.mu.Lock()
	keys := slices.Collect(maps.Keys(d.due))
	d.mu.Unlock()
	var failed error
	for _, key := range keys {
		failed = errors.Join(failed, d.end(key))
	}
	return failed
}

// release gives one reference in nodes back.
func release(key string) error {
	_, err := nodes.Delete(key)
	return err
}

// Interface guards
var _ caddy.Destructor = (*node)(nil)
