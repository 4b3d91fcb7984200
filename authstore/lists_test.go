// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
)

// derived are the tables that follow from others.
var derived = []string{
	"publisher_customers", "customers_by_registration", "customers_by_login", "customers_by_email", "customers_by_name",
	"customers_by_first_name", "customers_by_flag", "customers_by_consent", "tallies", "indexing",
}

// wantListsInStep compares lists and tallies with what they are when they are made
// anew from the records. It is called at the end of each test with a memory that
// nobody tampered with.
func (w *world) wantListsInStep(t *testing.T) {
	t.Helper()
	fresh := authstoretest.NewMemory()
	err := fresh.Update(context.WithoutCancel(t.Context()), func(tx authstore.Tx) error {
		for _, r := range w.memory.Records() {
			if slices.Contains(derived, r.Table) {
				continue
			}
			if err := tx.Put(r.Table, r.Key, []byte(r.Value)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustIndex(t, authstore.New(fresh, w.clock.Now))
	have, want := lists(w.memory), lists(fresh)
	for k := range have {
		if have[k] != want[k] {
			t.Errorf("%s is %q, from the records %q", k, have[k], want[k])
		}
	}
	for k := range want {
		if _, ok := have[k]; !ok {
			t.Errorf("%s is missing", k)
		}
	}
	if have, want := answersCounted(w.memory), answersStored(w.memory); !maps.Equal(have, want) {
		t.Errorf("answers are counted as %v, want %v", have, want)
	}
}

// lists returns the derived records that follow from those of customers.
func lists(m *authstoretest.Memory) map[string]string {
	all := map[string]string{}
	for _, r := range m.Records() {
		switch {
		case !slices.Contains(derived, r.Table) || r.Table == "indexing":
			continue
		case r.Table == "tallies" && strings.Contains(r.Key, "\x00answer\x00"):
			continue
		case r.Table == "tallies" && strings.Contains(r.Key, "\x00day\x00"):
			var d authstore.Day
			_ = json.Unmarshal([]byte(r.Value), &d)
			if d.Registrations == 0 {
				continue
			}
			r.Value = fmt.Sprintf("%d registrations", d.Registrations)
		}
		all[r.Table+" "+fmt.Sprintf("%q", r.Key)] = r.Value
	}
	return all
}

func answersCounted(m *authstoretest.Memory) map[string]int64 {
	n := map[string]int64{}
	for _, r := range m.Records() {
		if publisher, rest, _ := strings.Cut(r.Key, "\x00"); r.Table == "tallies" && strings.HasPrefix(rest, "answer\x00") {
			var tally authstore.AnswerTally
			_ = json.Unmarshal([]byte(r.Value), &tally)
			n[publisher+" "+tally.Field+" "+tally.Bucket] += tally.Count
		}
	}
	maps.DeleteFunc(n, func(_ string, n int64) bool { return n == 0 })
	return n
}

func answersStored(m *authstoretest.Memory) map[string]int64 {
	n, publishers := map[string]int64{}, map[string]int64{}
	for _, r := range m.Records() {
		if r.Table == "customers" {
			var c authstore.Customer
			_ = json.Unmarshal([]byte(r.Value), &c)
			publishers[r.Key] = c.PublisherID
		}
	}
	for _, r := range m.Records() {
		if r.Table == "captures" {
			var a authstore.CaptureAnswers
			_ = json.Unmarshal([]byte(r.Value), &a)
			for field, bucket := range a.Counted {
				n[fmt.Sprint(publishers[r.Key], " ", field, " ", bucket)]++
			}
		}
	}
	return n
}

// mustIndex enters everybody into the lists and returns how many steps it took.
func mustIndex(t *testing.T, s *authstore.Store) (steps int) {
	t.Helper()
	for steps = 1; ; steps++ {
		done, err := s.IndexCustomers(context.WithoutCancel(t.Context())) // tests may be at their end
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return steps
		}
		if steps > 100 {
			t.Fatal("no end")
		}
	}
}

// forget removes all lists and tallies, as if the store were of a time before
// there were any.
func (w *world) forget(t *testing.T) {
	t.Helper()
	err := w.watch.Backend.Update(t.Context(), func(tx authstore.Tx) error {
		for _, table := range derived {
			var keys []string
			err := tx.Scan(table, "", "", func(k string, _ []byte) error { keys = append(keys, k); return nil })
			if err != nil {
				return err
			}
			for _, k := range keys {
				if err := tx.Delete(table, k); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoreThatWasWrittenBeforeThereWereListsIsIndexedInSteps(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, w *world) {
		people := newCrowd(t, w, 2500)
		want := ids(people.walk(t, everybody()))
		totals, consents := mustTotals(t, w.Store), mustConsentTallies(t, w.Store)
		w.forget(t)
		if got := people.walk(t, everybody()); len(got) != 0 {
			t.Fatalf("the test is worthless: %d are listed", len(got))
		}
		if steps := mustIndex(t, w.Store); steps != 3 {
			t.Errorf("%d steps, want 3", steps)
		}
		if got := ids(people.walk(t, everybody())); !slices.Equal(got, want) {
			t.Errorf("%d are listed, want %d", len(got), len(want))
		}
		if a, b := mustTotals(t, w.Store), mustConsentTallies(t, w.Store); a != totals || !slices.Equal(b, consents) {
			t.Errorf("%+v, %v, want %+v, %v", a, b, totals, consents)
		}
		before := w.watch.writes.Load()
		if mustIndex(t, w.Store) != 1 || w.watch.writes.Load() != before {
			t.Error("it is done and does it again")
		}
	})
}

func TestCustomersWhoChangeBeforeTheyAreIndexedAreCountedOnce(t *testing.T) {
	for _, op := range customerChanges() {
		t.Run(op.name, func(t *testing.T) {
			w, c := inhabited(t)
			w.forget(t)
			w.captures(t, c)
			if err := op.run(t.Context(), w, c); err != nil {
				t.Fatal(err)
			}
			mustIndex(t, w.Store) // the rest is judged at the end of every test
		})
	}
}

// captures makes answers to capture look as before they were counted.
func (w *world) captures(t *testing.T, c authstore.Customer) {
	t.Helper()
	err := w.watch.Backend.Update(t.Context(), func(tx authstore.Tx) error {
		return tx.Put("captures", fmt.Sprint(c.ID), []byte(`{"submitted":"2026-03-01T12:00:00Z","values":{"x":"y"}}`))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewStoreIsIndexedAtOnce(t *testing.T) {
	w := newWorld(t)
	if steps := mustIndex(t, w.Store); steps != 1 {
		t.Errorf("%d steps, want 1", steps)
	}
}

func TestLoginCostsThreeMoreWritesForListsAndNumbers(t *testing.T) {
	w := newWorld(t)
	w.memory.Retry = false
	c := w.mustRegister(t, "ann@example.com")
	w.mustStart(t, c, "s1")
	w.clock.Add(time.Hour)
	before := w.watch.writes.Load()
	w.mustStart(t, c, "s2")
	// Customer, session, and the customer's list of sessions; besides, two for the
	// list by last login and one for the day.
	if n := w.watch.writes.Load() - before; n != 6 {
		t.Errorf("%d writes, want 6", n)
	}
}
