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
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/publisher"
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
	c := st.Customer
	switch {
	case p.VerifyEmail && c.EmailVerified.IsZero() && !now.Before(c.Registered.Add(p.VerifyWithin)):
		return Verify
	case consent.Due(p.Consents, st.Consents, now):
		return Consents
	case p.Capture.Enforced && capture.Missing(p.Capture, c, st.Capture):
		return Capture
	}
	return Done
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
type Dispatcher struct {
	store     *authstore.Store
	directory *publisher.Directory
}

// NewDispatcher returns a Dispatcher.
func NewDispatcher(store *authstore.Store, directory *publisher.Directory) *Dispatcher {
	return &Dispatcher{store: store, directory: directory}
}

// Next returns the step that is due for the customer of a session.
func (d *Dispatcher) Next(ctx context.Context, s authstore.Session) (Step, error) {
	return d.decide(ctx, s.PublisherID, s.CustomerID, Next)
}

// Barrier returns the step that a gate must stop a customer for.
func (d *Dispatcher) Barrier(ctx context.Context, publisher, customer int64) (Step, error) {
	return d.decide(ctx, publisher, customer, Barrier)
}

func (d *Dispatcher) decide(ctx context.Context, publisher, customer int64, rule func(authstore.Publisher, authstore.Standing, time.Time) Step) (Step, error) {
	p, ok := d.directory.ByID(publisher)
	if !ok {
		return "", fmt.Errorf("publisher %d is not configured any more", publisher)
	}
	st, err := d.store.Standing(ctx, customer)
	if err != nil {
		return "", fmt.Errorf("reading what a customer has done: %w", err)
	}
	return rule(p, st, d.store.Now()), nil
}
