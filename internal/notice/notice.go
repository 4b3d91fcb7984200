// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package notice owns what usher tells customers by mail about their accounts:
// which mails there are, what they say in which language, and that each arrives.
// A Sender only puts a mail into the queue of the store, so that no request waits
// for a mail server and none of its failures loses a mail; a Worker sends what is
// queued.
//
// It refuses to become a way to flood an address: whatever strangers do, one
// address gets few mails. It keeps no secrets: a link that proves something is
// made when its mail is sent, by whoever implements Links.
package notice

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/throttle"
)

// The kinds of mails. They are part of the stored format and of the ids of
// messages.
const (
	Verify          authstore.MailKind = "verify"          // prove that you read mail here
	Reset           authstore.MailKind = "reset"           // choose a new password
	PasswordChanged authstore.MailKind = "passwordChanged" // it was; here is what to do if it was not you
	EmailChanged    authstore.MailKind = "emailChanged"    // to the address before, with a way back
	NewDevice       authstore.MailKind = "newDevice"       // somebody signed in
	SessionEnded    authstore.MailKind = "sessionEnded"    // because a refresh token was used twice
	AccountExists   authstore.MailKind = "accountExists"   // somebody tried to register with it
	Join            authstore.MailKind = "join"            // prove that you read mail here, to join by an account elsewhere
	WayAdded        authstore.MailKind = "wayAdded"        // the account opens by one elsewhere
	WayRemoved      authstore.MailKind = "wayRemoved"      // it does no more
)

// Kinds lists the kinds of mails.
var Kinds = []authstore.MailKind{Verify, Reset, PasswordChanged, EmailChanged, NewDevice, SessionEnded, AccountExists, Join, WayAdded, WayRemoved}

// The names in a mail's Data.
const (
	// Page is the page of a publisher's that a link leads to in place of ours.
	Page = "page"

	// Back is a query that is added to a link to the hub, which then leads back to
	// where the viewer came from.
	Back = "back"

	// Address is the address that an account was moved away from, as it was
	// written.
	Address = "address"

	// Provider is what people call the place of an account elsewhere.
	Provider = "provider"

	// Ticket is the digest under which a ticket is kept that a code is for.
	Ticket = "ticket"

	// Locale is that of somebody who is no customer.
	Locale = "locale"

	device  = "device"  // the client's User-Agent
	country = "country" // two letters
	at      = "at"      // time in RFC 3339
)

// perAddress bounds what strangers can make us send to one address, of each kind:
// with one counter for all, many attempts to register would hide that somebody
// signed in.
var perAddress = throttle.Limit{Tries: 3, Window: time.Hour}

// Sender queues mails. Safe for concurrent use.
type Sender struct {
	store  *authstore.Store
	limits *throttle.Throttle
	wake   chan struct{}
}

// NewSender returns a Sender.
func NewSender(store *authstore.Store, limits *throttle.Throttle) *Sender {
	return &Sender{store: store, limits: limits, wake: make(chan struct{}, 1)}
}

// Wake tells the worker of this process that a mail was queued in a transaction
// of its own; the methods that queue do so themselves.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// AccountExists tells the owner of an address that somebody tried to register
// with it again. The registration form does not say so.
func (s *Sender) AccountExists(ctx context.Context, owner authstore.Customer) error {
	return s.limited(ctx, owner, authstore.Mail{Kind: AccountExists})
}

// SessionEnded tells a customer that a device was signed out because a secret
// of it was used twice, as a thief would.
func (s *Sender) SessionEnded(ctx context.Context, c authstore.Customer) error {
	return s.limited(ctx, c, authstore.Mail{Kind: SessionEnded})
}

// NewDevice tells a customer of a sign-in on a device that was not known, with
// the client's User-Agent and the country it was in, two letters or "".
func (s *Sender) NewDevice(ctx context.Context, c authstore.Customer, userAgent, where string) error {
	return s.limited(ctx, c, authstore.Mail{Kind: NewDevice, Data: map[string]string{
		device: printable(userAgent), country: where, at: s.store.Now().Format(time.RFC3339),
	}})
}

// PasswordChanged tells a customer that their password is a new one.
func (s *Sender) PasswordChanged(ctx context.Context, c authstore.Customer) error {
	return s.queue(ctx, authstore.Mail{Kind: PasswordChanged, PublisherID: c.PublisherID, CustomerID: c.ID})
}

// VerifyEmail asks a customer to prove that they read mail at their address,
// unless a mail that does waits already: of two links only the newer one works.
// How often that may be asked for is limited where it is.
func (s *Sender) VerifyEmail(ctx context.Context, c authstore.Customer, back string) error {
	return s.queueBy(ctx, s.store.QueueMailOnce, authstore.Mail{
		Kind: Verify, PublisherID: c.PublisherID, CustomerID: c.ID, Data: map[string]string{Back: back},
	})
}

// ResetPassword sends a link by which a customer of a publisher sets a new
// password, on a page of the publisher's or, if that is "", on ours. For nobody,
// whose id is 0, it costs the same and sends nothing. How often that may be asked
// for is limited where it is.
func (s *Sender) ResetPassword(ctx context.Context, publisher, customer int64, page, back string) error {
	return s.queue(ctx, authstore.Mail{
		Kind: Reset, PublisherID: publisher, CustomerID: customer, Data: map[string]string{Page: page, Back: back},
	})
}

// limited is queue for what strangers can bring about.
func (s *Sender) limited(ctx context.Context, c authstore.Customer, m authstore.Mail) error {
	name := "mail/" + string(m.Kind) + "/" + strings.ToLower(c.Email)
	if _, ok := s.limits.Take(throttle.Key{Name: name, Limit: perAddress}); !ok {
		return nil
	}
	m.PublisherID, m.CustomerID = c.PublisherID, c.ID
	return s.queue(ctx, m)
}

func (s *Sender) queue(ctx context.Context, m authstore.Mail) error {
	return s.queueBy(ctx, s.store.QueueMail, m)
}

func (s *Sender) queueBy(ctx context.Context, store func(context.Context, authstore.Mail) error, m authstore.Mail) error {
	if err := store(ctx, m); err != nil {
		return fmt.Errorf("queueing the mail %s of customer %d: %w", m.Kind, m.CustomerID, err)
	}
	s.Wake()
	return nil
}
