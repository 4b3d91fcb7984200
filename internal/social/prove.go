// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
)

// proving returns who waits under a token and has to prove an address. Errors: ErrJoin,
// customer.ErrConfirmation when there is nothing to prove, or not yet.
func (s *Service) proving(ctx context.Context, p authstore.Publisher, token string) (waiting, error) {
	w, err := s.waiting(ctx, p, token)
	if err != nil {
		return w, err
	}
	missing, err := s.missing(ctx, p, w.join)
	if err == nil && !missing.Proof {
		err = customer.ErrConfirmation
	}
	return w, err
}

// SendCode mails a code to the address that is to be proved, whether it has an account
// or not. Errors: ErrJoin, customer.ErrConfirmation when no proof is asked for,
// *customer.LimitError.
func (s *Service) SendCode(ctx context.Context, p authstore.Publisher, token, ip string) error {
	w, err := s.proving(ctx, p, token)
	if err != nil {
		return err
	}
	account, err := s.account(ctx, p, w.join)
	if err != nil {
		return err
	}
	mail, err := s.Customers.StartJoinCode(p, customer.JoinCode{
		Ticket: w.use.Digest, Email: w.Email, Account: account, Provider: s.called(p.ID, w.Person.Issuer), Locale: w.Locale, IP: ip,
	})
	if err != nil {
		return err
	}
	proved := w.key()
	err = s.store.ChangeTicket(ctx, w.use.Digest, w.use.Purpose, func(t *authstore.Ticket) error {
		if t.Data[authstore.Address] != proved {
			return ErrJoin // they have told another one meanwhile
		}
		w.Sent = true
		w.write(t)
		return nil
	}, mail)
	if errors.Is(err, authstore.ErrNotFound) {
		return ErrJoin
	}
	if err != nil {
		return fmt.Errorf("queueing a code: %w", err)
	}
	s.Notices.Wake()
	return nil
}

// ProveByPassword links the identity to the account that has the address, by its
// password, and signs in. Errors: ErrJoin, customer.ErrConfirmation, ErrClosed,
// *customer.LimitError, customer.ErrBusy.
func (s *Service) ProveByPassword(ctx context.Context, p authstore.Publisher, token, password string, from customer.Arrival) (customer.Entry, error) {
	w, err := s.proving(ctx, p, token)
	if err != nil {
		return customer.Entry{}, err
	}
	c, identity, err := s.Customers.ByPassword(ctx, p, w.Email, password, from)
	if errors.Is(err, customer.ErrCredentials) {
		return customer.Entry{}, customer.ErrConfirmation
	}
	if err != nil {
		return customer.Entry{}, err
	}
	l := authstore.Linking{Identity: w.Person.identity(), Uses: w.use, Proofs: []authstore.Identity{identity}, Tell: s.added(p.ID, w.Person)}
	if w.verified() {
		l.Address = w.key()
	}
	e, err := s.Customers.AdmitByLink(ctx, c, l, from)
	return e, joinError(err)
}

// ProveByCode links the identity to the account that has the address, by the code that
// was mailed there, and signs in. An account whose address nobody had verified may have
// been made by anybody: it loses its password, its other identities and its sessions.
// Where there is no account, there is one now. Errors: ErrJoin,
// customer.ErrConfirmation, ErrClosed, *customer.LimitError.
func (s *Service) ProveByCode(ctx context.Context, p authstore.Publisher, token, code string, from customer.Arrival) (customer.Entry, error) {
	w, err := s.proving(ctx, p, token)
	if err != nil {
		return customer.Entry{}, err
	}
	if err := s.Customers.CheckJoinCode(w.use.Digest, w.ticket, code, from.Device.IP); err != nil {
		return customer.Entry{}, err
	}
	w.Proved = true
	e, err := again(func() (customer.Entry, error) { return s.proved(ctx, p, w, from) })
	return e, joinError(err)
}

// proved lets somebody in who reads mail at their address.
func (s *Service) proved(ctx context.Context, p authstore.Publisher, w waiting, from customer.Arrival) (customer.Entry, error) {
	account, err := s.account(ctx, p, w.join)
	switch {
	case err != nil:
		return customer.Entry{}, err
	case account.ID == 0:
		return s.create(ctx, p, w.join, w.use, from)
	case account.Disabled:
		return customer.Entry{}, ErrClosed
	}
	return s.Customers.AdmitByLink(ctx, account, authstore.Linking{
		Identity: w.Person.identity(), Uses: w.use, Address: w.key(), Strip: true, Tell: s.added(p.ID, w.Person),
	}, from)
}

// added tells a customer that they can sign in by an account elsewhere.
func (s *Service) added(publisher int64, who Person) []authstore.Mail {
	return []authstore.Mail{{Kind: notice.WayAdded, Data: map[string]string{notice.Provider: s.called(publisher, who.Issuer)}}}
}
