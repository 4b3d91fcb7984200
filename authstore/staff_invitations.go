// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"time"
)

// StaffInvitation offers roles to whoever has the secret that was made with it.
type StaffInvitation struct {
	Email    string         `json:"email"`    // as it was written
	EmailKey string         `json:"emailKey"` // the address in its comparable form
	Name     string         `json:"name,omitempty"`
	Roles    map[int64]Role `json:"roles"` // by publisher
	By       string         `json:"by"`    // id of the staff member who invites, or ByCommandLine
	Created  time.Time      `json:"created"`
	Expires  time.Time      `json:"expires"`
}

// The tables of invitations.
const (
	tableStaffInvitations = "staff_invitations" // by digest of the secret
	tableStaffInvited     = "staff_invited"     // digest of the newest one, by publisher and address
)

// InviteStaff stores an invitation under the digest of its secret. Earlier ones
// of the address are good for none of the same publishers from now on.
// Errors: ErrNotOwner when the inviter may not give the roles.
func (s *Store) InviteStaff(ctx context.Context, digest string, i StaffInvitation) error {
	return s.b.Update(ctx, func(tx Tx) error {
		if err := authority(tx, i.By, i.Roles); err != nil {
			return err
		}
		for publisher := range i.Roles {
			if err := dropInvited(tx, publisher, i.EmailKey); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		for publisher := range i.Roles {
			if err := put(tx, tableStaffInvited, key(idKey(publisher), i.EmailKey), digest); err != nil {
				return err
			}
		}
		return put(tx, tableStaffInvitations, digest, i)
	})
}

// dropInvited takes a publisher out of the invitation of an address, which stays good
// for others that it is for. Errors: ErrNotFound when there is none.
func dropInvited(tx Tx, publisher int64, emailKey string) error {
	at := key(idKey(publisher), emailKey)
	digest, err := get[string](tx, tableStaffInvited, at)
	if err != nil {
		return err
	}
	i, err := get[StaffInvitation](tx, tableStaffInvitations, digest)
	if err != nil {
		return err
	}
	if err := tx.Delete(tableStaffInvited, at); err != nil {
		return err
	}
	if delete(i.Roles, publisher); len(i.Roles) > 0 {
		return put(tx, tableStaffInvitations, digest, i)
	}
	return tx.Delete(tableStaffInvitations, digest)
}

// dropInvitation removes an invitation and what leads to it.
func dropInvitation(tx Tx, digest string) error {
	i, err := get[StaffInvitation](tx, tableStaffInvitations, digest)
	if err != nil {
		return err
	}
	for publisher := range i.Roles {
		if err := dropIf(tx, tableStaffInvited, key(idKey(publisher), i.EmailKey), digest); err != nil {
			return err
		}
	}
	return tx.Delete(tableStaffInvitations, digest)
}

// StaffInvitation returns an invitation by the digest of its secret, and the
// account that its address has already, or the zero Staff. Errors: ErrNotFound
// when it is used, expired, replaced, or its inviter may no longer invite.
func (s *Store) StaffInvitation(ctx context.Context, digest string) (i StaffInvitation, account Staff, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		i, account, err = s.liveInvitation(tx, digest)
		return err
	})
	return i, account, err
}

func (s *Store) liveInvitation(tx Tx, digest string) (StaffInvitation, Staff, error) {
	i, err := get[StaffInvitation](tx, tableStaffInvitations, digest)
	if err != nil {
		return StaffInvitation{}, Staff{}, err
	}
	if !s.Now().Before(i.Expires) {
		return StaffInvitation{}, Staff{}, ErrNotFound
	}
	err = authority(tx, i.By, i.Roles)
	if errors.Is(err, ErrNotOwner) {
		err = ErrNotFound
	}
	if err != nil {
		return StaffInvitation{}, Staff{}, err
	}
	account, err := staffByEmail(tx, i.EmailKey)
	if errors.Is(err, ErrNotFound) {
		return i, Staff{}, nil
	}
	return i, account, err
}

// StaffInvitations returns the invitations to a publisher that can be accepted,
// by address.
func (s *Store) StaffInvitations(ctx context.Context, publisher int64) (open []StaffInvitation, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		open = nil
		from, to := prefix(idKey(publisher))
		return scan(tx, tableStaffInvited, from, to, func(_, digest string) error {
			i, _, err := s.liveInvitation(tx, digest)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			open = append(open, i)
			return err
		})
	})
	return open, err
}

// WithdrawStaffInvitation makes the invitation of an address to a publisher
// worthless there. Errors: ErrNotFound when there is none.
func (s *Store) WithdrawStaffInvitation(ctx context.Context, publisher int64, emailKey string) error {
	return s.b.Update(ctx, func(tx Tx) error { return dropInvited(tx, publisher, emailKey) })
}

// StaffAcceptance is the use of an invitation.
type StaffAcceptance struct {
	Digest string // of its secret

	// Account is the id of the account that its address has, whose password was
	// checked; empty when it had none.
	Account string

	// ID is that of the account to be made, when there is none.
	ID string

	// Password is the encoded one: that which was checked, or that of the account
	// to be made.
	Password string

	Start StaffStart // of the first session
}

// AcceptStaffInvitation uses up an invitation, gives its roles to the account of
// its address, or makes that account, and starts a session, in one transaction.
// Who owns a publisher stays owner of it. Errors: ErrNotFound when the invitation
// is not good any more, or the account is not what it was.
func (s *Store) AcceptStaffInvitation(ctx context.Context, a StaffAcceptance) (m Staff, session StaffSession, err error) {
	now := s.Now()
	err = s.b.Update(ctx, func(tx Tx) error {
		i, account, err := s.liveInvitation(tx, a.Digest)
		if err != nil {
			return err
		}
		if account.ID != a.Account || account.Disabled || a.Account != "" && account.Password != a.Password {
			return ErrNotFound
		}
		if err := dropInvitation(tx, a.Digest); err != nil {
			return err
		}
		if a.Account == "" {
			m = Staff{ID: a.ID, Email: i.Email, EmailKey: i.EmailKey, Name: i.Name, Roles: i.Roles, Password: a.Password, Created: now}
			err = indexStaff(tx, Staff{}, m)
		} else {
			m, err = changeStaff(tx, a.Account, "", func(m *Staff) error { m.addRoles(i.Roles); return nil })
		}
		if err != nil {
			return err
		}
		m, session, err = startStaffSession(tx, m, a.Start, now)
		return err
	})
	return m, session, err
}

func (m *Staff) addRoles(roles map[int64]Role) {
	for publisher, role := range roles {
		if m.Roles[publisher] != RoleOwner {
			m.Roles[publisher] = role
		}
	}
}
