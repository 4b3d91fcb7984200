// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// streamStep is how many customers, or records, a stream reads in one
// transaction. Between them writers have their turn, and fn takes its time
// outside of any.
const streamStep = 200

// EachCustomer calls fn for every customer of a publisher who is not erased, in
// the order of their ids, with what they answered. Customers who come or go
// meanwhile may be among them or not; nobody is twice. It ends with fn's error.
func (s *Store) EachCustomer(ctx context.Context, publisher int64, fn func(Standing) error) error {
	return s.eachStep(ctx, publisher, func(ids []string) error {
		var step []Standing
		err := s.b.View(ctx, func(tx Tx) error {
			step = step[:0]
			for _, id := range ids {
				st, err := standing(tx, id)
				if errors.Is(err, ErrNotFound) || err == nil && !st.Customer.Erased.IsZero() {
					continue
				}
				if err != nil {
					return err
				}
				step = append(step, st)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("reading customers: %w", err)
		}
		for _, st := range step {
			if err := fn(st); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachStep calls fn with the ids of a publisher's customers, so many at a time.
func (s *Store) eachStep(ctx context.Context, publisher int64, fn func(ids []string) error) error {
	from, to := prefix(idKey(publisher))
	for at := from; ; {
		ids, err := s.customerIDs(ctx, at, to, len(from))
		if err != nil {
			return fmt.Errorf("reading a list of customers: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		if err := fn(ids); err != nil {
			return err
		}
		at = from + ids[len(ids)-1] + "\x00"
	}
}

func (s *Store) customerIDs(ctx context.Context, from, to string, skip int) (ids []string, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		ids, err = listedIDs(tx, from, to, skip, streamStep)
		return err
	})
	return ids, err
}

// listedIDs returns up to n ids from tablePublisherCustomers, which stand in keys
// after so many bytes.
func listedIDs(tx Tx, from, to string, skip, n int) (ids []string, err error) {
	err = tx.Scan(tablePublisherCustomers, from, to, func(k string, _ []byte) error {
		if len(ids) == n {
			return ErrStop
		}
		ids = append(ids, k[skip:])
		return nil
	})
	return ids, err
}

// EachConsentRecord calls fn for all evidence of a publisher: customer by customer
// in the order of their ids, erased ones included, each customer's answers from
// the first on. It judges nothing; see VerifyEvidence. It ends with fn's error.
func (s *Store) EachConsentRecord(ctx context.Context, publisher int64, fn func(ConsentRecord) error) error {
	return s.eachStep(ctx, publisher, func(ids []string) error {
		for _, id := range ids {
			if err := s.eachAnswer(ctx, id, fn); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachAnswer reads the answers of one customer, so many at a time.
func (s *Store) eachAnswer(ctx context.Context, customer string, fn func(ConsentRecord) error) error {
	at, to := prefix(customer)
	for {
		var step []ConsentRecord
		err := s.b.View(ctx, func(tx Tx) error {
			step = step[:0]
			return scan(tx, tableConsentLog, at, to, func(_ string, r ConsentRecord) error {
				if len(step) == streamStep {
					return ErrStop
				}
				step = append(step, r)
				return nil
			})
		})
		if err != nil {
			return fmt.Errorf("reading answers of customer %s: %w", customer, err)
		}
		for _, r := range step {
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(step) < streamStep {
			return nil
		}
		at = logKey(customer, step[len(step)-1].Sequence) + "\x00"
	}
}

// EvidenceSummary is what a stream of evidence had in it.
type EvidenceSummary struct {
	Customers int
	Records   int

	// LastHash is the hash of the last record. It says nothing of those of other
	// customers.
	LastHash string
}

// VerifyEvidence reads records as EachConsentRecord gives them, until next returns
// io.EOF, and checks that each customer's answers are an unbroken chain from the
// first on. Errors: ErrBrokenChain, with customer and sequence; next's.
//
// A customer's newest answers, or all of a customer, that are missing cannot be
// told from evidence alone.
func VerifyEvidence(next func() (ConsentRecord, error)) (EvidenceSummary, error) {
	var sum EvidenceSummary
	var last ConsentRecord
	for {
		r, err := next()
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, fmt.Errorf("reading evidence after %d records: %w", sum.Records, err)
		}
		if r.CustomerID != last.CustomerID {
			if r.CustomerID < last.CustomerID {
				return sum, fmt.Errorf("%w: customer %d is out of order", ErrBrokenChain, r.CustomerID)
			}
			sum.Customers++
			last = ConsentRecord{}
		}
		if err := r.CheckLink(last); err != nil {
			return sum, err
		}
		last = r
		sum.Records++
		sum.LastHash = r.Hash
	}
}
