// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/usher-sso/usher/authstore"
)

// maxBatch bounds how many Updates share a commit. The first of a batch waits
// for the functions of all others, and a stream of writers must not put the
// commit off for ever. Functions take microseconds, so this many cost about as
// much as the sync that they share; beyond that sharing gains little. It is
// also the capacity of the queue: what waits fits into the next batch.
const maxBatch = 256

// batch is one bbolt transaction and the Updates that share it.
//
// Each Update runs its function in its own goroutine, when the writer gives it
// the turn. So a panic and runtime.Goexit go where they belong, with the stack
// that shows their cause, and cannot end the writer. Between receiving the
// batch and sending on back, the Update has the batch for itself; the rest of
// the time the writer has.
//
// An Update that fails is taken back with the undo log of its tx. That leaves
// the others alone and runs no function twice.
type batch struct {
	btx   *bbolt.Tx
	dirty bool  // something was written and has to be kept
	err   error // why nothing of this batch is kept

	back chan struct{} // gives the turn back to the writer
	done chan struct{} // closed when the outcome is certain; err is final then
}

// request is an Update that waits for its turn.
type request struct {
	turn chan *batch   // unbuffered: either it has the turn, or it has left
	gone chan struct{} // closed by an Update that waits no longer
}

// Update implements authstore.Backend. A function that panics is undone, and
// the panic goes on in the goroutine that called Update, as it would without a
// store in between. When the commit fails, all that shared it get its error.
func (b *Backend) Update(ctx context.Context, fn func(authstore.Tx) error) error {
	return b.update(ctx, func(t *tx) error { return fn(t) })
}

func (b *Backend) update(ctx context.Context, fn func(*tx) error) error {
	if err := b.ready(ctx); err != nil {
		return err
	}
	r := request{turn: make(chan *batch), gone: make(chan struct{})}
	select {
	case b.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.closing:
		return authstore.ErrClosed
	}
	select {
	case g := <-r.turn:
		return g.run(ctx, fn)
	case <-ctx.Done():
		close(r.gone)
		return ctx.Err()
	case <-b.closing:
		close(r.gone)
		return authstore.ErrClosed
	}
}

// run takes the turn of one Update and waits for the outcome of the batch.
//
// An Update that failed or only read waits too: it may have seen what others of
// its batch wrote, and must not report on a state that then was never saved.
// For the same reason its own error gives way to that of the batch.
func (g *batch) run(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil { // it ended just as the turn came
		g.back <- struct{}{}
		return err
	}
	err := g.turn(fn)
	<-g.done
	if g.err != nil {
		return g.err
	}
	return err
}

// turn runs fn and gives the turn back, also when fn panics.
func (g *batch) turn(fn func(*tx) error) error {
	defer func() { g.back <- struct{}{} }()
	if g.err != nil {
		return g.err
	}
	t := &tx{btx: g.btx, writable: true}
	keep := false
	defer func() {
		t.end()
		if keep {
			g.dirty = g.dirty || t.changed
		} else if err := t.undo(); err != nil {
			g.err = fmt.Errorf("taking back a failed update: %w", err)
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	keep = true
	return nil
}

// write is the writer: the one goroutine that begins and commits. There is no
// timer. A batch is what has queued up while the previous commit was on its
// way, so a lone Update is committed at once, and the more Updates there are,
// the more share a commit.
func (b *Backend) write() {
	defer close(b.stopped)
	var broken error
	for {
		select {
		case r := <-b.queue:
			g := b.begin(broken)
			b.fill(g, r)
			broken = b.finish(g)
			close(g.done)
		case <-b.closing:
			return
		}
	}
}

func (b *Backend) begin(broken error) *batch {
	g := &batch{back: make(chan struct{}), done: make(chan struct{}), err: broken}
	if g.err != nil {
		return g
	}
	if g.btx, g.err = b.db.Begin(true); g.err != nil {
		g.err = fmt.Errorf("beginning a transaction on %s: %w", b.path, g.err)
	}
	return g
}

// fill gives the turn to r and then to all that have queued up meanwhile.
func (b *Backend) fill(g *batch, r request) {
	for n := 1; ; n++ {
		select {
		case r.turn <- g:
			<-g.back
		case <-r.gone:
		}
		if n == maxBatch || g.err != nil {
			return
		}
		select {
		case r = <-b.queue:
		default:
			return
		}
	}
}

// finish commits the batch, or rolls it back if nothing is to be kept, and sets
// its outcome. It returns the reason to refuse all further batches, if any: a
// panic of bbolt, after which its state in memory cannot be trusted with the
// file. Without the recover one damaged page would end the process.
func (b *Backend) finish(g *batch) (broken error) {
	if g.btx == nil {
		return g.err
	}
	defer func() {
		if v := recover(); v != nil {
			broken = fmt.Errorf("writing to %s is disabled until restart, because a commit panicked: %v", b.path, v)
			g.err = broken
			b.failing.Store(true)
		}
	}()
	defer g.btx.Rollback() // does nothing after a commit; lets Close pass after a panic
	if g.err != nil || !g.dirty {
		return nil
	}
	err := g.btx.Commit()
	b.failing.Store(err != nil)
	if err != nil {
		g.err = fmt.Errorf("committing to %s: %w", b.path, err)
	}
	return nil
}
