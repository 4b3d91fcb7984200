// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Day is what happened at a publisher on one day, by UTC.
type Day struct {
	Day           string `json:"-"` // as in 2006-01-02
	Registrations int64  `json:"registrations,omitempty"`
	Logins        int64  `json:"logins,omitempty"` // sessions that began
	Active        int64  `json:"active,omitempty"` // sessions that were used
	Failed        int64  `json:"failed,omitempty"` // tries to log in that were refused
}

func (d Day) none() bool { return d == Day{} }

func (d *Day) plus(other Day) {
	d.Registrations += other.Registrations
	d.Logins += other.Logins
	d.Active += other.Active
	d.Failed += other.Failed
}

// dayShard is where a part of a day's numbers is kept.
type dayShard struct {
	publisher  int64
	day, shard string
}

// dayOf returns where it is counted what a customer does at a time.
func dayOf(publisher, customer int64, at time.Time) dayShard {
	return dayShard{publisher, at.UTC().Format(time.DateOnly), shard(customer)}
}

func (d dayShard) key() string { return key(idKey(d.publisher), tallyDay, d.day, d.shard) }

func addDay(tx Tx, at dayShard, change Day) error {
	return add(tx, at.key(), func(d *Day) { d.plus(change) })
}

// addDays adds to several days, in an order that is the same for everybody, so
// that no two transactions wait for each other.
func addDays(tx Tx, changes map[dayShard]Day) error {
	keys := make([]dayShard, 0, len(changes))
	for at := range changes {
		keys = append(keys, at)
	}
	slices.SortFunc(keys, func(a, b dayShard) int { return cmp.Compare(a.key(), b.key()) })
	for _, at := range keys {
		if err := addDay(tx, at, changes[at]); err != nil {
			return err
		}
	}
	return nil
}

// countUse counts a session as active on the day of its last use, unless it was
// used on that day before.
func countUse(tx Tx, session Session, before time.Time) error {
	if session.day(session.Seen) == session.day(before) {
		return nil
	}
	return addDay(tx, session.day(session.Seen), Day{Active: 1})
}

// day returns where it is counted that the session was used at a time.
func (s Session) day(at time.Time) dayShard { return dayOf(s.PublisherID, s.CustomerID, at) }

// failedShard is where failed logins are counted, which are nobody's.
const failedShard = "failed"

// AddFailedLogins counts tries to log in that were refused, by publisher and day
// (as in 2006-01-02). Each process gathers them, because a flood of tries must not
// become one of writes.
func (s *Store) AddFailedLogins(ctx context.Context, failed map[int64]map[string]int64) error {
	return s.b.Update(ctx, func(tx Tx) error {
		changes := map[dayShard]Day{}
		for publisher, days := range failed {
			for day, n := range days {
				changes[dayShard{publisher, day, failedShard}] = Day{Failed: n}
			}
		}
		return addDays(tx, changes)
	})
}

// maxActivity bounds the days of one Activity.
const maxActivity = 10 * 366

// ErrTooManyDays says that activity was asked for over more than ten years.
var ErrTooManyDays = errors.New("more than ten years of activity")

// Activity returns what happened at a publisher on each day from that of from to
// the last that begins before to, by UTC, those on which nothing happened
// included. Errors: ErrTooManyDays.
func (s *Store) Activity(ctx context.Context, publisher int64, from, to time.Time) ([]Day, error) {
	from = from.UTC().Truncate(24 * time.Hour)
	if to.Sub(from) > maxActivity*24*time.Hour {
		return nil, ErrTooManyDays
	}
	var days []Day
	at := map[string]int{}
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		at[name] = len(days)
		days = append(days, Day{Day: name})
	}
	if len(days) == 0 {
		return nil, nil
	}
	first, _ := prefix(idKey(publisher), tallyDay, days[0].Day)
	_, end := prefix(idKey(publisher), tallyDay, days[len(days)-1].Day)
	err := s.b.View(ctx, func(tx Tx) error {
		for i := range days {
			days[i] = Day{Day: days[i].Day}
		}
		return scan(tx, tableTallies, first, end, func(k string, d Day) error {
			name := k[len(first)-len(days[0].Day)-1:][:len(days[0].Day)]
			if i, ok := at[name]; ok {
				days[i].plus(d)
			}
			return nil
		})
	})
	return days, err
}
