// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package throttle

import (
	"container/heap"
	"time"
)

// This file is the bounded set of counters behind Throttle. Methods whose names
// end in Locked need Throttle.mu.

// tryLocked returns when name would be clear after one more try, and how long
// that try has to wait. It changes nothing.
func (t *Throttle) tryLocked(name digest, limit Limit, now time.Duration) (clearAt, wait time.Duration) {
	full := now + limit.span() // clear with all tries used
	clearAt = now
	if c := t.counters[name]; c != nil {
		// Not beyond full: after the limit was lowered, or an injected clock was
		// set back, the wait still ends after one window.
		clearAt = min(max(c.clearAt, now), full)
	}
	clearAt += limit.interval()
	return clearAt, max(clearAt-full, 0)
}

// countLocked stores when name will be clear. When the set is full, a new name
// takes the place of another one.
func (t *Throttle) countLocked(name digest, limit Limit, clearAt, now time.Duration) {
	if c := t.counters[name]; c != nil {
		c.span = limit.span()
		t.moveLocked(c, clearAt)
		return
	}
	if len(t.queue) >= t.max {
		t.evictLocked(now)
	}
	c := &counter{name: name, clearAt: clearAt, span: limit.span()}
	t.counters[name] = c
	heap.Push(&t.queue, c)
}

// moveLocked changes when c will be clear.
func (t *Throttle) moveLocked(c *counter, clearAt time.Duration) {
	c.clearAt = clearAt
	heap.Fix(&t.queue, c.index)
}

// evictLocked makes room for one counter: it drops one that is clear, or else
// the one of a random sample that has the smallest share of its tries used up.
//
// What an attacker can gain by filling the set: a counter under attack, of an
// account or of everybody together, has nearly all its tries used up and goes
// only when a whole sample has too, so about maxKeys other keys must be used up
// before, and those tries pass the overall limit as well. What can be pushed out
// cheaply is a counter with a try or two, which loses just those. By share and
// not by time: otherwise single tries under a limit of hours would push out any
// number of tries under one of minutes, the overall limit first of all.
//
// The alternatives are worse: refusing new names would lock everybody out during
// a flood, and not counting them would free every account not in the set yet.
func (t *Throttle) evictLocked(now time.Duration) {
	lightest := t.queue[0]
	if lightest.clearAt > now {
		for range evictSample {
			if c := t.queue[t.pick(len(t.queue))]; c.load(now) < lightest.load(now) {
				lightest = c
			}
		}
	}
	t.dropLocked(lightest)
}

// load is the share of tries used up, from 0 to 1.
func (c *counter) load(now time.Duration) float64 {
	return float64(c.clearAt-now) / float64(c.span)
}

// dropLocked forgets a counter; nil is none.
func (t *Throttle) dropLocked(c *counter) {
	if c == nil {
		return
	}
	heap.Remove(&t.queue, c.index)
	delete(t.counters, c.name)
}

// sweepLocked drops counters that are clear: they say no more than a missing one.
func (t *Throttle) sweepLocked(now time.Duration) {
	for range sweepPerTake {
		if len(t.queue) == 0 || t.queue[0].clearAt > now {
			return
		}
		t.dropLocked(t.queue[0])
	}
}

// queue is a heap of counters, the one that is clear first in front.
type queue []*counter

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].clearAt < q[j].clearAt }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	c := x.(*counter)
	c.index = len(*q)
	*q = append(*q, c)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	(*q)[last] = nil // or the slice keeps it alive
	*q = (*q)[:last]
	return c
}

// Interface guard.
var _ heap.Interface = (*queue)(nil)
