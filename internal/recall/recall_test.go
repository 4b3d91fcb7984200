// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package recall

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// inOneShard returns the nth of many keys that share a shard.
func inOneShard(n int) Key {
	return Key{presented: strconv.Itoa(n), hash: uint64(int64(n)) * shards}
}

// putGood remembers a key as good.
func putGood(c *Cache[string], k Key, until time.Time) { c.Put(k, "", "1", 1, until, noon) }

func TestCacheForgetsWhatHasExpired(t *testing.T) {
	c, d := New[string](DefaultBudget), inOneShard(1)
	putGood(c, d, noon.Add(time.Minute))
	for after, want := range map[time.Duration]bool{0: true, time.Minute - 1: true, time.Minute: false, time.Hour: false} {
		if _, v := c.Get(d, noon.Add(after)); (v == Good) != want {
			t.Errorf("verdict after %v: %v, want good %v", after, v, want)
		}
	}
	c.Refuse(inOneShard(2), noon)
	for after, want := range map[time.Duration]bool{0: true, refusedFor - 1: true, refusedFor: false} {
		value, v := c.Get(inOneShard(2), noon.Add(after))
		if (v == Refused) != want || value != nil {
			t.Errorf("verdict after %v: %v, %v, want refused %v", after, v, value, want)
		}
	}
}

func TestValueAndKeyShareAText(t *testing.T) {
	c := New[string](DefaultBudget)
	text := "presented and more"
	k, _ := c.Key(text[:9], "site", "hub")
	all := k.Text("said ", "more ")
	if all != "presentedsaid more sitehub" {
		t.Errorf("the text of a key with more: %q", all)
	}
	c.Put(k, all, "1", 1, noon.Add(time.Minute), noon)
	if _, v := c.Get(k, noon); v != Good || unsafe.StringData(c.shard(k).good[k.hash].text) != unsafe.StringData(all) {
		t.Error("what is kept already is copied")
	}
	for _, other := range []Key{
		{"presenteds", "ite", "hub", k.hash}, {"presented", "site ", "hub", k.hash}, {"presented", "site", "sitehub", k.hash},
		{"presented", "sitehub", "", k.hash}, {"", "presentedsite", "hub", k.hash}, {"presented", "", "sitehub", k.hash},
		{"presented", "site", string(make([]byte, 99)), k.hash}, {"presented", "hubs", "hub", k.hash}, {"presented", "site", "ub", k.hash},
	} {
		if _, v := c.Get(other, noon); v == Good {
			t.Errorf("%q is taken for another key", other)
		}
	}
	c.Put(k, "", "1", 1, noon.Add(time.Minute), noon)
	if _, v := c.Get(k, noon); v != Good || unsafe.StringData(c.shard(k).good[k.hash].text) == unsafe.StringData(text) {
		t.Error("a part of a request is kept, and all of that with it")
	}
}

func TestNewestJudgementCounts(t *testing.T) {
	c, d := New[string](DefaultBudget), inOneShard(1)
	c.Refuse(d, noon)
	putGood(c, d, noon.Add(time.Minute))
	if value, v := c.Get(d, noon); v != Good || *value != "1" {
		t.Error("refused after it was found good")
	}
	c.Refuse(d, noon)
	if value, v := c.Get(d, noon); v != Refused || value != nil {
		t.Error("good after it was refused")
	}
}

func TestCacheIsBounded(t *testing.T) {
	const fit, one = 1000, overhead + 1 + len("1000")
	c := New[string](shards * fit * one)
	s := c.shard(inOneShard(0))
	for i := range 3 * fit {
		putGood(c, inOneShard(i), noon.Add(time.Minute))
		c.Refuse(inOneShard(-1-i), noon)
	}
	if len(s.good) < fit || len(s.refused) != maxRefused || s.size > c.budget || s.size < c.budget-one {
		t.Errorf("%d good of %d bytes and %d refused, want %d of %d and %d", len(s.good), s.size, len(s.refused), fit, c.budget, maxRefused)
	}
	if _, v := c.Get(inOneShard(3*fit-1), noon); v != Good {
		t.Error("the newest entry was dropped")
	}
	c.Put(inOneShard(-1), "", "large", fit/2*one, noon.Add(time.Minute), noon)
	if s.size > c.budget || len(s.good) < fit/2-2 {
		t.Errorf("a large one left %d of %d bytes", len(s.good), s.size)
	}
	if _, v := c.Get(inOneShard(-1), noon); v != Good {
		t.Error("the large one was dropped")
	}
}

func TestSizeIsThatOfWhatIsThere(t *testing.T) {
	c := New[string](DefaultBudget)
	s := c.shard(inOneShard(0))
	c.Put(inOneShard(1), "", "1", 100, noon.Add(time.Minute), noon)
	c.Put(inOneShard(1), "", "1", 300, noon.Add(time.Minute), noon) // in its place
	c.Put(inOneShard(2), "", "2", 50, noon.Add(time.Minute), noon)
	if want := 350 + 2 + 2*overhead; s.size != want {
		t.Errorf("%d bytes, want %d", s.size, want)
	}
	c.Refuse(inOneShard(1), noon)
	c.Forget(inOneShard(2))
	c.Forget(inOneShard(3))
	if s.size != 0 || len(s.good) != 0 {
		t.Errorf("%d bytes of %d, want nothing", s.size, len(s.good))
	}
}

func TestFloodOfRefusedTokensDisplacesNoGoodOne(t *testing.T) {
	c := New[string](DefaultBudget)
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
	c := New[string](DefaultBudget)
	s := c.shard(inOneShard(0))
	for i := range 100 {
		putGood(c, inOneShard(i), noon)
		c.Refuse(inOneShard(-1-i), noon.Add(-refusedFor))
	}
	s.dropAny(noon.UnixNano())
	dropRefused(s.refused, noon.UnixNano())
	if len(s.good) != 100-tries || len(s.refused) != 100-tries {
		t.Errorf("%d good and %d refused are left of 100 dead ones, want %d", len(s.good), len(s.refused), 100-tries)
	}
	s.dropAny(noon.Add(-time.Second).UnixNano())
	dropRefused(s.refused, noon.Add(-time.Second).UnixNano())
	if len(s.good) != 99-tries || len(s.refused) != 99-tries {
		t.Errorf("%d good and %d refused are left of live ones, want %d", len(s.good), len(s.refused), 99-tries)
	}
}

func TestJudgementsForDifferentAudiencesDoNotMeet(t *testing.T) {
	c := New[string](DefaultBudget)
	var keys []Key
	for _, presented := range []string{"", "a", "b", "ab", strings.Repeat("a", Longest)} {
		for _, audience := range []string{"", "https://news.example.com", "https://sports.test", "100000001"} {
			for _, issuer := range []string{"", "https://id.example.com", "https://news.example.com"} {
				k, ok := c.Key(presented, audience, issuer)
				if again, _ := c.Key(presented, audience, issuer); again != k || !ok {
					t.Errorf("%v has two keys", k)
				}
				keys = append(keys, k)
			}
		}
	}
	for i, good := range keys {
		putGood(c, good, noon.Add(time.Minute))
		for j, other := range keys {
			if _, v := c.Get(other, noon); (v == Good) != (i == j) {
				t.Errorf("%.80s is %v for %.80s", other, v, good)
			}
		}
		c.Refuse(good, noon)
		for j, other := range keys {
			if _, v := c.Get(other, noon); (v == Refused) != (i == j) {
				t.Errorf("%.80s is %v for %.80s", other, v, good)
			}
		}
		c.Forget(good)
	}
}

// What is good at one place stays so when it is tried at another.
func TestRefusalElsewhereForgetsNothing(t *testing.T) {
	c := New[string](DefaultBudget)
	here, _ := c.Key("token", "https://news.example.com", "https://id.example.com")
	there, _ := c.Key("token", "https://sports.test", "https://id.example.com")
	putGood(c, here, noon.Add(time.Minute))
	c.Refuse(there, noon)
	if _, v := c.Get(here, noon); v != Good {
		t.Errorf("here it is %v", v)
	}
	if _, v := c.Get(there, noon); v != Refused {
		t.Errorf("there it is %v", v)
	}
}

func TestKeysWithOneHashTakeEachOthersPlace(t *testing.T) {
	c := New[string](DefaultBudget)
	one, other := inOneShard(1), inOneShard(1)
	other.presented = "another"
	putGood(c, one, noon.Add(time.Minute))
	if _, v := c.Get(other, noon); v != Unknown {
		t.Errorf("the other is %v before it was judged", v)
	}
	putGood(c, other, noon.Add(time.Minute))
	if _, v := c.Get(one, noon); v != Unknown {
		t.Errorf("the first is %v after the other took its place", v)
	}
	if s := c.shard(one); len(s.good) != 1 || s.size != 1+len("another")+overhead {
		t.Errorf("%d good of %d bytes", len(s.good), s.size)
	}
}

func TestTooLongIsNotLookedAt(t *testing.T) {
	c, long := New[string](DefaultBudget), strings.Repeat("a", 1<<20)
	if _, ok := c.Key(long[:Longest+1], "b", "c"); ok {
		t.Error("one more than the longest has a key")
	}
	if n := testing.AllocsPerRun(100, func() { c.Key(long, "b", "c") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	c := New[string](DefaultBudget)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 2000 {
				d, _ := c.Key(strconv.Itoa(i%97), strconv.Itoa(worker%3), "issuer")
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

func BenchmarkKey(b *testing.B) {
	for _, length := range []int{200, 600, 1000} {
		presented := strings.Repeat("a", length)
		b.Run(strconv.Itoa(length), func(b *testing.B) {
			c := New[string](DefaultBudget)
			b.ReportAllocs()
			for b.Loop() {
				c.Key(presented, "https://news.example.com", "https://id.example.com")
			}
		})
	}
}
