// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"strings"
	"time"
)

// EmailVerification is the use of a ticket to prove that a customer reads mail at
// their address.
type EmailVerification struct {
	Digest    string // of the ticket
	Purpose   Purpose
	Publisher int64 // whose customer it must be for
}

// VerifyEmail uses up a ticket and notes that the customer it is for reads mail
// at their address, if it still is the one that the ticket was mailed to: that
// which its Data has under the name Address. Errors: ErrNotFound.
func (s *Store) VerifyEmail(ctx context.Context, v EmailVerification) (c Customer, err error) {
	err = s.b.Update(ctx, func(tx Tx) error {
		t, err := s.liveTicket(tx, v.Digest, v.Purpose)
		if err != nil {
			return err
		}
		if c, err = liveCustomer(tx, t.CustomerID); err != nil {
			return err
		}
		if t.PublisherID != v.Publisher || !strings.EqualFold(c.Email, t.Data[Address]) {
			return ErrNotFound
		}
		if err := dropDigest(tx, v.Digest); err != nil {
			return err
		}
		c, err = s.verified(tx, c)
		return err
	})
	return c, err
}

// MarkEmailVerified notes that a customer reads mail at their address, on the word
// of the publisher's staff, if it still is the one that they had in mind. Errors:
// ErrNotFound.
func (s *Store) MarkEmailVerified(ctx context.Context, customer int64, address string) (c Customer, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		if c, err = liveCustomer(tx, customer); err != nil {
			return err
		}
		if !strings.EqualFold(c.Email, address) {
			return ErrNotFound
		}
		c, err = s.verified(tx, c)
		return err
	})
	return c, err
}

// Address is the name in a ticket's Data of an address as the customer wrote it.
const Address = "address"

// EmailUndo is the use of a ticket that was mailed to an address to get back the
// account that was moved away from it.
type EmailUndo struct {
	Digest    string // of the ticket, whose Data has the address
	Purpose   Purpose
	Publisher int64 // whose customer it must be for
	EndedFor  time.Duration

	// Reset is the digest under which a ticket to set a new password is stored,
	// the newest: whoever moved the account knows the old one.
	Reset       string
	ResetTicket Ticket // customer and address are filled in
}

// UndoEmailChange gives an account back to the address that it was moved away
// from, ends all sessions, removes what else signs in to it, and leaves the ticket to
// set a new password as the only one, in one transaction. Errors: ErrNotFound when the ticket is not good
// for this; ErrTaken when the address is another customer's by now, which leaves
// the ticket good.
func (s *Store) UndoEmailChange(ctx context.Context, u EmailUndo) (c Customer, endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) error {
		t, err := s.liveTicket(tx, u.Digest, u.Purpose)
		if err != nil {
			return err
		}
		if t.PublisherID != u.Publisher {
			return ErrNotFound
		}
		if c, err = liveCustomer(tx, t.CustomerID); err != nil {
			return err
		}
		if err := moveBack(tx, c, t.Data[Subject]); err != nil {
			return err
		}
		if err := dropLinks(tx, c); err != nil {
			return err
		}
		c.Email, c.EmailVerified = t.Data[Address], s.Now()
		if err := putCustomer(tx, c); err != nil {
			return err
		}
		if err := dropDigest(tx, u.Digest); err != nil {
			return err
		}
		if err := s.openReset(tx, c, t, u); err != nil {
			return err
		}
		endedIDs, err = tx.endSessions(c.ID, "", u.EndedFor)
		return err
	})
	return c, endedIDs, err
}

// moveBack moves a customer's identity to an address, from whichever it is at.
func moveBack(tx Tx, c Customer, to string) error {
	from, end := prefix(idKey(c.ID), ProviderPassword)
	at := ""
	err := tx.Scan(tableCustomerIdentities, from, end, func(k string, _ []byte) error {
		at = k[len(from):]
		return ErrStop
	})
	if err != nil || at == to {
		return err
	}
	return moveIdentity(tx, c, at, to)
}

func (s *Store) openReset(tx Tx, c Customer, undo Ticket, u EmailUndo) error {
	if err := dropTicket(tx, c.ID, u.ResetTicket.Purpose); err != nil {
		return err
	}
	t := u.ResetTicket
	t.PublisherID, t.CustomerID = c.PublisherID, c.ID
	t.Data = map[string]string{Subject: undo.Data[Subject]}
	return putTicket(tx, u.Reset, t)
}
