// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/flow"
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

// asking returns a publisher with the given consents.
func asking(consents ...authstore.ConsentDefinition) authstore.Publisher {
	return authstore.Publisher{ID: 100_000_001, Consents: consents}
}

func (w *world) mustAnswer(t *testing.T, version string, state authstore.ConsentState) {
	t.Helper()
	err := w.store.AnswerConsents(t.Context(), w.visitor.CustomerID, []authstore.ConsentRecord{{Name: "terms", Version: version, State: state}})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) wantNext(t *testing.T, p authstore.Publisher, want flow.Step) {
	t.Helper()
	if got, err := flow.NewDispatcher(w.store).Next(t.Context(), p, w.visitor); err != nil || got != want {
		t.Errorf("next is %q, %v; want %q", got, err, want)
	}
}

func TestConsentsComeNextUntilTheNewestAreAccepted(t *testing.T) {
	w := newWorld(t)
	first := asking(authstore.ConsentDefinition{Name: "terms", Version: "1", Required: true})
	w.wantNext(t, first, flow.Consents)
	w.mustAnswer(t, "1", authstore.Accepted)
	w.wantNext(t, first, flow.Done)

	second := asking(authstore.ConsentDefinition{Name: "terms", Version: "2", Required: true})
	w.wantNext(t, second, flow.Consents) // a reload brought a new version
	w.mustAnswer(t, "2", authstore.Accepted)
	w.wantNext(t, second, flow.Done)
	w.wantNext(t, first, flow.Consents) // the old one is not in force any more

	w.mustAnswer(t, "2", authstore.Declined)
	w.wantNext(t, second, flow.Consents)
}

func TestNothingIsDueWithoutRequiredConsents(t *testing.T) {
	w := newWorld(t)
	w.wantNext(t, asking(), flow.Done)
	w.wantNext(t, asking(authstore.ConsentDefinition{Name: "marketing", Version: "1"}), flow.Done)
}

func TestNothingIsDoneWhenTheStoreFails(t *testing.T) {
	fault := errors.New("disk on fire")
	w := newWorld(t)
	w.faulty.FailView(fault)
	if step, err := flow.NewDispatcher(w.store).Next(t.Context(), asking(), w.visitor); !errors.Is(err, fault) || step != "" {
		t.Errorf("next is %q, %v; want the fault", step, err)
	}
}

func TestStepsComeInOrder(t *testing.T) {
	registered := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := registered.Add(time.Hour)
	p := authstore.Publisher{
		VerifyEmail: true,
		Consents:    []authstore.ConsentDefinition{{Name: "terms", Version: "1", Required: true}},
		Capture:     authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "companyName", Required: true}}},
	}
	st := authstore.Standing{Customer: authstore.Customer{Registered: registered}}
	for _, next := range []struct {
		step flow.Step
		take func()
	}{
		{flow.Verify, func() { st.Customer.EmailVerified = now }},
		{flow.Consents, func() {
			st.Consents = map[string]authstore.ConsentAnswer{"terms": {Version: "1", State: authstore.Accepted}}
		}},
		{flow.Capture, func() {
			st.Capture = authstore.CaptureAnswers{Submitted: now, Values: map[string]string{"companyName": "Nova"}}
		}},
		{flow.Done, func() {}},
	} {
		if got := flow.Next(p, st, now); got != next.step {
			t.Errorf("next is %s, want %s", got, next.step)
		}
		next.take()
	}
}

func TestVerificationIsDueAfterItsTime(t *testing.T) {
	registered := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := authstore.Publisher{VerifyEmail: true, VerifyWithin: 24 * time.Hour}
	st := authstore.Standing{Customer: authstore.Customer{Registered: registered}}
	for after, want := range map[time.Duration]flow.Step{0: flow.Done, 24*time.Hour - 1: flow.Done, 24 * time.Hour: flow.Verify} {
		if got := flow.Barrier(p, st, registered.Add(after)); got != want {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
	p.VerifyEmail = false
	if got := flow.Barrier(p, st, registered.AddDate(1, 0, 0)); got != flow.Done {
		t.Errorf("where nobody asks: %s", got)
	}
}

// Profile questions are asked on the way in. Only a publisher who says so has
// them stop a session.
func TestCaptureStopsASessionOnlyWhereItIsEnforced(t *testing.T) {
	var st authstore.Standing
	p := authstore.Publisher{Capture: authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "birthDate"}}}}
	now := time.Now()
	if next, barrier := flow.Next(p, st, now), flow.Barrier(p, st, now); next != flow.Capture || barrier != flow.Done {
		t.Errorf("never asked: next %s, barrier %s", next, barrier)
	}
	st.Capture.Submitted = now
	if next := flow.Next(p, st, now); next != flow.Done {
		t.Errorf("asked, and left it: next %s", next)
	}
	p.Capture.Fields[0].Required = true
	if next, barrier := flow.Next(p, st, now), flow.Barrier(p, st, now); next != flow.Capture || barrier != flow.Done {
		t.Errorf("required later: next %s, barrier %s", next, barrier)
	}
	p.Capture.Enforced = true
	if barrier := flow.Barrier(p, st, now); barrier != flow.Capture {
		t.Errorf("enforced: barrier %s", barrier)
	}
}

func TestPageAddsToWhatItsPublisherDemands(t *testing.T) {
	later := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	lax := authstore.Publisher{
		ID: 7, VerifyEmail: true, VerifyWithin: time.Hour, Capture: authstore.Capture{Enabled: true},
		Consents: []authstore.ConsentDefinition{{Name: "terms", Required: true, TransitionUntil: later}, {Name: "news"}},
	}
	strict := authstore.Publisher{VerifyEmail: true, Capture: authstore.Capture{Enabled: true, Enforced: true}, Consents: []authstore.ConsentDefinition{{Name: "terms", Required: true}}}
	for name, tt := range map[string]struct {
		needs flow.Needs
		want  func(*authstore.Publisher)
	}{
		"nothing":        {flow.Needs{}, func(*authstore.Publisher) {}},
		"verified email": {flow.Needs{VerifiedEmail: true}, func(p *authstore.Publisher) { p.VerifyWithin = 0 }},
		"capture":        {flow.Needs{Captured: true}, func(p *authstore.Publisher) { p.Capture.Enforced = true }},
		"new version":    {flow.Needs{Consents: []string{"terms"}}, func(p *authstore.Publisher) { p.Consents[0].TransitionUntil = time.Time{} }},
		"consent":        {flow.Needs{Consents: []string{"news"}}, func(p *authstore.Publisher) { p.Consents[1].Required = true }},
		"no such":        {flow.Needs{Consents: []string{"age", ""}}, func(*authstore.Publisher) {}},
	} {
		want := lax
		want.Consents = append([]authstore.ConsentDefinition{}, lax.Consents...)
		tt.want(&want)
		if got := flow.Demanding(lax, tt.needs); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if got := flow.Demanding(strict, tt.needs); !reflect.DeepEqual(got, strict) {
			t.Errorf("%s: %+v, want %+v as before", name, got, strict)
		}
	}
	if lax.Consents[1].Required || lax.Consents[0].TransitionUntil.IsZero() {
		t.Error("the publisher itself has changed")
	}
	if p := flow.Demanding(authstore.Publisher{}, flow.Needs{VerifiedEmail: true}); !p.VerifyEmail {
		t.Error("an address need not be verified")
	}
}

// A step is demanded by itself, whatever comes before it.
func TestEachStepIsDemandedByItself(t *testing.T) {
	p := authstore.Publisher{
		VerifyEmail: true, Consents: []authstore.ConsentDefinition{{Name: "terms", Version: "1", Required: true}},
		Capture: authstore.Capture{Enabled: true, Enforced: true, Fields: []authstore.CaptureField{{Key: "companyName", Required: true}}},
	}
	now := time.Now()
	for _, step := range []flow.Step{flow.Verify, flow.Consents, flow.Capture} {
		if !flow.Demanded(step, p, authstore.Standing{}, now) || flow.Demanded(step, authstore.Publisher{}, authstore.Standing{}, now) {
			t.Errorf("%s", step)
		}
	}
	if flow.Demanded(flow.Done, p, authstore.Standing{}, now) {
		t.Error("nothing is demanded")
	}
}
