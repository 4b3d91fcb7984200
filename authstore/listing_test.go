// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// crowd is many customers and what a list of them must be.
type crowd struct {
	*world
	random  *rand.Rand
	from    time.Time
	names   []string
	answers map[int64]map[string]authstore.ConsentAnswer // of those not erased
	all     []authstore.Customer
}

// newCrowd stores n customers, some of another publisher's, who have much in
// common.
func newCrowd(t *testing.T, w *world, n int) *crowd {
	t.Helper()
	p := &crowd{world: w, random: rand.New(rand.NewPCG(1, uint64(n))), from: w.Now(), names: []string{"", "Ann", "anna", "Åsa", "Van Ann", "Öz", strings.Repeat("ä", 400)}}
	var imports []authstore.Import
	for i := range n {
		publisher := nova().ID
		if i%10 == 0 {
			publisher = orbit().ID
		}
		c := authstore.Customer{PublisherID: publisher, Email: p.of("ann", "Ann", "bob", "ä") + fmt.Sprint(i) + "@example.com", FirstName: p.of(p.names...), LastName: p.of(p.names...)}
		c.Registered, c.Disabled = p.day(), p.random.IntN(4) == 0
		if p.random.IntN(3) > 0 {
			c.EmailVerified = c.Registered
		}
		if p.random.IntN(3) > 0 {
			c.LastLogin = p.day()
		}
		if p.random.IntN(4) == 0 {
			c.ExternalID = p.of("ann", "X", "123456789") + fmt.Sprint(i)
		}
		in := authstore.Import{Customer: c}
		in.Identity = authstore.Identity{Provider: authstore.ProviderPassword, Subject: strings.ToLower(c.Email)}
		for _, name := range []string{"terms", "marketing"} {
			if p.random.IntN(3) > 0 {
				in.Answers = append(in.Answers, answer(name, p.of("1", "2"), p.state()))
			}
		}
		imports = append(imports, in)
	}
	if err := w.ImportCustomers(t.Context(), imports); err != nil {
		t.Fatal(err)
	}
	p.read(t)
	for i, c := range p.all {
		if i%9 == 0 && i < 900 {
			p.mustErase(t, c)
		}
	}
	p.read(t)
	return p
}

func (p *crowd) of(list ...string) string { return list[p.random.IntN(len(list))] }

func (p *crowd) state() authstore.ConsentState {
	return authstore.ConsentState(p.of(string(authstore.Accepted), string(authstore.Declined)))
}

// day returns one of few times, so that many customers share one.
func (p *crowd) day() time.Time { return p.from.Add(time.Duration(p.random.IntN(20)) * time.Hour) }

func (p *crowd) mustErase(t *testing.T, c authstore.Customer) {
	t.Helper()
	if _, err := p.EraseCustomer(t.Context(), c.ID, endedFor); err != nil {
		t.Fatal(err)
	}
}

// read takes all customers from the records themselves.
func (p *crowd) read(t *testing.T) {
	t.Helper()
	var ids []string
	err := p.View(t, func(tx authstore.Tx) error {
		ids = nil
		return tx.Scan("customers", "", "", func(k string, _ []byte) error { ids = append(ids, k); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	p.all, p.answers = nil, map[int64]map[string]authstore.ConsentAnswer{}
	for _, k := range ids {
		var id int64
		if _, err := fmt.Sscan(k, &id); err != nil {
			t.Fatal(err)
		}
		st, err := p.Standing(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		p.all = append(p.all, st.Customer)
		if st.Customer.Erased.IsZero() {
			p.answers[id] = st.Consents
		}
	}
}

// want lists customers the long way: everybody is judged, then all are sorted.
func (p *crowd) want(q authstore.CustomerQuery) []authstore.Customer {
	var found []authstore.Customer
	for _, c := range p.all {
		if p.judge(q, c) && (q.Search == "" || rank(q.Search, c) < 9) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b authstore.Customer) int { return cmp.Or(p.order(q, a, b), cmp.Compare(a.ID, b.ID)) })
	return found
}

func (p *crowd) judge(q authstore.CustomerQuery, c authstore.Customer) bool {
	bound := !q.LastLoginFrom.IsZero() || !q.LastLoginBefore.IsZero()
	switch {
	case c.PublisherID != q.Publisher, c.Erased.IsZero() == q.Erased,
		q.Unverified && !c.EmailVerified.IsZero(), q.Disabled && !c.Disabled,
		c.Registered.Before(q.RegisteredFrom), !q.RegisteredBefore.IsZero() && !c.Registered.Before(q.RegisteredBefore),
		bound && c.LastLogin.IsZero(), c.LastLogin.Before(q.LastLoginFrom),
		!q.LastLoginBefore.IsZero() && !c.LastLogin.Before(q.LastLoginBefore):
		return false
	case q.Consent == "":
		return true
	}
	a, answered := p.answers[c.ID][q.Consent]
	answered = answered && (q.ConsentVersion == "" || q.ConsentVersion == a.Version)
	if q.ConsentState == "" {
		return !answered
	}
	return answered && a.State == q.ConsentState
}

func lower(words ...string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.Join(words, " "))), " ")
}

// rank tells by what a customer is found; 9 is by nothing.
func rank(search string, c authstore.Customer) int {
	switch {
	case fmt.Sprint(c.ID) == search:
		return 0
	case c.ExternalID != "" && strings.HasPrefix(c.ExternalID, search):
		return 1
	case strings.HasPrefix(lower(c.Email), lower(search)):
		return 2
	case strings.HasPrefix(lower(c.LastName, c.FirstName), lower(search)):
		return 3
	case strings.HasPrefix(lower(c.FirstName, c.LastName), lower(search)):
		return 4
	}
	return 9
}

// short is how much of a name decides the order: 300 bytes, of letters of two.
func short(s string) string {
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "")
	}
	return s
}

func (p *crowd) order(q authstore.CustomerQuery, a, b authstore.Customer) int {
	byName := func(order func(authstore.Customer) string) int {
		return strings.Compare(short(order(a)), short(order(b)))
	}
	lastFirst := func(c authstore.Customer) string { return cmp.Or(lower(c.LastName, c.FirstName), "\U0010FFFF") }
	firstLast := func(c authstore.Customer) string { return lower(c.FirstName, c.LastName) }
	if q.Search != "" {
		by := rank(q.Search, a)
		if c := cmp.Compare(by, rank(q.Search, b)); c != 0 {
			return c
		}
		return []int{0, strings.Compare(a.ExternalID, b.ExternalID), strings.Compare(lower(a.Email), lower(b.Email)), byName(lastFirst), byName(firstLast)}[by]
	}
	sort := q.Sort
	if sort == "" && (!q.LastLoginFrom.IsZero() || !q.LastLoginBefore.IsZero()) && q.RegisteredFrom.IsZero() && q.RegisteredBefore.IsZero() {
		sort = authstore.ByLastLogin
	}
	switch {
	case q.Erased, sort == "", sort == authstore.ByRegistered:
		return b.Registered.Compare(a.Registered)
	case sort == authstore.ByLastLogin:
		return b.LastLogin.Compare(a.LastLogin)
	case sort == authstore.ByEmail:
		return strings.Compare(lower(a.Email), lower(b.Email))
	}
	return byName(lastFirst)
}

// walk goes through all pages.
func (p *crowd) walk(t *testing.T, q authstore.CustomerQuery) (found []authstore.Customer) {
	t.Helper()
	for range 5000 {
		page, err := p.ListCustomers(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if limit := cmp.Or(q.Limit, authstore.DefaultPage); len(page.Customers) > limit || page.Partial && (page.Next == "" || len(page.Customers) == limit) ||
			page.Next != "" && !page.Partial && len(page.Customers) < limit {
			t.Fatalf("%+v: a page of %d, partial %t, next %q", q, len(page.Customers), page.Partial, page.Next)
		}
		found = append(found, page.Customers...)
		if q.After = page.Next; q.After == "" {
			return found
		}
	}
	t.Fatalf("%+v: no end", q)
	return nil
}

func ids(customers []authstore.Customer) (all []int64) {
	for _, c := range customers {
		all = append(all, c.ID)
	}
	return all
}

// query asks for something.
func (p *crowd) query() authstore.CustomerQuery {
	q := authstore.CustomerQuery{Publisher: nova().ID, Limit: p.random.IntN(40)}
	q.Sort = authstore.CustomerSort(p.of("", "registered", "lastLogin", "email", "name"))
	maybe := func(n int) bool { return p.random.IntN(n) == 0 }
	moment := func() time.Time {
		if maybe(3) {
			return p.day().Add(time.Duration(p.random.IntN(3)-1) * time.Microsecond)
		}
		return time.Time{}
	}
	q.RegisteredFrom, q.RegisteredBefore, q.LastLoginFrom, q.LastLoginBefore = moment(), moment(), moment(), moment()
	q.Unverified, q.Disabled, q.Erased = maybe(3), maybe(3), maybe(8)
	if maybe(2) {
		q.Consent, q.ConsentVersion = p.of("terms", "marketing", "unknown"), p.of("", "1", "2", "3")
		q.ConsentState = authstore.ConsentState(p.of("", "accepted", "declined"))
	}
	if maybe(3) {
		some := p.all[p.random.IntN(len(p.all))]
		q.Search = p.of("a", "AN", "ann ann", " van ann ", "öz", "123456789", "X", "ä", "\x00", "%", some.Email, some.LastName, fmt.Sprint(some.ID), some.ExternalID, strings.Repeat("ä", 350))
	}
	return q
}

func TestListsAreThoseOfEverybodyJudgedAndSorted(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, w *world) {
		p := newCrowd(t, w, 300)
		matches := 0
		for range 200 {
			q := p.query()
			want := p.want(trimmed(q))
			got := p.walk(t, q)
			if !slices.Equal(ids(got), ids(want)) {
				t.Fatalf("%+v:\n got %v\nwant %v", q, ids(got), ids(want))
			}
			for i, c := range got {
				if c.Email != want[i].Email || !c.Registered.Equal(want[i].Registered) {
					t.Fatalf("got %+v, want %+v", c, want[i])
				}
			}
			matches += len(got)
		}
		if matches < 2000 {
			t.Errorf("the test is worthless: %d matches", matches)
		}
	})
}

func trimmed(q authstore.CustomerQuery) authstore.CustomerQuery {
	q.Search = strings.TrimSpace(q.Search)
	return q
}

// everybody asks for all customers of one publisher.
func everybody() authstore.CustomerQuery { return authstore.CustomerQuery{Publisher: nova().ID} }
