// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"maps"
	"time"
)

// ErrUsed says that a single-use secret was presented a second time.
var ErrUsed = errors.New("already used")

// IssueTicket stores a ticket under the digest of its secret. Secrets are
// random, so no two tickets share a digest.
func (s *Store) IssueTicket(ctx context.Context, digest string, t Ticket) error {
	return s.b.Update(ctx, func(tx Tx) error { return put(tx, tableTickets, digest, t) })
}

// IssueTicketOnce is IssueTicket for one that there must be once under a digest that
// is told from outside. Errors: ErrUsed.
func (s *Store) IssueTicketOnce(ctx context.Context, digest string, t Ticket) error {
	return s.b.Update(ctx, func(tx Tx) error {
		taken, err := exists(tx, tableTickets, digest)
		if err != nil {
			return err
		}
		if taken {
			return ErrUsed
		}
		return put(tx, tableTickets, digest, t)
	})
}

// ChangeTicket runs fn on what a ticket of IssueTicket's says, keeps what it leaves
// there and queues mails, in one transaction. fn may run more than once; when it returns
// an error nothing is kept. Errors: ErrNotFound.
func (s *Store) ChangeTicket(ctx context.Context, digest string, purpose Purpose, fn func(*Ticket) error, tell ...Mail) error {
	return s.b.Update(ctx, func(tx Tx) error {
		t, err := s.liveTicket(tx, digest, purpose)
		if err != nil {
			return err
		}
		t.Data = maps.Clone(t.Data)
		if err := fn(&t); err != nil {
			return err
		}
		for _, m := range tell {
			if err := s.queueMail(tx, m); err != nil {
				return err
			}
		}
		return put(tx, tableTickets, digest, t)
	})
}

// TicketUse names a ticket that is used up by what it is good for; the zero value
// names none.
type TicketUse struct {
	Digest  string
	Purpose Purpose
}

// useTicket uses up a ticket. Errors: ErrNotFound when it was used before.
func (s *Store) useTicket(tx Tx, u TicketUse) (t Ticket, err error) {
	if u.Digest == "" {
		return t, nil
	}
	if t, err = s.liveTicket(tx, u.Digest, u.Purpose); err != nil {
		return t, err
	}
	return t, dropDigest(tx, u.Digest)
}

// Subject is the name in a ticket's Data of the address that its secret was
// mailed to, in its comparable form. With the address and a code that was mailed
// beside it, the ticket is found without its secret.
const Subject = "subject"

// IssueNewest is IssueTicket for a ticket of which a customer has one of a
// purpose at a time: an older one is worthless from now on.
func (s *Store) IssueNewest(ctx context.Context, digest string, t Ticket) error {
	return s.b.Update(ctx, func(tx Tx) error {
		if err := dropTicket(tx, t.CustomerID, t.Purpose); err != nil {
			return err
		}
		return putTicket(tx, digest, t)
	})
}

// IssueNewestAt is IssueNewest for a ticket of which a customer may have one for
// each address: only an older one for the same is worthless from now on.
func (s *Store) IssueNewestAt(ctx context.Context, digest string, t Ticket) error {
	return s.b.Update(ctx, func(tx Tx) error {
		older, err := get[string](tx, tableCustomerTickets, customerTicketKey(t))
		if err == nil {
			err = dropDigest(tx, older)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return putTicket(tx, digest, t)
	})
}

func customerTicketKey(t Ticket) string {
	return key(idKey(t.CustomerID), string(t.Purpose), t.Data[Subject])
}

func addressTicketKey(publisher int64, purpose Purpose, subject string) string {
	return key(idKey(publisher), string(purpose), subject)
}

func putTicket(tx Tx, digest string, t Ticket) error {
	if err := put(tx, tableCustomerTickets, customerTicketKey(t), digest); err != nil {
		return err
	}
	if subject := t.Data[Subject]; subject != "" {
		if err := put(tx, tableAddressTickets, addressTicketKey(t.PublisherID, t.Purpose, subject), digest); err != nil {
			return err
		}
	}
	return put(tx, tableTickets, digest, t)
}

// dropTicket removes the tickets of a customer's that IssueNewest and
// IssueNewestAt stored for a purpose.
func dropTicket(tx Tx, customer int64, purpose Purpose) error {
	from, to := prefix(idKey(customer), string(purpose))
	return dropTicketsIn(tx, from, to)
}

// dropTickets removes those of all purposes.
func dropTickets(tx Tx, customer int64) error {
	from, to := prefix(idKey(customer))
	return dropTicketsIn(tx, from, to)
}

// dropTicketsIn removes tickets by a part of tableCustomerTickets.
func dropTicketsIn(tx Tx, from, to string) error {
	found := map[string]string{}
	err := scan(tx, tableCustomerTickets, from, to, func(k, digest string) error {
		found[k] = digest
		return nil
	})
	if err != nil {
		return err
	}
	for k, digest := range found {
		if err := dropDigest(tx, digest); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := tx.Delete(tableCustomerTickets, k); err != nil {
			return err
		}
	}
	return nil
}

// dropDigest removes a ticket and what leads to it. Errors: ErrNotFound.
func dropDigest(tx Tx, digest string) error {
	t, err := get[Ticket](tx, tableTickets, digest)
	if err != nil {
		return err
	}
	if err := dropIf(tx, tableCustomerTickets, customerTicketKey(t), digest); err != nil {
		return err
	}
	if subject := t.Data[Subject]; subject != "" {
		if err := dropIf(tx, tableAddressTickets, addressTicketKey(t.PublisherID, t.Purpose, subject), digest); err != nil {
			return err
		}
	}
	return tx.Delete(tableTickets, digest)
}

// dropIf removes an entry of an index if it still leads to the ticket.
func dropIf(tx Tx, table, k, digest string) error {
	have, err := get[string](tx, table, k)
	if errors.Is(err, ErrNotFound) || err == nil && have != digest {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.Delete(table, k)
}

// NewestTicket returns the newest ticket of a purpose whose secret was mailed to
// an address, and its digest, or ErrNotFound.
func (s *Store) NewestTicket(ctx context.Context, publisher int64, purpose Purpose, subject string) (digest string, t Ticket, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		if digest, err = get[string](tx, tableAddressTickets, addressTicketKey(publisher, purpose, subject)); err != nil {
			return err
		}
		t, err = s.liveTicket(tx, digest, purpose)
		return err
	})
	return digest, t, err
}

// ExchangeTicket uses up the code of a ticket, and its secret: the ticket is good
// under another digest from now on. Errors: ErrNotFound.
func (s *Store) ExchangeTicket(ctx context.Context, old, digest string, purpose Purpose) error {
	return s.b.Update(ctx, func(tx Tx) error {
		t, err := s.liveTicket(tx, old, purpose)
		if err != nil {
			return err
		}
		if err := dropDigest(tx, old); err != nil {
			return err
		}
		t.Code = ""
		return putTicket(tx, digest, t)
	})
}

// Ticket returns a ticket that is good for the purpose and neither used nor
// expired, or ErrNotFound. It does not use it up.
func (s *Store) Ticket(ctx context.Context, digest string, purpose Purpose) (t Ticket, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		t, err = s.liveTicket(tx, digest, purpose)
		return err
	})
	return t, err
}

func (s *Store) liveTicket(tx Tx, digest string, purpose Purpose) (Ticket, error) {
	t, err := get[Ticket](tx, tableTickets, digest)
	if err == nil && (t.Purpose != purpose || !t.Used.IsZero() || !s.Now().Before(t.Expires)) {
		return Ticket{}, ErrNotFound
	}
	return t, err
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
	err = s.updateEnding(ctx, func(tx *ending) (err error) {
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
			return tx.endSession(session, c.EndedFor)
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

// maxSites bounds the site sessions of a session, which a browser could
// otherwise have by the thousand where sites are a pattern. The oldest gives
// way; its visitor comes by the hub once more.
const maxSites = 200

func putSiteSession(tx Tx, session *Session, c SignInCode, now time.Time) error {
	if session.Sites == nil {
		session.Sites = map[string]SiteSession{}
	}
	if _, known := session.Sites[c.Site]; !known && len(session.Sites) >= maxSites {
		oldest := ""
		for site, s := range session.Sites {
			if oldest == "" || s.Since.Before(session.Sites[oldest].Since) {
				oldest = site
			}
		}
		delete(session.Sites, oldest)
	}
	next := SiteSession{Digest: c.Secret, Since: now}
	if before, known := session.Sites[c.Site]; known {
		next.Earlier = before.Digests()
		next.Earlier = next.Earlier[:min(len(next.Earlier), maxEarlier)]
	}
	session.Sites[c.Site] = next
	before := session.Seen
	session.Touch(now)
	if err := countUse(tx, *session, before); err != nil {
		return err
	}
	return put(tx, tableSessions, session.ID, *session)
}
