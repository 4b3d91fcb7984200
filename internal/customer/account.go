// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
)

// Proved checks the password of a signed-in customer before something that a
// borrowed device must not do. It counts as a try to log in. Errors:
// ErrConfirmation, *LimitError, ErrBusy.
func (s *Service) Proved(ctx context.Context, c authstore.Customer, password, ip string) error {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	_, err = s.confirm(ctx, c, email, password, ip)
	return err
}

// HasPassword tells whether a customer can prove by a password that it is them.
// Who came by the publisher's own login may have none.
func (s *Service) HasPassword(ctx context.Context, c authstore.Customer) (bool, error) {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return false, fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	_, identity, err := s.store.CustomerByIdentity(ctx, c.PublisherID, authstore.ProviderPassword, email.Key)
	if errors.Is(err, authstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading a customer: %w", err)
	}
	return identity.CustomerID == c.ID && identity.Password != "", nil
}

// ChangePassword gives a customer who knows the old password a new one, ends all
// their sessions but keep, and tells them by mail. Errors: ErrConfirmation, those
// of CheckPassword, *LimitError, ErrBusy.
func (s *Service) ChangePassword(ctx context.Context, p authstore.Publisher, c authstore.Customer, old, password, keep, ip string) error {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	if err := CheckPassword(password, email.Local(), p.Name); err != nil {
		return err
	}
	identity, err := s.confirm(ctx, c, email, old, ip)
	if err != nil {
		return err
	}
	return s.replacePassword(ctx, c, email, identity.Password, password, keep)
}

// ChoosePassword is ChangePassword for a customer who has none, and has proved otherwise
// who they are. Errors: ErrConfirmation when they have one, those of CheckPassword,
// ErrBusy.
func (s *Service) ChoosePassword(ctx context.Context, p authstore.Publisher, c authstore.Customer, password, keep string) error {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	if err := CheckPassword(password, email.Local(), p.Name); err != nil {
		return err
	}
	return s.replacePassword(ctx, c, email, "", password, keep)
}

func (s *Service) replacePassword(ctx context.Context, c authstore.Customer, email Email, old, password, keep string) error {
	encoded, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hashing a password: %w", err)
	}
	err = s.sessions.EndByChange(ctx, authstore.PasswordChange{
		Customer: c.ID, Subject: email.Key, Old: old, Encoded: encoded, Keep: keep, Kills: purposeReset,
		Tell: []authstore.Mail{{Kind: notice.PasswordChanged}},
	})
	if errors.Is(err, authstore.ErrNotFound) {
		return ErrConfirmation // overtaken by another change
	}
	s.notices.Wake()
	return err
}

// EndSession ends one of a customer's sessions. One that is over already, or
// somebody else's, is no error: afterwards it is not among theirs.
func (s *Service) EndSession(ctx context.Context, customer int64, id string) error {
	_, err := s.store.OwnSession(ctx, customer, id)
	if errors.Is(err, authstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading a session: %w", err)
	}
	return s.sessions.End(ctx, id)
}

// Export is everything that is kept of a customer, for them to take along
// (GDPR, article 20). Secrets and their digests are not in it.
type Export struct {
	Made       time.Time                 `json:"made"`
	Publisher  string                    `json:"publisher"`
	Customer   authstore.Customer        `json:"customer"`
	Identities []ExportedIdentity        `json:"identities"`
	Consents   []authstore.ConsentRecord `json:"consents"`
	Capture    map[string]string         `json:"capture"`
	Sessions   []ExportedSession         `json:"sessions"`
}

// ExportedIdentity is a way to sign in.
type ExportedIdentity struct {
	Provider string    `json:"provider"`
	Subject  string    `json:"subject"`
	Created  time.Time `json:"created"`
}

// ExportedSession is a sign-in on one device.
type ExportedSession struct {
	Created   time.Time `json:"created"`
	Seen      time.Time `json:"seen"`
	IP        string    `json:"ip"`
	UserAgent string    `json:"userAgent"`
	Sites     []string  `json:"sites"`
}

// Export collects what is kept of a customer. Errors: authstore.ErrNotFound.
func (s *Service) Export(ctx context.Context, p authstore.Publisher, customer int64) (Export, error) {
	st, err := s.store.Standing(ctx, customer)
	if err != nil {
		return Export{}, err
	}
	x := Export{Made: s.store.Now(), Publisher: p.Name, Customer: st.Customer, Capture: st.Capture.Values}
	identities, err := s.store.Identities(ctx, customer)
	if err != nil {
		return Export{}, err
	}
	for _, i := range identities {
		x.Identities = append(x.Identities, ExportedIdentity{i.Provider, i.Subject, i.Created})
	}
	if x.Consents, err = s.store.ConsentHistory(ctx, customer); err != nil {
		return Export{}, err
	}
	sessions, err := s.store.CustomerSessions(ctx, customer)
	if err != nil {
		return Export{}, err
	}
	slices.SortFunc(sessions, func(a, b authstore.Session) int { return a.Created.Compare(b.Created) })
	for _, session := range sessions {
		e := ExportedSession{Created: session.Created, Seen: session.Seen, IP: session.IP, UserAgent: session.UserAgent}
		e.Sites = slices.Sorted(maps.Keys(session.Sites))
		x.Sessions = append(x.Sessions, e)
	}
	return x, nil
}
