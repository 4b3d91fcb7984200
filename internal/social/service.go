// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

var (
	// ErrJoin says that somebody who was about to join took too long, has joined
	// already, or is not known at all.
	ErrJoin = errors.New("nobody waits to join under this token")

	// ErrClosed says that the customer of an identity may not sign in.
	ErrClosed = errors.New("the account may not sign in")

	// ErrTaken says that an identity is another customer's.
	ErrTaken = errors.New("the identity belongs to another account")

	// ErrLastWay says that a customer could not sign in any more.
	ErrLastWay = errors.New("it is the last way to sign in")

	// ErrOther says that somebody has proved to be somebody else than the customer who
	// is signed in.
	ErrOther = errors.New("the identity is not one of the customer's")

	// ErrRedirect says that a publisher does not allow an app's redirect URI.
	ErrRedirect = errors.New("the redirect URI is not allowed")

	// ErrCode says that an app's code is wrong, used or too old, or not for who shows it.
	ErrCode = errors.New("the code is not valid")
)

// Config is what a Service stands on.
type Config struct {
	Hub       publisher.Origin
	Store     *authstore.Store
	Customers *customer.Service
	Sessions  *session.Manager
	Notices   *notice.Sender
	Root      secret.Root

	// Providers are those of each publisher, in the order of its buttons.
	Providers map[int64][]*Provider

	// Redirects are the addresses that each publisher's apps are led back to, besides
	// those of its sites: compared whole, but for the port of loopback ones (RFC 8252,
	// section 7.3).
	Redirects map[int64][]string
}

// Service signs people in by accounts elsewhere. Safe for concurrent use.
type Service struct {
	Config
	store  *authstore.Store
	sealer *secret.Sealer
}

// NewService returns a Service.
func NewService(c Config) *Service {
	return &Service{Config: c, store: c.Store, sealer: secret.NewSealer(c.Root, "social sign-in")}
}

// At returns a publisher's providers in their order.
func (s *Service) At(publisher int64) []*Provider { return s.Providers[publisher] }

// Provider returns a publisher's provider by name.
func (s *Service) Provider(publisher int64, name string) (*Provider, bool) {
	i := slices.IndexFunc(s.Providers[publisher], func(p *Provider) bool { return p.Name == name })
	if i < 0 {
		return nil, false
	}
	return s.Providers[publisher][i], true
}

// Callback returns where a provider answers. It is the same for all publishers.
func (s *Service) Callback(name string) string { return string(s.Hub) + CallbackPath(name) }

// CallbackPath is Callback's path.
func CallbackPath(name string) string { return "/login/" + url.PathEscape(name) + "/callback" }

// AuthorizePath is where the hub begins a sign-in for an app (RFC 8252). The app's
// request goes with the visit, sealed, until nothing is due any more.
const AuthorizePath = "/social/authorize"

// purposeAttempt is that of tickets which note that an attempt was answered.
const purposeAttempt authstore.Purpose = "social attempt"

// Spend notes that an attempt was answered. Errors: ErrRefused when it was before.
func (s *Service) Spend(ctx context.Context, a Attempt) error {
	err := s.store.IssueTicketOnce(ctx, secret.Digest("attempt/"+a.State), authstore.Ticket{
		Purpose: purposeAttempt, PublisherID: a.Publisher, Expires: a.Expires,
	})
	if errors.Is(err, authstore.ErrUsed) {
		return fmt.Errorf("%w: the attempt was answered before", ErrRefused)
	}
	if err != nil {
		return fmt.Errorf("noting that an attempt was answered: %w", err)
	}
	return nil
}
