// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package staff owns the accounts of those who work for publishers: invitations,
// sign-in with a second factor, sessions, and roles. It refuses to tell whether
// an address has an account, to let an owner do without a second factor, and to
// leave a publisher without an owner. What a role may do is decided by the
// journeys above it; customers are not its business.
package staff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
)

var (
	// ErrCredentials says that address and password do not belong together, for
	// whichever reason: no such account, wrong password, disabled.
	ErrCredentials = errors.New("wrong email or password")

	// ErrRefused says that a proof belongs to no live session.
	ErrRefused = errors.New("session is over or was never there")

	// ErrCode says that a code is not that of the second factor, has served
	// before, or is none of the recovery codes that are left.
	ErrCode = errors.New("the code is wrong or was used before")

	// ErrConfirmation says that password and second factor, given again, are not
	// those of the session's owner.
	ErrConfirmation = errors.New("the password or the code is wrong")

	// ErrInvitation says that an invitation cannot be accepted: it is used,
	// expired, replaced by a newer one, or its inviter may no longer invite.
	ErrInvitation = errors.New("the invitation is no longer good")

	// ErrIncomplete says that the session still waits for the second factor.
	ErrIncomplete = errors.New("the second factor is missing")

	// ErrStepUp says that the session's owner must prove again who they are, by
	// StepUp.
	ErrStepUp = errors.New("prove again who you are")

	// ErrRole says that a role is none of Roles.
	ErrRole = errors.New("not a role")

	// ErrName says that a name is too long or has characters that cannot be shown.
	ErrName = errors.New("not a valid name")
)

const (
	// InvitationLife is how long an invitation can be accepted.
	InvitationLife = 72 * time.Hour

	// steppedUpFor is how long a proof of who somebody is counts as fresh.
	steppedUpFor = 10 * time.Minute

	// touchEvery is how often the use of a session is noted.
	touchEvery = time.Minute

	// maxName is the most characters of a name.
	maxName = 100
)

// Roles are the roles, from the one that may do most.
var Roles = []authstore.Role{authstore.RoleOwner, authstore.RoleEditor, authstore.RoleSupport, authstore.RoleReadOnly}

// CheckRole returns nil for one of Roles, and ErrRole with the list of them
// otherwise.
func CheckRole(role authstore.Role) error {
	if slices.Contains(Roles, role) {
		return nil
	}
	return fmt.Errorf("%w: %q; write one of %v", ErrRole, role, Roles)
}

// NeedsSecondFactor tells whether a member owns a publisher and has no second
// factor: all they may do is to set one up.
func NeedsSecondFactor(m authstore.Staff) bool {
	if len(m.TOTP) > 0 {
		return false
	}
	for _, role := range m.Roles {
		if role == authstore.RoleOwner {
			return true
		}
	}
	return false
}

// Device is where somebody comes from.
type Device struct {
	IP        string
	UserAgent string

	// Known is Entry.Known of an earlier sign-in in the same browser, or "".
	Known string

	// Before is the proof of a session that the same browser had until now, which
	// ends when another begins; or "".
	Before string
}

// Entry is what a sign-in gives. Proof is for the browser's cookie; nobody else
// keeps it.
type Entry struct {
	Staff   authstore.Staff
	Session authstore.StaffSession
	Proof   string

	// Known is for the browser to keep, once the session is complete: with it, its
	// owner can sign in even while strangers have used up the account's tries.
	Known string
}

// Config is what a Service stands on.
type Config struct {
	Store    *authstore.Store
	Hasher   *customer.Hasher   // shared by all of one process
	Throttle *throttle.Throttle // likewise
	Root     secret.Root
	Issuer   string // who second factors are for, as an authenticator app shows it
}

// Service invites staff, signs them in and looks after their accounts. Safe for
// concurrent use.
type Service struct {
	store   *authstore.Store
	hasher  *customer.Hasher
	limits  limits
	factors *secret.Sealer
	devices secret.Marker
	issuer  string
}

// NewService returns a Service.
func NewService(c Config) *Service {
	return &Service{
		store: c.Store, hasher: c.Hasher, limits: limits{c.Throttle},
		factors: secret.NewSealer(c.Root, "staff second factor"), devices: secret.NewMarker(c.Root, "known staff device"),
		issuer: strings.ReplaceAll(c.Issuer, ":", " "), // which separates it from the account
	}
}

// A proof reads <id>.<secret>, so that a session is found by its public id and
// only the digest of the secret is stored.

// newProof returns a new proof of a session and the digest of its secret.
func newProof(id string) (proof, digest string) {
	s := secret.New()
	return id + "." + s, secret.Digest(s)
}

// start describes a session to begin, and returns its proof.
func (s *Service) start(ctx context.Context, d Device) (authstore.StaffStart, string, error) {
	id := secret.NewID()
	proof, digest := newProof(id)
	start := authstore.StaffStart{ID: id, Digest: digest, IP: d.IP, UserAgent: session.CutUserAgent(d.UserAgent)}
	_, before, err := s.proven(ctx, d.Before)
	if errors.Is(err, ErrRefused) {
		return start, proof, nil
	}
	start.Replaces = before.ID
	return start, proof, err
}

// proven returns the live session that a proof belongs to. Errors: ErrRefused.
func (s *Service) proven(ctx context.Context, proof string) (authstore.Staff, authstore.StaffSession, error) {
	id, shown, _ := strings.Cut(proof, ".")
	m, session, err := s.store.StaffSession(ctx, id)
	if err == nil && !secret.Matches(session.Digest, shown) {
		err = authstore.ErrNotFound
	}
	if errors.Is(err, authstore.ErrNotFound) {
		return authstore.Staff{}, authstore.StaffSession{}, ErrRefused
	}
	if err != nil {
		return authstore.Staff{}, authstore.StaffSession{}, fmt.Errorf("reading a staff session: %w", err)
	}
	return m, session, nil
}

// Authenticate returns the session that a proof belongs to, and whose it is, as
// both are stored now, and notes that it is used. The session may be incomplete:
// then all that its owner may do is to give the second factor. Errors:
// ErrRefused.
func (s *Service) Authenticate(ctx context.Context, proof string) (authstore.Staff, authstore.StaffSession, error) {
	m, session, err := s.proven(ctx, proof)
	if err != nil || s.store.Now().Sub(session.Seen) < touchEvery {
		return m, session, err
	}
	if err := s.store.TouchStaffSession(ctx, session.ID); err != nil {
		return authstore.Staff{}, authstore.StaffSession{}, fmt.Errorf("noting the use of a staff session: %w", err)
	}
	return m, session, nil
}

// SteppedUp tells whether the owner of a complete session proved who they are a
// short while ago, as dangerous acts want it. A fresh sign-in counts.
func (s *Service) SteppedUp(session authstore.StaffSession) bool {
	return session.Complete && s.store.Now().Before(session.Confirmed.Add(steppedUpFor))
}
