// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
)

// Outcome is what becomes of somebody: they are in, or something is missing, which
// they may tell under a token.
type Outcome struct {
	Entry *customer.Entry
	Join  string
}

// Enter signs in the customer of an identity. A person who has none becomes one when
// nothing is missing; with profile's country, currency and locale. Errors: ErrClosed,
// *customer.LimitError.
func (s *Service) Enter(ctx context.Context, p authstore.Publisher, who Person, profile authstore.Customer, from customer.Arrival) (Outcome, error) {
	j := newJoin(who, profile)
	o, err := again(func() (Outcome, error) { return s.enter(ctx, p, j, from) })
	if errors.Is(err, customer.ErrCredentials) {
		err = ErrClosed
	}
	return o, err
}

// again takes a step that somebody else may overtake, and takes it once more then: it
// meets what they have done.
func again[T any](step func() (T, error)) (T, error) {
	done, err := step()
	if overtaken(err) {
		done, err = step()
	}
	return done, err
}

// overtaken tells whether a step has failed because something was changed meanwhile.
func overtaken(err error) bool {
	return errors.Is(err, customer.ErrExists) || errors.Is(err, customer.ErrCredentials) || errors.Is(err, authstore.ErrTaken)
}

func (s *Service) enter(ctx context.Context, p authstore.Publisher, j join, from customer.Arrival) (Outcome, error) {
	e, err := s.known(ctx, p, j.Person, authstore.TicketUse{}, from)
	if !errors.Is(err, authstore.ErrNotFound) {
		return in(e, err)
	}
	missing, err := s.missing(ctx, p, j)
	if err != nil {
		return Outcome{}, err
	}
	if missing.nothing() {
		if err := s.Customers.LimitJoining(from.Device.IP); err != nil {
			return Outcome{}, err
		}
		return in(s.create(ctx, p, j, authstore.TicketUse{}, from))
	}
	if missing.Proof { // the address may be theirs since a moment ago, by another tab
		if e, err := s.known(ctx, p, j.Person, authstore.TicketUse{}, from); !errors.Is(err, authstore.ErrNotFound) {
			return in(e, err)
		}
	}
	token := secret.New()
	if err := s.store.IssueTicket(ctx, secret.Digest(token), j.ticket(p, s.store.Now().Add(JoinLife))); err != nil {
		return Outcome{}, fmt.Errorf("noting who is about to join: %w", err)
	}
	return Outcome{Join: token}, nil
}

func in(e customer.Entry, err error) (Outcome, error) {
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Entry: &e}, nil
}

// known signs in the customer whom a person is already, and uses a ticket up. Errors:
// authstore.ErrNotFound when they are none, ErrClosed, those of customer.Service.Admit.
func (s *Service) known(ctx context.Context, p authstore.Publisher, who Person, use authstore.TicketUse, from customer.Arrival) (customer.Entry, error) {
	c, identity, err := s.store.CustomerByIdentity(ctx, p.ID, who.Issuer, who.Subject)
	switch {
	case errors.Is(err, authstore.ErrNotFound):
		return s.trusted(ctx, p, who, use, from)
	case err != nil:
		return customer.Entry{}, fmt.Errorf("reading a customer: %w", err)
	case c.Disabled:
		return customer.Entry{}, ErrClosed
	}
	return s.Customers.AdmitByLink(ctx, c, authstore.Linking{Identity: identity, Proofs: []authstore.Identity{identity}, Uses: use}, from)
}

// trusted is known for a person of the publisher's own identity provider, whose word on
// the external id decides, as that of the publisher's server does.
func (s *Service) trusted(ctx context.Context, p authstore.Publisher, who Person, use authstore.TicketUse, from customer.Arrival) (customer.Entry, error) {
	provider, ok := s.Provider(p.ID, who.Provider)
	if !ok || !provider.Trusted || provider.issuer != who.Issuer || who.Mapped[externalID] == "" {
		return customer.Entry{}, authstore.ErrNotFound
	}
	c, err := s.store.CustomerByExternalID(ctx, p.ID, who.Mapped[externalID])
	switch {
	case errors.Is(err, authstore.ErrNotFound):
		return customer.Entry{}, err
	case err != nil:
		return customer.Entry{}, fmt.Errorf("reading a customer: %w", err)
	case c.Disabled:
		return customer.Entry{}, ErrClosed
	}
	return s.Customers.AdmitByLink(ctx, c, authstore.Linking{Identity: who.identity(), Uses: use}, from)
}

// externalID is the name of the claim that says who somebody is to the publisher.
const externalID = "externalId"

func (w Person) identity() authstore.Identity {
	return authstore.Identity{Provider: w.Issuer, Subject: w.Subject}
}

// create makes a person a customer. Errors: those of customer.Service.Create.
func (s *Service) create(ctx context.Context, p authstore.Publisher, j join, use authstore.TicketUse, from customer.Arrival) (customer.Entry, error) {
	n := customer.Newcomer{
		Email: j.Email, Verified: j.verified(), Answers: j.Answers, Identity: j.Person.identity(), Uses: use,
		Profile: authstore.Customer{
			FirstName: j.Person.FirstName, LastName: j.Person.LastName, ExternalID: j.Person.Mapped[externalID],
			Country: j.Country, Currency: j.Currency, Locale: j.Locale,
		},
	}
	n.Capture = s.captured(p, &n.Profile, j.Person.Mapped)
	e, err := s.Customers.Create(ctx, p, n, from)
	if errors.Is(err, customer.ErrExternalID) { // somebody else's, and who says so is not trusted with it
		n.Profile.ExternalID = ""
		e, err = s.Customers.Create(ctx, p, n, from)
	}
	return e, err
}

// captured returns the answers that a provider's claims give. Whoever has answered
// everything by them is not asked again.
func (s *Service) captured(p authstore.Publisher, c *authstore.Customer, mapped map[string]string) authstore.CaptureAnswers {
	a := authstore.CaptureAnswers{Values: map[string]string{}}
	given := map[string]string{}
	for name, value := range mapped {
		if name != externalID {
			given[name] = value
		}
	}
	for name := range capture.Judge(p.Capture, given, s.store.Now()) {
		delete(given, name)
	}
	capture.Apply(p.Capture, given, c, &a)
	a.Buckets = capture.Buckets(p.Capture, *c, a)
	for name := range capture.Enabled(p.Capture) {
		if name != "email" && capture.Answer(name, *c, a) == "" {
			return a
		}
	}
	if len(a.Values) > 0 {
		a.Submitted = s.store.Now()
	}
	return a
}
