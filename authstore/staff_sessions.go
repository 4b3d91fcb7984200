// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"slices"
	"time"
)

// The limits of staff sessions.
const (
	StaffIdle       = time.Hour        // without use
	StaffAbsolute   = 12 * time.Hour   // from the sign-in
	StaffIncomplete = 10 * time.Minute // from the sign-in, while the second factor is missing
)

// StaffSession is one sign-in of a staff member on one device.
type StaffSession struct {
	ID        string    `json:"id"` // public
	StaffID   string    `json:"staffId"`
	Digest    string    `json:"digest"` // of its secret
	Created   time.Time `json:"created"`
	Seen      time.Time `json:"seen"`               // when it was last used
	Confirmed time.Time `json:"confirmed,omitzero"` // when the member last proved who they are
	Complete  bool      `json:"complete,omitempty"` // the second factor was given, or there is none
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"userAgent,omitempty"`
}

// over tells whether a session has ended by time.
func (s StaffSession) over(now time.Time) bool {
	return !now.Before(s.Seen.Add(StaffIdle)) || !now.Before(s.Created.Add(StaffAbsolute)) ||
		!s.Complete && !now.Before(s.Created.Add(StaffIncomplete))
}

// The tables of staff sessions.
const (
	tableStaffSessions  = "staff_sessions"
	tableMemberSessions = "member_sessions" // by staff member and id
)

// StaffStart is where a staff session begins.
type StaffStart struct {
	ID, Digest    string // of the session, and of its secret
	IP, UserAgent string
	Replaces      string // the session that the same browser had before, which ends; may be empty
}

// StartStaffSession stores a new session of the staff member who has just given
// the password whose encoded form is given. It is complete when they have no
// second factor. Errors: ErrNotFound when they are gone or disabled, or the
// password is not theirs any more.
func (s *Store) StartStaffSession(ctx context.Context, id, password string, start StaffStart) (m Staff, session StaffSession, err error) {
	now := s.Now()
	err = s.b.Update(ctx, func(tx Tx) error {
		have, err := staffByID(tx, id)
		if err != nil {
			return err
		}
		if have.Disabled || have.Password != password {
			return ErrNotFound
		}
		m, session, err = startStaffSession(tx, have, start, now)
		return err
	})
	return m, session, err
}

func startStaffSession(tx Tx, m Staff, start StaffStart, now time.Time) (Staff, StaffSession, error) {
	session := StaffSession{
		ID: start.ID, StaffID: m.ID, Digest: start.Digest, Created: now, Seen: now,
		IP: start.IP, UserAgent: start.UserAgent,
	}
	if err := dropStaffSession(tx, start.Replaces); err != nil && !errors.Is(err, ErrNotFound) {
		return m, session, err
	}
	if err := put(tx, tableMemberSessions, key(m.ID, session.ID), struct{}{}); err != nil {
		return m, session, err
	}
	if len(m.TOTP) > 0 {
		return m, session, put(tx, tableStaffSessions, session.ID, session)
	}
	return completeStaffSession(tx, m, session, now)
}

// completeStaffSession stores a session in which its owner has proved who they
// are, and the sign-in.
func completeStaffSession(tx Tx, m Staff, session StaffSession, now time.Time) (Staff, StaffSession, error) {
	if !session.Complete {
		m.LastLogin, m.LastIP = now, session.IP
	}
	session.Complete, session.Confirmed, session.Seen = true, now, now
	if err := put(tx, tableStaff, m.ID, m); err != nil {
		return m, session, err
	}
	return m, session, put(tx, tableStaffSessions, session.ID, session)
}

// StaffSession returns a session by id, and whose it is. Errors: ErrNotFound when
// it has ended, is over by time, or its owner is disabled.
func (s *Store) StaffSession(ctx context.Context, id string) (m Staff, session StaffSession, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		m, session, err = s.liveStaffSession(tx, id)
		return err
	})
	return m, session, err
}

func (s *Store) liveStaffSession(tx Tx, id string) (Staff, StaffSession, error) {
	if id == "" {
		return Staff{}, StaffSession{}, ErrNotFound
	}
	session, err := get[StaffSession](tx, tableStaffSessions, id)
	if err == nil && session.over(s.Now()) {
		err = ErrNotFound
	}
	if err != nil {
		return Staff{}, StaffSession{}, err
	}
	m, err := staffByID(tx, session.StaffID)
	if err == nil && m.Disabled {
		err = ErrNotFound
	}
	if err != nil {
		return Staff{}, StaffSession{}, err
	}
	return m, session, nil
}

// provenStaffSession is liveStaffSession for whoever has shown the secret with
// the digest. The secret may have been renewed since.
func (s *Store) provenStaffSession(tx Tx, id, digest string) (Staff, StaffSession, error) {
	m, session, err := s.liveStaffSession(tx, id)
	if err == nil && session.Digest != digest {
		err = ErrNotFound
	}
	return m, session, err
}

// TouchStaffSession notes that a session is used now. One that has ended stays
// so; it is no error.
func (s *Store) TouchStaffSession(ctx context.Context, id string) error {
	now := s.Now()
	return s.b.Update(ctx, func(tx Tx) error {
		_, session, err := s.liveStaffSession(tx, id)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil || !now.After(session.Seen) {
			return err
		}
		session.Seen = now
		return put(tx, tableStaffSessions, id, session)
	})
}

// StaffSessions returns a staff member's live sessions, the newest first.
func (s *Store) StaffSessions(ctx context.Context, id string) (live []StaffSession, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		live = nil
		from, to := prefix(id)
		ids, err := suffixes(tx, tableMemberSessions, from, to)
		if err != nil {
			return err
		}
		for _, id := range ids {
			session, err := get[StaffSession](tx, tableStaffSessions, id)
			if err != nil {
				return err
			}
			if !session.over(s.Now()) {
				live = append(live, session)
			}
		}
		return nil
	})
	slices.SortStableFunc(live, func(a, b StaffSession) int { return b.Created.Compare(a.Created) })
	return live, err
}

// EndStaffSession ends a session of a staff member's. One that is over, or
// somebody else's, is no error: afterwards it is not among theirs.
func (s *Store) EndStaffSession(ctx context.Context, staff, id string) error {
	return s.b.Update(ctx, func(tx Tx) error {
		own, err := exists(tx, tableMemberSessions, key(staff, id))
		if err != nil || !own {
			return err
		}
		return dropStaffSession(tx, id)
	})
}

// EndStaffSessions ends all sessions of a staff member except one, which may be
// empty.
func (s *Store) EndStaffSessions(ctx context.Context, staff, except string) error {
	return s.b.Update(ctx, func(tx Tx) error { return endStaffSessions(tx, staff, except) })
}

func endStaffSessions(tx Tx, staff, except string) error {
	from, to := prefix(staff)
	ids, err := suffixes(tx, tableMemberSessions, from, to)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id == except {
			continue
		}
		if err := dropStaffSession(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// dropStaffSession removes a session and what leads to it. Errors: ErrNotFound.
func dropStaffSession(tx Tx, id string) error {
	if id == "" {
		return ErrNotFound
	}
	session, err := get[StaffSession](tx, tableStaffSessions, id)
	if err != nil {
		return err
	}
	if err := tx.Delete(tableMemberSessions, key(session.StaffID, id)); err != nil {
		return err
	}
	return tx.Delete(tableStaffSessions, id)
}

// sweepStaff is the part of Sweep that concerns staff.
func sweepStaff(tx Tx, at SweepCursor, next *SweepCursor, now time.Time) (removed int, err error) {
	n := 0
	next.staffSessions, n, err = sweep(tx, tableStaffSessions, at.staffSessions,
		func(s StaffSession) bool { return s.over(now) }, func(id string) error { return dropStaffSession(tx, id) })
	if err != nil {
		return 0, err
	}
	removed = n
	next.invitations, n, err = sweep(tx, tableStaffInvitations, at.invitations,
		func(i StaffInvitation) bool { return !now.Before(i.Expires) }, func(digest string) error { return dropInvitation(tx, digest) })
	return removed + n, err
}
