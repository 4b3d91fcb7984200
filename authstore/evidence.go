// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import "fmt"

// CheckLink tells whether r is, unchanged, the record that follows previous in
// the chain of a customer's answers. For the first one, previous is the zero
// record. Errors: ErrBrokenChain.
func (r ConsentRecord) CheckLink(previous ConsentRecord) error {
	switch {
	case r.Hash != r.link():
		return fmt.Errorf("%w: customer %d, answer %d was changed", ErrBrokenChain, r.CustomerID, r.Sequence)
	case r.Sequence != previous.Sequence+1:
		return fmt.Errorf("%w: customer %d, answer %d follows answer %d", ErrBrokenChain, r.CustomerID, r.Sequence, previous.Sequence)
	case r.Previous != previous.Hash || previous.Sequence > 0 && (r.CustomerID != previous.CustomerID || r.PublisherID != previous.PublisherID):
		return fmt.Errorf("%w: customer %d, answer %d does not name the answer before", ErrBrokenChain, r.CustomerID, r.Sequence)
	}
	return nil
}
