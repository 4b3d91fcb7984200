// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"time"
)

// Verdict is what becomes of a session after a look at it inside a
// transaction.
type Verdict int

const (
	Keep Verdict = iota // leave it as it is stored
	Save                // store the changes
	End                 // end it: its tokens are refused from then on
)

// ended is the mark that a session leaves behind while tokens of it may still
// be alive.
type ended struct {
	Until time.Time `json:"until"`
}

// SessionStart is a sign-in of an existing customer.
type SessionStart struct {
	Session Session
	LastIP  string     // goes on record as the customer's last address, unless it is empty
	Proofs  []Identity // by which the customer has just signed in
	Uses    TicketUse  // for the customer, and the session that it names, if it names one

	Replaces string        // the session that the same browser had before, which ends; may be empty
	EndedFor time.Duration // how long a token of that may live on
}

// StartSession stores a new session and the customer's last login, and ends the
// session it replaces, in one transaction. A login that a new password,
// disabling or erasure has overtaken starts nothing. Errors: ErrNotFound when the
// customer is gone or disabled, or a proof or the ticket is no longer what it was.
func (s *Store) StartSession(ctx context.Context, start SessionStart) error {
	return s.updateEnding(ctx, func(tx *ending) error {
		_, err := tx.startSession(start)
		return err
	})
}

func (tx *ending) startSession(start SessionStart) (Customer, error) {
	session := start.Session
	c, err := get[Customer](tx, tableCustomers, idKey(session.CustomerID))
	if err != nil {
		return c, err
	}
	if c.Disabled {
		return c, ErrNotFound
	}
	if err := checkProofs(tx, c, start.Proofs); err != nil {
		return c, err
	}
	if err := tx.useOwnTicket(c, start.Uses); err != nil {
		return c, err
	}
	c.LastLogin = session.Created
	if start.LastIP != "" {
		c.LastIP = start.LastIP
	}
	if err := putCustomer(tx, c); err != nil {
		return c, err
	}
	if err := tx.endReplaced(start.Replaces, start.EndedFor); err != nil {
		return c, err
	}
	return c, putNewSession(tx, session)
}

// checkProofs judges that identities are a customer's and what they were when they
// were judged. Errors: ErrNotFound.
func checkProofs(tx Tx, c Customer, proofs []Identity) error {
	for _, p := range proofs {
		i, err := get[Identity](tx, tableIdentities, p.key())
		if err != nil {
			return err
		}
		if i.CustomerID != c.ID || i.Password != p.Password {
			return ErrNotFound
		}
	}
	return nil
}

// useOwnTicket uses up a ticket that was made for a customer, or for nobody yet, in a
// session that is to be alive still. Errors: ErrNotFound.
func (tx *ending) useOwnTicket(c Customer, u TicketUse) error {
	t, err := tx.store.useTicket(tx, u)
	if err != nil || u.Digest == "" {
		return err
	}
	if t.CustomerID != 0 && t.CustomerID != c.ID {
		return ErrNotFound
	}
	if t.SessionID == "" {
		return nil
	}
	_, err = tx.store.liveSession(tx, t.SessionID)
	return err
}

// putNewSession stores a session that begins, and counts it.
func putNewSession(tx Tx, session Session) error {
	if err := addDay(tx, session.day(session.Created), Day{Logins: 1, Active: 1}); err != nil {
		return err
	}
	if err := put(tx, tableCustomerSessions, key(idKey(session.CustomerID), session.ID), struct{}{}); err != nil {
		return err
	}
	return put(tx, tableSessions, session.ID, session)
}

// Session returns a session by id, or ErrNotFound when it has ended or is over
// by time.
func (s *Store) Session(ctx context.Context, id string) (session Session, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		session, err = s.liveSession(tx, id)
		return err
	})
	return session, err
}

func (s *Store) liveSession(tx Tx, id string) (Session, error) {
	if id == "" {
		return Session{}, ErrNotFound
	}
	session, err := get[Session](tx, tableSessions, id)
	if err == nil && !s.alive(session, s.Now()) {
		return Session{}, ErrNotFound
	}
	return session, err
}

// JudgeSession runs fn on a live session and does what it decides, in one
// transaction. fn may run more than once; when it returns an error nothing is
// kept. endedFor is how long a token of the session may live on. Errors:
// ErrNotFound.
func (s *Store) JudgeSession(ctx context.Context, id string, endedFor time.Duration, fn func(*Session) (Verdict, error)) (session Session, err error) {
	err = s.updateEnding(ctx, func(tx *ending) (err error) {
		if session, err = s.liveSession(tx, id); err != nil {
			return err
		}
		before := session.Seen
		verdict, err := fn(&session)
		if err != nil {
			return err
		}
		switch verdict {
		case Save:
			if err := countUse(tx, session, before); err != nil {
				return err
			}
			return put(tx, tableSessions, id, session)
		case End:
			return tx.endSession(session, endedFor)
		}
		return nil
	})
	return session, err
}

// ending is a transaction that may end sessions. It is the only way to end one,
// so that none ends unannounced.
type ending struct {
	Tx
	store     *Store
	announced bool
}

// updateEnding is an Update of the backend's whose function may end sessions.
func (s *Store) updateEnding(ctx context.Context, fn func(tx *ending) error) error {
	announced := false
	err := s.b.Update(ctx, func(tx Tx) error {
		e := &ending{Tx: tx, store: s}
		err := fn(e)
		announced = e.announced
		return err
	})
	if err == nil && announced {
		select {
		case s.announced <- struct{}{}:
		default: // it was told already
		}
	}
	return err
}

// endSession ends a session, and announces that to each of the publisher's
// receivers unless the session was over by itself.
func (tx *ending) endSession(session Session, endedFor time.Duration) error {
	now := tx.store.Now()
	if err := dropSession(tx, session); err != nil {
		return err
	}
	if err := put(tx, tableEnded, session.ID, ended{Until: now.Add(endedFor)}); err != nil {
		return err
	}
	if !tx.store.alive(session, now) {
		return nil
	}
	receivers, err := tx.store.receivers(tx, session.PublisherID)
	if err != nil {
		return err
	}
	for _, r := range receivers {
		a := Announcement{PublisherID: session.PublisherID, CustomerID: session.CustomerID, SessionID: session.ID, URL: r.URL}
		if err := announcements.add(tx.store, tx, a); err != nil {
			return err
		}
		tx.announced = true
	}
	return nil
}

// endReplaced ends the session that another takes the place of, if it is there.
func (tx *ending) endReplaced(id string, endedFor time.Duration) error {
	if id == "" {
		return nil
	}
	session, err := get[Session](tx, tableSessions, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.endSession(session, endedFor)
}

// endSessions ends a customer's sessions except one, and returns their ids.
func (tx *ending) endSessions(customer int64, except string, endedFor time.Duration) (ids []string, err error) {
	sessions, err := customerSessions(tx, customer)
	if err != nil {
		return nil, err
	}
	for _, session := range sessions {
		if session.ID == except {
			continue
		}
		if err := tx.endSession(session, endedFor); err != nil {
			return nil, err
		}
		ids = append(ids, session.ID)
	}
	return ids, nil
}

// EndCustomerSessions ends every session of the customer except the one named
// (which may be empty) and returns the ids of those it ended.
func (s *Store) EndCustomerSessions(ctx context.Context, customer int64, except string, endedFor time.Duration) (ids []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) (err error) {
		ids, err = tx.endSessions(customer, except, endedFor)
		return err
	})
	return ids, err
}

// CustomerSessions returns the customer's live sessions.
func (s *Store) CustomerSessions(ctx context.Context, customer int64) (live []Session, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		live = nil
		sessions, err := customerSessions(tx, customer)
		for _, session := range sessions {
			if s.alive(session, s.Now()) {
				live = append(live, session)
			}
		}
		return err
	})
	return live, err
}

func customerSessions(tx Tx, customer int64) ([]Session, error) {
	from, to := prefix(idKey(customer))
	var ids []string
	err := tx.Scan(tableCustomerSessions, from, to, func(k string, _ []byte) error {
		ids = append(ids, k[len(from):])
		return nil
	})
	if err != nil {
		return nil, err
	}
	sessions := make([]Session, 0, len(ids))
	for _, id := range ids {
		session, err := get[Session](tx, tableSessions, id)
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, session)
	}
	return sessions, nil
}

func dropSession(tx Tx, session Session) error {
	if err := tx.Delete(tableSessions, session.ID); err != nil {
		return err
	}
	return tx.Delete(tableCustomerSessions, key(idKey(session.CustomerID), session.ID))
}

// EndedSessions returns the ids of sessions that were ended while tokens of
// them may still be alive, with the time until which that is so.
func (s *Store) EndedSessions(ctx context.Context) (map[string]time.Time, error) {
	var all map[string]time.Time
	err := s.b.View(ctx, func(tx Tx) error {
		all = map[string]time.Time{}
		return scan(tx, tableEnded, "", "", func(id string, e ended) error {
			if s.Now().Before(e.Until) {
				all[id] = e.Until
			}
			return nil
		})
	})
	return all, err
}

// TouchSessions notes when sessions were last used, in one transaction for all
// of them. Sessions that are gone, and those that were over by time when they are
// said to have been used, are passed over.
func (s *Store) TouchSessions(ctx context.Context, seen map[string]time.Time) error {
	return s.b.Update(ctx, func(tx Tx) error {
		days := map[dayShard]Day{}
		for id, at := range seen {
			session, err := get[Session](tx, tableSessions, id)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			before := session.Seen
			if !s.alive(session, at) || !session.Touch(at) {
				continue
			}
			if day := session.day(session.Seen); day != session.day(before) {
				counted := days[day]
				counted.plus(Day{Active: 1})
				days[day] = counted
			}
			if err := put(tx, tableSessions, id, session); err != nil {
				return err
			}
		}
		return addDays(tx, days)
	})
}

// Touch notes that the session was used. It reports whether that is news.
func (s *Session) Touch(at time.Time) bool {
	if !at.After(s.Seen) {
		return false
	}
	s.Seen = at
	return true
}
