// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
)

// What sign-in with accounts elsewhere needs. Who somebody is, it has decided before.

// Admit starts a session of a customer who has just proved who they are by an
// identity, and tells them of a device that is new. Errors: ErrCredentials when the
// customer is disabled, or something else was changed meanwhile.
func (s *Service) Admit(ctx context.Context, c authstore.Customer, identity authstore.Identity, from Arrival) (Entry, error) {
	return s.admit(ctx, c, from, func() (authstore.Customer, authstore.Session, session.Secrets, error) {
		started, given, err := s.sessions.Start(ctx, c, from.OfferID, from.Device, from.Start, from.Replaced, identity)
		return c, started, given, err
	})
}

// AdmitByLink is Admit in one step with a way to sign in that a customer gets. Errors:
// ErrCredentials; authstore.ErrTaken.
func (s *Service) AdmitByLink(ctx context.Context, c authstore.Customer, l authstore.Linking, from Arrival) (Entry, error) {
	return s.admit(ctx, c, from, func() (authstore.Customer, authstore.Session, session.Secrets, error) {
		started, given := s.sessions.Prepare(c, from.OfferID, from.Device, from.Start)
		l.Customer = c.ID
		l.Session = &authstore.SessionStart{Session: started, LastIP: cmp.Or(from.Device.LastIP, from.Device.IP), Replaces: from.Replaced}
		linked, err := s.sessions.Link(ctx, l)
		return linked, started, given, err
	})
}

func (s *Service) admit(ctx context.Context, c authstore.Customer, from Arrival, start func() (authstore.Customer, authstore.Session, session.Secrets, error)) (Entry, error) {
	if c.Disabled {
		s.limits.Failures.count(c.PublisherID, s.store.Now())
		return Entry{}, ErrCredentials
	}
	email, err := ParseEmail(c.Email)
	if err != nil {
		return Entry{}, fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	_, known := s.knownDevice(from.Known, c.PublisherID, email.Key)
	familiar, err := s.familiar(ctx, c, known, from.Device)
	if err != nil {
		return Entry{}, err
	}
	c, started, given, err := start()
	if errors.Is(err, authstore.ErrNotFound) {
		return Entry{}, ErrCredentials // overtaken by a change
	}
	if err != nil {
		return Entry{}, err
	}
	s.notices.Wake()
	if !familiar {
		err = s.notices.NewDevice(ctx, c, from.Device.UserAgent, from.Country)
	}
	return Entry{c, started, given, s.deviceToken(from.Known, c.PublisherID, email.Key)}, err
}

// Newcomer is a customer who comes by an account elsewhere.
type Newcomer struct {
	Email    string
	Verified bool               // they have proved, or a provider says, that they read mail there
	Profile  authstore.Customer // names, locale, external id; what cannot be a name is left out
	Identity authstore.Identity // provider and subject
	Answers  []authstore.ConsentRecord
	Capture  authstore.CaptureAnswers // by what the provider says of them
	Uses     authstore.TicketUse
}

// Create makes a customer without a password, and their first session, all or nothing.
// The address is theirs alone, as that of those who have one. Errors: ErrEmail; ErrExists
// when the address or the identity is somebody's; ErrExternalID; authstore.ErrNotFound
// when the ticket is not good any more.
func (s *Service) Create(ctx context.Context, p authstore.Publisher, n Newcomer, from Arrival) (Entry, error) {
	email, err := ParseEmail(n.Email)
	if err != nil {
		return Entry{}, err
	}
	if !isName(n.Profile.FirstName) {
		n.Profile.FirstName = ""
	}
	if !isName(n.Profile.LastName) {
		n.Profile.LastName = ""
	}
	n.Identity.Told = n.told()
	return s.create(ctx, p, authstore.Registration{
		Customer: n.Profile, Further: []authstore.Identity{n.Identity}, Answers: n.Answers, Capture: n.Capture, Uses: n.Uses,
	}, email, n.Verified, from)
}

// told returns what is known of a newcomer by the provider alone.
func (n Newcomer) told() map[string]string {
	told := maps.Clone(n.Capture.Values)
	for field, value := range map[string]string{"firstName": n.Profile.FirstName, "lastName": n.Profile.LastName} {
		if value == "" {
			continue
		}
		if told == nil {
			told = map[string]string{}
		}
		told[field] = value
	}
	return told
}

// LimitJoining takes one try to register. Errors: *LimitError.
func (s *Service) LimitJoining(ip string) error { return s.limits.registration(ip) }

// PurposeJoin is the purpose of the tickets of those who are about to join, whose Data
// has the comparable form of their address under authstore.Address.
const PurposeJoin authstore.Purpose = "join"

// JoinLife is how long somebody may take to join.
const JoinLife = 30 * time.Minute

// joinCodesPerAddress bounds the codes that strangers can have sent to one address.
var joinCodesPerAddress = throttle.Limit{Tries: 5, Window: time.Hour}

// joinCodesPerNetwork stops one sender from having mail sent to many addresses.
var joinCodesPerNetwork = throttle.Limit{Tries: 60, Window: time.Hour}

// JoinCode is the wish of somebody who is about to join to have a code mailed.
type JoinCode struct {
	Ticket   string // its digest
	Email    string // to be proved
	Account  authstore.Customer
	Provider string // what people call it
	Locale   string // of somebody who has no account
	IP       string
}

// StartJoinCode takes the tries that a code costs, and returns the mail that brings it:
// to the account that has the address, at the spelling that it has there, or to
// nobody's. Errors: ErrEmail, *LimitError.
func (s *Service) StartJoinCode(p authstore.Publisher, j JoinCode) (authstore.Mail, error) {
	email, err := ParseEmail(cmp.Or(j.Account.Email, j.Email))
	if err != nil {
		return authstore.Mail{}, err
	}
	err = s.limits.take(
		throttle.Key{Name: "join/" + accountName(p.ID, email.Key), Limit: joinCodesPerAddress},
		networkKey("join", j.IP, joinCodesPerNetwork))
	if err != nil {
		return authstore.Mail{}, err
	}
	return authstore.Mail{
		Kind: notice.Join, PublisherID: p.ID, CustomerID: j.Account.ID, To: email.Mailbox,
		Data: map[string]string{notice.Ticket: j.Ticket, notice.Provider: j.Provider, notice.Locale: j.Locale},
	}, nil
}

// JoinCode makes the code that proves to read mail at an address, the only one for its
// ticket, unless that is gone or has another address by now.
func (l Links) JoinCode(ctx context.Context, m authstore.Mail) (notice.Link, error) {
	to, err := ParseEmail(m.To)
	if err != nil {
		return notice.Link{}, notice.ErrOutdated
	}
	digest, code := m.Data[notice.Ticket], newCode()
	err = l.service.store.ChangeTicket(ctx, digest, PurposeJoin, func(t *authstore.Ticket) error {
		if t.Data[authstore.Address] != to.Key || t.PublisherID != m.PublisherID {
			return notice.ErrOutdated
		}
		t.Code = l.service.codeMark(digest, code)
		return nil
	})
	if errors.Is(err, authstore.ErrNotFound) {
		err = notice.ErrOutdated
	}
	return notice.Link{Code: shown(code)}, err
}

// CheckJoinCode judges a code that was mailed for a ticket. It uses nothing up but a
// try. Errors: ErrConfirmation, *LimitError.
func (s *Service) CheckJoinCode(digest string, t authstore.Ticket, code, ip string) error {
	if err := s.limits.take(networkKey("code", ip, codesPerNetwork)); err != nil {
		return err
	}
	tries := throttle.Key{Name: "code/" + digest, Limit: throttle.Limit{Tries: codeTries, Window: codeTries * JoinLife}}
	if s.limits.take(tries) != nil || !s.codes.Check(digest+"/"+typed(code), t.Code) {
		return ErrConfirmation
	}
	return nil
}
