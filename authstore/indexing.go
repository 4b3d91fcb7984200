// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"maps"
)

// tableIndexing keeps how far the entering of older records into lists has come.
const tableIndexing = "indexing"

// indexing is that for one table, by its name.
type indexing struct {
	Next string `json:"next,omitempty"` // where to go on
	Done bool   `json:"done"`
}

// indexStep is how many customers one IndexCustomers looks at: the write lock is
// back within a fraction of a second.
const indexStep = 1000

// IndexCustomers enters customers into lists and tallies who were stored before
// there were any: a bounded number by each call, until done. Customers may change
// meanwhile; what writes one enters them first. Until it is done, lists and
// numbers are not complete. Once it is, a call costs one read.
func (s *Store) IndexCustomers(ctx context.Context) (done bool, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		at, err := indexed(tx)
		done = at.Done
		return err
	})
	if err != nil || done {
		return done, err
	}
	err = s.b.Update(ctx, func(tx Tx) error {
		at, err := indexed(tx)
		if done = at.Done; done || err != nil {
			return err
		}
		if at, err = indexCustomers(tx, at); err != nil {
			return err
		}
		done = at.Done
		return put(tx, tableIndexing, tableCustomers, at)
	})
	return done && err == nil, err
}

func indexed(tx Tx) (indexing, error) {
	at, err := get[indexing](tx, tableIndexing, tableCustomers)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return at, err
}

func indexCustomers(tx Tx, at indexing) (next indexing, err error) {
	next.Done = true
	var step []Customer
	err = scan(tx, tableCustomers, at.Next, "", func(k string, c Customer) error {
		if len(step) == indexStep {
			next = indexing{Next: k}
			return ErrStop
		}
		step = append(step, c)
		return nil
	})
	if err != nil {
		return at, err
	}
	for _, c := range step {
		if err := ensureListed(tx, c); err != nil {
			return at, err
		}
	}
	return next, nil
}

// recountStep is how many customers one RecountAnswers looks at.
const recountStep = 500

// RecountAnswers has the answers of a bounded number of a publisher's customers
// counted anew, as fn says, because their questions have changed, or because they
// were stored before answers were counted. It begins at
// from, which is "" for the first, and returns where to go on, or "" at the
// end. fn may run more than once.
func (s *Store) RecountAnswers(ctx context.Context, publisher int64, from string, fn func(Customer, CaptureAnswers) map[string]string) (next string, err error) {
	start, to := prefix(idKey(publisher))
	err = s.b.Update(ctx, func(tx Tx) error {
		next = ""
		ids, err := listedIDs(tx, start+from, to, len(start), recountStep+1)
		if err != nil {
			return err
		}
		if len(ids) > recountStep {
			next, ids = ids[recountStep], ids[:recountStep]
		}
		for _, id := range ids {
			if err := recount(tx, id, fn); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return next, nil
}

func recount(tx Tx, id string, fn func(Customer, CaptureAnswers) map[string]string) error {
	a, err := get[CaptureAnswers](tx, tableCaptures, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := get[Customer](tx, tableCustomers, id)
	if err != nil {
		return err
	}
	a.Buckets = fn(c, a)
	if maps.Equal(a.Buckets, a.Counted) {
		return nil
	}
	return putAnswers(tx, c, a, a.Counted)
}
