// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"time"
)

// sweepStep is how many records one Sweep looks at per table: small enough
// that the write lock is back within milliseconds.
const sweepStep = 500

// sweepLate is how long a session must be over by time before it is removed. The
// news of its last use may still be on its way, from another node or because the
// store was not there.
const sweepLate = time.Hour

// SweepCursor tells where the next Sweep goes on. The zero value starts from
// the beginning.
type SweepCursor struct{ sessions, tickets, ended, staffSessions, invitations string }

// Sweep removes records that have expired, a bounded number of them, going
// round all tables call by call. Expired records count as gone long before
// that; sweeping only gives their space back.
func (s *Store) Sweep(ctx context.Context, at SweepCursor) (next SweepCursor, removed int, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		now, n := s.Now(), 0
		removed = 0
		next.tickets, n, err = sweep(tx, tableTickets, at.tickets,
			func(t Ticket) bool { return !now.Before(t.Expires) }, func(digest string) error { return dropDigest(tx, digest) })
		if err != nil {
			return err
		}
		removed += n
		next.ended, n, err = sweep(tx, tableEnded, at.ended,
			func(e ended) bool { return !now.Before(e.Until) }, func(id string) error { return tx.Delete(tableEnded, id) })
		if err != nil {
			return err
		}
		removed += n
		if n, err = sweepStaff(tx, at, &next, now); err != nil {
			return err
		}
		removed += n
		next.sessions, n, err = sweepSessions(tx, at.sessions, now.Add(-sweepLate))
		removed += n
		return err
	})
	return next, removed, err
}

// sweepSessions goes by the limits that are stored, because a server may be
// sweeping that could not declare any.
func sweepSessions(tx Tx, from string, at time.Time) (next string, removed int, err error) {
	limits, err := storedLimits(tx)
	if err != nil {
		return "", 0, err
	}
	return sweep(tx, tableSessions, from,
		func(session Session) bool { return !limits[session.PublisherID].spare(session, at) },
		func(id string) error {
			session, err := get[Session](tx, tableSessions, id)
			if err != nil {
				return err
			}
			return dropSession(tx, session)
		})
}

// sweep looks at the next records of a table from a key on and drops those
// that are expired; next is "" when the end was reached.
func sweep[T any](tx Tx, table, from string, expired func(T) bool, drop func(key string) error) (next string, removed int, err error) {
	var old []string
	seen := 0
	err = scan(tx, table, from, "", func(k string, v T) error {
		if seen == sweepStep {
			next = k
			return ErrStop
		}
		seen++
		if expired(v) {
			old = append(old, k)
		}
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	for _, k := range old {
		if err := drop(k); err != nil {
			return "", 0, err
		}
	}
	return next, len(old), nil
}
