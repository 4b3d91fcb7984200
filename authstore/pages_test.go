// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

func mustList(t *testing.T, w *world, q authstore.CustomerQuery) authstore.CustomerPage {
	t.Helper()
	page, err := w.ListCustomers(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestCustomersWhoStayAreOnOnePageWhateverComesAndGoes(t *testing.T) {
	t.Parallel()
	for _, q := range []authstore.CustomerQuery{
		{}, {Sort: authstore.ByEmail}, {Sort: authstore.ByName}, {Sort: authstore.ByLastLogin}, {Search: "a"},
		{Unverified: true}, {Consent: "terms", ConsentState: authstore.Accepted}, {Consent: "terms"},
	} {
		t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) {
			p := newCrowd(t, newWorld(t), 200)
			q.Publisher, q.Limit = nova().ID, 7
			gone, seen := map[int64]bool{}, map[int64]int{}
			before := p.want(q)
			for i := 0; i == 0 || q.After != ""; i++ {
				page := mustList(t, p.world, q)
				for _, c := range page.Customers {
					seen[c.ID]++
				}
				q.After = page.Next
				leaves := before[p.random.IntN(len(before))]
				gone[leaves.ID] = true
				p.mustErase(t, leaves)
				in := authstore.Import{Customer: authstore.Customer{PublisherID: nova().ID, Email: p.of("a", "b") + fmt.Sprint("new", i), FirstName: "An", Registered: p.day(), LastLogin: p.day()}}
				if err := p.ImportCustomers(t.Context(), []authstore.Import{in}); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range before {
				if n := seen[c.ID]; n > 1 || n == 0 && !gone[c.ID] {
					t.Errorf("customer %d is on %d pages", c.ID, n)
				}
			}
		})
	}
}

func TestErasedCustomerIsInNoList(t *testing.T) {
	w := newWorld(t)
	r := registration("ann@example.com")
	r.Customer.FirstName, r.Customer.LastName, r.Customer.ExternalID = "Ann", "Smith", "crm-1"
	r.Answers = []authstore.ConsentRecord{answer("terms", "1", authstore.Accepted)}
	c, err := w.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	queries := []authstore.CustomerQuery{
		{}, {Unverified: true}, {Sort: authstore.ByEmail}, {Sort: authstore.ByName}, {Sort: authstore.ByLastLogin}, {Consent: "terms", ConsentState: authstore.Accepted},
		{Search: "ann"}, {Search: "smith ann"}, {Search: "ANN smi"}, {Search: "crm-1"}, {Search: fmt.Sprint(c.ID)},
	}
	for _, erased := range []bool{false, true} {
		for _, q := range queries {
			q.Publisher = c.PublisherID
			if n := len(mustList(t, w, q).Customers); (n == 0) != erased {
				t.Errorf("erased %t: %+v finds %d", erased, q, n)
			}
		}
		w.erase(c)
	}
	page := mustList(t, w, authstore.CustomerQuery{Publisher: c.PublisherID, Erased: true})
	if len(page.Customers) != 1 || page.Customers[0].ID != c.ID || page.Customers[0].Email != "" {
		t.Errorf("erased ones are %+v", page.Customers)
	}
}

func TestCursorIsGoodForItsQueryAlone(t *testing.T) {
	p := newCrowd(t, newWorld(t), 100)
	base := authstore.CustomerQuery{Publisher: nova().ID, Limit: 5}
	next := mustList(t, p.world, base).Next
	for name, change := range map[string]func(*authstore.CustomerQuery){
		"publisher": func(q *authstore.CustomerQuery) { q.Publisher = orbit().ID },
		"sort":      func(q *authstore.CustomerQuery) { q.Sort = authstore.ByEmail },
		"flag":      func(q *authstore.CustomerQuery) { q.Disabled = true },
		"search":    func(q *authstore.CustomerQuery) { q.Search = "a" },
		"date":      func(q *authstore.CustomerQuery) { q.RegisteredFrom = p.from },
		"consent":   func(q *authstore.CustomerQuery) { q.Consent = "terms" },
		"cut":       func(q *authstore.CustomerQuery) { q.After = q.After[:8] },
		"letters":   func(q *authstore.CustomerQuery) { q.After = "!" + q.After },
		"words":     func(q *authstore.CustomerQuery) { q.After = "next" },
		"long":      func(q *authstore.CustomerQuery) { q.After += strings.Repeat("A", 4000) },
	} {
		q := base
		q.After = next
		change(&q)
		if page, err := p.ListCustomers(t.Context(), q); !errors.Is(err, authstore.ErrCursor) || len(page.Customers) != 0 {
			t.Errorf("another %s: %d customers, %v; want ErrCursor", name, len(page.Customers), err)
		}
	}
	base.After, base.Limit = next, 50 // a page may be of another size
	mustList(t, p.world, base)
}

func TestForgedPlaceInACursorShowsNobodyElsesCustomers(t *testing.T) {
	p := newCrowd(t, newWorld(t), 100)
	for _, q := range []authstore.CustomerQuery{{}, {Search: "a"}, {Sort: authstore.ByEmail}, {Consent: "terms", ConsentState: authstore.Accepted}} {
		q.Publisher, q.Limit = nova().ID, 3
		next, err := base64.RawURLEncoding.DecodeString(mustList(t, p.world, q).Next)
		if err != nil || len(next) < 10 {
			t.Fatal(next, err)
		}
		for _, place := range []string{"", "\x00", "\xff", "\xff\xff", "/", strings.Repeat("z", 600), "100000002\x00", "../", "9"} {
			for _, phase := range "0123456789\x00\xff" {
				q.After = base64.RawURLEncoding.EncodeToString([]byte(string(next[:8]) + string(phase) + place))
				page, err := p.ListCustomers(t.Context(), q)
				if err != nil && !errors.Is(err, authstore.ErrCursor) {
					t.Errorf("place %q: %v", place, err)
				}
				for _, c := range page.Customers {
					if c.PublisherID != nova().ID {
						t.Errorf("place %q shows %+v", place, c)
					}
				}
			}
		}
	}
}

func TestPageEndsWhenEnoughWasLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var many []authstore.Import
	for i := range 4000 {
		c := authstore.Customer{PublisherID: nova().ID, Email: fmt.Sprintf("%04d@example.com", i), Registered: w.Now(), Disabled: i == 3999}
		many = append(many, authstore.Import{Customer: c})
	}
	if err := w.ImportCustomers(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	q := authstore.CustomerQuery{Publisher: nova().ID, Disabled: true, Sort: authstore.ByEmail}
	var found, pages int
	for ; pages == 0 || q.After != ""; pages++ {
		page := mustList(t, w, q)
		if page.Examined > 10_000 || page.Partial != (page.Next != "") {
			t.Errorf("page %d: examined %d, partial %t, next %q", pages, page.Examined, page.Partial, page.Next)
		}
		found += len(page.Customers)
		q.After = page.Next
	}
	if found != 1 || pages < 3 {
		t.Errorf("%d found on %d pages, want 1 on some", found, pages)
	}
	q.Sort, q.After = authstore.ByRegistered, ""
	if page := mustList(t, w, q); page.Examined > 3 || len(page.Customers) != 1 || page.Next != "" {
		t.Errorf("by the list of the disabled: %d found, %d examined, next %q", len(page.Customers), page.Examined, page.Next)
	}
}

func TestListsThatHaveLittleInCommonAreSkippedThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var many []authstore.Import
	for i := range 3000 {
		c := authstore.Customer{PublisherID: nova().ID, Email: fmt.Sprint(i), Registered: w.Now().Add(-time.Duration(i) * time.Minute), Disabled: i%1000 == 500, EmailVerified: w.Now()}
		if i > 10 {
			c.EmailVerified = time.Time{}
		}
		many = append(many, authstore.Import{Customer: c})
	}
	if err := w.ImportCustomers(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	page := mustList(t, w, authstore.CustomerQuery{Publisher: nova().ID, Disabled: true, Unverified: true})
	if len(page.Customers) != 3 || page.Examined > 100 || page.Next != "" {
		t.Errorf("%d found, %d examined, next %q", len(page.Customers), page.Examined, page.Next)
	}
}

func TestPageHasItsSize(t *testing.T) {
	p := newCrowd(t, newWorld(t), 300)
	for limit, want := range map[int]int{-1: 50, 0: 50, 1: 1, 100: 100, 1000: 100} {
		page := mustList(t, p.world, authstore.CustomerQuery{Publisher: nova().ID, Limit: limit})
		if len(page.Customers) != want || page.Next == "" || page.Partial {
			t.Errorf("limit %d: %d customers, next %q", limit, len(page.Customers), page.Next)
		}
	}
}

func TestUnknownOrderIsRefused(t *testing.T) {
	w := newWorld(t)
	if _, err := w.ListCustomers(t.Context(), authstore.CustomerQuery{Publisher: nova().ID, Sort: "age"}); !errors.Is(err, authstore.ErrSort) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyIsFoundTwice(t *testing.T) {
	w := newWorld(t)
	r := registration("ann@example.com")
	r.Customer.FirstName, r.Customer.LastName, r.Customer.ExternalID = "Ann", "Ann", "ann"
	c, err := w.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	page := mustList(t, w, authstore.CustomerQuery{Publisher: c.PublisherID, Search: "ann"})
	if got := ids(page.Customers); !slices.Equal(got, []int64{c.ID}) {
		t.Errorf("got %v", got)
	}
}
