// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// mustSweepAround sweeps until all tables were gone through once, and returns
// how many records each call removed.
func (w *world) mustSweepAround(t *testing.T) (removed []int) {
	t.Helper()
	var at authstore.SweepCursor
	for {
		next, n, err := w.Sweep(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		removed = append(removed, n)
		if next == (authstore.SweepCursor{}) {
			return removed
		}
		if len(removed) > 100 {
			t.Fatalf("no end after %v", removed)
		}
		at = next
	}
}

// stored counts the records of a table.
func (w *world) stored(t *testing.T, table string) (n int) {
	t.Helper()
	err := w.View(t, func(tx authstore.Tx) error {
		n = 0
		return tx.Scan(table, "", "", func(string, []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSweepRemovesOnlyWhatHasExpired(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.mustAnswer(t, c, answer("terms", "1", authstore.Accepted))
		if _, err := w.RootKey(t.Context(), []byte("root")); err != nil {
			t.Fatal(err)
		}
		w.mustStart(t, c, "old")
		w.mustStart(t, c, "ended long ago")
		end := func(id string) {
			_, err := w.JudgeSession(t.Context(), id, endedFor, func(*authstore.Session) (authstore.Verdict, error) { return authstore.End, nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		issue := func(digest string) {
			if err := w.IssueTicket(t.Context(), digest, authstore.Ticket{Expires: w.Now().Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		end("ended long ago")
		issue("old")
		w.clock.Add(idle + time.Hour)
		w.mustStart(t, c, "live")
		w.mustStart(t, c, "ended now")
		end("ended now")
		issue("live")
		_, removed, err := w.Sweep(t.Context(), authstore.SweepCursor{})
		if err != nil || removed != 3 {
			t.Errorf("removed %d, %v, want 3", removed, err)
		}
		for table, want := range map[string]int{
			"sessions": 1, "customer_sessions": 1, "ended": 1, "tickets": 1,
			"customers": 1, "identities": 1, "consent_log": 1, "consents": 1, "consent_head": 1, "keys": 1,
		} {
			if n := w.stored(t, table); n != want {
				t.Errorf("%d records in %s, want %d", n, table, want)
			}
		}
		w.wantSession(t, "live", true)
		if _, err := w.EndCustomerSessions(t.Context(), c.ID, "", endedFor); err != nil {
			t.Errorf("ending the rest: %v", err)
		}
	})
}

// mustFill stores n tickets, every second of which runs out in a minute.
func (w *world) mustFill(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		expires := w.Now().Add(time.Minute)
		if i%2 == 1 {
			expires = expires.Add(time.Hour)
		}
		w.put(t, "tickets", fmt.Sprintf("d%04d", i), fmt.Sprintf(`{"expires":%q}`, expires.Format(time.RFC3339)))
	}
}

func TestSweepGoesRoundInBoundedSteps(t *testing.T) {
	w := newWorld(t)
	w.mustFill(t, 1250)
	w.clock.Add(time.Minute)
	removed := w.mustSweepAround(t)
	if fmt.Sprint(removed) != "[250 250 125]" {
		t.Errorf("removed %v, want 250, 250 and 125 of steps of 500", removed)
	}
	if n := w.stored(t, "tickets"); n != 625 {
		t.Errorf("%d are left, want 625", n)
	}
	w.clock.Add(time.Hour)
	if removed := w.mustSweepAround(t); fmt.Sprint(removed) != "[500 125]" || w.stored(t, "tickets") != 0 {
		t.Errorf("the second round removed %v", removed)
	}
}

func TestSweepOfOneTableDoesNotWaitForAnother(t *testing.T) {
	w := newWorld(t)
	w.mustFill(t, 1001)
	for i := range 600 {
		w.put(t, "ended", fmt.Sprintf("s%04d", i), `{"until":"2026-01-01T00:00:00Z"}`)
	}
	w.clock.Add(2 * time.Hour)
	// 500 tickets and 500 ends, 500 and 100, one ticket. The end of the second
	// table is reached first; it then goes on from its beginning.
	if removed := w.mustSweepAround(t); fmt.Sprint(removed) != "[1000 600 1]" {
		t.Errorf("removed %v", removed)
	}
}

func TestSweepOfManySessionsOfOneCustomer(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	for i := range 700 {
		w.mustStart(t, c, fmt.Sprintf("s%03d", i))
	}
	w.clock.Add(idle + time.Hour)
	w.mustStart(t, c, "zz")
	if removed := w.mustSweepAround(t); fmt.Sprint(removed) != "[500 200]" {
		t.Errorf("removed %v", removed)
	}
	if live, err := w.CustomerSessions(t.Context(), c.ID); err != nil || len(live) != 1 || w.stored(t, "customer_sessions") != 1 {
		t.Errorf("live %v, %v, %d index entries", live, err, w.stored(t, "customer_sessions"))
	}
}

func TestSweepBesideUseRemovesNoLiveSession(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		s := w.mustStart(t, c, "s1")
		errs := parallel(20, func(i int) error {
			if i%2 == 0 {
				_, _, err := w.Sweep(context.Background(), authstore.SweepCursor{})
				return err
			}
			return w.TouchSessions(context.Background(), map[string]time.Time{"s1": s.Seen.Add(time.Duration(i) * time.Minute)})
		})
		if count(errs, nil) != 20 {
			t.Error(errs)
		}
		w.wantSession(t, "s1", true)
	})
}

func TestSweepReportsARecordItCannotRead(t *testing.T) {
	w := newWorld(t)
	w.put(t, "tickets", "d1", `{"expires":7}`)
	next, removed, err := w.Sweep(t.Context(), authstore.SweepCursor{})
	if err == nil || !strings.Contains(err.Error(), "tickets") || removed != 0 || next != (authstore.SweepCursor{}) {
		t.Errorf("got %v, %d, %v", next, removed, err)
	}
}
