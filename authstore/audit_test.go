// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// mustAudit writes entries an hour apart, the newest last.
func (w *world) mustAudit(t *testing.T, entries ...authstore.AuditEntry) {
	t.Helper()
	for _, e := range entries {
		w.clock.Add(time.Hour)
		if _, err := w.Audit(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// audited returns the details "n" of what a query finds, page after page.
func (w *world) audited(t *testing.T, q authstore.AuditQuery) (found []string) {
	t.Helper()
	for {
		page, err := w.AuditLog(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Entries) > q.Limit {
			t.Fatalf("%d entries on a page of %d", len(page.Entries), q.Limit)
		}
		for _, e := range page.Entries {
			found = append(found, e.Detail["n"])
		}
		if q.After = page.Next; q.After == "" {
			return found
		}
	}
}

func TestAuditLogIsNewestFirstAndOfOnePublisher(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		start := w.clock.Now()
		for i := range 7 {
			w.mustAudit(t, authstore.AuditEntry{
				PublisherID: 100000001, Actor: []string{"ann", "bob"}[i%2], Act: []string{"customer.erase", "customer.export", "consent.publish"}[i%3],
				Target: fmt.Sprint(i % 4), Detail: map[string]string{"n": fmt.Sprint(i)},
			})
		}
		w.mustAudit(t, authstore.AuditEntry{PublisherID: 100000002, Detail: map[string]string{"n": "theirs"}})
		at := func(i int) time.Time { return start.Add(time.Duration(i+1) * time.Hour) }
		for _, tt := range []struct {
			q    authstore.AuditQuery
			want string
		}{
			{authstore.AuditQuery{}, "[6 5 4 3 2 1 0]"},
			{authstore.AuditQuery{Actor: "bob"}, "[5 3 1]"},
			{authstore.AuditQuery{Act: "customer.erase"}, "[6 3 0]"},
			{authstore.AuditQuery{Act: "customer."}, "[6 4 3 1 0]"},
			{authstore.AuditQuery{Act: "customer"}, "[]"},
			{authstore.AuditQuery{Target: "2"}, "[6 2]"},
			{authstore.AuditQuery{From: at(2), Before: at(5)}, "[4 3 2]"},
			{authstore.AuditQuery{From: at(6)}, "[6]"},
			{authstore.AuditQuery{Before: at(0)}, "[]"},
			{authstore.AuditQuery{Actor: "ann", Act: "customer.", Before: at(6)}, "[4 0]"},
		} {
			for _, limit := range []int{1, 2, 50} {
				tt.q.Publisher, tt.q.Limit = 100000001, limit
				if got := fmt.Sprint(w.audited(t, tt.q)); got != tt.want {
					t.Errorf("%+v: %s, want %s", tt.q, got, tt.want)
				}
			}
		}
	})
}

func TestEntriesOfOneMomentAreInTheirOrder(t *testing.T) {
	w := newWorld(t)
	want := ""
	for i := range 12 {
		if _, err := w.Audit(t.Context(), authstore.AuditEntry{PublisherID: novaID, Detail: map[string]string{"n": fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
		want = fmt.Sprint(i) + " " + want
	}
	for _, limit := range []int{1, 5, 50} {
		if got := fmt.Sprint(w.audited(t, authstore.AuditQuery{Publisher: novaID, Limit: limit})); got != "["+want[:len(want)-1]+"]" {
			t.Errorf("%d a page: %s", limit, got)
		}
	}
}

func TestAuditLogTellsWhatFailed(t *testing.T) {
	w := newWorld(t)
	e, err := w.Audit(context.Background(), authstore.AuditEntry{PublisherID: 100000001, Act: "customer.erase"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AuditFailed(context.Background(), e, "no such customer"); err != nil {
		t.Fatal(err)
	}
	page, err := w.AuditLog(context.Background(), authstore.AuditQuery{Publisher: 100000001, Limit: 10})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Error != "no such customer" || page.Entries[0].Act != "customer.erase" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestAuditLogGoesOnOnlyFromItsOwnPlaces(t *testing.T) {
	w := newWorld(t)
	w.mustAudit(t, authstore.AuditEntry{PublisherID: 100000002})
	for _, after := range []string{"\x01", "x\x00", "../", "9\xff", "a"} {
		page, err := w.AuditLog(context.Background(), authstore.AuditQuery{Publisher: 100000001, After: after, Limit: 10})
		if !errors.Is(err, authstore.ErrCursor) || len(page.Entries) > 0 {
			t.Errorf("%q: %+v, %v", after, page, err)
		}
	}
	page, err := w.AuditLog(context.Background(), authstore.AuditQuery{Publisher: 100000001, After: "0", Limit: 10})
	if err != nil || len(page.Entries) > 0 {
		t.Errorf("%+v, %v", page, err)
	}
}
