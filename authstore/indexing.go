// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
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
