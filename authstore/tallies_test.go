// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func mustTotals(t *testing.T, s *authstore.Store) authstore.Totals {
	t.Helper()
	totals, err := s.Totals(t.Context(), nova().ID)
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

func mustConsentTallies(t *testing.T, s *authstore.Store) []authstore.ConsentTally {
	t.Helper()
	tallies, err := s.ConsentTallies(t.Context(), nova().ID)
	if err != nil {
		t.Fatal(err)
	}
	return tallies
}
