// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"io"
)

var (
	// ErrNotFound says that a key, or the record it stands for, is not there.
	// A record that has expired counts as not there.
	ErrNotFound = errors.New("not found")

	// ErrClosed says that the backend was used after Close.
	ErrClosed = errors.New("store is closed")

	// ErrReadOnly says that a write was tried inside View.
	ErrReadOnly = errors.New("write inside a read-only transaction")

	// ErrStop ends a Scan early and without an error, when the function given
	// to Scan returns it.
	ErrStop = errors.New("stop scanning")
)

// Backend is what a storage plugin implements: a small, ordered, transactional
// key-value store. Everything usher knows about customers, sessions and the
// rest is built above it in Store, once, so a backend has no business rules.
//
// All methods may be called concurrently. The suite authstoretest.RunBackend
// tells when an implementation is right.
//
// A function given to View or Update must not call either of the same backend.
// When it panics, nothing of it is kept, the backend stays usable, and the
// panic reaches the caller, as itself or as an error.
//
// After Close every method, those of optional abilities included, returns
// ErrClosed, before it looks at the context; Close itself may be called twice.
type Backend interface {
	// View runs fn in a read-only transaction that sees one consistent
	// snapshot: all of an Update or none of it. Writes return ErrReadOnly.
	// View returns fn's error unchanged, or that of a context that has ended
	// before.
	View(ctx context.Context, fn func(Tx) error) error

	// Update runs fn in a serializable transaction. When it returns nil, the
	// writes are durable: they survive the death of the process and of the
	// machine. When fn returns an error, nothing of it is kept and that error
	// is returned unchanged; other Updates running at the same time are not
	// affected.
	//
	// An error that is not fn's own leaves open whether the writes were kept:
	// the acknowledgement may have been lost after they were.
	//
	// fn may run more than once (a backend retries on conflict), so it has no
	// effects but those on Tx: it sends no mail, writes no log and resets what
	// it captures.
	//
	// A context that ends before fn first runs makes Update return its error.
	// From then on Update returns the real outcome, however late.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for running transactions, releases files and connections.
	// Updates that wait for their turn are finished or refused with ErrClosed.
	Close() error
}

// Tx is the view of the store inside one transaction. It is used by one
// goroutine and is worthless after the function it was given to returns.
//
// Tables need not be created: a table without keys reads as empty. Table and
// key are non-empty strings of any bytes, keys up to 1 KiB; keys are ordered
// bytewise. Values are JSON documents of up to 64 KiB, so that operators of any
// backend can read them; one may come back in another spelling of the same
// JSON. They hold no NUL character, which PostgreSQL cannot keep.
//
// Bytes going in and out are copies: a backend keeps no value it was given and
// hands out none that it may change.
type Tx interface {
	// Get returns the value of key, or ErrNotFound.
	Get(table, key string) ([]byte, error)

	// Put stores value under key, replacing what was there. The transaction's
	// own reads see it at once.
	Put(table, key string, value []byte) error

	// Delete removes key. Deleting a key that is not there is no error.
	Delete(table, key string) error

	// Scan calls fn for each key k with from <= k < to, in ascending order;
	// to == "" means to the end of the table. It ends early when fn returns an
	// error, and returns that error, or nil for ErrStop. While it runs, fn may
	// read but must not write to the table being scanned.
	Scan(table, from, to string, fn func(key string, value []byte) error) error
}

// Snapshotter is implemented by backends that can write a consistent copy of
// all their data while they are in use.
type Snapshotter interface {
	// Snapshot writes the copy to w, in a form that the backend opens again.
	Snapshot(ctx context.Context, w io.Writer) error
}

// Checker is implemented by backends that can tell whether they would serve.
type Checker interface {
	// Check returns nil when reads and writes are expected to succeed.
	Check(ctx context.Context) error
}
