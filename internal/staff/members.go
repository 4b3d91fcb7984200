// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
)

// Invited is an invitation as its maker learns of it. The secret is in no other
// place; only its digest is stored.
type Invited struct {
	Secret  string
	Expires time.Time
}

// Invite offers roles to whoever owns an address. by is the id of the inviting
// member, who must own all the publishers, or authstore.ByCommandLine. Earlier
// invitations of the address to them are worthless from then on. Errors:
// customer.ErrEmail, ErrName, ErrRole, authstore.ErrNotOwner.
func (s *Service) Invite(ctx context.Context, by, address, name string, roles map[int64]authstore.Role) (Invited, error) {
	email, err := customer.ParseEmail(address)
	if err != nil {
		return Invited{}, err
	}
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return Invited{}, err
	}
	if len(roles) == 0 {
		return Invited{}, fmt.Errorf("%w: an invitation needs at least one", ErrRole)
	}
	for _, role := range roles {
		if err := CheckRole(role); err != nil {
			return Invited{}, err
		}
	}
	made, now := Invited{Secret: secret.New()}, s.store.Now()
	made.Expires = now.Add(InvitationLife)
	err = s.store.InviteStaff(ctx, secret.Digest(made.Secret), authstore.StaffInvitation{
		Email: email.Address, EmailKey: email.Key, Name: name, Roles: maps.Clone(roles), By: by, Created: now, Expires: made.Expires,
	})
	if err != nil {
		return Invited{}, fmt.Errorf("storing an invitation: %w", err)
	}
	return made, nil
}

func checkName(name string) error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, odd) {
		return ErrName
	}
	return nil
}

// Invitation returns an invitation by its secret, without using it up, and
// whether its address has an account already, whose password then accepts it.
// Errors: ErrInvitation.
func (s *Service) Invitation(ctx context.Context, given string) (i authstore.StaffInvitation, hasAccount bool, err error) {
	i, account, err := s.invitation(ctx, given)
	return i, account.ID != "", err
}

func (s *Service) invitation(ctx context.Context, given string) (authstore.StaffInvitation, authstore.Staff, error) {
	i, account, err := s.store.StaffInvitation(ctx, secret.Digest(given))
	if errors.Is(err, authstore.ErrNotFound) {
		return authstore.StaffInvitation{}, authstore.Staff{}, ErrInvitation
	}
	if err != nil {
		return authstore.StaffInvitation{}, authstore.Staff{}, fmt.Errorf("reading an invitation: %w", err)
	}
	return i, account, nil
}

// Accept uses up an invitation: it makes the account with the password, or adds
// the roles to the account that the address has, whose password it must be, and
// starts a session. Errors: ErrInvitation, ErrCredentials, those of
// customer.CheckPassword, customer.ErrBusy, *customer.LimitError.
func (s *Service) Accept(ctx context.Context, given, password string, d Device) (Entry, error) {
	i, account, err := s.invitation(ctx, given)
	if err != nil {
		return Entry{}, err
	}
	if err := s.limits.take(s.passwordKey(d, i.EmailKey), networkKey(d.IP)); err != nil {
		return Entry{}, err
	}
	a := authstore.StaffAcceptance{Digest: secret.Digest(given), Account: account.ID, ID: secret.NewID(), Password: account.Password}
	if account.ID != "" {
		err = s.checkPassword(ctx, account, password)
	} else if err = checkNewPassword(i.Email, i.Name, password); err == nil {
		a.Password, err = s.hasher.Hash(ctx, password)
	}
	if err != nil {
		return Entry{}, err
	}
	start, proof, err := s.start(ctx, d)
	if err != nil {
		return Entry{}, err
	}
	a.Start = start
	m, session, err := s.store.AcceptStaffInvitation(ctx, a)
	if errors.Is(err, authstore.ErrNotFound) {
		return Entry{}, ErrInvitation // overtaken by another use, or a change of the account
	}
	if err != nil {
		return Entry{}, fmt.Errorf("accepting an invitation: %w", err)
	}
	return s.entry(m, session, proof, d), nil
}

// Invitations returns the invitations to a publisher that can be accepted, by
// address.
func (s *Service) Invitations(ctx context.Context, publisher int64) ([]authstore.StaffInvitation, error) {
	open, err := s.store.StaffInvitations(ctx, publisher)
	if err != nil {
		return nil, fmt.Errorf("reading invitations: %w", err)
	}
	return open, nil
}

// Withdraw makes the invitation of an address to a publisher worthless. Errors:
// customer.ErrEmail, authstore.ErrNotFound when there is none.
func (s *Service) Withdraw(ctx context.Context, publisher int64, address string) error {
	email, err := customer.ParseEmail(address)
	if err != nil {
		return err
	}
	if err := s.store.WithdrawStaffInvitation(ctx, publisher, email.Key); err != nil {
		return fmt.Errorf("withdrawing an invitation: %w", err)
	}
	return nil
}

// Member is a staff member as one publisher sees them: without what proves them,
// and without their work for others.
type Member struct {
	ID, Email, Name string
	Role            authstore.Role // at the publisher
	SecondFactor    bool
	Created         time.Time
	LastLogin       time.Time // zero: not yet
	LastIP          string
	Disabled        bool
}

// List returns the staff of a publisher, by address.
func (s *Service) List(ctx context.Context, publisher int64) ([]Member, error) {
	all, err := s.store.StaffOf(ctx, publisher)
	if err != nil {
		return nil, fmt.Errorf("reading staff: %w", err)
	}
	members := make([]Member, 0, len(all))
	for _, m := range all {
		members = append(members, Member{
			ID: m.ID, Email: m.Email, Name: m.Name, Role: m.Roles[publisher], SecondFactor: len(m.TOTP) > 0,
			Created: m.Created, LastLogin: m.LastLogin, LastIP: m.LastIP, Disabled: m.Disabled,
		})
	}
	return members, nil
}

// ChangeRole gives a member of a publisher's staff another role there, which
// counts from their next request on. Errors: ErrRole, authstore.ErrNotFound when
// they do not work there, authstore.ErrLastOwner.
func (s *Service) ChangeRole(ctx context.Context, publisher int64, id string, role authstore.Role) error {
	if err := CheckRole(role); err != nil {
		return err
	}
	_, err := s.store.ChangeRole(ctx, publisher, id, role)
	return changed(err)
}

// Remove ends a member's work for a publisher, and all their sessions. Without
// work for another, the account is forgotten. Errors: authstore.ErrNotFound when
// they do not work there, authstore.ErrLastOwner.
func (s *Service) Remove(ctx context.Context, publisher int64, id string) error {
	_, err := s.store.RemoveRole(ctx, publisher, id)
	return changed(err)
}

// Disable keeps a member from signing in anywhere and ends their sessions at
// once. by must own every publisher that they work for. Errors:
// authstore.ErrNotFound, authstore.ErrNotOwner, authstore.ErrLastOwner.
func (s *Service) Disable(ctx context.Context, by, id string) error {
	_, err := s.store.ChangeStaffBy(ctx, by, id, func(m *authstore.Staff) error { m.Disabled = true; return nil })
	return changed(err)
}

// Enable undoes Disable. Errors: authstore.ErrNotFound, authstore.ErrNotOwner.
func (s *Service) Enable(ctx context.Context, by, id string) error {
	_, err := s.store.ChangeStaffBy(ctx, by, id, func(m *authstore.Staff) error { m.Disabled = false; return nil })
	return changed(err)
}

// ResetSecondFactor takes a member's second factor and recovery codes away, for
// those who have lost both, and ends their sessions. An owner has to set up
// another one at the next sign-in. by must own every publisher that they work
// for. Errors: authstore.ErrNotFound, authstore.ErrNotOwner.
func (s *Service) ResetSecondFactor(ctx context.Context, by, id string) error {
	_, err := s.store.ChangeStaffBy(ctx, by, id, func(m *authstore.Staff) error {
		m.TOTP, m.TOTPStep, m.Recovery = nil, 0, nil
		return nil
	})
	return changed(err)
}

func changed(err error) error {
	if err != nil {
		return fmt.Errorf("changing a staff member: %w", err)
	}
	return nil
}
