// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"time"
)

// ErrUsed says that a single-use secret was presented a second time.
var ErrUsed = errors.New("already used")

// IssueTicket stores a ticket under the digest of its secret. Secrets are
// random, so no two tickets share a digest.
func (s *Store) IssueTicket(ctx context.Context, digest string, t Ticket) error {
	return s.b.Update(ctx, func(tx Tx) error { return put(tx, tableTickets, digest, t) })
}

// SignInCode is the attempt to turn a one-time code into a site session.
type SignInCode struct {
	Digest  string  // of the code
	Purpose Purpose // what the ticket must have been made for
	Site    string  // origin of the site that presents it
	Secret  string  // digest of the secret for the site's cookie

	// Check judges the ticket; it has no side effects. Its error refuses the
	// code, which is spent all the same.
	Check func(Ticket) error

	EndedFor time.Duration // how long a token of an ended session may live on
}

// RedeemSignIn spends a one-time code and stores the site session it was made
// for, in one transaction, and returns the session it belongs to.
//
// Errors: ErrNotFound when the code is unknown or expired, or its session has
// ended; ErrUsed when it was spent before, in which case the session that came
// of it is ended too, and returned; Check's error.
func (s *Store) RedeemSignIn(ctx context.Context, c SignInCode) (session Session, err error) {
	var refused error // outlives the transaction, whose effects are to be kept
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		session, refused = Session{}, nil
		now := s.Now()
		t, err := get[Ticket](tx, tableTickets, c.Digest)
		if err != nil {
			return err
		}
		if t.Purpose != c.Purpose || !now.Before(t.Expires) {
			return ErrNotFound
		}
		if session, err = s.liveSession(tx, t.SessionID); err != nil {
			return err
		}
		if !t.Used.IsZero() {
			refused = ErrUsed
			return endSession(tx, session, now.Add(c.EndedFor))
		}
		t.Used = now
		if refused = c.Check(t); refused != nil {
			t.SessionID = "" // nothing came of it, so a second use has nothing to end
		} else if err := putSiteSession(tx, &session, c, now); err != nil {
			return err
		}
		return put(tx, tableTickets, c.Digest, t)
	})
	return session, errors.Join(err, refused)
}

func putSiteSession(tx Tx, session *Session, c SignInCode, now time.Time) error {
	if session.Sites == nil {
		session.Sites = map[string]SiteSession{}
	}
	session.Sites[c.Site] = SiteSession{Digest: c.Secret, Since: now}
	return put(tx, tableSessions, session.ID, *session)
}
