// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
)

func TestGeneratedCustomersAreListedAndCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	for _, seed := range []string{"1", "2"} { // a second run adds others
		if err := run(t.Context(), []string{"-store", path, "-customers", "1200", "-seed", seed}, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	backend, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	store := authstore.New(backend, time.Now)
	totals, err := store.Totals(t.Context(), 100_000_001)
	if err != nil || totals.Customers != 2400 || totals.Unverified < 40 || totals.Disabled < 5 {
		t.Errorf("%+v, %v", totals, err)
	}
	page, err := store.ListCustomers(t.Context(), authstore.CustomerQuery{Publisher: 100_000_001, Consent: "marketing", ConsentState: authstore.Accepted})
	if err != nil || len(page.Customers) != authstore.DefaultPage {
		t.Errorf("%d, %v", len(page.Customers), err)
	}
}

func TestGeneratedCustomersAreTheSameForTheSameFlags(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	a, b := newPeople(1, 7, "", now), newPeople(1, 7, "", now)
	seen := map[int64]bool{}
	for range 1000 {
		x, y := a.next().Customer, b.next().Customer
		if x != y || seen[x.ID] || x.Registered.After(now) || x.LastLogin.After(now) {
			t.Fatalf("%+v, %+v", x, y)
		}
		seen[x.ID] = true
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{}, {"-store", "x", "-customers", "0"}, {"-store", "x", "-customers", "99999999"}, {"-store", "x", "more"}, {"-store", "x", "-publisher", "-1"}, {"-what"}} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
