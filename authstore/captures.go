// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"time"
)

// CaptureAnswers is what a customer said of themselves, beyond what is in
// Customer.
type CaptureAnswers struct {
	Submitted time.Time         `json:"submitted"` // last time; zero: never
	Values    map[string]string `json:"values,omitempty"`
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
// moment loses nothing. fn may run more than once. Errors: ErrNotFound.
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
		fixed := c
		if err := fn(&c, &a); err != nil {
			return err
		}
		c.ID, c.PublisherID, c.ExternalID = customer, fixed.PublisherID, fixed.ExternalID
		c.Email, c.EmailVerified = fixed.Email, fixed.EmailVerified
		a.Submitted = now
		if err := put(tx, tableCustomers, idKey(customer), c); err != nil {
			return err
		}
		return put(tx, tableCaptures, idKey(customer), a)
	})
}
