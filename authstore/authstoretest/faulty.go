// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"context"
	"sync"

	"github.com/usher-sso/usher/authstore"
)

// Faulty is a backend that fails on demand, for tests of what is built above
// one. A fault is used up by the next call that it applies to; setting it again
// replaces it. The optional abilities of the backend inside are hidden.
type Faulty struct {
	inner authstore.Backend

	mu                   sync.Mutex // guards the faults
	view, update, commit error
}

// NewFaulty returns a backend that works like inner until it is told to fail.
func NewFaulty(inner authstore.Backend) *Faulty {
	return &Faulty{inner: inner}
}

// FailView makes the next View return err without running its function.
func (f *Faulty) FailView(err error) { f.set(&f.view, err) }

// FailUpdate makes the next Update return err without running its function.
func (f *Faulty) FailUpdate(err error) { f.set(&f.update, err) }

// FailCommit makes the next Update that gets as far run its function, keep
// nothing of it and return err.
func (f *Faulty) FailCommit(err error) { f.set(&f.commit, err) }

// View implements authstore.Backend.
func (f *Faulty) View(ctx context.Context, fn func(authstore.Tx) error) error {
	if err := f.take(&f.view); err != nil {
		return err
	}
	return f.inner.View(ctx, fn)
}

// Update implements authstore.Backend.
func (f *Faulty) Update(ctx context.Context, fn func(authstore.Tx) error) error {
	if err := f.take(&f.update); err != nil {
		return err
	}
	fault := f.take(&f.commit)
	return f.inner.Update(ctx, func(tx authstore.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return fault
	})
}

// Close implements authstore.Backend.
func (f *Faulty) Close() error { return f.inner.Close() }

func (f *Faulty) set(fault *error, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*fault = err
}

func (f *Faulty) take(fault *error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := *fault
	*fault = nil
	return err
}

// Interface guard.
var _ authstore.Backend = (*Faulty)(nil)
