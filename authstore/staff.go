// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

var (
	// ErrLastOwner says that a publisher would be left without an owner who can
	// sign in.
	ErrLastOwner = errors.New("a publisher needs an owner; make somebody else one first")

	// ErrNotOwner says that whoever acts is no owner of every publisher that is
	// concerned.
	ErrNotOwner = errors.New("only an owner of each publisher concerned may do this")
)

// Role is what a staff member may do at a publisher.
type Role string

// The roles, from the one that may do most.
const (
	RoleOwner    Role = "owner"
	RoleEditor   Role = "editor"
	RoleSupport  Role = "support"
	RoleReadOnly Role = "readonly"
)

// ByCommandLine stands for the operator of the server where somebody acts who
// would otherwise be a staff member. No id of one can be spelled so.
const ByCommandLine = "command line"

// Staff is the account of somebody who works for publishers.
type Staff struct {
	ID       string         `json:"id"`       // public
	Email    string         `json:"email"`    // as it was written
	EmailKey string         `json:"emailKey"` // the address in its comparable form; unique
	Name     string         `json:"name,omitempty"`
	Roles    map[int64]Role `json:"roles"`              // by publisher, never empty
	Password string         `json:"password"`           // encoded hash
	TOTP     []byte         `json:"totp,omitempty"`     // sealed secret of the second factor; empty for none
	TOTPStep int64          `json:"totpStep,omitempty"` // of the last code that was used
	Recovery []string       `json:"recovery,omitempty"` // digests of the recovery codes that are left

	Created   time.Time `json:"created"`
	LastLogin time.Time `json:"lastLogin,omitzero"`
	LastIP    string    `json:"lastIp,omitempty"`
	Disabled  bool      `json:"disabled,omitempty"`
}

// The tables of staff.
const (
	tableStaff          = "staff"
	tableStaffEmails    = "staff_emails"    // id, by address in its comparable form
	tablePublisherStaff = "publisher_staff" // by publisher and id
)

// owns tells whether the member is an owner of the publisher who can sign in.
func (m Staff) owns(publisher int64) bool { return !m.Disabled && m.Roles[publisher] == RoleOwner }

// Staff returns a staff member by id, or ErrNotFound.
func (s *Store) Staff(ctx context.Context, id string) (m Staff, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		m, err = staffByID(tx, id)
		return err
	})
	return m, err
}

func staffByID(tx Tx, id string) (Staff, error) {
	if id == "" {
		return Staff{}, ErrNotFound
	}
	return get[Staff](tx, tableStaff, id)
}

// StaffByEmail returns the staff member with an address, given in its comparable
// form, or ErrNotFound.
func (s *Store) StaffByEmail(ctx context.Context, emailKey string) (m Staff, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		m, err = staffByEmail(tx, emailKey)
		return err
	})
	return m, err
}

func staffByEmail(tx Tx, emailKey string) (Staff, error) {
	id, err := get[string](tx, tableStaffEmails, emailKey)
	if err != nil {
		return Staff{}, err
	}
	return staffByID(tx, id)
}

// StaffOf returns the staff of a publisher, by address.
func (s *Store) StaffOf(ctx context.Context, publisher int64) (members []Staff, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		members, err = staffOf(tx, publisher)
		return err
	})
	slices.SortFunc(members, func(a, b Staff) int { return strings.Compare(a.EmailKey, b.EmailKey) })
	return members, err
}

func staffOf(tx Tx, publisher int64) ([]Staff, error) {
	from, to := prefix(idKey(publisher))
	ids, err := suffixes(tx, tablePublisherStaff, from, to)
	if err != nil {
		return nil, err
	}
	members := make([]Staff, 0, len(ids))
	for _, id := range ids {
		m, err := staffByID(tx, id)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// suffixes returns what follows from in the keys of a table from there on.
func suffixes(tx Tx, table, from, to string) (found []string, err error) {
	err = tx.Scan(table, from, to, func(k string, _ []byte) error {
		found = append(found, k[len(from):])
		return nil
	})
	return found, err
}

// ChangeStaff runs fn on a staff member and keeps what it leaves there. What
// follows from the difference is seen to in the same transaction: sessions end
// when the member is disabled, loses a role, or has another password or second
// factor; an account without a role is forgotten. fn may run more than once; its
// error is returned and nothing is kept. Id and creation cannot be changed.
// Errors: ErrNotFound, ErrLastOwner, ErrTaken for the address.
func (s *Store) ChangeStaff(ctx context.Context, id string, fn func(*Staff) error) (m Staff, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		m, err = changeStaff(tx, id, "", fn)
		return err
	})
	return m, err
}

// ChangeStaffBy is ChangeStaff for what concerns the account as a whole: only
// who owns every publisher that the member works for may do it. by is the id of
// a staff member, or ByCommandLine. Errors: those of ChangeStaff, ErrNotOwner.
func (s *Store) ChangeStaffBy(ctx context.Context, by, id string, fn func(*Staff) error) (m Staff, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		if m, err = staffByID(tx, id); err != nil {
			return err
		}
		if err := authority(tx, by, m.Roles); err != nil {
			return err
		}
		m, err = changeStaff(tx, id, "", fn)
		return err
	})
	return m, err
}

// authority tells whether somebody may act on all the publishers of roles.
func authority(tx Tx, by string, roles map[int64]Role) error {
	if by == ByCommandLine {
		return nil
	}
	m, err := staffByID(tx, by)
	if errors.Is(err, ErrNotFound) {
		return ErrNotOwner
	}
	if err != nil {
		return err
	}
	for publisher := range roles {
		if !m.owns(publisher) {
			return ErrNotOwner
		}
	}
	return nil
}

// ChangeRole gives a staff member of a publisher's another role there. Errors:
// ErrNotFound when they do not work there, ErrLastOwner.
func (s *Store) ChangeRole(ctx context.Context, publisher int64, id string, role Role) (Staff, error) {
	return s.ChangeStaff(ctx, id, func(m *Staff) error {
		if _, works := m.Roles[publisher]; !works {
			return ErrNotFound
		}
		m.Roles[publisher] = role
		return nil
	})
}

// RemoveRole ends a staff member's work for a publisher, and all their sessions.
// Without a role anywhere, the account is forgotten. Errors: ErrNotFound when
// they do not work there, ErrLastOwner.
func (s *Store) RemoveRole(ctx context.Context, publisher int64, id string) (Staff, error) {
	return s.ChangeStaff(ctx, id, func(m *Staff) error {
		if _, works := m.Roles[publisher]; !works {
			return ErrNotFound
		}
		delete(m.Roles, publisher)
		return nil
	})
}

// changeStaff is ChangeStaff inside a transaction; the session keep survives.
func changeStaff(tx Tx, id, keep string, fn func(*Staff) error) (Staff, error) {
	before, err := staffByID(tx, id)
	if err != nil {
		return Staff{}, err
	}
	after := before
	after.Roles, after.Recovery = maps.Clone(before.Roles), slices.Clone(before.Recovery)
	if err := fn(&after); err != nil {
		return Staff{}, err
	}
	after.ID, after.Created = before.ID, before.Created
	if err := keepOwners(tx, before, after); err != nil {
		return Staff{}, err
	}
	if after.endsSessionsOf(before) {
		if err := endStaffSessions(tx, id, keep); err != nil {
			return Staff{}, err
		}
	}
	return after, indexStaff(tx, before, after)
}

// endsSessionsOf tells whether a change must end the sessions from before it.
func (m Staff) endsSessionsOf(before Staff) bool {
	if m.Disabled && !before.Disabled || m.Password != before.Password || string(m.TOTP) != string(before.TOTP) {
		return true
	}
	for publisher := range before.Roles {
		if _, still := m.Roles[publisher]; !still {
			return true
		}
	}
	return false
}

// keepOwners refuses a change that leaves a publisher without an owner.
func keepOwners(tx Tx, before, after Staff) error {
	for publisher := range before.Roles {
		if !before.owns(publisher) || after.owns(publisher) {
			continue
		}
		members, err := staffOf(tx, publisher)
		if err != nil {
			return err
		}
		another := slices.ContainsFunc(members, func(m Staff) bool { return m.ID != before.ID && m.owns(publisher) })
		if !another {
			return fmt.Errorf("publisher %d: %w", publisher, ErrLastOwner)
		}
	}
	return nil
}

// indexStaff stores a staff member with what leads to them. before is the zero
// Staff for a new one.
func indexStaff(tx Tx, before, after Staff) error {
	if after.EmailKey != before.EmailKey {
		if err := moveStaffEmail(tx, before, after); err != nil {
			return err
		}
	}
	for publisher := range before.Roles {
		if err := tx.Delete(tablePublisherStaff, key(idKey(publisher), after.ID)); err != nil {
			return err
		}
	}
	if len(after.Roles) == 0 {
		if err := tx.Delete(tableStaffEmails, after.EmailKey); err != nil {
			return err
		}
		return tx.Delete(tableStaff, after.ID)
	}
	for publisher := range after.Roles {
		if err := put(tx, tablePublisherStaff, key(idKey(publisher), after.ID), struct{}{}); err != nil {
			return err
		}
	}
	return put(tx, tableStaff, after.ID, after)
}

func moveStaffEmail(tx Tx, before, after Staff) error {
	if taken, err := exists(tx, tableStaffEmails, after.EmailKey); err != nil {
		return err
	} else if taken {
		return fmt.Errorf("address of a staff member: %w", ErrTaken)
	}
	if before.EmailKey != "" {
		if err := tx.Delete(tableStaffEmails, before.EmailKey); err != nil {
			return err
		}
	}
	return put(tx, tableStaffEmails, after.EmailKey, after.ID)
}
