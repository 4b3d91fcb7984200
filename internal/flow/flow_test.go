// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"errors"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/publisher"
)

// world is a Dispatcher under test above a store with one customer.
type world struct {
	store   *authstore.Store
	faulty  *authstoretest.Faulty
	visitor authstore.Session
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{faulty: authstoretest.NewFaulty(authstoretest.NewMemory())}
	w.store = authstore.New(w.faulty, authstoretest.NewClock().Now)
	c, err := w.store.Register(t.Context(), authstore.Registration{
		Customer: authstore.Customer{PublisherID: 100_000_001},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: "ann@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.visitor = authstore.Session{ID: "s1", PublisherID: c.PublisherID, CustomerID: c.ID}
	return w
}

// configured returns a Dispatcher for a publisher with the given consents.
func (w *world) configured(t *testing.T, consents ...authstore.ConsentDefinition) *flow.Dispatcher {
	t.Helper()
	d, err := publisher.NewDirectory([]authstore.Publisher{{ID: 100_000_001, Consents: consents}})
	if err != nil {
		t.Fatal(err)
	}
	return flow.NewDispatcher(w.store, d)
}

func (w *world) mustAnswer(t *testing.T, version string, state authstore.ConsentState) {
	t.Helper()
	err := w.store.AnswerConsents(t.Context(), w.visitor.CustomerID, []authstore.ConsentRecord{{Name: "terms", Version: version, State: state}})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) wantNext(t *testing.T, d *flow.Dispatcher, want flow.Step) {
	t.Helper()
	if got, err := d.Next(t.Context(), w.visitor); err != nil || got != want {
		t.Errorf("next is %q, %v; want %q", got, err, want)
	}
}

func TestConsentsComeNextUntilTheNewestAreAccepted(t *testing.T) {
	w := newWorld(t)
	first := w.configured(t, authstore.ConsentDefinition{Name: "terms", Version: "1", Required: true})
	w.wantNext(t, first, flow.Consents)
	w.mustAnswer(t, "1", authstore.Accepted)
	w.wantNext(t, first, flow.Done)

	second := w.configured(t, authstore.ConsentDefinition{Name: "terms", Version: "2", Required: true})
	w.wantNext(t, second, flow.Consents) // a reload brought a new version
	w.mustAnswer(t, "2", authstore.Accepted)
	w.wantNext(t, second, flow.Done)
	w.wantNext(t, first, flow.Consents) // the old one is not in force any more

	w.mustAnswer(t, "2", authstore.Declined)
	w.wantNext(t, second, flow.Consents)
}

func TestNothingIsDueWithoutRequiredConsents(t *testing.T) {
	w := newWorld(t)
	w.wantNext(t, w.configured(t), flow.Done)
	w.wantNext(t, w.configured(t, authstore.ConsentDefinition{Name: "marketing", Version: "1"}), flow.Done)
}

func TestVisitorOfAPublisherThatIsGoneGoesNowhere(t *testing.T) {
	w := newWorld(t)
	w.visitor.PublisherID = 100_000_002
	if step, err := w.configured(t).Next(t.Context(), w.visitor); err == nil || step != "" {
		t.Errorf("next is %q, %v; want an error", step, err)
	}
}

func TestNothingIsDoneWhenTheStoreFails(t *testing.T) {
	fault := errors.New("disk on fire")
	w := newWorld(t)
	d := w.configured(t)
	w.faulty.FailView(fault)
	if step, err := d.Next(t.Context(), w.visitor); !errors.Is(err, fault) || step != "" {
		t.Errorf("next is %q, %v; want the fault", step, err)
	}
}
