// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"crypto/sha256"
	"sync"
	"time"
)

// digest stands for a cookie or token at one audience; the cache holds neither.
type digest [sha256.Size]byte

// digestOf mixes what was presented with where: a judgement made for one site
// must not answer for another that shares the gate. To make two pairs meet
// takes as many tries as to find a collision.
func digestOf(presented, audience string) digest {
	d, a := sha256.Sum256([]byte(presented)), sha256.Sum256([]byte(audience))
	for i := range d {
		d[i] ^= a[i]
	}
	return d
}

const (
	// shards spreads the cache over locks that requests rarely share.
	shards = 64

	// maxShard bounds one shard: 64 × 4096 visitors on 15-minute tokens, some
	// 200 MB at worst. What does not fit is verified again.
	maxShard = 4096

	// maxRefused bounds what is remembered of refused tokens; the two kinds
	// have maps of their own, so that a flood of bad ones never displaces a
	// good one.
	maxRefused = 1024

	// refusedFor is how long a refused token is refused unseen. Short, because
	// a token may be refused for a reason that passes, such as a new key.
	refusedFor = 10 * time.Second
)

// entry is what the cache knows of a cookie or token.
type entry struct {
	identity *Identity // nil: refused
	until    int64     // Unix nanoseconds
	renewed  string    // the cookie's newer value, to be sent with the answer
}

type shard struct {
	mu      sync.RWMutex
	known   map[digest]entry // guarded by mu
	refused map[digest]int64 // guarded by mu; until when
}

// cache remembers judgements on cookies and tokens. Entries do not change, and
// die with their token. Safe for concurrent use.
type cache struct{ shards [shards]shard }

func newCache() *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i].known, c.shards[i].refused = map[digest]entry{}, map[digest]int64{}
	}
	return c
}

func (c *cache) shard(d digest) *shard { return &c.shards[d[0]%shards] }

func (c *cache) get(d digest, now time.Time) (entry, bool) {
	s := c.shard(d)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.known[d]; ok {
		return e, now.UnixNano() < e.until
	}
	until, ok := s.refused[d]
	return entry{}, ok && now.UnixNano() < until
}

func (c *cache) put(d digest, e entry, now time.Time) {
	s := c.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, d)
	makeRoom(s.known, maxShard, func(e entry) bool { return e.until <= now.UnixNano() })
	s.known[d] = e
}

func (c *cache) refuse(d digest, now time.Time) {
	s := c.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, d)
	makeRoom(s.refused, maxRefused, func(until int64) bool { return until <= now.UnixNano() })
	s.refused[d] = now.Add(refusedFor).UnixNano()
}

// roomTries bounds how many entries are looked at for a dead one, so that a
// full map costs no more than a few steps.
const roomTries = 8

// makeRoom drops dead entries, or any one, from a full map. Go's map order is
// random enough to choose by.
func makeRoom[V any](m map[digest]V, limit int, dead func(V) bool) {
	if len(m) < limit {
		return
	}
	tries := 0
	var any digest
	for d, v := range m {
		if any = d; dead(v) {
			delete(m, d)
		}
		if tries++; tries == roomTries {
			break
		}
	}
	if len(m) >= limit {
		delete(m, any)
	}
}
