// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
)

// tableCounted keeps by which questions the answers of a publisher were counted, see
// RecountAnswers.
const tableCounted = "answers_counted"

// counted is that for one publisher.
type counted struct {
	By string `json:"by"`
}

// AnswersCounted returns what NoteAnswersCounted has noted last; "" for nothing.
func (s *Store) AnswersCounted(ctx context.Context, publisher int64) (by string, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		n, err := get[counted](tx, tableCounted, idKey(publisher))
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		by = n.By
		return err
	})
	return by, err
}

// NoteAnswersCounted notes that all answers of a publisher are counted by certain
// questions. How those are named is up to the caller, so that they are recognised.
func (s *Store) NoteAnswersCounted(ctx context.Context, publisher int64, by string) error {
	return s.b.Update(ctx, func(tx Tx) error { return put(tx, tableCounted, idKey(publisher), counted{by}) })
}
