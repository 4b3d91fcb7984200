// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package customer owns viewers' accounts: addresses, passwords, registration
// and login. It refuses to tell whether an address has an account, except
// where the MediaStore contract makes registration say so, and it answers an
// unknown address at the same cost as a wrong password.
package customer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

var (
	// ErrExists says that the address has an account at the publisher already.
	ErrExists = errors.New("customer already exists")

	// ErrExternalID says that another customer of the publisher has the
	// external id.
	ErrExternalID = errors.New("externalId already exists")

	// ErrCredentials says that address and password do not belong together,
	// for whichever reason: no such account, wrong password, disabled.
	ErrCredentials = errors.New("wrong email or password")
)

// LimitError says that there were too many tries, and when the next may be
// made.
type LimitError struct{ RetryAfter time.Duration }

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many tries; try again in %s", e.RetryAfter.Round(time.Second))
}

// Service registers customers and logs them in. Safe for concurrent use.
type Service struct {
	store    *authstore.Store
	sessions *session.Manager
	hasher   *Hasher
	limits   *Limits
	notices  *notice.Sender
	devices  secret.Marker
	codes    secret.Marker
}

// NewService returns a Service. hasher and limits are shared by all Services
// of one process.
func NewService(store *authstore.Store, sessions *session.Manager, hasher *Hasher, limits *Limits, notices *notice.Sender, root secret.Root) *Service {
	return &Service{
		store: store, sessions: sessions, hasher: hasher, limits: limits, notices: notices,
		devices: secret.NewMarker(root, "known device"), codes: secret.NewMarker(root, "mailed code"),
	}
}

// Arrival is where somebody comes from who registers or logs in, and what they
// are to be given.
type Arrival struct {
	Device   session.Device
	Start    session.Start
	Country  string // of the device's address, two letters, or "" when it is not known
	OfferID  string // the offer that was named instead of a publisher
	Replaced string // session that the same browser had before, or ""
	Known    string // Entry.Known of an earlier visit of the same browser, or ""
	Back     string // a query for links in mails, which leads back to where the viewer came from
}

// Entry is what a successful registration or login gives.
type Entry struct {
	Customer authstore.Customer
	Session  authstore.Session
	Secrets  session.Secrets

	// Known is for the browser to keep: with it, its owner can log in even
	// while strangers have used up the account's tries.
	Known string
}

// Registration is a new customer as it arrives.
type Registration struct {
	Email    string
	Password string
	Profile  authstore.Customer // names, locale, external data; identity fields are ignored
	Answers  []consent.Answer
}

// Register creates a customer of the publisher with an e-mail and password
// identity and its first session, all or nothing. Errors: ErrEmail, the errors
// of CheckPassword, those of consent.Records, ErrExists, ErrExternalID, ErrBusy,
// *LimitError.
func (s *Service) Register(ctx context.Context, p authstore.Publisher, r Registration, from Arrival) (Entry, error) {
	email, err := ParseEmail(r.Email)
	if err != nil {
		return Entry{}, err
	}
	if err := CheckPassword(r.Password, email.Local(), p.Name); err != nil {
		return Entry{}, err
	}
	answers, err := consent.Records(p.Consents, r.Answers, from.Device.IP)
	if err != nil {
		return Entry{}, err
	}
	if err := s.limits.registration(from.Device.IP); err != nil {
		return Entry{}, err
	}
	encoded, err := s.hasher.Hash(ctx, r.Password)
	if err != nil {
		return Entry{}, fmt.Errorf("hashing a password: %w", err)
	}
	e, err := s.create(ctx, p, authstore.Registration{
		Customer: r.Profile, Identity: authstore.Identity{Password: encoded}, Answers: answers,
	}, email, false, from)
	if errors.Is(err, ErrExists) {
		if failed := s.tellOwner(ctx, p, email); failed != nil {
			err = failed
		}
	}
	return e, err
}

// tellOwner lets the owner of an address know that somebody tried to register
// with it, at the spelling that the account has: a mail server that heeds case
// might have another owner for the one that was typed.
func (s *Service) tellOwner(ctx context.Context, p authstore.Publisher, email Email) error {
	c, _, err := s.store.CustomerByIdentity(ctx, p.ID, authstore.ProviderPassword, email.Key)
	if errors.Is(err, authstore.ErrNotFound) {
		return nil // erased meanwhile
	}
	if err != nil {
		return fmt.Errorf("reading a customer: %w", err)
	}
	return s.notices.AccountExists(ctx, c)
}

// create stores a customer with an address, and a first session. verified says that
// they have proved to read mail there.
func (s *Service) create(ctx context.Context, p authstore.Publisher, r authstore.Registration, email Email, verified bool, from Arrival) (Entry, error) {
	c := r.Customer
	c.PublisherID, c.Email, c.LastIP, c.Disabled = p.ID, email.Address, cmp.Or(from.Device.LastIP, from.Device.IP), false
	c.EmailVerified = time.Time{}
	if verified {
		c.EmailVerified = s.store.Now()
	} else {
		r.Tell = verification(p, from.Back)
	}
	started, given := s.sessions.Prepare(c, from.OfferID, from.Device, from.Start)
	if from.Start != session.None {
		r.Session = &started
	}
	r.Customer, r.Replaces = c, from.Replaced
	r.Identity.Provider, r.Identity.Subject = authstore.ProviderPassword, email.Key
	c, err := s.sessions.Register(ctx, r)
	switch {
	case errors.Is(err, authstore.ErrTaken):
		return Entry{}, ErrExists
	case errors.Is(err, authstore.ErrExternalIDTaken):
		return Entry{}, ErrExternalID
	case err != nil:
		return Entry{}, fmt.Errorf("storing a registration: %w", err)
	}
	s.notices.Wake()
	started.CustomerID = c.ID
	known := s.deviceToken(from.Known, p.ID, email.Key)
	return Entry{c, started, given, known}, nil
}

// Login starts a session of the customer with that address and password at the
// publisher. Errors: ErrEmail, ErrCredentials, ErrBusy, *LimitError.
func (s *Service) Login(ctx context.Context, p authstore.Publisher, address, password string, from Arrival) (Entry, error) {
	c, identity, err := s.ByPassword(ctx, p, address, password, from)
	if err != nil {
		return Entry{}, err
	}
	return s.Admit(ctx, c, identity, from)
}

// ByPassword returns the customer with that address and password at the publisher, and
// the identity that proves it. Errors: those of Login.
func (s *Service) ByPassword(ctx context.Context, p authstore.Publisher, address, password string, from Arrival) (authstore.Customer, authstore.Identity, error) {
	email, err := ParseEmail(address)
	if err != nil {
		return authstore.Customer{}, authstore.Identity{}, err
	}
	who, known := s.knownDevice(from.Known, p.ID, email.Key)
	if !known {
		who = accountKey(p.ID, email.Key)
	}
	if err := s.limits.login(who, from.Device.IP); err != nil {
		return authstore.Customer{}, authstore.Identity{}, err
	}
	c, identity, err := s.store.CustomerByIdentity(ctx, p.ID, authstore.ProviderPassword, email.Key)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return c, identity, fmt.Errorf("reading a customer: %w", err)
	}
	// An unknown address has an empty hash, which costs as much to refuse.
	ok, err := s.hasher.Verify(ctx, identity.Password, password)
	if err != nil {
		return c, identity, fmt.Errorf("checking a password: %w", err)
	}
	if !ok || c.Disabled {
		s.limits.Failures.count(p.ID, s.store.Now())
		return authstore.Customer{}, authstore.Identity{}, ErrCredentials
	}
	s.limits.succeeded(who, from.Device.IP)
	return c, identity, nil
}
