// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package flow owns the answer to one question: after any step of a visitor's
// way in, what comes next? It decides from stored state alone, so a visitor
// may leave in the middle and go on elsewhere. Steps never lead to each other;
// they come back here.
package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/secret"
)

// Step is what a visitor has to do next.
type Step string

// The steps, in their order.
const (
	// Verify: the customer must prove that they read mail at their address.
	Verify Step = "verify"

	// Consents: a required consent is not accepted at its newest version.
	Consents Step = "consents"

	// Capture: the publisher wants to know something.
	Capture Step = "capture"

	// Done: nothing is due; the visitor may go where they wanted.
	Done Step = "done"
)

// Next returns the step that a publisher wants a customer to take before they
// go on from the hub.
func Next(p authstore.Publisher, st authstore.Standing, now time.Time) Step {
	if step := Barrier(p, st, now); step != Done {
		return step
	}
	if capture.Due(p.Capture, st.Customer, st.Capture) {
		return Capture
	}
	return Done
}

// Barrier returns the step without which a customer may not even stay where
// they are: what gates stop them for, in the middle of a session too.
func Barrier(p authstore.Publisher, st authstore.Standing, now time.Time) Step {
	for _, step := range []Step{Verify, Consents, Capture} {
		if Demanded(step, p, st, now) {
			return step
		}
	}
	return Done
}

// Demanded tells whether a publisher stops a customer for a step, whatever else it
// stops them for.
func Demanded(step Step, p authstore.Publisher, st authstore.Standing, now time.Time) bool {
	c := st.Customer
	switch step {
	case Verify:
		return p.VerifyEmail && c.EmailVerified.IsZero() && !now.Before(c.Registered.Add(p.VerifyWithin))
	case Consents:
		return consent.Due(p.Consents, st.Consents, now)
	case Capture:
		return p.Capture.Enforced && capture.Missing(p.Capture, c, st.Capture)
	}
	return false
}

// Needs is what a page of a site demands of a customer, whatever its publisher
// does.
type Needs struct {
	VerifiedEmail bool
	Consents      []string // names of those to be accepted at their newest version
	Captured      bool     // everything that is required is answered
}

// Demanding returns a publisher that demands what a page needs, at once, besides
// what it demands anyway.
func Demanding(p authstore.Publisher, n Needs) authstore.Publisher {
	if n.VerifiedEmail {
		p.VerifyEmail, p.VerifyWithin = true, 0
	}
	p.Capture.Enforced = p.Capture.Enforced || n.Captured
	p.Consents = slices.Clone(p.Consents) // the directory's own stay as they are
	for i, d := range p.Consents {
		if slices.Contains(n.Consents, d.Name) {
			p.Consents[i].Required, p.Consents[i].TransitionUntil = true, time.Time{}
		}
	}
	return p
}

// Stamp digests everything of a publisher's configuration that Barrier, and what
// tokens say of a customer, depend on: a customer who was let through under one
// stamp need not be judged again until it is another, or time has passed.
func Stamp(p authstore.Publisher) string {
	demands := struct {
		Verify  bool
		Within  time.Duration
		Consent [][]any
		Capture any
	}{Verify: p.VerifyEmail, Within: p.VerifyWithin}
	for _, d := range p.Consents {
		demands.Consent = append(demands.Consent, []any{d.Name, d.Version, d.Required, d.TransitionUntil})
	}
	if p.Capture.Enabled {
		demands.Capture = []any{p.Capture.Enforced, p.Capture.Fields}
	}
	b, err := json.Marshal(demands)
	if err != nil {
		panic("digesting a publisher's demands: " + err.Error()) // plain values always encode
	}
	return secret.Digest(string(b))[:stampLength]
}

// stampLength is enough to tell one configuration from another; nobody gains by
// two that meet.
const stampLength = 11

// Dispatcher decides for visitors by what is stored of them. Safe for
// concurrent use.
type Dispatcher struct{ store *authstore.Store }

// NewDispatcher returns a Dispatcher.
func NewDispatcher(store *authstore.Store) *Dispatcher { return &Dispatcher{store: store} }

// Next returns the step that a publisher wants the customer of a session with it to
// take.
func (d *Dispatcher) Next(ctx context.Context, p authstore.Publisher, s authstore.Session) (Step, error) {
	st, err := d.store.Standing(ctx, s.CustomerID)
	if err != nil {
		return "", fmt.Errorf("reading what a customer has done: %w", err)
	}
	return Next(p, st, d.store.Now()), nil
}
