// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
)

// JoinLife is how long somebody may take to tell what is missing.
const JoinLife = customer.JoinLife

// join is what is kept of somebody who waits to join. The ticket that has it is used up
// in the step that makes or links the customer.
type join struct {
	Person  Person                    `json:"person"`
	Email   string                    `json:"email"` // that will be theirs
	Answers []authstore.ConsentRecord `json:"answers,omitempty"`
	Sent    bool                      `json:"sent,omitempty"`
	Proved  bool                      `json:"-"` // they have just proved to read mail at Email

	Country  string `json:"country,omitempty"`
	Currency string `json:"currency,omitempty"`
	Locale   string `json:"locale,omitempty"`
}

func newJoin(who Person, profile authstore.Customer) join {
	return join{Person: who, Email: who.Email, Country: profile.Country, Currency: profile.Currency, Locale: profile.Locale}
}

// keptJoin is the name in a ticket's Data of a join.
const keptJoin = "join"

func (j join) ticket(p authstore.Publisher, expires time.Time) authstore.Ticket {
	t := authstore.Ticket{Purpose: customer.PurposeJoin, PublisherID: p.ID, Expires: expires, Data: map[string]string{}}
	j.write(&t)
	return t
}

// write keeps a join in its ticket. A code proves one address: it dies when that is
// another.
func (j join) write(t *authstore.Ticket) {
	b, err := json.Marshal(j)
	if err != nil {
		panic("encoding a join: " + err.Error()) // plain values always encode
	}
	if key := j.key(); t.Data[authstore.Address] != key {
		t.Data[authstore.Address], t.Code = key, ""
	}
	t.Data[keptJoin] = string(b)
}

// key returns the address in its comparable form, or "" when it is none.
func (j join) key() string {
	email, err := customer.ParseEmail(j.Email)
	if err != nil {
		return ""
	}
	return email.Key
}

// verified tells whether somebody is known to read mail at their address.
func (j join) verified() bool {
	said, err := customer.ParseEmail(j.Person.Email)
	return j.Proved || err == nil && j.Person.Verified && said.Key == j.key()
}

// waiting is a join with what it takes to use it up.
type waiting struct {
	join
	ticket authstore.Ticket
	use    authstore.TicketUse
}

func (s *Service) waiting(ctx context.Context, p authstore.Publisher, token string) (waiting, error) {
	w := waiting{use: authstore.TicketUse{Digest: secret.Digest(token), Purpose: customer.PurposeJoin}}
	var err error
	w.ticket, err = s.store.Ticket(ctx, w.use.Digest, customer.PurposeJoin)
	if errors.Is(err, authstore.ErrNotFound) || err == nil && w.ticket.PublisherID != p.ID {
		return w, ErrJoin
	}
	if err != nil {
		return w, fmt.Errorf("reading who is about to join: %w", err)
	}
	if err := json.Unmarshal([]byte(w.ticket.Data[keptJoin]), &w.join); err != nil {
		return w, fmt.Errorf("reading who is about to join: %w", err)
	}
	return w, nil
}

// Joining is somebody who waits to join, and what is missing.
type Joining struct {
	Person Person

	// Email is the address that will be theirs, as the provider or they have said it.
	Email string

	// NeedEmail asks for an address: there is none yet that is one.
	NeedEmail bool

	// Consents are to be answered, when one of them is required. All of the publisher's,
	// so that a person is asked once.
	Consents []authstore.ConsentDefinition

	// Proof asks for the password of the account that has the address, or a code that
	// is mailed there. Nothing else is asked beside it.
	Proof bool

	// Sent says that a code was mailed.
	Sent bool
}

func (j Joining) nothing() bool { return !j.NeedEmail && len(j.Consents) == 0 && !j.Proof }

// Joining returns who waits under a token. Errors: ErrJoin.
func (s *Service) Joining(ctx context.Context, p authstore.Publisher, token string) (Joining, error) {
	w, err := s.waiting(ctx, p, token)
	if err != nil {
		return Joining{}, err
	}
	return s.missing(ctx, p, w.join)
}

// missing decides what somebody who is about to join has to tell.
func (s *Service) missing(ctx context.Context, p authstore.Publisher, j join) (Joining, error) {
	m := Joining{Person: j.Person, Email: j.Email, Sent: j.Sent}
	if !s.agreed(p.Consents, j.Answers) {
		m.Consents = p.Consents
	}
	if j.key() == "" {
		m.NeedEmail = true
		return m, nil
	}
	account, err := s.account(ctx, p, j)
	if err != nil {
		return Joining{}, err
	}
	if discreet(p) && !j.verified() {
		// Whether there is an account or not, it looks the same.
		m.Proof = len(m.Consents) == 0
		return m, nil
	}
	if account.ID != 0 {
		m.Consents, m.Proof = nil, true
	}
	return m, nil
}

// discreet tells whether a publisher lets nobody know who has an account with it:
// without a proof of the address, nobody gets on.
func discreet(p authstore.Publisher) bool { return p.VerifyEmail && p.VerifyWithin == 0 }

// agreed tells whether answers accept all that is required.
func (s *Service) agreed(defs []authstore.ConsentDefinition, answers []authstore.ConsentRecord) bool {
	inForce := map[string]authstore.ConsentAnswer{}
	for _, a := range answers {
		inForce[a.Name] = authstore.ConsentAnswer{Version: a.Version, State: a.State}
	}
	return !consent.Due(defs, inForce, s.store.Now())
}

// account returns the customer who has the address, or one without an id.
func (s *Service) account(ctx context.Context, p authstore.Publisher, j join) (authstore.Customer, error) {
	c, _, err := s.store.CustomerByIdentity(ctx, p.ID, authstore.ProviderPassword, j.key())
	if errors.Is(err, authstore.ErrNotFound) {
		return authstore.Customer{}, nil
	}
	if err != nil {
		return c, fmt.Errorf("reading a customer: %w", err)
	}
	return c, nil
}

// Completion is what somebody who joins has told.
type Completion struct {
	Email   string // that they want; "" leaves it as it is
	Answers []consent.Answer
	Profile authstore.Customer // country, currency, locale
}

// Complete takes what was missing. When something still is, such as a proof because the
// address has an account, the outcome is the same token. Errors: ErrJoin,
// customer.ErrEmail, those of consent.Records, ErrClosed, *customer.LimitError.
func (s *Service) Complete(ctx context.Context, p authstore.Publisher, token string, c Completion, from customer.Arrival) (Outcome, error) {
	w, err := s.waiting(ctx, p, token)
	if err != nil {
		return Outcome{}, err
	}
	if err := w.complete(p, c, from.Device.IP); err != nil {
		return Outcome{}, err
	}
	if err := s.Customers.LimitJoining(from.Device.IP); err != nil {
		return Outcome{}, err
	}
	o, err := again(func() (Outcome, error) { return s.joined(ctx, p, w, token, from) })
	return o, joinError(err)
}

// complete writes what somebody has told.
func (j *join) complete(p authstore.Publisher, c Completion, ip string) error {
	before := j.key()
	j.Email = cmp.Or(c.Email, j.Email)
	email, err := customer.ParseEmail(j.Email)
	if err != nil {
		return err
	}
	j.Email, j.Sent = email.Address, j.Sent && before == email.Key
	if len(c.Answers) > 0 {
		if j.Answers, err = consent.Records(p.Consents, c.Answers, ip); err != nil {
			return err
		}
	}
	j.Country, j.Currency, j.Locale = cmp.Or(c.Profile.Country, j.Country), cmp.Or(c.Profile.Currency, j.Currency), cmp.Or(c.Profile.Locale, j.Locale)
	return nil
}

// joined makes a customer of somebody of whom nothing is missing, and keeps for the
// others what they have told.
func (s *Service) joined(ctx context.Context, p authstore.Publisher, w waiting, token string, from customer.Arrival) (Outcome, error) {
	e, err := s.known(ctx, p, w.Person, w.use, from)
	if !errors.Is(err, authstore.ErrNotFound) {
		return in(e, err)
	}
	missing, err := s.missing(ctx, p, w.join)
	if err != nil {
		return Outcome{}, err
	}
	if missing.nothing() {
		return in(s.create(ctx, p, w.join, w.use, from))
	}
	err = s.store.ChangeTicket(ctx, w.use.Digest, w.use.Purpose, func(t *authstore.Ticket) error {
		w.write(t)
		return nil
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("noting what somebody has told who is about to join: %w", err)
	}
	return Outcome{Join: token}, nil
}

// joinError says in this package's words why somebody has not joined.
func joinError(err error) error {
	switch {
	case errors.Is(err, authstore.ErrNotFound), overtaken(err):
		return ErrJoin
	}
	return err
}
