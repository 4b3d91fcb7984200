// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package recall owns a short memory for judgements on cookies and tokens, so
// that what was verified once need not be verified on every request. It keeps
// no cookie and no token as they were presented, and refuses to grow: a flood of
// bad tokens displaces no good one.
package recall

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

const (
	// Longest is the length beyond which nothing presented is looked at. It is
	// more than our cookies and tokens have.
	Longest = 4608

	// DefaultBudget is how much a Cache remembers of good ones unless it is told
	// otherwise, in bytes: some 110,000 viewers, on their 15-minute tokens. What
	// does not fit is verified again.
	DefaultBudget = 128 << 20

	// shards spreads the cache over locks that requests rarely share.
	shards = 64

	// maxRefused bounds what a shard remembers of refused tokens. The two kinds
	// have maps of their own, so that a flood of bad ones never displaces a
	// good one.
	maxRefused = 1024

	// refusedFor is how long a refused token is refused unseen. Short, because
	// a token may be refused for a reason that passes, such as a new key.
	refusedFor = 10 * time.Second

	// overhead is what an entry costs beside its value: key, time, size, and the
	// free room of a map.
	overhead = 128
)

// Verdict is what is known of a key.
type Verdict int

const (
	Unknown Verdict = iota
	Good
	Refused
)

// Key stands for something presented, in one Cache.
type Key [16]byte

// Cache remembers judgements. Values do not change, and die at their time. Safe
// for concurrent use.
type Cache[V any] struct {
	digester digester
	budget   int // of each shard, in bytes
	shards   [shards]shard[V]
}

type shard[V any] struct {
	mu      sync.RWMutex
	good    map[Key]entry[V] // guarded by mu
	size    int              // guarded by mu; of the good ones, in bytes
	refused map[Key]int64    // guarded by mu; until when, in Unix nanoseconds
}

type entry[V any] struct {
	value V
	until int64 // Unix nanoseconds
	size  int
}

// New returns an empty Cache that keeps at most budget bytes of good ones.
func New[V any](budget int) *Cache[V] {
	c := &Cache[V]{digester: newDigester(), budget: budget / shards}
	for i := range c.shards {
		c.shards[i].good, c.shards[i].refused = map[Key]entry[V]{}, map[Key]int64{}
	}
	return c
}

// Key digests what was presented together with where: a judgement made for one
// audience by one issuer must not answer for another. It is false for what is too
// long to be ours.
func (c *Cache[V]) Key(presented, audience, issuer string) (Key, bool) {
	if len(presented) > Longest {
		return Key{}, false
	}
	return c.digester.digest(presented, audience, issuer), true
}

func (c *Cache[V]) shard(k Key) *shard[V] { return &c.shards[k[0]%shards] }

// Get returns what is known of a key, and its value when it is good.
func (c *Cache[V]) Get(k Key, now time.Time) (V, Verdict) {
	s, at := c.shard(k), now.UnixNano()
	s.mu.RLock()
	e, good := s.good[k]
	var until int64
	if !good {
		until = s.refused[k]
	}
	s.mu.RUnlock()
	var none V
	switch {
	case good && at < e.until:
		return e.value, Good
	case at < until:
		return none, Refused
	}
	return none, Unknown
}

// Put remembers that a key is good until a time. size is about what the value
// takes, in bytes.
func (c *Cache[V]) Put(k Key, value V, size int, until, now time.Time) {
	e := entry[V]{value: value, until: until.UnixNano(), size: size + overhead}
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, k)
	s.drop(k)
	for s.size+e.size > c.budget && len(s.good) > 0 {
		s.dropAny(now.UnixNano())
	}
	s.good[k] = e
	s.size += e.size
}

// Refuse remembers for a moment that a key is bad.
func (c *Cache[V]) Refuse(k Key, now time.Time) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(k)
	if len(s.refused) >= maxRefused {
		dropRefused(s.refused, now.UnixNano())
	}
	s.refused[k] = now.Add(refusedFor).UnixNano()
}

// Forget makes a key unknown.
func (c *Cache[V]) Forget(k Key) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(k)
	delete(s.refused, k)
}

// drop forgets a good key. s.mu is held.
func (s *shard[V]) drop(k Key) {
	s.size -= s.good[k].size
	delete(s.good, k)
}

// tries bounds how many entries are looked at for a dead one, so that a full map
// costs no more than a few steps. Go's map order is random enough to choose by.
const tries = 8

// dropAny forgets the dead among a few good keys, or else one of them. s.mu is
// held.
func (s *shard[V]) dropAny(now int64) {
	var last Key
	seen, dropped := 0, false
	for k, e := range s.good {
		if last = k; e.until <= now {
			s.drop(k)
			dropped = true
		}
		if seen++; seen == tries {
			break
		}
	}
	if !dropped {
		s.drop(last)
	}
}

// dropRefused forgets the dead among a few refused keys, or else one of them.
func dropRefused(refused map[Key]int64, now int64) {
	var last Key
	seen, dropped := 0, false
	for k, until := range refused {
		if last = k; until <= now {
			delete(refused, k)
			dropped = true
		}
		if seen++; seen == tries {
			break
		}
	}
	if !dropped {
		delete(refused, last)
	}
}

// digester makes keys with GHASH, the universal hash of AES-GCM, under a random
// key that never leaves the process. Two presented values meet with a chance of
// less than 2^-118, whoever chooses them, because nobody sees a digest. On
// processors without instructions for SHA-256 it is many times faster than that.
type digester struct {
	aead cipher.AEAD
	pool *sync.Pool
}

// scratch is memory that a digest needs for a moment.
type scratch struct {
	in  []byte
	out []byte
}

// nonce is always the same: what it must not be reused for is to keep somebody
// who sees digests from computing the key, and nobody sees any.
var nonce [12]byte

func newDigester() digester {
	var key [16]byte
	rand.Read(key[:]) // never fails: the runtime ends the process when the system has no randomness
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Sprintf("making a digester: %v", err)) // only for wrong key sizes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("making a digester: %v", err)) // only for wrong block sizes
	}
	return digester{aead: aead, pool: &sync.Pool{New: func() any {
		return &scratch{in: make([]byte, 0, Longest), out: make([]byte, 0, len(Key{}))}
	}}}
}

// digest returns the key of what was presented. Neither audiences nor issuers
// hold a NUL, so no two triples are written alike.
func (d digester) digest(presented, audience, issuer string) (k Key) {
	s := d.pool.Get().(*scratch)
	s.in = append(append(append(append(append(s.in[:0], issuer...), 0), audience...), 0), presented...)
	copy(k[:], d.aead.Seal(s.out, nonce[:], nil, s.in))
	clear(s.in)
	d.pool.Put(s)
	return k
}
