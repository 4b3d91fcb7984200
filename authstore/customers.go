// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Customer ids are nine digits, as the MediaStore contract has them. They are
// drawn at random, so that they do not tell how many customers there are.
const (
	minCustomerID = 100_000_000
	maxCustomerID = 999_999_999

	// idTries bounds the search for a free id. With a tenth of all ids taken,
	// 30 draws fail once in 10^30.
	idTries = 30
)

// Registration is everything that comes into being when a customer registers.
type Registration struct {
	Customer Customer        // its ID is assigned
	Identity Identity        // that of their address
	Further  []Identity      // other ways in which they sign in
	Answers  []ConsentRecord // may be empty
	Capture  CaptureAnswers  // what is known of them; may be empty
	Uses     TicketUse
	Session  *Session // the session to start with it, or nil
	Tell     []Mail   // mails to the customer

	Replaces string        // the session that the same browser had before, which ends; may be empty
	EndedFor time.Duration // how long a token of that may live on
}

// ErrExternalIDTaken says that another customer of the publisher has the
// external id.
var ErrExternalIDTaken = errors.New("external id already taken")

// ErrDisabling says that a customer was to be disabled and keep their sessions.
var ErrDisabling = errors.New("disabling a customer ends their sessions; use DisableCustomer")

// Register stores a new customer with its identities, its answers to consents and
// its first session, all or nothing, and returns it with its id. The session that
// the registration replaces ends with it.
// Errors: ErrTaken when an identity is somebody's already, ErrExternalIDTaken,
// ErrNotFound when the ticket is not good any more.
func (s *Store) Register(ctx context.Context, r Registration) (Customer, error) {
	now := s.Now()
	var c Customer
	err := s.updateEnding(ctx, func(tx *ending) error {
		c = r.Customer
		c.Registered = now
		if r.Session != nil {
			c.LastLogin = now
		}
		if _, err := s.useTicket(tx, r.Uses); err != nil {
			return err
		}
		id, err := freeCustomerID(tx)
		if err != nil {
			return err
		}
		c.ID = id
		for _, identity := range append([]Identity{r.Identity}, r.Further...) {
			identity.PublisherID, identity.CustomerID, identity.Created = c.PublisherID, c.ID, now
			if err := addIdentity(tx, identity); err != nil {
				return err
			}
		}
		if err := claimExternalID(tx, c); err != nil {
			return err
		}
		if err := putCustomer(tx, c); err != nil {
			return err
		}
		if len(r.Capture.Values) > 0 {
			if err := putAnswers(tx, c, r.Capture, nil); err != nil {
				return err
			}
		}
		if err := s.tell(tx, c, r.Tell); err != nil {
			return err
		}
		if err := tx.endReplaced(r.Replaces, r.EndedFor); err != nil {
			return err
		}
		if err := answerConsents(tx, c, r.Answers, now); err != nil || r.Session == nil {
			return err
		}
		session := *r.Session
		session.CustomerID = c.ID
		return putNewSession(tx, session)
	})
	return c, err
}

func freeCustomerID(tx Tx) (int64, error) {
	for range idTries {
		id := minCustomerID + rand.Int64N(maxCustomerID-minCustomerID+1)
		if taken, err := exists(tx, tableCustomers, idKey(id)); err != nil || !taken {
			return id, err
		}
	}
	return 0, errors.New("no free customer id found")
}

func claimExternalID(tx Tx, c Customer) error {
	if c.ExternalID == "" {
		return nil
	}
	k := key(idKey(c.PublisherID), c.ExternalID)
	if taken, err := exists(tx, tableExternalIDs, k); err != nil {
		return err
	} else if taken {
		return ErrExternalIDTaken
	}
	return put(tx, tableExternalIDs, k, c.ID)
}

func dropExternalID(tx Tx, c Customer) error {
	if c.ExternalID == "" {
		return nil
	}
	return tx.Delete(tableExternalIDs, key(idKey(c.PublisherID), c.ExternalID))
}

func identityKey(publisher int64, provider, subject string) string {
	return key(idKey(publisher), provider, subject)
}

func (i Identity) key() string { return identityKey(i.PublisherID, i.Provider, i.Subject) }

func addIdentity(tx Tx, i Identity) error {
	k := i.key()
	if taken, err := exists(tx, tableIdentities, k); err != nil {
		return err
	} else if taken {
		return fmt.Errorf("%s identity: %w", i.Provider, ErrTaken)
	}
	if err := put(tx, tableIdentities, k, i); err != nil {
		return err
	}
	return put(tx, tableCustomerIdentities, key(idKey(i.CustomerID), i.Provider, i.Subject), struct{}{})
}

// CustomerByExternalID returns the customer who has an external id at a publisher, or
// ErrNotFound.
func (s *Store) CustomerByExternalID(ctx context.Context, publisher int64, externalID string) (c Customer, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		id, err := get[int64](tx, tableExternalIDs, key(idKey(publisher), externalID))
		if err == nil {
			c, err = get[Customer](tx, tableCustomers, idKey(id))
		}
		return err
	})
	return c, err
}

// Customer returns a customer by id, or ErrNotFound.
func (s *Store) Customer(ctx context.Context, id int64) (c Customer, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		c, err = s.customers.get(tx, tableCustomers, idKey(id))
		return err
	})
	return c, err
}

// liveCustomer returns a customer who is not erased.
func liveCustomer(tx Tx, id int64) (Customer, error) {
	c, err := get[Customer](tx, tableCustomers, idKey(id))
	if err == nil && !c.Erased.IsZero() {
		return Customer{}, ErrNotFound
	}
	return c, err
}

// CustomerByIdentity returns the customer that signs in with the identity, and
// the identity itself, or ErrNotFound.
func (s *Store) CustomerByIdentity(ctx context.Context, publisher int64, provider, subject string) (c Customer, i Identity, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		if i, err = get[Identity](tx, tableIdentities, identityKey(publisher, provider, subject)); err != nil {
			return err
		}
		c, err = get[Customer](tx, tableCustomers, idKey(i.CustomerID))
		return err
	})
	return c, i, err
}

// ChangeCustomer runs fn on the stored customer and keeps what it leaves
// there. Two changes at the same time do not overwrite each other. fn may run
// more than once; its error is returned and nothing is kept. Id, publisher,
// external id and the date of registration cannot be changed, an address only by ChangeEmail, and whether it
// is verified only by mail. A customer is disabled by DisableCustomer, because
// that ends sessions: fn may only undo it. Errors: ErrNotFound, ErrDisabling.
func (s *Store) ChangeCustomer(ctx context.Context, id int64, fn func(*Customer) error) (c Customer, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		if c, err = liveCustomer(tx, id); err != nil {
			return err
		}
		fixed := c
		if err := fn(&c); err != nil {
			return err
		}
		c.ID, c.PublisherID, c.ExternalID = id, fixed.PublisherID, fixed.ExternalID
		c.Email, c.EmailVerified = fixed.Email, fixed.EmailVerified
		c.Registered, c.Erased = fixed.Registered, fixed.Erased
		if c.Disabled && !fixed.Disabled {
			return ErrDisabling
		}
		return putCustomer(tx, c)
	})
	return c, err
}

// DisableCustomer keeps a customer from signing in, until ChangeCustomer undoes
// it, and ends all their sessions, in one transaction. It returns the ids of
// those. Disabling twice is no error. Errors: ErrNotFound.
func (s *Store) DisableCustomer(ctx context.Context, id int64, endedFor time.Duration) (endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) error {
		c, err := liveCustomer(tx, id)
		if err != nil {
			return err
		}
		c.Disabled = true
		if err := putCustomer(tx, c); err != nil {
			return err
		}
		endedIDs, err = tx.endSessions(id, "", endedFor)
		return err
	})
	return endedIDs, err
}

// SetPassword replaces the encoded password of an identity, if it still is
// old: a rehash must not undo a change made at the same moment. It reports
// whether it did.
func (s *Store) SetPassword(ctx context.Context, i Identity, old, encoded string) (done bool, err error) {
	k := i.key()
	err = s.b.Update(ctx, func(tx Tx) error {
		done = false
		have, err := get[Identity](tx, tableIdentities, k)
		if err != nil || have.Password != old {
			return err
		}
		have.Password, done = encoded, true
		return put(tx, tableIdentities, k, have)
	})
	return done && err == nil, err
}
