// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
)

var (
	// ErrConfirmation says that the password that confirms a change is wrong.
	ErrConfirmation = errors.New("confirmation password is wrong")

	// ErrEmailTaken says that another customer of the publisher has the
	// address.
	ErrEmailTaken = errors.New("customer email already exists")
)

// ChangeEmail gives a customer another address, with which they log in from
// then on. password confirms it; links that were mailed to the old address die,
// and it is told how to undo the change; the new one is to be verified, if the
// publisher wants that. An address that differs in spelling only needs no
// confirmation. Errors:
// ErrEmail, ErrConfirmation, ErrEmailTaken, ErrBusy, *LimitError.
func (s *Service) ChangeEmail(ctx context.Context, c authstore.Customer, address, password, ip string) (authstore.Customer, error) {
	to, err := ParseEmail(address)
	if err != nil {
		return c, err
	}
	from, err := ParseEmail(c.Email)
	if err != nil {
		return c, fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	if from.Key != to.Key {
		if _, err := s.confirm(ctx, c, from, password, ip); err != nil {
			return c, err
		}
	}
	return s.moveEmail(ctx, c, from, to)
}

// MoveEmail is ChangeEmail without a password: on the word of the publisher's staff,
// or for a customer who has none and has just proved otherwise who they are. Errors:
// ErrEmail, ErrEmailTaken, authstore.ErrNotFound.
func (s *Service) MoveEmail(ctx context.Context, c authstore.Customer, address string) (authstore.Customer, error) {
	to, err := ParseEmail(address)
	if err != nil {
		return c, err
	}
	from, err := ParseEmail(c.Email)
	if err != nil {
		return c, fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	return s.moveEmail(ctx, c, from, to)
}

func (s *Service) moveEmail(ctx context.Context, c authstore.Customer, from, to Email) (authstore.Customer, error) {
	p, err := s.store.Publisher(ctx, c.PublisherID)
	if err != nil {
		return c, fmt.Errorf("reading a publisher: %w", err)
	}
	changed, err := s.store.ChangeEmail(ctx, authstore.EmailChange{
		Customer: c.ID, Address: to.Address, From: from.Key, To: to.Key, Kills: purposeReset,
		Tell: append(verification(p, ""), authstore.Mail{
			Kind: notice.EmailChanged, To: from.Mailbox, Data: map[string]string{notice.Address: from.Address},
		}),
	})
	if errors.Is(err, authstore.ErrTaken) {
		return c, ErrEmailTaken
	}
	if err != nil {
		return c, fmt.Errorf("changing an address: %w", err)
	}
	s.notices.Wake()
	return changed, nil
}

// confirm checks the password of a customer who is signed in already, and returns
// the identity that it is of. It costs the tries of a login, because a stolen
// token must not make guessing free.
func (s *Service) confirm(ctx context.Context, c authstore.Customer, email Email, password, ip string) (authstore.Identity, error) {
	who := accountKey(c.PublisherID, email.Key)
	if err := s.limits.login(who, ip); err != nil {
		return authstore.Identity{}, err
	}
	_, identity, err := s.store.CustomerByIdentity(ctx, c.PublisherID, authstore.ProviderPassword, email.Key)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return authstore.Identity{}, fmt.Errorf("reading a customer: %w", err)
	}
	ok, err := s.hasher.Verify(ctx, identity.Password, password)
	if err != nil {
		return authstore.Identity{}, fmt.Errorf("checking a password: %w", err)
	}
	if !ok || identity.CustomerID != c.ID {
		return authstore.Identity{}, ErrConfirmation
	}
	s.limits.succeeded(who, ip)
	return identity, nil
}

// Erase anonymizes a customer for good and ends their sessions. Errors:
// authstore.ErrNotFound.
func (s *Service) Erase(ctx context.Context, id int64) error {
	return s.sessions.EndErased(ctx, id, Erases()...)
}

// Erases returns the purposes of the tickets that go with a customer.
func Erases() []authstore.Purpose {
	return []authstore.Purpose{purposeReset, purposeVerify, purposeUndo}
}

// Trusted logs a customer in on the word of the publisher's own server, which
// has proved itself by the publisher's token: the one who has profile's external id,
// or else the address. A customer who is not there yet is created, without a
// password. Errors: ErrEmail, ErrCredentials when the customer is disabled.
func (s *Service) Trusted(ctx context.Context, p authstore.Publisher, address string, profile authstore.Customer, from Arrival) (Entry, error) {
	email, err := ParseEmail(address)
	if err != nil {
		return Entry{}, err
	}
	for range 2 { // the second time when somebody else created the customer meanwhile
		c, proofs, err := s.meant(ctx, p, email, profile.ExternalID)
		if err == nil && c.Disabled {
			return Entry{}, ErrCredentials
		}
		if err == nil {
			started, given, err := s.sessions.Start(ctx, c, from.OfferID, from.Device, from.Start, from.Replaced, proofs...)
			if errors.Is(err, authstore.ErrNotFound) {
				return Entry{}, ErrCredentials // overtaken by a change
			}
			return Entry{Customer: c, Session: started, Secrets: given}, err
		}
		if !errors.Is(err, authstore.ErrNotFound) {
			return Entry{}, fmt.Errorf("reading a customer: %w", err)
		}
		e, err := s.create(ctx, p, authstore.Registration{Customer: profile}, email, false, from)
		if !errors.Is(err, ErrExists) && !errors.Is(err, ErrExternalID) {
			return e, err
		}
	}
	return Entry{}, ErrExists
}

// meant returns whom a publisher's server means, and what must still be so when they
// are signed in. Errors: authstore.ErrNotFound.
func (s *Service) meant(ctx context.Context, p authstore.Publisher, email Email, externalID string) (authstore.Customer, []authstore.Identity, error) {
	if externalID != "" {
		c, err := s.store.CustomerByExternalID(ctx, p.ID, externalID)
		if !errors.Is(err, authstore.ErrNotFound) {
			return c, nil, err
		}
	}
	c, identity, err := s.store.CustomerByIdentity(ctx, p.ID, authstore.ProviderPassword, email.Key)
	return c, []authstore.Identity{identity}, err
}
