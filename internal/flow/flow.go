// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package flow owns the answer to one question: after any step of a visitor's
// way in, what comes next? It decides from stored state alone, so a visitor
// may leave in the middle and go on elsewhere. Steps never lead to each other;
// they come back here.
package flow

import (
	"context"
	"fmt"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/publisher"
)

// Step is what a visitor has to do next.
type Step string

const (
	// Consents: a required consent is not accepted at its newest version.
	Consents Step = "consents"

	// Done: nothing is due; the visitor may go where they wanted.
	Done Step = "done"
)

// Dispatcher decides the next step. Safe for concurrent use.
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
	p, ok := d.directory.ByID(s.PublisherID)
	if !ok {
		return "", fmt.Errorf("publisher %d is not configured any more", s.PublisherID)
	}
	answers, err := d.store.Consents(ctx, s.CustomerID)
	if err != nil {
		return "", fmt.Errorf("reading consents: %w", err)
	}
	if consent.Due(p.Consents, answers) {
		return Consents, nil
	}
	return Done, nil
}
