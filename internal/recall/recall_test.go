// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package recall

import (
	"encoding/binary"
	"strconv"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// inOneShard returns the nth of many keys that share a shard.
func inOneShard(n int) Key {
	var d Key
	binary.BigEndian.PutUint64(d[1:], uint64(n))
	return d
}

// putGood remembers a key as good.
func putGood(c *Cache[string], k Key, until time.Time) { c.Put(k, "1", until, noon) }

func TestCacheForgetsWhatHasExpired(t *testing.T) {
	c, d := New[string](), inOneShard(1)
	putGood(c, d, noon.Add(time.Minute))
	for after, want := range map[time.Duration]bool{0: true, time.Minute - 1: true, time.Minute: false, time.Hour: false} {
		if _, v := c.Get(d, noon.Add(after)); (v == Good) != want {
			t.Errorf("verdict after %v: %v, want good %v", after, v, want)
		}
	}
	c.Refuse(inOneShard(2), noon)
	for after, want := range map[time.Duration]bool{0: true, refusedFor - 1: true, refusedFor: false} {
		value, v := c.Get(inOneShard(2), noon.Add(after))
		if (v == Refused) != want || value != "" {
			t.Errorf("verdict after %v: %v, %q, want refused %v", after, v, value, want)
		}
	}
}

func TestNewestJudgementCounts(t *testing.T) {
	c, d := New[string](), inOneShard(1)
	c.Refuse(d, noon)
	putGood(c, d, noon.Add(time.Minute))
	if value, v := c.Get(d, noon); v != Good || value == "" {
		t.Error("refused after it was found good")
	}
	c.Refuse(d, noon)
	if value, v := c.Get(d, noon); v != Refused || value != "" {
		t.Error("good after it was refused")
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := New[string]()
	s := c.shard(inOneShard(0))
	for i := range 3 * maxShard {
		putGood(c, inOneShard(i), noon.Add(time.Minute))
		c.Refuse(inOneShard(-1-i), noon)
	}
	if len(s.good) != maxShard || len(s.refused) != maxRefused {
		t.Errorf("%d good and %d refused, want %d and %d", len(s.good), len(s.refused), maxShard, maxRefused)
	}
	if _, v := c.Get(inOneShard(3*maxShard-1), noon); v != Good {
		t.Error("the newest entry was dropped")
	}
}

func TestFloodOfRefusedTokensDisplacesNoGoodOne(t *testing.T) {
	c := New[string]()
	for i := range 100 {
		putGood(c, inOneShard(i), noon.Add(time.Minute))
	}
	for i := range 10 * maxRefused {
		c.Refuse(inOneShard(-1-i), noon)
	}
	for i := range 100 {
		if _, v := c.Get(inOneShard(i), noon); v != Good {
			t.Fatalf("entry %d is gone", i)
		}
	}
}

func TestDeadEntriesGoFirst(t *testing.T) {
	m := map[Key]int64{}
	for i := range maxShard {
		m[inOneShard(i)] = noon.UnixNano()
	}
	makeRoom(m, maxShard, func(until int64) bool { return until <= noon.UnixNano() })
	if got := maxShard - len(m); got != roomTries {
		t.Errorf("%d dead entries dropped, want %d", got, roomTries)
	}
	makeRoom(m, maxShard, func(int64) bool { return true })
	if got := maxShard - len(m); got != roomTries {
		t.Errorf("a map with room lost %d more", got-roomTries)
	}
}

func TestJudgementsForDifferentAudiencesDoNotMeet(t *testing.T) {
	seen := map[Key]string{}
	for _, presented := range []string{"", "a", "b", "ab"} {
		for _, audience := range []string{"https://news.example.com", "https://sports.test", "100000001"} {
			name := presented + " at " + audience
			if other, twice := seen[KeyOf(presented, audience)]; twice {
				t.Errorf("%s is taken for %s", name, other)
			}
			seen[KeyOf(presented, audience)] = name
		}
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	c := New[string]()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 2000 {
				d := KeyOf(strconv.Itoa(i%97), strconv.Itoa(worker%3))
				switch i % 3 {
				case 0:
					putGood(c, d, noon.Add(time.Minute))
				case 1:
					c.Refuse(d, noon)
				default:
					c.Get(d, noon)
				}
			}
		})
	}
	all.Wait()
}
