// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"fmt"
	"time"
)

// PasswordReset is the use of a ticket to set a password.
type PasswordReset struct {
	Digest   string // of the ticket
	Purpose  Purpose
	Customer int64         // whom the ticket must be for
	Encoded  string        // hash of the new password
	EndedFor time.Duration // how long a token of an ended session may live on
	Tell     []Mail        // what tells the customer
}

// ResetPassword uses up a ticket, sets the password of the customer it is for
// and ends all their sessions, in one transaction. Because the ticket came by
// mail, it verifies the address too. It returns the customer and the ids of the
// ended sessions. What else signs in to an account whose address nobody had verified
// goes: it may be somebody else's. Errors: ErrNotFound when the ticket is not good for
// this.
func (s *Store) ResetPassword(ctx context.Context, r PasswordReset) (c Customer, endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) (err error) {
		t, err := s.liveTicket(tx, r.Digest, r.Purpose)
		if err != nil {
			return err
		}
		if t.CustomerID != r.Customer {
			return ErrNotFound
		}
		if c, err = liveCustomer(tx, t.CustomerID); err != nil {
			return err
		}
		if err := dropTicket(tx, c.ID, r.Purpose); err != nil {
			return err
		}
		if err := setPassword(tx, c, t.Data[Subject], r.Encoded); err != nil {
			return err
		}
		if c.EmailVerified.IsZero() {
			if err := dropLinks(tx, c); err != nil {
				return err
			}
		}
		if c, err = s.verified(tx, c); err != nil {
			return err
		}
		if err := s.tell(tx, c, r.Tell); err != nil {
			return err
		}
		endedIDs, err = tx.endSessions(c.ID, "", r.EndedFor)
		return err
	})
	return c, endedIDs, err
}

// verified notes that a customer reads mail at their address.
func (s *Store) verified(tx Tx, c Customer) (Customer, error) {
	if c.EmailVerified.IsZero() {
		c.EmailVerified = s.Now()
	}
	return c, putCustomer(tx, c)
}

// tell queues mails to or about a customer.
func (s *Store) tell(tx Tx, c Customer, mails []Mail) error {
	for _, m := range mails {
		m.PublisherID, m.CustomerID = c.PublisherID, c.ID
		if err := s.queueMail(tx, m); err != nil {
			return err
		}
	}
	return nil
}

func setPassword(tx Tx, c Customer, subject, encoded string) error {
	k := identityKey(c.PublisherID, ProviderPassword, subject)
	i, err := get[Identity](tx, tableIdentities, k)
	if err == nil && i.CustomerID != c.ID {
		err = ErrNotFound // the address is another customer's by now
	}
	if err != nil {
		return err
	}
	i.Password = encoded
	return put(tx, tableIdentities, k, i)
}

// EmailChange moves a customer to another address.
type EmailChange struct {
	Customer int64
	Address  string  // as the customer wrote it
	From, To string  // the addresses in their comparable form
	Kills    Purpose // tickets of this purpose, sent to the old address, die
	Tell     []Mail  // what tells the old address, and what asks the new one
}

// ChangeEmail gives a customer another address, with which they sign in from
// then on, and which nobody has verified yet; in another spelling it is the same
// address. Errors: ErrTaken, ErrNotFound.
func (s *Store) ChangeEmail(ctx context.Context, e EmailChange) (c Customer, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		if c, err = liveCustomer(tx, e.Customer); err != nil {
			return err
		}
		c.Email = e.Address
		if e.From != e.To {
			if err := moveIdentity(tx, c, e.From, e.To); err != nil {
				return err
			}
			if err := dropTicket(tx, c.ID, e.Kills); err != nil {
				return err
			}
			c.EmailVerified = time.Time{}
			if err := s.tell(tx, c, e.Tell); err != nil {
				return err
			}
		}
		return putCustomer(tx, c)
	})
	return c, err
}

func moveIdentity(tx Tx, c Customer, from, to string) error {
	i, err := get[Identity](tx, tableIdentities, identityKey(c.PublisherID, ProviderPassword, from))
	if err != nil {
		return err
	}
	if i.CustomerID != c.ID {
		return fmt.Errorf("identity of customer %d: %w", c.ID, ErrNotFound)
	}
	if err := dropIdentity(tx, i); err != nil {
		return err
	}
	i.Subject = to
	return addIdentity(tx, i)
}

func dropIdentity(tx Tx, i Identity) error {
	if err := tx.Delete(tableIdentities, i.key()); err != nil {
		return err
	}
	return tx.Delete(tableCustomerIdentities, key(idKey(i.CustomerID), i.Provider, i.Subject))
}

// EraseCustomer anonymizes a customer for good: identities, profile, answers to
// capture, tickets and mails that wait go, sessions end, and nothing can be written to it any
// more. What stays is the id, the dates, and the evidence of consents, which
// the publisher must be able to show. It returns the ids of the ended
// sessions. Erasing twice is no error. Errors: ErrNotFound.
func (s *Store) EraseCustomer(ctx context.Context, customer int64, endedFor time.Duration, purposes ...Purpose) (endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) (err error) {
		c, err := get[Customer](tx, tableCustomers, idKey(customer))
		if err != nil {
			return err
		}
		endedIDs, err = tx.erase(c, endedFor, purposes...)
		return err
	})
	return endedIDs, err
}

func (tx *ending) erase(c Customer, endedFor time.Duration, purposes ...Purpose) (endedIDs []string, err error) {
	if err := dropIdentities(tx, c); err != nil {
		return nil, err
	}
	for _, p := range purposes {
		if err := dropTicket(tx, c.ID, p); err != nil {
			return nil, err
		}
	}
	if err := dropMails(tx, c.ID); err != nil {
		return nil, err
	}
	if err := dropExternalID(tx, c); err != nil {
		return nil, err
	}
	if err := ensureListed(tx, c); err != nil {
		return nil, err
	}
	if err := dropAnswers(tx, c); err != nil {
		return nil, err
	}
	if err := unlistConsents(tx, c); err != nil {
		return nil, err
	}
	if c.Erased.IsZero() {
		c.Erased = tx.store.Now()
	}
	erased := Customer{
		ID: c.ID, PublisherID: c.PublisherID, Registered: c.Registered, LastLogin: c.LastLogin,
		Disabled: true, Erased: c.Erased,
	}
	if err := putCustomer(tx, erased); err != nil {
		return nil, err
	}
	return tx.endSessions(c.ID, "", endedFor)
}

func dropIdentities(tx Tx, c Customer) error {
	all, err := identitiesOf(tx, c)
	if err != nil {
		return err
	}
	for _, i := range all {
		if err := dropIdentity(tx, i); err != nil {
			return err
		}
	}
	return nil
}
