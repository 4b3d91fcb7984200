// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package recall owns a short memory for judgements on cookies and tokens, so
// that what was verified once need not be verified on every request. It answers
// for nothing but what was judged, byte for byte and at the same place, and
// refuses to grow: a flood of bad tokens displaces no good one.
package recall

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

const (
	// Longest is the length beyond which nothing presented is looked at. It is
	// more than our cookies and tokens have.
	Longest = 4608

	// DefaultBudget is how much a Cache remembers of good ones unless it is told
	// otherwise, in bytes: some 100,000 viewers, on their 15-minute tokens. What
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

	// overhead is what an entry costs beside its value and what was presented.
	overhead = 160
)

// Verdict is what is known of a key.
type Verdict int

const (
	Unknown Verdict = iota
	Good
	Refused
)

// Key stands for something presented at one audience, for one issuer to judge.
type Key struct {
	presented, audience, issuer string
	hash                        uint64 // of presented, under the Cache's own seed
}

// String returns what tells a key from all others.
func (k Key) String() string { return k.issuer + " " + k.audience + " " + k.presented }

// Presented returns what was presented.
func (k Key) Presented() string { return k.presented }

// Text returns a text that is all of the key, and says more between what was
// presented and the rest: whoever keeps the value of a key keeps both in one piece
// of memory.
func (k Key) Text(more ...string) string {
	parts := make([]string, 0, 16)
	parts = append(append(append(parts, k.presented), more...), k.audience, k.issuer)
	return strings.Join(parts, "")
}

// Cache remembers judgements. Values do not change, and die at their time. Safe
// for concurrent use.
type Cache[V any] struct {
	seed   maphash.Seed
	budget int // of each shard, in bytes
	shards [shards]shard[V]
}

// shard has the judgements whose keys share some bits of their hash. Hashes are
// seeded, so that nobody can choose what meets; where two keys meet all the same,
// the later one takes the place of the other.
type shard[V any] struct {
	mu      sync.RWMutex
	good    map[uint64]*entry[V] // guarded by mu
	size    int                  // guarded by mu; of the good ones, in bytes
	refused map[uint64]int64     // guarded by mu; until when, in Unix nanoseconds; by hashRefused
}

// entry is a judgement. The garbage collector looks at every pointer of all of
// them again and again, so the key is one.
type entry[V any] struct {
	text                        string // of the key
	hash                        uint64
	presented, audience, issuer uint32 // lengths in text
	size                        int
	until                       int64 // Unix nanoseconds
	value                       V
}

// is tells whether an entry is that of a key.
func (e *entry[V]) is(k Key) bool {
	if e.hash != k.hash || int(e.presented) != len(k.presented) || int(e.audience) != len(k.audience) || int(e.issuer) != len(k.issuer) {
		return false
	}
	issuer := len(e.text) - len(k.issuer)
	audience := issuer - len(k.audience)
	return e.text[:e.presented] == k.presented && e.text[audience:issuer] == k.audience && e.text[issuer:] == k.issuer
}

// New returns an empty Cache that keeps at most budget bytes of good ones.
func New[V any](budget int) *Cache[V] {
	c := &Cache[V]{seed: maphash.MakeSeed(), budget: budget / shards}
	for i := range c.shards {
		c.shards[i].good, c.shards[i].refused = map[uint64]*entry[V]{}, map[uint64]int64{}
	}
	return c
}

// Key returns the key of what was presented: a judgement made for one audience
// or issuer does not answer for another. It is false for what is too long to be
// ours.
func (c *Cache[V]) Key(presented, audience, issuer string) (Key, bool) {
	if len(presented) > Longest {
		return Key{}, false
	}
	return Key{presented: presented, audience: audience, issuer: issuer, hash: maphash.String(c.seed, presented)}, true
}

func (c *Cache[V]) shard(k Key) *shard[V] { return &c.shards[k.hash%shards] }

// hashRefused is the hash of all of a key. Of what is refused no more is kept,
// because everybody can have something refused: two that meet are refused both,
// for a moment, once in many ages.
func (c *Cache[V]) hashRefused(k Key) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for _, part := range []string{k.issuer, k.audience, k.presented} {
		h.WriteString(part)
		h.WriteByte(0)
	}
	return h.Sum64()
}

// Get returns what is known of a key, and its value when it is good, else nil. The
// value is the cache's own.
func (c *Cache[V]) Get(k Key, now time.Time) (*V, Verdict) {
	s, at := c.shard(k), now.UnixNano()
	s.mu.RLock()
	e := s.good[k.hash]
	s.mu.RUnlock()
	if e != nil && at < e.until && e.is(k) {
		return &e.value, Good
	}
	hash := c.hashRefused(k)
	s.mu.RLock()
	until := s.refused[hash]
	s.mu.RUnlock()
	if at < until {
		return nil, Refused
	}
	return nil, Unknown
}

// Put remembers that a key is good until a time. text is the key's, see Text, ""
// to make it; size is about what the value takes beside it, in bytes.
func (c *Cache[V]) Put(k Key, text string, value V, size int, until, now time.Time) {
	if text == "" {
		text = k.Text()
	}
	e := &entry[V]{
		text: text, hash: k.hash, size: size + len(text) + overhead, until: until.UnixNano(), value: value,
		presented: uint32(len(k.presented)), audience: uint32(len(k.audience)), issuer: uint32(len(k.issuer)),
	}
	s, hash := c.shard(k), c.hashRefused(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, hash)
	s.drop(k.hash)
	for s.size+e.size > c.budget && len(s.good) > 0 {
		s.dropAny(now.UnixNano())
	}
	s.good[k.hash] = e
	s.size += e.size
}

// Refuse remembers for a moment that a key is bad.
func (c *Cache[V]) Refuse(k Key, now time.Time) {
	s, hash := c.shard(k), c.hashRefused(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.good[k.hash]; e != nil && e.is(k) {
		s.drop(k.hash)
	}
	if len(s.refused) >= maxRefused {
		dropRefused(s.refused, now.UnixNano())
	}
	s.refused[hash] = now.Add(refusedFor).UnixNano()
}

// Forget makes a key unknown.
func (c *Cache[V]) Forget(k Key) {
	s, hash := c.shard(k), c.hashRefused(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(k.hash)
	delete(s.refused, hash)
}

// drop forgets a good key. s.mu is held.
func (s *shard[V]) drop(hash uint64) {
	if e := s.good[hash]; e != nil {
		s.size -= e.size
		delete(s.good, hash)
	}
}

// tries bounds how many entries are looked at for a dead one, so that a full map
// costs no more than a few steps. Go's map order is random enough to choose by.
const tries = 8

// dropAny forgets the dead among a few good keys, or else one of them. s.mu is
// held.
func (s *shard[V]) dropAny(now int64) {
	var last uint64
	seen, dropped := 0, false
	for hash, e := range s.good {
		if last = hash; e.until <= now {
			s.drop(hash)
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
func dropRefused(refused map[uint64]int64, now int64) {
	var last uint64
	seen, dropped := 0, false
	for hash, until := range refused {
		if last = hash; until <= now {
			delete(refused, hash)
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
