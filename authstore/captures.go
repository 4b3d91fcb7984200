// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"maps"
	"time"
)

// CaptureAnswers is what a customer said of themselves, beyond what is in
// Customer.
type CaptureAnswers struct {
	Submitted time.Time         `json:"submitted"` // last time; zero: never
	Values    map[string]string `json:"values,omitempty"`

	// Counted is what the tallies have of these answers: a bucket by field. The
	// store keeps it.
	Counted map[string]string `json:"counted,omitempty"`

	// Buckets is what they shall have from now on, said by who changes the
	// answers; nil leaves it as it is.
	Buckets map[string]string `json:"-"`
}

// Capture returns the customer's answers; none given is no error.
func (s *Store) Capture(ctx context.Context, customer int64) (a CaptureAnswers, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		a, err = captureAnswers(tx, customer)
		return err
	})
	return a, err
}

func captureAnswers(tx Tx, customer int64) (CaptureAnswers, error) {
	a, err := get[CaptureAnswers](tx, tableCaptures, idKey(customer))
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	if a.Values == nil {
		a.Values = map[string]string{}
	}
	return a, err
}

// ChangeCapture runs fn on the customer and their answers and keeps what it
// leaves there, in one transaction, so that a change of the profile at the same
// moment loses nothing; tallies follow the buckets that fn sets. fn may run more
// than once. Errors: ErrNotFound.
func (s *Store) ChangeCapture(ctx context.Context, customer int64, fn func(*Customer, *CaptureAnswers) error) error {
	now := s.Now()
	return s.b.Update(ctx, func(tx Tx) error {
		c, err := liveCustomer(tx, customer)
		if err != nil {
			return err
		}
		a, err := captureAnswers(tx, customer)
		if err != nil {
			return err
		}
		fixed, counted := c, maps.Clone(a.Counted)
		if err := fn(&c, &a); err != nil {
			return err
		}
		c.ID, c.PublisherID, c.ExternalID = customer, fixed.PublisherID, fixed.ExternalID
		c.Email, c.EmailVerified = fixed.Email, fixed.EmailVerified
		c.Registered, c.Erased = fixed.Registered, fixed.Erased
		a.Submitted = now
		if err := putCustomer(tx, c); err != nil {
			return err
		}
		return putAnswers(tx, c, a, counted)
	})
}

// putAnswers stores answers of a listed customer, and has them counted as they say
// instead of as they were counted before.
func putAnswers(tx Tx, c Customer, a CaptureAnswers, counted map[string]string) error {
	a.Counted = counted
	if a.Buckets != nil {
		a.Counted = a.Buckets
	}
	if err := recountAnswers(tx, c, counted, a.Counted); err != nil {
		return err
	}
	return put(tx, tableCaptures, idKey(c.ID), a)
}

// dropAnswers removes a customer's answers.
func dropAnswers(tx Tx, c Customer) error {
	a, err := captureAnswers(tx, c.ID)
	if err != nil {
		return err
	}
	if err := recountAnswers(tx, c, a.Counted, nil); err != nil {
		return err
	}
	return tx.Delete(tableCaptures, idKey(c.ID))
}
