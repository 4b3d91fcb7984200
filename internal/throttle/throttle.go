// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package throttle owns the limits on tries: how many logins, resets or
// registrations one account, one network or everybody together may start in a
// while, and how long the next one has to wait. Counters live in memory, are
// bounded in number and forgotten at a restart.
//
// It refuses to know what is tried and who tries it. Callers name the keys, and
// with them the rules: one name for every spelling of an address, another one
// for a known device of the same account, so that strangers who use up the
// account's tries do not lock its owner out. Counters are not shared between
// nodes; behind n nodes a limit is up to n times as wide.
package throttle

import (
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// maxKeys bounds the counters and so the memory: about 20 MB when full. It is
	// what an attacker with endless addresses and account names can make us keep.
	// Real viewers need few: a counter goes when its key is forgiven, or once its
	// tries are all available again.
	maxKeys = 1 << 17

	// sweepPerTake is how many counters that have run out are dropped by each
	// Take. More than Take adds, so they cannot pile up, and few enough that no
	// single login pays for the cleaning up after a flood.
	sweepPerTake = 8

	// evictSample is how many counters are looked at to find one that may go when
	// all are in use. With 16 the chance is negligible that every one of them is
	// as loaded as a counter under attack while the rest is a flood.
	evictSample = 16
)

// Limit is how many tries a key has. All of them may be used at once; then one
// comes back every Window/Tries, until after Window without a try all are
// there again. So within any one Window at most 2*Tries-1 get through, and a
// wait is as short as it can be (GCRA, the algorithm of ITU-T I.371).
//
// A Limit without positive Tries and Window lets nothing through: a forgotten
// setting must not switch the protection off.
type Limit struct {
	// Tries is the number of tries.
	Tries int
	// Window is the time after which they have all come back.
	Window time.Duration
}

// interval is the time after which one try comes back.
func (l Limit) interval() time.Duration {
	return max(l.Window/time.Duration(l.Tries), 1)
}

// span is Window in whole intervals, so that rounding never adds a try.
func (l Limit) span() time.Duration {
	return l.interval() * time.Duration(l.Tries)
}

// Key is one thing that is limited.
type Key struct {
	// Name tells keys apart, as in "login/account/<publisher>/<address>". Names
	// are opaque and kept as digests only, so they may be long and personal.
	Name string
	// Limit applies to Name. Give a name the same limit every time; after a change
	// of the limit what was counted under the old one counts on approximately.
	Limit Limit
}

// digest stands for a key's name. A fixed size, because a name comes from a
// request and would otherwise decide how much memory a counter takes.
type digest [sha256.Size]byte

// counter is the state of one key.
type counter struct {
	name digest
	// clearAt is when all tries will be available again, as time since start. Each
	// try moves it one interval ahead. In GCRA: the theoretical arrival time.
	clearAt time.Duration
	span    time.Duration // of the limit it was last counted under
	index   int           // in Throttle.queue
}

// Throttle counts tries. Make one with New; share it between config reloads, or
// each reload gives every attacker a fresh set of tries. Its methods may be
// called concurrently.
type Throttle struct {
	now   func() time.Time
	start time.Time
	max   int             // maxKeys; smaller in tests
	pick  func(n int) int // a random number below n

	// mu guards everything below. One lock for all keys, so that a Take over
	// several keys is one step; it is held for about two microseconds.
	mu       sync.Mutex
	counters map[digest]*counter
	queue    queue // the same counters, the one that is clear first in front
}

// New returns a Throttle without counters that reads the time from now; nil
// means time.Now. It needs no closing and starts no goroutine.
func New(now func() time.Time) *Throttle {
	if now == nil {
		now = time.Now
	}
	return &Throttle{now: now, start: now(), max: maxKeys, pick: rand.IntN, counters: make(map[digest]*counter)}
}

// Take uses up one try of each key, or none of any: when a key has no try left,
// ok is false and retryAfter is the exact time until all of keys will have one
// (unless others take it first). Checking and counting are one step, so parallel
// calls never get more tries through than there are. A refused call costs
// nothing; who hammers on does not lengthen the wait.
//
// Call it before the work that is limited (before hashing a password), and
// Forgive or Refund afterwards. A name given twice counts once.
func (t *Throttle) Take(keys ...Key) (retryAfter time.Duration, ok bool) {
	names := make([]digest, len(keys))
	for i, k := range keys {
		names[i] = sha256.Sum256([]byte(k.Name))
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.elapsed()
	t.sweepLocked(now)

	clearAt := make([]time.Duration, len(keys))
	for i, k := range keys {
		if k.Limit.Tries <= 0 || k.Limit.Window <= 0 {
			retryAfter = max(retryAfter, k.Limit.Window, time.Minute)
			continue
		}
		at, wait := t.tryLocked(names[i], k.Limit, now)
		clearAt[i] = at
		retryAfter = max(retryAfter, wait)
	}
	if retryAfter > 0 {
		return retryAfter, false
	}
	for i, k := range keys {
		t.countLocked(names[i], k.Limit, clearAt[i], now)
	}
	return 0, true
}

// Forgive gives a key all its tries back. Use it for the account's key when its
// password was right: earlier mistakes of the owner count no more.
func (t *Throttle) Forgive(key Key) {
	name := digest(sha256.Sum256([]byte(key.Name)))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropLocked(t.counters[name])
}

// Refund gives back the one try that a Take of keys used up. Use it, after a
// success, for keys that many people share: the thousands behind one carrier's
// address then spend its tries by their mistakes only. (Forgive would let
// an attacker wipe the counter of a network by signing in to an account of
// their own.)
func (t *Throttle) Refund(keys ...Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.elapsed()
	for _, k := range keys {
		c := t.counters[sha256.Sum256([]byte(k.Name))]
		if c == nil || k.Limit.Tries <= 0 {
			continue
		}
		if at := c.clearAt - k.Limit.interval(); at > now {
			t.moveLocked(c, at)
		} else {
			t.dropLocked(c)
		}
	}
}

// elapsed is the time since start. Go's clock readings are monotonic, so that a
// correction of the machine's clock neither locks nor frees anybody.
func (t *Throttle) elapsed() time.Duration {
	return t.now().Sub(t.start)
}
