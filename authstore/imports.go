// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Import is a customer who comes from elsewhere, with what they were and did there.
type Import struct {
	// Customer keeps its id, unless that is 0, and its times.
	Customer Customer
	Identity Identity // none if it has no provider

	// Answers are stored as given when the customer registered.
	Answers []ConsentRecord

	// Capture has no effect if it was never submitted.
	Capture CaptureAnswers
}

// ImportCustomers stores customers, all or none, in one transaction: some
// thousands at a time are quick. Errors: ErrTaken when a customer's id or identity
// is somebody's already, ErrExternalIDTaken.
func (s *Store) ImportCustomers(ctx context.Context, imports []Import) error {
	return s.b.Update(ctx, func(tx Tx) error {
		for i, in := range imports {
			if err := importCustomer(tx, in); err != nil {
				return fmt.Errorf("importing customer %d of %d: %w", i+1, len(imports), err)
			}
		}
		return nil
	})
}

func importCustomer(tx Tx, in Import) error {
	c := in.Customer
	if err := importedID(tx, &c); err != nil {
		return err
	}
	for _, t := range []*time.Time{&c.Registered, &c.LastLogin, &c.EmailVerified, &c.Erased} {
		*t = t.UTC().Truncate(time.Millisecond)
	}
	if i := in.Identity; i.Provider != "" {
		i.PublisherID, i.CustomerID, i.Created = c.PublisherID, c.ID, c.Registered
		if err := addIdentity(tx, i); err != nil {
			return err
		}
	}
	if err := claimExternalID(tx, c); err != nil {
		return err
	}
	if err := putCustomer(tx, c); err != nil {
		return err
	}
	if err := answerConsents(tx, c, in.Answers, c.Registered); err != nil || in.Capture.Submitted.IsZero() {
		return err
	}
	return putAnswers(tx, c, in.Capture, nil)
}

func importedID(tx Tx, c *Customer) (err error) {
	if c.ID == 0 {
		c.ID, err = freeCustomerID(tx)
		return err
	}
	if c.ID < minCustomerID || c.ID > maxCustomerID {
		return errors.New("customer ids have nine digits")
	}
	if taken, err := exists(tx, tableCustomers, idKey(c.ID)); err != nil || !taken {
		return err
	}
	return fmt.Errorf("customer %d: %w", c.ID, ErrTaken)
}
