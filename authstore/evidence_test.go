// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// hashOf returns the hash that somebody who forges a record would give it.
func hashOf(t *testing.T, r authstore.ConsentRecord) string {
	t.Helper()
	r.Hash = ""
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestChangedOrMissingAnswerBreaksTheChain(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	other := w.mustRegister(t, "bob@example.com")
	for _, customer := range []authstore.Customer{c, other} {
		w.mustAnswer(t, customer, answer("terms", "1", authstore.Accepted), answer("news", "1", authstore.Accepted), answer("news", "1", authstore.Declined))
	}
	history, err := w.ConsentHistory(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	others, err := w.ConsentHistory(t.Context(), other.ID)
	if err != nil {
		t.Fatal(err)
	}
	changed := history[1]
	changed.State = authstore.Declined
	swapped := history[1]
	swapped.CustomerID = other.ID
	swapped.Hash = hashOf(t, swapped)
	for _, tt := range []struct {
		name             string
		record, previous authstore.ConsentRecord
		want             string
	}{
		{"first", history[0], authstore.ConsentRecord{}, ""},
		{"second", history[1], history[0], ""},
		{"changed", changed, history[0], "was changed"},
		{"after a changed one", history[2], changed, ""}, // its own check tells
		{"one is missing", history[2], history[0], "answer 3 follows answer 1"},
		{"the first is missing", history[1], authstore.ConsentRecord{}, "answer 2 follows answer 0"},
		{"of another's chain", others[1], history[0], "does not name"},
		{"of another, made to fit", swapped, history[0], "does not name"},
	} {
		err := tt.record.CheckLink(tt.previous)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, authstore.ErrBrokenChain) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
