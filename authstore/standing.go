// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
)

// Standing is what of a customer decides whether something is due before they
// may go on.
type Standing struct {
	Customer Customer
	Consents map[string]ConsentAnswer // those in force, by name
	Capture  CaptureAnswers
}

// Standing returns a customer with their answers, as of one moment, or
// ErrNotFound.
func (s *Store) Standing(ctx context.Context, customer int64) (st Standing, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		st, err = standing(tx, idKey(customer))
		return err
	})
	return st, err
}

func standing(tx Tx, id string) (st Standing, err error) {
	if st.Customer, err = get[Customer](tx, tableCustomers, id); err != nil {
		return st, err
	}
	if st.Consents, err = consents(tx, st.Customer.ID); err != nil {
		return st, err
	}
	st.Capture, err = captureAnswers(tx, st.Customer.ID)
	return st, err
}
