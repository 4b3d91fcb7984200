// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
)

// Way is a way in which a customer signs in.
type Way struct {
	Provider *Provider // nil for a password, and for one that is no longer configured
	Issuer   string    // authstore.ProviderPassword for a password
	Subject  string
	Created  time.Time
	Last     bool // the only one, which cannot be removed; nor can a password
}

func (w Way) password() bool { return w.Issuer == authstore.ProviderPassword }

// Ways returns the ways in which a customer signs in, a password first. An identity that only keeps an
// address, without a password, is none.
func (s *Service) Ways(ctx context.Context, p authstore.Publisher, c authstore.Customer) ([]Way, error) {
	all, err := s.store.Identities(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the identities of customer %d: %w", c.ID, err)
	}
	usable := s.usable(p.ID)
	n := 0
	for _, i := range all {
		if usable(i) {
			n++
		}
	}
	var ways []Way
	for _, i := range all {
		if i.Provider == authstore.ProviderPassword && i.Password == "" {
			continue
		}
		w := Way{Issuer: i.Provider, Subject: i.Subject, Created: i.Created, Last: n == 1 && usable(i)}
		if provider, ok := s.byIssuer(p.ID, i.Provider); ok {
			w.Provider = provider
		}
		ways = append(ways, w)
	}
	slices.SortStableFunc(ways, func(a, b Way) int {
		if a.password() != b.password() {
			return map[bool]int{true: -1, false: 1}[a.password()]
		}
		return a.Created.Compare(b.Created)
	})
	return ways, nil
}

func (s *Service) byIssuer(publisher int64, issuer string) (*Provider, bool) {
	i := slices.IndexFunc(s.Providers[publisher], func(p *Provider) bool { return p.issuer == issuer })
	if i < 0 {
		return nil, false
	}
	return s.Providers[publisher][i], true
}

// usable tells by which identities the customers of a publisher can sign in.
func (s *Service) usable(publisher int64) func(authstore.Identity) bool {
	return func(i authstore.Identity) bool {
		if i.Provider == authstore.ProviderPassword {
			return i.Password != ""
		}
		_, configured := s.byIssuer(publisher, i.Provider)
		return configured
	}
}

// called returns what people call the provider of an identity.
func (s *Service) called(publisher int64, issuer string) string {
	if p, ok := s.byIssuer(publisher, issuer); ok {
		return p.Called()
	}
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		return u.Host
	}
	return issuer
}

// Fresh is for how long after a proof of who they are a customer may change how they
// sign in.
const Fresh = 10 * time.Minute

// IsFresh tells whether the customer of a session has proved lately who they are.
func (s *Service) IsFresh(h authstore.Session) bool {
	return s.store.Now().Sub(h.SignedIn()) < Fresh
}

// Link adds an identity to a customer's, and tells them by mail. Linking twice is no
// error. Errors: ErrTaken, ErrClosed.
func (s *Service) Link(ctx context.Context, p authstore.Publisher, c authstore.Customer, who Person) error {
	_, err := s.Sessions.Link(ctx, authstore.Linking{Customer: c.ID, Identity: who.identity(), Tell: s.added(p.ID, who)})
	switch {
	case errors.Is(err, authstore.ErrTaken):
		return ErrTaken
	case errors.Is(err, authstore.ErrNotFound):
		return ErrClosed
	case err != nil:
		return fmt.Errorf("linking an identity to customer %d: %w", c.ID, err)
	}
	s.Notices.Wake()
	return nil
}

// Unlink removes an identity from a customer's, ends their sessions but keep, and tells
// them by mail. A password is not removed. Errors: ErrLastWay, authstore.ErrNotFound.
func (s *Service) Unlink(ctx context.Context, p authstore.Publisher, c authstore.Customer, issuer, subject, keep string) error {
	err := s.Sessions.EndByUnlinking(ctx, authstore.Unlinking{
		Customer: c.ID, Provider: issuer, Subject: subject, Usable: s.usable(p.ID), Keep: keep,
		Tell: []authstore.Mail{{Kind: notice.WayRemoved, Data: map[string]string{notice.Provider: s.called(p.ID, issuer)}}},
	})
	if errors.Is(err, authstore.ErrLastIdentity) {
		return ErrLastWay
	}
	if err != nil {
		return fmt.Errorf("unlinking an identity of customer %d: %w", c.ID, err)
	}
	s.Notices.Wake()
	return nil
}

// Owns tells whether an identity is one of a customer's. Errors: ErrOther.
func (s *Service) Owns(ctx context.Context, c authstore.Customer, who Person) error {
	owner, _, err := s.store.CustomerByIdentity(ctx, c.PublisherID, who.Issuer, who.Subject)
	if errors.Is(err, authstore.ErrNotFound) || err == nil && owner.ID != c.ID {
		return ErrOther
	}
	if err != nil {
		return fmt.Errorf("reading a customer: %w", err)
	}
	return nil
}
