// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package bolt keeps everything in one local file. It owns that file: its lock,
// its mode and the commits that make it durable, and it is the only place that
// knows bbolt. It refuses to share the file with a second process, to open a
// file that is damaged, and to know what the tables mean.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/usher-sso/usher/authstore"
)

// Backend is an authstore.Backend in one bbolt file. A table is a bucket of the
// same name.
//
// bbolt has one writer at a time and syncs the disk at each commit, so Updates
// that run at the same time share a commit; see batch.
//
// A View should be short. Pages that it reads cannot be used again until it
// ends, and if the file outgrows its mapping meanwhile (see mapSize), writers
// wait for it.
type Backend struct {
	db   *bbolt.DB
	path string

	queue   chan request  // Updates that wait for their turn
	closing chan struct{} // closed when Close begins: no new transactions
	stopped chan struct{} // closed when the writer has ended
	close   func() error

	// failing tells Check that the last commit did not reach the disk.
	failing atomic.Bool
}

func newBackend(db *bbolt.DB, path string) *Backend {
	b := &Backend{
		db:      db,
		path:    path,
		queue:   make(chan request, maxBatch),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	b.close = sync.OnceValue(func() error {
		close(b.closing)
		<-b.stopped
		if err := db.Close(); err != nil { // waits for running Views
			return fmt.Errorf("closing %s: %w", path, err)
		}
		return nil
	})
	go b.write()
	return b
}

// View implements authstore.Backend.
func (b *Backend) View(ctx context.Context, fn func(authstore.Tx) error) error {
	return b.view(ctx, func(btx *bbolt.Tx) error {
		t := &tx{btx: btx}
		defer t.end()
		return fn(t)
	})
}

// Snapshot implements authstore.Snapshotter. What it writes is a file that Open
// takes. A w that stalls keeps the transaction open, with the consequences
// named at Backend; write to a file first when the copy goes over a network.
func (b *Backend) Snapshot(ctx context.Context, w io.Writer) error {
	return b.view(ctx, func(btx *bbolt.Tx) error {
		if _, err := btx.WriteTo(contextWriter{ctx, w}); err != nil {
			return fmt.Errorf("writing a snapshot of %s: %w", b.path, err)
		}
		return nil
	})
}

// Check implements authstore.Checker. It goes through the same queue as an
// Update, so it notices a writer that is stuck (if ctx has a deadline).
// As long as commits succeed it costs no disk write. After one has failed, it
// commits by itself to learn whether the disk is back: a node that is taken out
// of service because of Check gets no other writes that could tell.
func (b *Backend) Check(ctx context.Context) error {
	return b.update(ctx, func(t *tx) error {
		t.changed = b.failing.Load()
		return nil
	})
}

// Close implements authstore.Backend. Updates that still wait for their turn
// get ErrClosed; those that have begun are finished.
func (b *Backend) Close() error { return b.close() }

func (b *Backend) view(ctx context.Context, fn func(*bbolt.Tx) error) error {
	if err := b.ready(ctx); err != nil {
		return err
	}
	err := b.db.View(fn)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return authstore.ErrClosed
	}
	return err
}

// ready reports why a transaction cannot begin. Close comes first, because the
// contract promises ErrClosed whatever else is wrong.
func (b *Backend) ready(ctx context.Context) error {
	select {
	case <-b.closing:
		return authstore.ErrClosed
	default:
		return ctx.Err()
	}
}

// contextWriter ends a long copy when nobody waits for it any more.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// Interface guards.
var (
	_ authstore.Backend     = (*Backend)(nil)
	_ authstore.Snapshotter = (*Backend)(nil)
	_ authstore.Checker     = (*Backend)(nil)
)
