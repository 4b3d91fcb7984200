// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CustomerSort is an order of customers. Those that are equal by it are in the
// order of their ids.
type CustomerSort string

// The orders. The zero value is ByLastLogin for a query with bounds on the last
// login and none on the registration, otherwise ByRegistered.
const (
	ByRegistered CustomerSort = "registered" // newest first
	ByLastLogin  CustomerSort = "lastLogin"  // latest first, those who never did at the end
	ByEmail      CustomerSort = "email"
	ByName       CustomerSort = "name" // last name first, those without a name at the end
)

// How many customers a page has.
const (
	DefaultPage = 50
	MaxPage     = 100
)

var (
	// ErrCursor says that a cursor is not that of a page of the same query.
	ErrCursor = errors.New("cursor is not of this list")

	// ErrSort says that there is no such order of customers.
	ErrSort = errors.New("unknown order of customers")
)

// CustomerQuery says which customers of a publisher are wanted. What is zero
// asks for nothing.
//
// Everything may be combined. Flags, consents and dates of registration are found
// by indexes in the order ByRegistered, bounds on the last login in the order
// ByLastLogin; beyond that customers are looked at one by one, a bounded number for
// each page (see CustomerPage.Partial).
type CustomerQuery struct {
	Publisher int64

	// Search is what staff type into one box. Customers come by id, then those
	// whose external id begins with it, then e-mail addresses, then names, first or
	// last; nobody twice. Addresses and names are compared without case.
	Search string

	// Sort is ignored with Search and with Erased: erased customers are listed
	// by registration.
	Sort CustomerSort

	// Bounds are half-open. Who never logged in is within none on the last login.
	RegisteredFrom, RegisteredBefore time.Time
	LastLoginFrom, LastLoginBefore   time.Time

	Unverified bool // only those whose address is not verified
	Disabled   bool // only those
	Erased     bool // only those; otherwise none of them

	// Consent asks for customers by their answer in force to the consent of that
	// name: to ConsentVersion, or to any if that is empty. Without a ConsentState
	// it asks for those who have not answered it. Erased customers count as having
	// answered nothing.
	Consent, ConsentVersion string
	ConsentState            ConsentState

	After string // Next of the page before; "" for the first
	Limit int    // 1 to MaxPage; less is DefaultPage, more is MaxPage
}

// CustomerPage is a part of a list.
type CustomerPage struct {
	Customers []Customer
	Next      string // After of the page that follows; "" at the end
	Examined  int    // places in indexes and records that were looked at

	// Partial says that the page ended because enough was looked at, not because
	// it is full: Next goes on.
	Partial bool
}

// maxEffort bounds the work for one page, in places of an index, as many of which
// other steps take as long as. It is about five milliseconds of a slow core.
const (
	maxEffort    = 10_000
	scanEffort   = 8  // beginning to read a part of an index
	recordEffort = 32 // reading a customer
)

// ListCustomers returns a page of the customers who are asked for. It takes the
// same time and memory however many customers there are. A customer who stays as
// they are is on exactly one page, whatever comes and goes meanwhile. Errors:
// ErrCursor, ErrSort.
func (s *Store) ListCustomers(ctx context.Context, q CustomerQuery) (page CustomerPage, err error) {
	switch {
	case q.Limit <= 0:
		q.Limit = DefaultPage
	case q.Limit > MaxPage:
		q.Limit = MaxPage
	}
	q.Search = strings.TrimSpace(q.Search)
	phases, err := q.phases()
	if err != nil {
		return CustomerPage{}, err
	}
	at, err := q.cursor(len(phases))
	if err != nil {
		return CustomerPage{}, err
	}
	err = s.b.View(ctx, func(tx Tx) error {
		l := lister{tx: tx, q: q, phases: phases}
		if err := l.from(at); err != nil {
			return fmt.Errorf("listing customers: %w", err)
		}
		page = l.page
		return nil
	})
	return page, err
}

// phase is a walk through what some lists have in common. Most queries are one,
// a search is several.
type phase struct {
	lists   []list // those whose customers are wanted, in one order; at least one
	without []list // those whose customers are not, in the same order
	from    string // where to begin in that order
	to      string // where to end; "" for the end

	// found tells whether a customer is wanted here, as far as the lists do not say.
	found func(Customer) bool
}

func (q CustomerQuery) phases() ([]phase, error) {
	if q.Search != "" {
		return q.searches(), nil
	}
	p := idKey(q.Publisher)
	sort := q.Sort
	if sort == "" {
		sort = ByRegistered
		if q.boundByLogin() && q.RegisteredFrom.IsZero() && q.RegisteredBefore.IsZero() {
			sort = ByLastLogin
		}
	}
	if q.Erased {
		sort = ByRegistered
	}
	one := phase{found: func(Customer) bool { return true }}
	switch sort {
	case ByRegistered:
		return []phase{q.byRegistration()}, nil
	case ByLastLogin:
		one.lists = []list{{tableByLogin, key(p, "")}}
		one.from, one.to = span(q.LastLoginFrom, q.LastLoginBefore)
	case ByEmail:
		one.lists = []list{{tableByEmail, key(p, "")}}
	case ByName:
		one.lists = []list{{tableByName, key(p, "")}}
	default:
		return nil, fmt.Errorf("%w: %q", ErrSort, sort)
	}
	return []phase{one}, nil
}

func (q CustomerQuery) boundByLogin() bool {
	return !q.LastLoginFrom.IsZero() || !q.LastLoginBefore.IsZero()
}

// byRegistration walks the lists that go by registration, all at once.
func (q CustomerQuery) byRegistration() phase {
	p := idKey(q.Publisher)
	all := phase{found: func(Customer) bool { return true }}
	all.from, all.to = span(q.RegisteredFrom, q.RegisteredBefore)
	switch {
	case q.Erased:
		all.lists = []list{{tableByFlag, key(p, flagErased, "")}}
	case q.Unverified:
		all.lists = []list{{tableByFlag, key(p, flagUnverified, "")}}
	}
	if q.Disabled && !q.Erased {
		all.lists = append(all.lists, list{tableByFlag, key(p, flagDisabled, "")})
	}
	if q.Consent != "" {
		given, notGiven := q.consentLists()
		all.lists, all.without = append(all.lists, given...), notGiven
	}
	if len(all.lists) == 0 {
		all.lists = []list{{tableByRegistration, key(p, "")}}
	}
	return all
}

// consentLists returns in which lists customers must be for their answer, and in
// which not.
func (q CustomerQuery) consentLists() (given, notGiven []list) {
	in := func(state ConsentState) list {
		return list{tableByConsent, consentPrefix(q.Publisher, q.Consent, q.ConsentVersion, state)}
	}
	if q.ConsentState != "" {
		return []list{in(q.ConsentState)}, nil
	}
	return nil, []list{in(Accepted), in(Declined)}
}

// span returns the part of a list by time, latest first, in which the times from
// one to before another are. Records have whole milliseconds, bounds need not.
func span(from, before time.Time) (first, end string) {
	up := func(t time.Time) time.Time { return t.Add(time.Millisecond - 1).Truncate(time.Millisecond) }
	if !before.IsZero() {
		first = latestFirst(up(before).Add(-time.Millisecond))
	}
	if !from.IsZero() {
		end = latestFirst(up(from)) + "\x01"
	} else if !before.IsZero() {
		end = latestFirst(time.Time{})
	}
	return first, end
}

// wanted tells whether a customer is asked for, consents aside.
func (q CustomerQuery) wanted(c Customer) bool {
	within := func(t, from, before time.Time) bool {
		return (from.IsZero() || !t.Before(from)) && (before.IsZero() || t.Before(before))
	}
	switch {
	case c.PublisherID != q.Publisher, q.Erased == c.Erased.IsZero(), q.Unverified && !c.EmailVerified.IsZero(), q.Disabled && !c.Disabled:
		return false
	case q.boundByLogin() && c.LastLogin.IsZero():
		return false
	}
	return within(c.Registered, q.RegisteredFrom, q.RegisteredBefore) && within(c.LastLogin, q.LastLoginFrom, q.LastLoginBefore)
}
