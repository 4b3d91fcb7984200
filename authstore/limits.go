// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"cmp"
	"errors"
	"time"
)

// The limits of sessions whose publisher sets none.
const (
	// DefaultIdle is the life of a refresh token (MediaStore contract, section 4).
	DefaultIdle = 100 * 24 * time.Hour

	// DefaultAbsolute is how long browsers keep a cookie at most (RFC 6265bis,
	// section 5.5).
	DefaultAbsolute = 400 * 24 * time.Hour
)

// SessionLimits end sessions by time. One that is zero is the default.
type SessionLimits struct {
	Idle     time.Duration `json:"idle,omitempty"`     // after the last use
	Absolute time.Duration `json:"absolute,omitempty"` // after the start
}

// InForce returns the limits with defaults for those that are zero: an idle limit
// that is not set does not go beyond an absolute one that is.
func (l SessionLimits) InForce() SessionLimits {
	l.Absolute = cmp.Or(l.Absolute, DefaultAbsolute)
	l.Idle = cmp.Or(l.Idle, min(DefaultIdle, l.Absolute))
	return l
}

// limits is by what a publisher's sessions end: the limits it has now, and what
// had ended by those it had before, which greater ones must not bring back.
// Sessions hold no time at which they expire, so that a limit that changes is
// that of all of them at once.
type limits struct {
	SessionLimits
	SeenAfter    time.Time `json:"seenAfter,omitzero"`    // sessions last used then or before are over
	CreatedAfter time.Time `json:"createdAfter,omitzero"` // sessions begun then or before are over
}

// changed returns the limits as they are from a moment on.
func (l limits) changed(to SessionLimits, now time.Time) limits {
	old := l.InForce()
	return limits{to, later(l.SeenAfter, now.Add(-old.Idle)), later(l.CreatedAfter, now.Add(-old.Absolute))}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// spare tells whether a session lives at a time, as far as time decides.
func (l limits) spare(session Session, at time.Time) bool {
	in := l.InForce()
	return at.Before(session.Seen.Add(in.Idle)) && at.Before(session.Created.Add(in.Absolute)) &&
		session.Seen.After(l.SeenAfter) && session.Created.After(l.CreatedAfter)
}

// alive tells whether a session lives at a time, by the limits of its publisher
// that this process has declared last.
func (s *Store) alive(session Session, at time.Time) bool {
	var l limits // the defaults
	if all := s.limits.Load(); all != nil {
		l = (*all)[session.PublisherID]
	}
	return l.spare(session, at)
}

// changeLimits notes the limits that are in force for the given declared publishers,
// and returns those of all there ever were: one that is no longer declared keeps its
// own.
func changeLimits(tx Tx, publishers []Publisher, now time.Time) (map[int64]limits, error) {
	for _, p := range publishers {
		set, err := settings(tx, p.ID)
		if err != nil {
			return nil, err
		}
		l, err := get[limits](tx, tableSessionLimits, idKey(p.ID))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		p = p.With(set, nil, now)
		if l.InForce() == p.Session.InForce() {
			continue
		}
		if err := put(tx, tableSessionLimits, idKey(p.ID), l.changed(p.Session, now)); err != nil {
			return nil, err
		}
	}
	return storedLimits(tx)
}

func storedLimits(tx Tx) (map[int64]limits, error) {
	all := map[int64]limits{}
	err := scan(tx, tableSessionLimits, "", "", func(k string, l limits) error {
		id, err := parseID(k)
		all[id] = l
		return err
	})
	return all, err
}
