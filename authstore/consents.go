// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"
)

// ErrBrokenChain says that the evidence of a customer's answers was changed
// after it was written.
var ErrBrokenChain = errors.New("consent evidence does not verify")

// chainHead is the newest link of a customer's chain of answers.
type chainHead struct {
	Sequence int    `json:"sequence"`
	Hash     string `json:"hash"`
}

// AnswerConsents appends the customer's answers to the evidence and makes them
// the ones in force, all or nothing. Sequence, time, subject and hashes are
// filled in here. Errors: ErrNotFound when there is no such customer.
func (s *Store) AnswerConsents(ctx context.Context, customer int64, answers []ConsentRecord) error {
	now := s.Now()
	return s.b.Update(ctx, func(tx Tx) error {
		c, err := liveCustomer(tx, customer)
		if err != nil {
			return err
		}
		return answerConsents(tx, c, answers, now)
	})
}

// ConsentChange is answers of a customer's that may take back what their
// publisher requires.
type ConsentChange struct {
	Customer int64
	Answers  []ConsentRecord

	// Withdraws tells by the answers that were in force whether the new ones take
	// back what is required. It may run more than once and must not change them.
	Withdraws func(inForce map[string]ConsentAnswer) bool

	EndedFor time.Duration // how long a token of an ended session may live on
}

// ChangeConsents is AnswerConsents for a ConsentChange. If that takes back what
// is required, all sessions of the customer end in the same transaction; it tells
// whether it does, and returns the ids of those sessions. Errors: ErrNotFound.
func (s *Store) ChangeConsents(ctx context.Context, change ConsentChange) (withdrawn bool, endedIDs []string, err error) {
	now := s.Now()
	err = s.updateEnding(ctx, func(tx *ending) error {
		withdrawn, endedIDs = false, nil
		c, err := liveCustomer(tx, change.Customer)
		if err != nil {
			return err
		}
		inForce, err := consents(tx, c.ID)
		if err != nil {
			return err
		}
		if err := answerConsents(tx, c, change.Answers, now); err != nil {
			return err
		}
		if withdrawn = change.Withdraws(inForce); !withdrawn {
			return nil
		}
		endedIDs, err = tx.endSessions(c.ID, "", change.EndedFor)
		return err
	})
	return withdrawn, endedIDs, err
}

func answerConsents(tx Tx, c Customer, answers []ConsentRecord, now time.Time) error {
	if len(answers) == 0 {
		return nil
	}
	if err := ensureListed(tx, c); err != nil {
		return err
	}
	id := idKey(c.ID)
	head, err := get[chainHead](tx, tableConsentHead, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	inForce, err := consents(tx, c.ID)
	if err != nil {
		return err
	}
	before := maps.Clone(inForce)
	for _, a := range answers {
		a.PublisherID, a.CustomerID, a.Time = c.PublisherID, c.ID, now
		a.Sequence, a.Previous = head.Sequence+1, head.Hash
		a.Hash = a.link()
		head = chainHead{Sequence: a.Sequence, Hash: a.Hash}
		if err := put(tx, tableConsentLog, logKey(id, a.Sequence), a); err != nil {
			return err
		}
		inForce[a.Name] = ConsentAnswer{Version: a.Version, State: a.State, Time: now, Language: a.Language}
	}
	if err := recountConsents(tx, c, before, inForce); err != nil {
		return err
	}
	if err := put(tx, tableConsents, id, inForce); err != nil {
		return err
	}
	return put(tx, tableConsentHead, id, head)
}

// logKey pads the sequence, so that the order of keys is that of answers.
func logKey(customer string, sequence int) string {
	return key(customer, fmt.Sprintf("%09d", sequence))
}

// link returns the hash of the record: SHA-256 in hex over its JSON form with
// an empty hash. Previous is part of it, which makes the records a chain.
func (r ConsentRecord) link() string {
	r.Hash = ""
	b, _ := json.Marshal(r)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Consents returns the customer's answers in force, by name.
func (s *Store) Consents(ctx context.Context, customer int64) (inForce map[string]ConsentAnswer, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		inForce, err = s.answers.get(tx, tableConsents, idKey(customer))
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return map[string]ConsentAnswer{}, nil
	}
	return maps.Clone(inForce), err
}

func consents(tx Tx, customer int64) (map[string]ConsentAnswer, error) {
	inForce, err := get[map[string]ConsentAnswer](tx, tableConsents, idKey(customer))
	if errors.Is(err, ErrNotFound) {
		return map[string]ConsentAnswer{}, nil
	}
	return inForce, err
}

// ConsentHistory returns every answer the customer ever gave, oldest first.
// Errors: ErrBrokenChain, with the sequence at which the evidence fails.
func (s *Store) ConsentHistory(ctx context.Context, customer int64) ([]ConsentRecord, error) {
	var history []ConsentRecord
	err := s.b.View(ctx, func(tx Tx) error {
		history = nil
		head, err := get[chainHead](tx, tableConsentHead, idKey(customer))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		last := chainHead{}
		from, to := prefix(idKey(customer))
		err = scan(tx, tableConsentLog, from, to, func(_ string, r ConsentRecord) error {
			if r.CustomerID != customer || r.Sequence != last.Sequence+1 || r.Previous != last.Hash || r.Hash != r.link() {
				return fmt.Errorf("%w at answer %d", ErrBrokenChain, last.Sequence+1)
			}
			last = chainHead{Sequence: r.Sequence, Hash: r.Hash}
			history = append(history, r)
			return nil
		})
		if err == nil && last != head {
			err = fmt.Errorf("%w at answer %d", ErrBrokenChain, last.Sequence+1)
		}
		return err
	})
	return history, err
}
