// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/token"
)

const (
	site = "https://news.example"
	day  = 24 * time.Hour
)

var device = session.Device{IP: "192.0.2.7", UserAgent: "browser"}

// world is a Manager under test with all it stands on, and one customer.
type world struct {
	*session.Manager
	clock     *authstoretest.Clock
	faulty    *authstoretest.Faulty
	stored    *authstoretest.Memory
	store     *authstore.Store
	memory    *session.Memory
	keys      *token.Keyring
	root      secret.Root
	limits    authstore.SessionLimits
	tokenLife time.Duration // by the publisher
	customer  authstore.Customer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), stored: authstoretest.NewMemory(), root: secret.NewRoot()}
	w.stored.Retry = true
	w.faulty = authstoretest.NewFaulty(w.stored)
	w.store = authstore.New(w.faulty, w.clock.Now)
	var err error
	if w.keys, err = token.OpenKeyring(t.Context(), w.store, "https://id.example.com", "ES256"); err != nil {
		t.Fatal(err)
	}
	w.customer, err = w.store.Register(t.Context(), authstore.Registration{
		Customer: authstore.Customer{PublisherID: 100_000_001, Email: "ann@example.com"},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: "ann@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.restart(t)
	return w
}

// restart replaces the Manager by that of a new process.
func (w *world) restart(t *testing.T) {
	t.Helper()
	memory, err := session.LoadMemory(t.Context(), w.store)
	if err != nil {
		t.Fatal(err)
	}
	w.memory = memory
	w.Manager = w.another(t)
}

// another returns a further Manager of the same process, as a reload makes.
func (w *world) another(t *testing.T) *session.Manager {
	t.Helper()
	p := nova(w.limits)
	p.TokenLife = w.tokenLife
	directory, err := publisher.NewDirectory([]authstore.Publisher{p})
	if err != nil {
		t.Fatal(err)
	}
	return session.NewManager(w.store, w.memory, w.keys, directory, w.root)
}

// nova is the publisher of the tests.
func nova(limits authstore.SessionLimits) authstore.Publisher {
	return authstore.Publisher{ID: 100_000_001, Name: "Nova", Session: limits, Consents: []authstore.ConsentDefinition{
		{Name: "terms", Version: "2", Required: true}, {Name: "privacy", Version: "1"}, {Name: "marketing", Version: "1"},
	}}
}

func (w *world) mustStart(t *testing.T, how session.Start) (authstore.Session, session.Secrets) {
	t.Helper()
	s, given, err := w.Start(t.Context(), w.customer, "", device, how, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, given
}

// mustStartAtSite starts a session at the hub and one at the site, and returns
// the secret of its cookie there.
func (w *world) mustStartAtSite(t *testing.T) (s authstore.Session, proof string) {
	t.Helper()
	s, _ = w.mustStart(t, session.AtHub)
	proof = secret.New()
	w.mustIssue(t, s, "code")
	s, err := w.Redeem(t.Context(), code("code", proof))
	if err != nil {
		t.Fatal(err)
	}
	return s, proof
}

func (w *world) mustIssue(t *testing.T, s authstore.Session, digest string) {
	t.Helper()
	err := w.store.IssueTicket(t.Context(), digest, authstore.Ticket{Purpose: "test", SessionID: s.ID, Expires: w.store.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
}

func code(digest, proof string) authstore.SignInCode {
	return authstore.SignInCode{
		Digest: digest, Purpose: "test", Site: site, Secret: secret.Digest(proof),
		Check: func(authstore.Ticket) error { return nil },
	}
}

func TestStoreKnowsSecretsByTheirDigestsOnly(t *testing.T) {
	w := newWorld(t)
	_, hub := w.mustStart(t, session.AtHub)
	_, api := w.mustStart(t, session.ByAPI)
	_, atSite := w.mustStartAtSite(t)
	_, next, err := w.Refresh(t.Context(), api.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	proofs := []string{strings.Split(hub.Hub, ".")[1], strings.Split(api.Refresh, ".")[2], strings.Split(next, ".")[2], atSite}
	digests := 0
	for _, r := range w.stored.Records() {
		for _, proof := range proofs {
			if strings.Contains(r.Key+r.Value, proof) {
				t.Errorf("%s holds a secret: %s", r.Table, r.Value)
			}
			digests += strings.Count(r.Value, secret.Digest(proof))
		}
	}
	if digests != 3 { // the spent refresh token leaves none
		t.Errorf("%d digests are stored, want 3", digests)
	}
	for _, proof := range proofs {
		if len(proof) != 43 {
			t.Errorf("a secret has %d characters, want 256 bits in 43", len(proof))
		}
	}
}

func TestStartGivesTheProofThatTheClientCanKeep(t *testing.T) {
	w := newWorld(t)
	if _, given := w.mustStart(t, session.AtHub); given.Hub == "" || given.Refresh != "" {
		t.Errorf("at the hub: %+v", given)
	}
	if _, given := w.mustStart(t, session.ByAPI); given.Hub != "" || given.Refresh == "" {
		t.Errorf("by the API: %+v", given)
	}
}

func TestStartNotesDeviceAndTime(t *testing.T) {
	w := newWorld(t)
	long := session.Device{IP: "192.0.2.7", UserAgent: strings.Repeat("ü", 200) + "\xff"}
	s, _, err := w.Start(t.Context(), w.customer, "S100000001_US", long, session.AtHub, "")
	if err != nil {
		t.Fatal(err)
	}
	now := w.store.Now()
	if len(s.UserAgent) > 256 || len(s.UserAgent) < 250 || !utf8.ValidString(s.UserAgent) {
		t.Errorf("user agent of %d bytes: %q", len(s.UserAgent), s.UserAgent)
	}
	odd, _ := w.Prepare(w.customer, "", session.Device{UserAgent: "ü" + strings.Repeat("\xff", 100)}, session.AtHub)
	if odd.UserAgent != "ü" {
		t.Errorf("user agent %q, want what is text of it", odd.UserAgent)
	}
	if s.OfferID != "S100000001_US" || s.IP != "192.0.2.7" || !s.Created.Equal(now) || !s.Seen.Equal(now) {
		t.Errorf("started %+v", s)
	}
	if stored, err := w.store.Session(t.Context(), s.ID); err != nil || !reflect.DeepEqual(stored, s) {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

func TestSessionsOfOneCustomerHaveIDsAndSecretsOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for range 50 {
		s, given := w.Prepare(w.customer, "", device, session.AtHub)
		if seen[s.ID] || seen[given.Hub] {
			t.Fatal("twice the same")
		}
		seen[s.ID], seen[given.Hub] = true, true
	}
}

func TestStartOfNobodyGivesNoSecrets(t *testing.T) {
	w := newWorld(t)
	_, given, err := w.Start(t.Context(), authstore.Customer{ID: 123_456_789}, "", device, session.AtHub, "")
	if !errors.Is(err, authstore.ErrNotFound) || given != (session.Secrets{}) {
		t.Errorf("got %+v, %v", given, err)
	}
}

func TestStartEndsTheSessionItReplaces(t *testing.T) {
	w := newWorld(t)
	old, given := w.mustStart(t, session.AtHub)
	s, _, err := w.Start(t.Context(), w.customer, "", device, session.AtHub, old.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AtHub(t.Context(), given.Hub); !errors.Is(err, session.ErrRefused) || !w.Ended(old.ID) || w.Ended(s.ID) {
		t.Errorf("the old one: %v, ended %t; the new one ended %t", err, w.Ended(old.ID), w.Ended(s.ID))
	}
}

func TestOnlyTheOwnSecretProvesASessionAtTheHub(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.AtHub)
	other, otherGiven := w.mustStart(t, session.AtHub)
	byAPI, _ := w.mustStart(t, session.ByAPI)
	proof, otherProof := strings.Split(given.Hub, ".")[1], strings.Split(otherGiven.Hub, ".")[1]
	if got, err := w.AtHub(t.Context(), given.Hub); err != nil || got.ID != s.ID {
		t.Errorf("the right one: %+v, %v", got, err)
	}
	for name, forged := range map[string]string{
		"empty": "", "id alone": s.ID, "id and dot": s.ID + ".", "secret alone": "." + proof, "of another": s.ID + "." + otherProof,
		"for another": other.ID + "." + proof, "digest": s.ID + "." + s.HubDigest, "longer": given.Hub + "A", "shorter": given.Hub[:len(given.Hub)-1],
		"unknown": secret.NewID() + "." + proof, "API session": byAPI.ID + ".", "API session with a secret": byAPI.ID + "." + proof,
		"doubled": given.Hub + "." + proof, "NUL": "\x00." + proof,
	} {
		if _, err := w.AtHub(t.Context(), forged); !errors.Is(err, session.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
}

func TestOnlyTheOwnSecretProvesASessionAtASite(t *testing.T) {
	w := newWorld(t)
	s, proof := w.mustStartAtSite(t)
	if got, err := w.AtSite(t.Context(), s.ID, site, proof); err != nil || got.ID != s.ID {
		t.Errorf("the right one: %+v, %v", got, err)
	}
	for name, forged := range map[string][3]string{
		"wrong secret": {s.ID, site, secret.New()}, "no secret": {s.ID, site, ""}, "digest": {s.ID, site, secret.Digest(proof)},
		"another site": {s.ID, "https://sports.example", proof}, "another site without a secret": {s.ID, "https://sports.example", ""},
		"unknown session": {secret.NewID(), site, proof}, "no session": {"", site, proof},
	} {
		if _, err := w.AtSite(t.Context(), forged[0], forged[1], forged[2]); !errors.Is(err, session.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
}

func TestBrokenStoreIsNoRefusal(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	s, given := w.mustStart(t, session.AtHub)
	_, api := w.mustStart(t, session.ByAPI)
	checks := map[string]func() error{
		"AtHub": func() error { _, err := w.AtHub(t.Context(), given.Hub); return err },
		"AccessToken": func() error {
			_, _, err := w.AccessToken(t.Context(), s, site)
			return err
		},
		"Refresh":        func() error { _, _, err := w.Refresh(t.Context(), api.Refresh); return err },
		"End":            func() error { return w.End(t.Context(), s.ID) },
		"EndAll":         func() error { return w.EndAll(t.Context(), w.customer.ID, "") },
		"EndByDisabling": func() error { return w.EndByDisabling(t.Context(), w.customer.ID) },
		"EndByWithdrawal": func() error {
			_, err := w.EndByWithdrawal(t.Context(), authstore.ConsentChange{
				Customer: w.customer.ID, Withdraws: func(map[string]authstore.ConsentAnswer) bool { return true },
			})
			return err
		},
		"Start": func() error {
			_, given, err := w.Start(t.Context(), w.customer, "", device, session.AtHub, "")
			if given != (session.Secrets{}) {
				t.Error("Start gave secrets of a session that is not stored")
			}
			return err
		},
	}
	for name, check := range checks {
		w.faulty.FailView(fault)
		w.faulty.FailUpdate(fault)
		if err := check(); !errors.Is(err, fault) || errors.Is(err, session.ErrRefused) {
			t.Errorf("%s: %v, want the fault", name, err)
		}
	}
	w.faulty.FailView(nil)
	w.faulty.FailUpdate(nil)
	if _, err := w.AtHub(t.Context(), given.Hub); err != nil || w.Ended(s.ID) {
		t.Errorf("afterwards: %v, ended %t; want all as before", err, w.Ended(s.ID))
	}
}

// useAtHub is what the hub does with a visitor of the session's publisher.
func (w *world) useAtHub(t *testing.T, proof string) error {
	t.Helper()
	s, err := w.AtHub(t.Context(), proof)
	if err == nil {
		w.Used(s)
	}
	return err
}
