// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
)

// ErrBusy says that too many passwords are waiting to be hashed. The caller
// answers 503 with Retry-After at once: a client that waits for minutes and then
// tries again only makes the queue longer.
var ErrBusy = errors.New("too many passwords waiting to be hashed")

// defaultQueue is how many callers may wait for a worker. A hash takes 30 to
// 50 ms, so with one worker the last of 64 waits two or three seconds, about
// what a viewer at a login form puts up with. A flood of logins would fill any
// queue, and each waiting request holds memory and a connection.
const defaultQueue = 64

// Hasher turns passwords into hashes and compares them, a bounded number at a
// time. Hashing is slow and large on purpose (19 MiB each); without the bound, a
// flood of logins would take every core and all memory from the proxy.
//
// Make one with NewHasher and share it: two have twice the bound. Its methods
// may be called concurrently. There is nothing to close.
type Hasher struct {
	slots   chan struct{} // holds one value for each hash under way
	queue   int64
	waiting atomic.Int64 // callers that wait for a slot, at most queue but for a moment
}

// NewHasher returns a Hasher that works on at most workers passwords at a time,
// each on one core and in the goroutine of its caller, while at most queue
// callers wait. Values below one mean the defaults: one worker fewer than
// GOMAXPROCS but at least one, so that hashing never takes the last core from
// the proxy (on a machine with one core they share it), and 64 waiting.
func NewHasher(workers, queue int) *Hasher {
	if workers < 1 {
		workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if queue < 1 {
		queue = defaultQueue
	}
	return &Hasher{slots: make(chan struct{}, workers), queue: int64(queue)}
}

// Hash returns a new hash of password to be stored, in the form described at
// phc. The password is taken exactly as it is: never truncated, trimmed or
// normalised (OWASP ASVS 5.0, 6.2.8). Hash does not judge it; see CheckPassword.
//
// Errors are ErrBusy, ErrPasswordLong, and ctx.Err() when ctx ends while waiting;
// a hash that has begun is finished.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > maxPasswordBytes {
		return "", ErrPasswordLong
	}
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	p := phc{memory: argonMemory, time: argonTime, threads: argonThreads}
	p.salt = make([]byte, saltBytes)
	rand.Read(p.salt) // never fails, see crypto/rand
	p.key = p.derive(password, keyBytes)
	return p.String(), nil
}

// Verify tells whether password is the one that encoded was made from.
//
// An empty encoded stands for an account that does not exist or has no password:
// the same work is done against a fixed hash and the answer is false, so that
// the time taken does not tell who has an account (OWASP ASVS 5.0, 6.3.8).
// Always call Verify, then, before saying that somebody is unknown.
//
// Errors are ErrBusy, ctx.Err() when ctx ends while waiting, and an error around
// ErrHash when encoded is damaged. None of them means that the password is wrong.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (bool, error) {
	p := fakeHash()
	if encoded != "" {
		var err error
		if p, err = parsePHC(encoded); err != nil {
			return false, fmt.Errorf("reading a stored password: %w", err)
		}
	}
	if len(password) > maxPasswordBytes {
		// Nobody has such a password. The early answer tells nothing about the
		// account, because it depends on what the client sent only.
		return false, nil
	}
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	same := subtle.ConstantTimeCompare(p.derive(password, uint32(len(p.key))), p.key) == 1
	return same && encoded != "", nil
}

// acquire waits for a slot. Slots are granted in the order of arrival.
func (h *Hasher) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		return ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	// With both ready at once select picks either. A client that has gone must
	// not cost a hash.
	if err := ctx.Err(); err != nil {
		h.release()
		return err
	}
	return nil
}

func (h *Hasher) release() { <-h.slots }
