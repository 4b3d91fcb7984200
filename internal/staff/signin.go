// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

// SignIn starts a session of the member with that address and password. It is
// not complete when they have a second factor: see SecondFactor. Errors:
// customer.ErrEmail, ErrCredentials, customer.ErrBusy, *customer.LimitError.
func (s *Service) SignIn(ctx context.Context, address, password string, d Device) (Entry, error) {
	email, err := customer.ParseEmail(address)
	if err != nil {
		return Entry{}, err
	}
	if err := s.limits.take(s.passwordKey(d, email.Key), networkKey(d.IP)); err != nil {
		return Entry{}, err
	}
	m, err := s.store.StaffByEmail(ctx, email.Key)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return Entry{}, fmt.Errorf("reading a staff member: %w", err)
	}
	if err := s.checkPassword(ctx, m, password); err != nil {
		return Entry{}, err
	}
	start, proof, err := s.start(ctx, d)
	if err != nil {
		return Entry{}, err
	}
	m, session, err := s.store.StartStaffSession(ctx, m.ID, m.Password, start)
	if errors.Is(err, authstore.ErrNotFound) {
		return Entry{}, ErrCredentials // overtaken by a change
	}
	if err != nil {
		return Entry{}, fmt.Errorf("starting a staff session: %w", err)
	}
	return s.entry(m, session, proof, d), nil
}

// checkPassword tells by ErrCredentials that a password is not that of a member
// who may sign in. The zero member, who stands for an unknown address, costs as
// much to refuse.
func (s *Service) checkPassword(ctx context.Context, m authstore.Staff, password string) error {
	ok, err := s.hasher.Verify(ctx, m.Password, password)
	if err != nil {
		return fmt.Errorf("checking a password: %w", err)
	}
	if !ok || m.Disabled {
		return ErrCredentials
	}
	return nil
}

// entry returns what the owner of a session is given, and gives back the tries
// that a complete sign-in took.
func (s *Service) entry(m authstore.Staff, session authstore.StaffSession, proof string, d Device) Entry {
	e := Entry{Staff: m, Session: session, Proof: proof}
	s.limits.throttle.Refund(networkKey(d.IP))
	if session.Complete {
		s.limits.throttle.Forgive(s.passwordKey(d, m.EmailKey))
		e.Known = s.deviceToken(d, m.EmailKey)
	}
	return e
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, session authstore.StaffSession) error {
	return s.EndSession(ctx, session.StaffID, session.ID)
}

// Sessions returns a member's live sessions, the newest first, without what
// proves them.
func (s *Service) Sessions(ctx context.Context, id string) ([]authstore.StaffSession, error) {
	live, err := s.store.StaffSessions(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading staff sessions: %w", err)
	}
	for i := range live {
		live[i].Digest = ""
	}
	return live, nil
}

// EndSession ends one of a member's sessions. One that is over already, or
// somebody else's, is no error: afterwards it is not among theirs.
func (s *Service) EndSession(ctx context.Context, member, id string) error {
	if err := s.store.EndStaffSession(ctx, member, id); err != nil {
		return fmt.Errorf("ending a staff session: %w", err)
	}
	return nil
}

// EndOthers ends all sessions of a session's owner but this one.
func (s *Service) EndOthers(ctx context.Context, session authstore.StaffSession) error {
	if err := s.store.EndStaffSessions(ctx, session.StaffID, session.ID); err != nil {
		return fmt.Errorf("ending staff sessions: %w", err)
	}
	return nil
}

// ChangePassword gives the owner of a complete session, who knows the old
// password, a new one. It returns the session's next proof; all other sessions
// of theirs end. Errors: ErrIncomplete, ErrConfirmation, those of
// customer.CheckPassword, ErrRefused, customer.ErrBusy, *customer.LimitError.
func (s *Service) ChangePassword(ctx context.Context, session authstore.StaffSession, old, password string, d Device) (proof string, err error) {
	if !session.Complete {
		return "", ErrIncomplete
	}
	m, err := s.owner(ctx, session)
	if err != nil {
		return "", err
	}
	if err := checkNewPassword(m.Email, m.Name, password); err != nil {
		return "", err
	}
	if err := s.limits.take(s.passwordKey(d, m.EmailKey), networkKey(d.IP)); err != nil {
		return "", err
	}
	if err := s.checkPassword(ctx, m, old); errors.Is(err, ErrCredentials) {
		return "", ErrConfirmation
	} else if err != nil {
		return "", err
	}
	encoded, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	proof, digest := newProof(session.ID)
	m, session, err = s.store.SetStaffPassword(ctx, authstore.StaffPassword{
		Session: session.ID, Digest: session.Digest, Renewed: digest, Old: m.Password, New: encoded,
	})
	if errors.Is(err, authstore.ErrNotFound) {
		return "", ErrRefused
	}
	if err != nil {
		return "", fmt.Errorf("storing a password: %w", err)
	}
	return s.entry(m, session, proof, d).Proof, nil
}

// checkNewPassword judges a password by customer.CheckPassword.
func checkNewPassword(address, name, password string) error {
	email, err := customer.ParseEmail(address)
	if err != nil {
		return fmt.Errorf("reading the address of a staff member: %w", err)
	}
	return customer.CheckPassword(password, email.Local(), name)
}

// owner returns whose session it is. Errors: ErrRefused.
func (s *Service) owner(ctx context.Context, session authstore.StaffSession) (authstore.Staff, error) {
	m, err := s.store.Staff(ctx, session.StaffID)
	if err == nil && m.Disabled {
		err = authstore.ErrNotFound
	}
	if errors.Is(err, authstore.ErrNotFound) {
		return authstore.Staff{}, ErrRefused
	}
	if err != nil {
		return authstore.Staff{}, fmt.Errorf("reading a staff member: %w", err)
	}
	return m, nil
}
