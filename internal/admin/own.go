// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

// What members of staff do with their own accounts. All but the last two are acts,
// see OwnActs.
const (
	OwnSignIn         = "staff.signIn"
	OwnComplete       = "staff.completeSignIn" // in the logs, staff.signIn
	OwnJoin           = "staff.join"           // by an invitation
	OwnSignOut        = "account.signOut"
	OwnConfirm        = "account.confirm" // in the logs when it fails
	OwnNewFactor      = "account.newSecondFactor"
	OwnSecondFactor   = "account.setSecondFactor"
	OwnAccount        = "account.get"
	OwnPassword       = "account.changePassword"
	OwnEndSession     = "account.endSession"
	OwnEndOthers      = "account.endOthers"
	OwnSignInFailed   = "staff.signInFailed"    // of an account that there is
	OwnConfirmFailed  = "account.confirmFailed" // of who they are, before a dangerous act
	wrongPassword     = "the password was wrong"
	wrongSecondFactor = "the code of the second factor was wrong"
)

// OwnEntries are those of them that the audit logs of all publishers they work for
// have.
var OwnEntries = []string{OwnSignIn, OwnSignInFailed, OwnJoin, OwnSignOut, OwnPassword, OwnSecondFactor, OwnEndSession, OwnEndOthers, OwnConfirmFailed}

// own does something that members of staff do with their own accounts, after writing
// it into the logs of all their publishers. When it fails, that is noted, too.
func (s *Service) own(ctx context.Context, m authstore.Staff, ip, act string, fn func() error) error {
	entries := ownEntries(m, ip, act, "")
	if err := s.Store.AuditAll(ctx, entries); err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	err := fn()
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTime)
	defer cancel()
	for _, e := range entries {
		if noted := s.Store.AuditFailed(ctx, e, reason(err)); noted != nil {
			err = errors.Join(err, noted)
		}
	}
	return err
}

func ownEntries(m authstore.Staff, ip, act, failed string) (entries []authstore.AuditEntry) {
	for publisher := range m.Roles {
		entries = append(entries, authstore.AuditEntry{
			PublisherID: publisher, Actor: m.ID, ActorName: m.Email, Act: act, Target: m.ID, IP: ip, Error: failed,
		})
	}
	return entries
}

// reason returns what the log says of an error.
func reason(err error) string {
	var limit *customer.LimitError
	if errors.As(err, &limit) {
		return limit.Error()
	}
	for _, sentinel := range []error{
		staff.ErrConfirmation, staff.ErrCode, staff.ErrStepUp, staff.ErrRefused, customer.ErrBusy,
		customer.ErrPasswordShort, customer.ErrPasswordLong, customer.ErrPasswordSimple, customer.ErrPasswordCommon,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	return "internal error"
}

// signIn signs a member of staff in, and writes it into the logs of their publishers;
// a wrong password, too. The session may be incomplete, see completeSignIn. Errors: those
// of staff.Service.SignIn.
func (s *Service) signIn(ctx context.Context, address, password string, d staff.Device) (staff.Entry, error) {
	e, err := s.Staff.SignIn(ctx, address, password, d)
	if errors.Is(err, staff.ErrCredentials) {
		if noted := s.noteRefused(ctx, address, d.IP); noted != nil {
			return e, noted // or nobody would learn that the log cannot be written
		}
	}
	if err != nil || !e.Session.Complete {
		return e, err
	}
	return s.noteSignIn(ctx, e, d)
}

// noteRefused writes down that a password was wrong. For an address without an
// account that is as much work, and leaves no trace.
func (s *Service) noteRefused(ctx context.Context, address, ip string) error {
	email, err := customer.ParseEmail(address)
	if err != nil {
		return nil
	}
	m, err := s.Store.StaffByEmail(ctx, email.Key)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return fmt.Errorf("reading a staff member: %w", err)
	}
	if err := s.Store.AuditAll(ctx, ownEntries(m, ip, OwnSignInFailed, wrongPassword)); err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// noteSignIn writes down that a member is signed in, or lets them in no further.
func (s *Service) noteSignIn(ctx context.Context, e staff.Entry, d staff.Device) (staff.Entry, error) {
	if err := s.Store.AuditAll(ctx, ownEntries(e.Staff, d.IP, OwnSignIn, "")); err != nil {
		return staff.Entry{}, errors.Join(fmt.Errorf("writing the audit log: %w", err), s.Staff.SignOut(ctx, e.Session))
	}
	return e, nil
}

// completeSignIn completes a sign-in by the second factor, and writes it into the
// logs; a wrong code, too. Errors: those of staff.Service.SecondFactor.
func (s *Service) completeSignIn(ctx context.Context, m authstore.Staff, session authstore.StaffSession, code string, d staff.Device) (staff.Entry, error) {
	e, err := s.Staff.SecondFactor(ctx, session, code, d)
	if errors.Is(err, staff.ErrCode) {
		if noted := s.Store.AuditAll(ctx, ownEntries(m, d.IP, OwnSignInFailed, wrongSecondFactor)); noted != nil {
			return e, fmt.Errorf("writing the audit log: %w", noted)
		}
	}
	if err != nil {
		return e, err
	}
	return s.noteSignIn(ctx, e, d)
}

// StepUp notes that a member has proved again who they are; that they did not, it
// writes into the logs of their publishers, as a wrong password at the sign-in: it may
// be somebody who has found the browser open. Errors: those of staff.Service.StepUp.
func (s *Service) StepUp(ctx context.Context, m authstore.Staff, session authstore.StaffSession, password, code string, d staff.Device) (proof string, err error) {
	proof, err = s.Staff.StepUp(ctx, session, password, code, d)
	if errors.Is(err, staff.ErrConfirmation) {
		if noted := s.Store.AuditAll(ctx, ownEntries(m, d.IP, OwnConfirmFailed, reason(err))); noted != nil {
			return "", fmt.Errorf("writing the audit log: %w", noted)
		}
	}
	return proof, err
}

// accept uses up an invitation, and writes it into the logs of the publishers that it
// is for. Errors: those of staff.Service.Accept.
func (s *Service) accept(ctx context.Context, given, password string, d staff.Device) (staff.Entry, error) {
	i, _, err := s.Staff.Invitation(ctx, given)
	if err != nil {
		return staff.Entry{}, err
	}
	e, err := s.Staff.Accept(ctx, given, password, d)
	if err != nil {
		return e, err
	}
	joined := e.Staff
	joined.Roles = i.Roles
	entries := ownEntries(joined, d.IP, OwnJoin, "")
	if e.Session.Complete {
		entries = append(entries, ownEntries(e.Staff, d.IP, OwnSignIn, "")...)
	}
	if err := s.Store.AuditAll(ctx, entries); err != nil {
		return staff.Entry{}, errors.Join(fmt.Errorf("writing the audit log: %w", err), s.Staff.SignOut(ctx, e.Session))
	}
	return e, nil
}
