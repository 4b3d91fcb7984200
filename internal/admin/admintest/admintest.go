// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package admintest makes a dashboard for tests: publishers, staff of every role
// and customers, over a store in memory with a clock of its own.
package admintest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/notice/noticetest"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/staff"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
)

// The publishers: staff have roles at the first, a sandbox and one where the
// configuration says less; others have theirs at Other.
const (
	Ours    = 100000001 // declares consents, questions, a token and more
	Other   = 100000002
	Sandbox = 100000003
	Free    = 100000004 // declares nothing

	Hub        = "https://id.example.com"
	OursToken  = "the secret of our servers"
	OtherToken = "the secret of other servers"
	Password   = "correct horse 9 battery"
)

// World is a dashboard and what it stands on.
type World struct {
	*admin.Service
	Clock   *authstoretest.Clock
	Faulty  *authstoretest.Faulty
	Watcher *publisher.Watcher
	Mails   noticetest.Box
	mailer  *notice.Worker

	secrets map[string]string // second factors by address
}

// Declared returns what the configuration says.
func Declared() []authstore.Publisher {
	return []authstore.Publisher{
		{
			ID: Ours, Name: "Ours", Sites: []string{"https://news.example.com"}, Offers: []string{"S100000001_US"},
			ResetURLs: []string{"https://app.example.com"}, TokenDigest: secret.Digest(OursToken), Session: authstore.SessionLimits{Idle: 48 * time.Hour},
			Consents: []authstore.ConsentDefinition{{Name: "declared", Version: "1", Label: "I agree to the [terms](https://example.com/terms).", Required: true}},
			Capture: authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{
				{Key: "firstNameLastName"}, {Key: "birthDate"}, {Key: "custom_1", Question: "Team?", Choices: []string{"Ajax", "PSV"}}, {Key: "companyName"},
			}},
		},
		{ID: Other, Name: "Other", Sites: []string{"https://other.example.com"}, TokenDigest: secret.Digest(OtherToken)},
		{ID: Sandbox, Name: "Sandbox", Unnamed: true, Sites: []string{"https://sandbox.example.com"}, Sandbox: true},
		{ID: Free, Name: "Free", Unnamed: true, Sites: []string{"https://free.example.com"}},
	}
}

// hasher is shared, as in a process.
var hasher = customer.NewHasher(2, 64)

// New returns a World.
func New(t testing.TB) *World {
	t.Helper()
	ctx := context.Background()
	w := &World{Clock: authstoretest.NewClock(), Mails: make(noticetest.Box, 64), secrets: map[string]string{}}
	memory := authstoretest.NewMemory()
	memory.Retry = true
	t.Cleanup(func() { _ = memory.Close() })
	w.Faulty = authstoretest.NewFaulty(memory)
	store := authstore.New(w.Faulty, w.Clock.Now)
	must(t, store.DeclarePublishers(ctx, Declared()))
	directory, err := publisher.NewDirectory(Declared())
	must(t, err)
	w.Watcher = &publisher.Watcher{Declared: Declared(), Store: store, Directory: directory, Report: func(err error) { t.Error(err) }}
	root := secret.NewRoot()
	keys, err := token.OpenKeyring(ctx, store, Hub, "ES256")
	must(t, err)
	ended, err := session.LoadMemory(ctx, store)
	must(t, err)
	tries := throttle.New(w.Clock.Now)
	sessions := session.NewManager(store, ended, keys, directory, root)
	notices := notice.NewSender(store, tries)
	customers := customer.NewService(store, sessions, hasher, customer.NewLimits(tries), notices, root)
	w.mailer = noticetest.Worker(t, notices, notice.WorkerConfig{Store: store, Mailer: w.Mails, Links: customers.Links(Hub)})
	w.Service = admin.NewService(admin.Config{
		Hub: Hub, Store: store, Directory: directory, Customers: customers, Sessions: sessions,
		Staff:     staff.NewService(staff.Config{Store: store, Hasher: hasher, Throttle: tries, Root: root, Issuer: "usher"}),
		Languages: []string{"en", "de", "ar"}, Declared: declared, Refresh: w.Watcher.Refresh,
		CheckColor: func(c string) error {
			if len(c) != 6 {
				return errors.New("no colour")
			}
			return nil
		},
		CheckPicture: func(b []byte) error {
			if string(b) != "picture" {
				return errors.New("no picture")
			}
			return nil
		},
	})
	return w
}

func declared(id int64) (authstore.Publisher, bool) {
	for _, p := range Declared() {
		if p.ID == id {
			return p, true
		}
	}
	return authstore.Publisher{}, false
}

// Mailed sends what is queued and returns to whom.
func (w *World) Mailed(t testing.TB) (to []string) {
	t.Helper()
	w.mailer.DeliverDue(context.Background())
	for range len(w.Mails) {
		to = append(to, (<-w.Mails).To)
	}
	return to
}

// Address is that of the member of a role who works for the publishers of ours.
func Address(role authstore.Role) string { return string(role) + "@example.com" }

// Joins makes somebody a member with a role at publishers, and signs them in: with a
// second factor, if the role needs one. It returns what their browser holds.
func (w *World) Joins(t testing.TB, address string, role authstore.Role, publishers ...int64) (proof string) {
	t.Helper()
	ctx := context.Background()
	roles := map[int64]authstore.Role{}
	for _, p := range publishers {
		roles[p] = role
	}
	made, err := w.Staff.Invite(ctx, authstore.ByCommandLine, address, "", roles)
	must(t, err)
	e, err := w.Staff.Accept(ctx, made.Secret, Password, staff.Device{IP: "192.0.2.9"})
	must(t, err)
	if !staff.NeedsSecondFactor(e.Staff) {
		return e.Proof
	}
	enrolment, err := w.Staff.Enrol(ctx, e.Session)
	must(t, err)
	w.secrets[address] = enrolment.Secret
	_, proof, err = w.Staff.ConfirmEnrolment(ctx, e.Session, enrolment.Sealed, w.Code(t, address))
	must(t, err)
	return proof
}

// Code returns the second factor of a member now. Each is good once.
func (w *World) Code(t testing.TB, address string) string {
	t.Helper()
	code, err := totp.GenerateCode(w.secrets[address], w.Clock.Now())
	must(t, err)
	return code
}

// Actor returns a member who is signed in, by what their browser holds.
func (w *World) Actor(t testing.TB, proof string) admin.Actor {
	t.Helper()
	m, s, err := w.Staff.Authenticate(context.Background(), proof)
	must(t, err)
	return admin.Actor{Staff: &m, Session: &s, IP: "192.0.2.9"}
}

// As returns an actor with a role at our publishers, without signing anybody in.
func (w *World) As(role authstore.Role) admin.Actor {
	roles := map[int64]authstore.Role{Ours: role, Sandbox: role, Free: role}
	return admin.Actor{
		Staff:   &authstore.Staff{ID: "id-of-" + string(role), Email: Address(role), Roles: roles},
		Session: &authstore.StaffSession{ID: "session", Complete: true, Confirmed: w.Clock.Now()},
		IP:      "192.0.2.9",
	}
}

// Customer makes a customer of a publisher.
func (w *World) Customer(t testing.TB, publisher int64, address string) authstore.Customer {
	t.Helper()
	c, err := w.Store.Register(context.Background(), authstore.Registration{
		Customer: authstore.Customer{PublisherID: publisher, Email: address, FirstName: "Ann", LastName: "Smith", Country: "NL", LastIP: "192.0.2.7"},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: address, Password: "hash"},
	})
	must(t, err)
	return c
}

// Session starts a session of a customer.
func (w *World) Session(t testing.TB, c authstore.Customer) authstore.Session {
	t.Helper()
	s, _, err := w.Sessions.Start(context.Background(), c, "", session.Device{IP: "192.0.2.7", UserAgent: "Mozilla/5.0 Firefox/140.0"}, session.ByAPI, "")
	must(t, err)
	return s
}

// ID returns an id as paths have it.
func ID(id int64) string { return fmt.Sprint(id) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
