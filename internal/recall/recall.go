// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package recall owns a short memory for judgements on cookies and tokens, so
// that what was verified once need not be verified on every request. It keeps
// no cookie and no token, and refuses to grow: a flood of bad tokens displaces
// no good one.
package recall

import (
	"crypto/sha256"
	"sync"
	"time"
)

// Key stands for something presented at one audience.
type Key [sha256.Size]byte

// KeyOf digests what was presented together with where: a judgement made for
// one audience must not answer for another. No audience holds a NUL, so no two
// pairs are digested alike.
func KeyOf(presented, audience string) Key {
	var short [maxShort]byte // stays on the stack, where the usual token fits
	return sha256.Sum256(append(append(append(short[:0], audience...), 0), presented...))
}

const (
	// maxShort is a little more than our tokens are long.
	maxShort = 1024

	// shards spreads the cache over locks that requests rarely share.
	shards = 64

	// maxShard bounds one shard: 64 × 4096 visitors on 15-minute tokens, some
	// 200 MB at worst. What does not fit is verified again.
	maxShard = 4096

	// maxRefused bounds what is remembered of refused tokens. The two kinds
	// have maps of their own, so that a flood of bad ones never displaces a
	// good one.
	maxRefused = 1024

	// refusedFor is how long a refused token is refused unseen. Short, because
	// a token may be refused for a reason that passes, such as a new key.
	refusedFor = 10 * time.Second
)

// Verdict is what is known of a key.
type Verdict int

const (
	Unknown Verdict = iota
	Good
	Refused
)

type shard[V any] struct {
	mu      sync.RWMutex
	good    map[Key]entry[V] // guarded by mu
	refused map[Key]int64    // guarded by mu; until when, in Unix nanoseconds
}

type entry[V any] struct {
	value V
	until int64 // Unix nanoseconds
}

// Cache remembers judgements. Values do not change, and die at their time. Safe
// for concurrent use.
type Cache[V any] struct{ shards [shards]shard[V] }

// New returns an empty Cache.
func New[V any]() *Cache[V] {
	c := &Cache[V]{}
	for i := range c.shards {
		c.shards[i].good, c.shards[i].refused = map[Key]entry[V]{}, map[Key]int64{}
	}
	return c
}

func (c *Cache[V]) shard(k Key) *shard[V] { return &c.shards[k[0]%shards] }

// Get returns what is known of a key, and its value when it is good.
func (c *Cache[V]) Get(k Key, now time.Time) (V, Verdict) {
	s := c.shard(k)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.good[k]; ok && now.UnixNano() < e.until {
		return e.value, Good
	}
	var none V
	if until, ok := s.refused[k]; ok && now.UnixNano() < until {
		return none, Refused
	}
	return none, Unknown
}

// Put remembers that a key is good until a time.
func (c *Cache[V]) Put(k Key, value V, until, now time.Time) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, k)
	makeRoom(s.good, maxShard, func(e entry[V]) bool { return e.until <= now.UnixNano() })
	s.good[k] = entry[V]{value, until.UnixNano()}
}

// Refuse remembers for a moment that a key is bad.
func (c *Cache[V]) Refuse(k Key, now time.Time) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.good, k)
	makeRoom(s.refused, maxRefused, func(until int64) bool { return until <= now.UnixNano() })
	s.refused[k] = now.Add(refusedFor).UnixNano()
}

// Forget makes a key unknown.
func (c *Cache[V]) Forget(k Key) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.good, k)
	delete(s.refused, k)
}

// roomTries bounds how many entries are looked at for a dead one, so that a
// full map costs no more than a few steps.
const roomTries = 8

// makeRoom drops dead entries, or any one, from a full map. Go's map order is
// random enough to choose by.
func makeRoom[V any](m map[Key]V, limit int, dead func(V) bool) {
	if len(m) < limit {
		return
	}
	tries := 0
	var last Key
	for k, v := range m {
		if last = k; dead(v) {
			delete(m, k)
		}
		if tries++; tries == roomTries {
			break
		}
	}
	if len(m) >= limit {
		delete(m, last)
	}
}
