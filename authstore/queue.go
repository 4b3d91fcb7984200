// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
)

// queue is what waits to be sent to somewhere else, by workers of which several
// may be at it and any may die. It keeps the items by the time they are due, and
// beside them when each is due, by whom it belongs to.
type queue[T any] struct {
	items, index string // tables
	place        func(*T) place
}

// place is where an item stands in its queue.
type place struct {
	lane  string // items of one lane never wait for those of another; "" is the only one
	owner string // whom the item belongs to
	id    *string
	// created, due and tries are kept by the queue.
	created, due *time.Time
	tries        *int
}

// dueForm writes times so that keys sort by them.
const dueForm = "2006-01-02T15:04:05.000Z"

func (p place) dueKey() string { return p.due.UTC().Format(dueForm) }

func (p place) itemKey() string { return itemKey(p.lane, p.dueKey(), *p.id) }

func (p place) indexKey() string { return key(p.owner, *p.id) }

func itemKey(lane, due, id string) string {
	if lane == "" {
		return key(due, id)
	}
	return key(lane, due, id)
}

// add keeps an item until it is done. What is empty of id and times is filled
// in.
func (q queue[T]) add(s *Store, tx Tx, item T) error {
	p := q.place(&item)
	if *p.id == "" {
		*p.id = strings.ToLower(rand.Text())
	}
	if p.created.IsZero() {
		*p.created = s.Now()
	}
	if p.due.IsZero() {
		*p.due = *p.created
	}
	return q.put(tx, item)
}

func (q queue[T]) put(tx Tx, item T) error {
	p := q.place(&item)
	if err := put(tx, q.index, p.indexKey(), p.dueKey()); err != nil {
		return err
	}
	return put(tx, q.items, p.itemKey(), item)
}

// claim takes up to n items of a lane that are due, the longest due first. Each
// counts a try and is due again after the lease, so that no two workers have the
// same item at a time, and one whose worker has died is not lost.
func (q queue[T]) claim(ctx context.Context, s *Store, lane string, n int, lease time.Duration) (claimed []T, err error) {
	// Looking is cheap; claiming costs a commit even when there is nothing.
	err = s.b.View(ctx, func(tx Tx) (err error) {
		claimed, err = q.dueNow(s, tx, lane, 1)
		return err
	})
	if err != nil || len(claimed) == 0 {
		return nil, err
	}
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		if claimed, err = q.dueNow(s, tx, lane, n); err != nil {
			return err
		}
		for i := range claimed {
			p := q.place(&claimed[i])
			if err := tx.Delete(q.items, p.itemKey()); err != nil {
				return err
			}
			*p.due, *p.tries = s.Now().Add(lease), *p.tries+1
			if err := q.put(tx, claimed[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func (q queue[T]) dueNow(s *Store, tx Tx, lane string, n int) (due []T, err error) {
	from, until := "", s.Now().Add(time.Millisecond).Format(dueForm) // due now is due
	if lane != "" {
		from, until = key(lane, ""), key(lane, until)
	}
	err = scan(tx, q.items, from, until, func(_ string, item T) error {
		if len(due) == n {
			return ErrStop
		}
		due = append(due, item)
		return nil
	})
	return due, err
}

// drop removes an item, if it is there, whoever has claimed it.
func (q queue[T]) drop(tx Tx, lane, owner, id string) error {
	index := key(owner, id)
	due, err := get[string](tx, q.index, index)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.Delete(q.items, itemKey(lane, due, id)); err != nil {
		return err
	}
	return tx.Delete(q.index, index)
}

// again says when a claimed item is due next. One that is gone, or that another
// worker has, stays so.
func (q queue[T]) again(tx Tx, item T, due time.Time) error {
	p := q.place(&item)
	has, err := get[string](tx, q.index, p.indexKey())
	if errors.Is(err, ErrNotFound) || err == nil && has != p.dueKey() {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.Delete(q.items, p.itemKey()); err != nil {
		return err
	}
	*p.due = due
	return q.put(tx, item)
}

// waiting returns when the items that belong to somebody are due, by id.
func (q queue[T]) waiting(tx Tx, owner string) (map[string]string, error) {
	from, to := prefix(owner)
	waiting := map[string]string{}
	err := scan(tx, q.index, from, to, func(k, due string) error {
		waiting[k[len(from):]] = due
		return nil
	})
	return waiting, err
}
