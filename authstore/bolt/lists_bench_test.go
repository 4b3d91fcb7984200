// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// BenchmarkLists measures pages of customers in a store that internal/generate has
// made, whose path is in USHER_LISTS. Its customers are those of publisher
// 100000001. What it finds must take as long however many there are.
//
//	go run ./internal/generate -store /tmp/many.db -customers 1000000
//	USHER_LISTS=/tmp/many.db go test ./authstore/bolt -run '^$' -bench Lists
func BenchmarkLists(b *testing.B) {
	path := os.Getenv("USHER_LISTS")
	if path == "" {
		b.Skip("USHER_LISTS names no store")
	}
	backend := mustOpen(b, path)
	s := authstore.New(backend, time.Now)
	totals, err := s.Totals(b.Context(), listed)
	if err != nil || totals.Customers == 0 {
		b.Fatal(totals, err)
	}
	b.Logf("%+v", totals)
	for _, l := range listQueries(time.Now()) {
		b.Run(l.name, func(b *testing.B) { benchmarkList(b, s, l.query) })
	}
	b.Run("page=1000", func(b *testing.B) {
		q := authstore.CustomerQuery{}
		for range min(1000, int(totals.Customers)/authstore.DefaultPage-1) {
			q.Publisher = listed
			q.After = mustList(b, s, q).Next
		}
		benchmarkList(b, s, q)
	})
	b.Run("totals", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Totals(b.Context(), listed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("activity=90days", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Activity(b.Context(), listed, time.Now().AddDate(0, 0, -90), time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

const listed = 100_000_001

type listQuery struct {
	name  string
	query authstore.CustomerQuery
}

func listQueries(now time.Time) []listQuery {
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	return []listQuery{
		{"newest", authstore.CustomerQuery{}},
		{"sort=lastLogin", authstore.CustomerQuery{Sort: authstore.ByLastLogin}},
		{"sort=email", authstore.CustomerQuery{Sort: authstore.ByEmail}},
		{"sort=name", authstore.CustomerQuery{Sort: authstore.ByName}},
		{"search=email", authstore.CustomerQuery{Search: "lina.s"}},
		{"search=name", authstore.CustomerQuery{Search: "ziegler ann"}},
		{"search=firstname", authstore.CustomerQuery{Search: "anna zie"}},
		{"search=externalid", authstore.CustomerQuery{Search: "crm-1"}},
		{"search=id", authstore.CustomerQuery{Search: "656231608"}},
		{"search=nothing", authstore.CustomerQuery{Search: "xyzzy"}},
		{"registered=month", authstore.CustomerQuery{RegisteredFrom: ago(400), RegisteredBefore: ago(370)}},
		{"lastLogin=month", authstore.CustomerQuery{LastLoginFrom: ago(400), LastLoginBefore: ago(370)}},
		{"unverified", authstore.CustomerQuery{Unverified: true}},
		{"disabled", authstore.CustomerQuery{Disabled: true}},
		{"unverified+disabled", authstore.CustomerQuery{Unverified: true, Disabled: true}},
		{"consent=accepted", authstore.CustomerQuery{Consent: "terms", ConsentVersion: "2", ConsentState: authstore.Accepted}},
		{"consent=none", authstore.CustomerQuery{Consent: "terms", ConsentVersion: "1"}},
		{"consent+disabled+range", authstore.CustomerQuery{Consent: "marketing", ConsentState: authstore.Accepted, Disabled: true, RegisteredFrom: ago(400), RegisteredBefore: ago(370)}},
		// Those that nobody matches, or few.
		{"none=erased", authstore.CustomerQuery{Erased: true}},
		{"none=consent", authstore.CustomerQuery{Consent: "terms", ConsentVersion: "9", ConsentState: authstore.Accepted}},
		{"none=unanswered", authstore.CustomerQuery{Consent: "marketing"}},
		{"none=declined+disabled", authstore.CustomerQuery{Consent: "terms", ConsentState: authstore.Declined, Disabled: true, Unverified: true}},
		{"none=range+sort", authstore.CustomerQuery{Sort: authstore.ByEmail, RegisteredFrom: now.AddDate(1, 0, 0)}},
		{"rare=disabled+sort", authstore.CustomerQuery{Sort: authstore.ByName, Disabled: true, Unverified: true, Consent: "terms", ConsentVersion: "1", ConsentState: authstore.Accepted}},
		{"rare=login+registered", authstore.CustomerQuery{Sort: authstore.ByRegistered, LastLoginBefore: ago(1000)}},
	}
}

func mustList(b *testing.B, s *authstore.Store, q authstore.CustomerQuery) authstore.CustomerPage {
	b.Helper()
	page, err := s.ListCustomers(b.Context(), q)
	if err != nil {
		b.Fatal(err)
	}
	return page
}

// processorTime is what this process has used, which says more than the clock on a
// machine that others use too.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkList(b *testing.B, s *authstore.Store, q authstore.CustomerQuery) {
	q.Publisher = listed
	b.ReportAllocs()
	var page authstore.CustomerPage
	began, slowest := processorTime(b), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		page = mustList(b, s, q)
		slowest = max(slowest, time.Since(start))
	}
	b.ReportMetric(slowest.Seconds()*1000, "slowest-ms")
	b.ReportMetric((processorTime(b)-began).Seconds()*1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(len(page.Customers)), "found")
	b.ReportMetric(float64(page.Examined), "examined")
	if page.Partial {
		b.Logf("partial: %+v", q)
	}
}
