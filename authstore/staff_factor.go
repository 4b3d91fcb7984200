// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"bytes"
	"context"
	"slices"
)

// StaffProof is what a staff member gives in a session to prove who they are:
// the second factor at the sign-in, password and second factor later on.
type StaffProof struct {
	Session string // id
	Digest  string // of the session's secret, as it was shown
	Renewed string // digest of its next secret

	Password string // the encoded one that was checked, or "" if none was
	TOTP     []byte // the sealed secret that a code was checked against
	Step     int64  // of that code
	Recovery string // digest of a recovery code, or "" if none was given
}

// ProveStaff uses up the code and renews the session, which is complete and
// confirmed from then on, in one transaction. Who has a second factor must give
// it; a complete session needs the password, too. Errors: ErrNotFound when
// session, password or second factor are not what they were; ErrUsed when the
// code has served before or there is no such recovery code.
func (s *Store) ProveStaff(ctx context.Context, p StaffProof) (m Staff, session StaffSession, err error) {
	now := s.Now()
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		if m, session, err = s.provenStaffSession(tx, p.Session, p.Digest); err != nil {
			return err
		}
		if session.Complete && p.Password == "" || p.Password != "" && p.Password != m.Password {
			return ErrNotFound
		}
		if len(m.TOTP) > 0 {
			if err := m.useCode(p); err != nil {
				return err
			}
		}
		session.Digest = p.Renewed
		m, session, err = completeStaffSession(tx, m, session, now)
		return err
	})
	return m, session, err
}

// useCode uses up the second factor's code, or a recovery code.
func (m *Staff) useCode(p StaffProof) error {
	if p.Recovery != "" {
		at := slices.Index(m.Recovery, p.Recovery)
		if at < 0 {
			return ErrUsed
		}
		m.Recovery = slices.Delete(m.Recovery, at, at+1)
		return nil
	}
	if !bytes.Equal(m.TOTP, p.TOTP) {
		return ErrNotFound
	}
	if p.Step <= m.TOTPStep {
		return ErrUsed
	}
	m.TOTPStep = p.Step
	return nil
}

// StaffEnrolment gives a staff member a second factor.
type StaffEnrolment struct {
	Session string // id
	Digest  string // of the session's secret, as it was shown
	Renewed string // digest of its next secret

	TOTP     []byte   // the sealed secret
	Step     int64    // of the code that has proved it
	Recovery []string // digests of the recovery codes
}

// EnrolStaff gives the owner of a complete session a second factor, in place of
// the one they may have, renews the session and ends all others of theirs.
// Errors: ErrNotFound when the session is not what it was.
func (s *Store) EnrolStaff(ctx context.Context, e StaffEnrolment) (m Staff, session StaffSession, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		m, session, err = s.changeOwn(tx, e.Session, e.Digest, e.Renewed, func(m *Staff) error {
			m.TOTP, m.TOTPStep, m.Recovery = e.TOTP, e.Step, e.Recovery
			return nil
		})
		return err
	})
	return m, session, err
}

// changeOwn is a change by the owner of a complete session to what they prove
// themselves by: the session is renewed, their others end.
func (s *Store) changeOwn(tx Tx, id, digest, renewed string, fn func(*Staff) error) (Staff, StaffSession, error) {
	m, session, err := s.provenStaffSession(tx, id, digest)
	if err == nil && !session.Complete {
		err = ErrNotFound
	}
	if err != nil {
		return Staff{}, StaffSession{}, err
	}
	if m, err = changeStaff(tx, m.ID, id, fn); err != nil {
		return Staff{}, StaffSession{}, err
	}
	session.Digest = renewed
	return m, session, put(tx, tableStaffSessions, id, session)
}

// StaffPassword gives a staff member another password.
type StaffPassword struct {
	Session string // id
	Digest  string // of the session's secret, as it was shown
	Renewed string // digest of its next secret

	Old, New string // encoded; Old is the one that was checked
}

// SetStaffPassword changes the password of the owner of a complete session,
// renews the session and ends all others of theirs. Errors: ErrNotFound when
// session or password are not what they were.
func (s *Store) SetStaffPassword(ctx context.Context, p StaffPassword) (m Staff, session StaffSession, err error) {
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		m, session, err = s.changeOwn(tx, p.Session, p.Digest, p.Renewed, func(m *Staff) error {
			if m.Password != p.Old {
				return ErrNotFound
			}
			m.Password = p.New
			return nil
		})
		return err
	})
	return m, session, err
}
