// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
)

// tableTallies keeps numbers, by publisher, what is counted, and shard. They are
// written in the transaction of what they count.
const tableTallies = "tallies"

// What is counted, as the second part of keys.
const (
	tallyTotals  = "totals"
	tallyDay     = "day"
	tallyConsent = "consent"
	tallyAnswer  = "answer"
)

// shards is over how many keys each number is spread, by the customer's id.
// Stores with serializable transactions would otherwise have all writers wait for
// one key.
const shards = 16

func shard(customer int64) string { return strconv.FormatInt(customer%shards, 10) }

// amount is one shard of what is counted.
type amount interface{ none() bool }

// add changes one shard. Those that have come to nothing are removed.
func add[T amount](tx Tx, key string, change func(*T)) error {
	v, err := get[T](tx, tableTallies, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	change(&v)
	if v.none() {
		return tx.Delete(tableTallies, key)
	}
	return put(tx, tableTallies, key, v)
}

// Totals is how many customers a publisher has.
type Totals struct {
	Customers  int64 `json:"customers,omitempty"`  // those erased are not among them
	Unverified int64 `json:"unverified,omitempty"` // of Customers: the address is not verified
	Disabled   int64 `json:"disabled,omitempty"`   // of Customers
	Erased     int64 `json:"erased,omitempty"`
}

func (t Totals) none() bool { return t == Totals{} }

func (t *Totals) add(c Customer, n int64) {
	if !c.Erased.IsZero() {
		t.Erased += n
		return
	}
	t.Customers += n
	if c.EmailVerified.IsZero() {
		t.Unverified += n
	}
	if c.Disabled {
		t.Disabled += n
	}
}

func (t *Totals) plus(other Totals) {
	t.Customers += other.Customers
	t.Unverified += other.Unverified
	t.Disabled += other.Disabled
	t.Erased += other.Erased
}

func addTotals(tx Tx, c Customer, change Totals) error {
	if change.none() {
		return nil
	}
	return add(tx, key(idKey(c.PublisherID), tallyTotals, shard(c.ID)), func(t *Totals) { t.plus(change) })
}

// Totals returns how many customers a publisher has.
func (s *Store) Totals(ctx context.Context, publisher int64) (t Totals, err error) {
	from, to := prefix(idKey(publisher), tallyTotals)
	err = s.b.View(ctx, func(tx Tx) error {
		t = Totals{}
		return scan(tx, tableTallies, from, to, func(_ string, shard Totals) error {
			t.plus(shard)
			return nil
		})
	})
	return t, err
}

// ConsentTally is how many customers have given an answer that is in force, to a
// version of a consent. Those erased are not counted.
type ConsentTally struct {
	Name    string       `json:"name"`
	Version string       `json:"version"`
	State   ConsentState `json:"state"`
	Count   int64        `json:"count"`
}

func (t ConsentTally) none() bool { return t.Count == 0 }

func addConsent(tx Tx, c Customer, change ConsentTally) error {
	k := key(idKey(c.PublisherID), tallyConsent, namePart(change.Name), namePart(change.Version), string(change.State), shard(c.ID))
	return add(tx, k, func(t *ConsentTally) {
		change.Count += t.Count
		*t = change
	})
}

// ConsentTallies returns the numbers of answers in force at a publisher, by name,
// version and state.
func (s *Store) ConsentTallies(ctx context.Context, publisher int64) ([]ConsentTally, error) {
	type answer struct {
		name, version string
		state         ConsentState
	}
	var counts map[answer]int64
	from, to := prefix(idKey(publisher), tallyConsent)
	err := s.b.View(ctx, func(tx Tx) error {
		counts = map[answer]int64{}
		return scan(tx, tableTallies, from, to, func(_ string, t ConsentTally) error {
			counts[answer{t.Name, t.Version, t.State}] += t.Count
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	var all []ConsentTally
	for a, n := range counts {
		if n != 0 {
			all = append(all, ConsentTally{a.name, a.version, a.state, n})
		}
	}
	slices.SortFunc(all, func(a, b ConsentTally) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.State, b.State))
	})
	return all, nil
}

// AnswerTally is how many customers have given answers of a kind to a question.
type AnswerTally struct {
	Field  string `json:"field"`
	Bucket string `json:"bucket"` // a choice, a country, or whatever else answers are gathered by
	Count  int64  `json:"count"`
}

func (t AnswerTally) none() bool { return t.Count == 0 }

// recountAnswers keeps the tallies in step with what is counted of a customer's
// answers: buckets by field.
func recountAnswers(tx Tx, c Customer, before, after map[string]string) error {
	fields := map[string]bool{}
	for _, m := range []map[string]string{before, after} {
		for field := range m {
			fields[field] = true
		}
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		old, had := before[field]
		now, has := after[field]
		if had == has && old == now {
			continue
		}
		if had {
			if err := addAnswer(tx, c, AnswerTally{field, old, -1}); err != nil {
				return err
			}
		}
		if has {
			if err := addAnswer(tx, c, AnswerTally{field, now, 1}); err != nil {
				return err
			}
		}
	}
	return nil
}

func addAnswer(tx Tx, c Customer, change AnswerTally) error {
	k := key(idKey(c.PublisherID), tallyAnswer, namePart(change.Field), namePart(change.Bucket), shard(c.ID))
	return add(tx, k, func(t *AnswerTally) {
		change.Count += t.Count
		*t = change
	})
}

// AnswerTallies returns the numbers of answers at a publisher, by field and
// bucket. What is counted is said by those who store answers; see ChangeCapture.
func (s *Store) AnswerTallies(ctx context.Context, publisher int64) ([]AnswerTally, error) {
	type answer struct{ field, bucket string }
	var counts map[answer]int64
	from, to := prefix(idKey(publisher), tallyAnswer)
	err := s.b.View(ctx, func(tx Tx) error {
		counts = map[answer]int64{}
		return scan(tx, tableTallies, from, to, func(_ string, t AnswerTally) error {
			counts[answer{t.Field, t.Bucket}] += t.Count
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	var all []AnswerTally
	for a, n := range counts {
		if n != 0 {
			all = append(all, AnswerTally{a.field, a.bucket, n})
		}
	}
	slices.SortFunc(all, func(a, b AnswerTally) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Bucket, b.Bucket))
	})
	return all, nil
}
