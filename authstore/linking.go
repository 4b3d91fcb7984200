// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// ErrLastIdentity says that a customer could not sign in any more.
var ErrLastIdentity = errors.New("no other way to sign in is left")

// Linking gives a customer another way to sign in.
type Linking struct {
	Customer int64
	Identity Identity // provider and subject
	Uses     TicketUse

	// Proofs are identities by which the customer has just proved who they are.
	Proofs []Identity

	// Address, in its comparable form, is one at which the customer has just proved to
	// read mail, or "". It must be theirs still, and is verified from now on.
	Address string

	// Strip is for one who has proved nothing but that: an account whose address nobody
	// had verified may have been made by anybody, so it loses its password, its other
	// identities, its tickets and its sessions.
	Strip bool

	Session  *SessionStart // to begin with it, or nil
	EndedFor time.Duration // how long a token of an ended session may live on
	Tell     []Mail        // what tells the customer, unless the identity was theirs before
}

// Link adds an identity to a customer's, all or nothing, and returns the customer and
// the ids of sessions that have ended. An identity that is theirs already is no error.
// Errors: ErrTaken when it is somebody else's; ErrNotFound when the customer is gone or
// disabled, or a proof or the ticket is not good any more.
func (s *Store) Link(ctx context.Context, l Linking) (c Customer, endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) (err error) {
		endedIDs = nil
		if _, err = s.useTicket(tx, l.Uses); err != nil {
			return err
		}
		if c, err = liveCustomer(tx, l.Customer); err != nil {
			return err
		}
		if c.Disabled {
			return ErrNotFound
		}
		if err := checkProofs(tx, c, l.Proofs); err != nil {
			return err
		}
		if l.Address != "" {
			if c, endedIDs, err = tx.proveAddress(c, l); err != nil {
				return err
			}
		}
		if err := s.addLink(tx, c, l); err != nil || l.Session == nil {
			return err
		}
		start := *l.Session
		start.Session.CustomerID, start.EndedFor = c.ID, l.EndedFor
		c, err = tx.startSession(start)
		return err
	})
	return c, endedIDs, err
}

// proveAddress notes that a customer reads mail at an address, and takes from an
// account what somebody else may have left in it.
func (tx *ending) proveAddress(c Customer, l Linking) (Customer, []string, error) {
	own := Identity{PublisherID: c.PublisherID, Provider: ProviderPassword, Subject: l.Address}
	i, err := get[Identity](tx, tableIdentities, own.key())
	if err == nil && i.CustomerID != c.ID {
		err = ErrNotFound // the address is another customer's by now
	}
	if err != nil || !c.EmailVerified.IsZero() {
		return c, nil, err
	}
	var endedIDs []string
	if l.Strip {
		if endedIDs, err = tx.strip(c, l.EndedFor); err != nil {
			return c, nil, err
		}
	}
	c, err = tx.store.verified(tx, c)
	return c, endedIDs, err
}

// strip leaves a customer nothing of what signs in to their account, or may do so
// later, but the address.
func (tx *ending) strip(c Customer, endedFor time.Duration) (endedIDs []string, err error) {
	if err := dropLinks(tx, c); err != nil {
		return nil, err
	}
	own, err := identitiesOf(tx, c)
	if err != nil {
		return nil, err
	}
	for _, i := range own {
		i.Password = ""
		if err := put(tx, tableIdentities, i.key(), i); err != nil {
			return nil, err
		}
	}
	if err := dropTickets(tx, c.ID); err != nil {
		return nil, err
	}
	if err := dropMails(tx, c.ID); err != nil { // those that would make tickets
		return nil, err
	}
	return tx.endSessions(c.ID, "", endedFor)
}

// dropLinks removes the identities of a customer but that of their address.
func dropLinks(tx Tx, c Customer) error {
	all, err := identitiesOf(tx, c)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.Provider == ProviderPassword {
			continue
		}
		if err := dropIdentity(tx, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) addLink(tx Tx, c Customer, l Linking) error {
	i := l.Identity
	i.PublisherID, i.CustomerID, i.Created = c.PublisherID, c.ID, s.Now()
	have, err := get[Identity](tx, tableIdentities, i.key())
	if err == nil && have.CustomerID == c.ID {
		return nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := addIdentity(tx, i); err != nil {
		return err
	}
	return s.tell(tx, c, l.Tell)
}

// Unlinking takes a way to sign in from a customer.
type Unlinking struct {
	Customer          int64
	Provider, Subject string

	// Usable tells whether an identity is a way to sign in. It may run more than once.
	Usable func(Identity) bool

	Keep     string        // session that goes on
	EndedFor time.Duration // how long a token of an ended session may live on
	Tell     []Mail        // what tells the customer
}

// Unlink removes an identity of a customer's and ends their other sessions, in one
// transaction, and returns the ids of those. Errors: ErrNotFound, also for that of the
// address, which a customer cannot be without; ErrLastIdentity.
func (s *Store) Unlink(ctx context.Context, u Unlinking) (endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) error {
		c, err := liveCustomer(tx, u.Customer)
		if err != nil {
			return err
		}
		all, err := identitiesOf(tx, c)
		if err != nil {
			return err
		}
		var gone *Identity
		others := 0
		for _, i := range all {
			switch {
			case i.Provider == u.Provider && i.Subject == u.Subject && i.Provider != ProviderPassword:
				gone = &i
			case u.Usable(i):
				others++
			}
		}
		switch {
		case gone == nil:
			return ErrNotFound
		case others == 0 && u.Usable(*gone):
			return ErrLastIdentity
		}
		if err := dropIdentity(tx, *gone); err != nil {
			return err
		}
		if err := s.tell(tx, c, u.Tell); err != nil {
			return err
		}
		endedIDs, err = tx.endSessions(c.ID, u.Keep, u.EndedFor)
		return err
	})
	return endedIDs, err
}

// IdentityDeletion is the wish of somebody that what a provider has told of them be
// forgotten.
type IdentityDeletion struct {
	Identities []Identity // publisher, provider and subject; those that are nobody's are passed over
	Until      time.Time  // identities that were made later stay

	// Usable tells whether an identity is a way to sign in. It may run more than once.
	Usable func(Identity) bool

	// Digest and Ticket are what is kept of the deletion. Ticket is given how many
	// customers were erased and how many go on without the identity; it may run more
	// than once.
	Digest string
	Ticket func(erased, kept int) Ticket

	Kills    []Purpose     // tickets of these purposes go with a customer who is erased
	EndedFor time.Duration // how long a token of an ended session may live on
	Tell     []Mail        // what tells those who go on
}

// DeleteIdentities removes identities, erases the customers who have no other way to
// sign in, ends the sessions of the others and forgets what the identities have Told of
// them, all or nothing, and returns the ids of the sessions that have ended. Errors:
// ErrUsed when that was done before.
func (s *Store) DeleteIdentities(ctx context.Context, d IdentityDeletion) (endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) error {
		endedIDs = nil
		done, err := exists(tx, tableTickets, d.Digest)
		if err != nil {
			return err
		}
		if done {
			return ErrUsed
		}
		erased, kept := 0, 0
		for _, i := range d.Identities {
			i, err := get[Identity](tx, tableIdentities, i.key())
			if errors.Is(err, ErrNotFound) || err == nil && i.Created.After(d.Until) {
				continue
			}
			if err != nil {
				return err
			}
			ended, goesOn, err := tx.deleteIdentity(i, d)
			if err != nil {
				return err
			}
			endedIDs = append(endedIDs, ended...)
			if goesOn {
				kept++
			} else {
				erased++
			}
		}
		return put(tx, tableTickets, d.Digest, d.Ticket(erased, kept))
	})
	return endedIDs, err
}

// deleteIdentity removes an identity, and its customer when it was the last.
func (tx *ending) deleteIdentity(i Identity, d IdentityDeletion) (endedIDs []string, goesOn bool, err error) {
	c, err := liveCustomer(tx, i.CustomerID)
	if err != nil {
		return nil, false, err
	}
	if err := dropIdentity(tx, i); err != nil {
		return nil, false, err
	}
	others, err := identitiesOf(tx, c)
	if err != nil {
		return nil, false, err
	}
	if !slices.ContainsFunc(others, d.Usable) {
		endedIDs, err = tx.erase(c, d.EndedFor, d.Kills...)
		return endedIDs, false, err
	}
	if err := forgetTold(tx, c, i.Told); err != nil {
		return nil, false, err
	}
	if err := tx.store.tell(tx, c, d.Tell); err != nil {
		return nil, false, err
	}
	endedIDs, err = tx.endSessions(c.ID, "", d.EndedFor)
	return endedIDs, true, err
}

// forgetTold removes what is known of a customer by a provider alone. What they have
// written otherwise since is theirs, and stays.
func forgetTold(tx Tx, c Customer, told map[string]string) error {
	if len(told) == 0 {
		return nil
	}
	a, err := captureAnswers(tx, c.ID)
	if err != nil {
		return err
	}
	counted := maps.Clone(a.Counted)
	a.Buckets = maps.Clone(a.Counted)
	for field, value := range told {
		known := map[string]*string{"firstName": &c.FirstName, "lastName": &c.LastName}[field]
		switch {
		case known != nil && *known == value:
			*known = ""
		case known == nil && a.Values[field] == value:
			delete(a.Values, field)
		default:
			continue
		}
		delete(a.Buckets, field)
	}
	if err := putCustomer(tx, c); err != nil {
		return err
	}
	return putAnswers(tx, c, a, counted)
}
