// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// Customer ids have nine digits; each customer has the next of a sequence that
// goes through all of them in an order that looks random, as real ones do.
const (
	maxCustomers = 10_000_000
	firstID      = 100_000_000
	ids          = 900_000_000
	stride       = 556_231_607 // has no divisor in common with ids
)

// people makes up customers.
type people struct {
	publisher int64
	password  string // encoded
	now       time.Time
	random    *rand.Rand
	n         int64 // how many there are
	begin     int64 // where in the sequence of ids
}

// newPeople returns customers of a publisher as of a moment, by a seed.
func newPeople(publisher int64, seed uint64, password string, now time.Time) *people {
	return &people{
		publisher: publisher, password: password, now: now.UTC().Truncate(time.Hour),
		random: rand.New(rand.NewPCG(seed, uint64(publisher))), begin: int64(seed % ids),
	}
}

// chance is true in so many of a hundred cases.
func (p *people) chance(percent float64) bool { return p.random.Float64()*100 < percent }

func (p *people) of(list []string) string { return list[p.random.IntN(len(list))] }

// before returns a time within so long before another.
func (p *people) before(t time.Time, most time.Duration) time.Time {
	return t.Add(-time.Duration(p.random.Int64N(int64(most)))).Truncate(time.Millisecond)
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// next makes up one more customer.
func (p *people) next() authstore.Import {
	p.n++
	first, last := p.of(firstNames), p.of(lastNames)
	c := authstore.Customer{
		ID: firstID + (p.begin+p.n*stride)%ids, PublisherID: p.publisher, FirstName: first, LastName: last,
		Registered: p.before(p.now, 3*year), Disabled: p.chance(1),
		Country: p.of(countries), Locale: "en", Currency: "EUR",
		LastIP: fmt.Sprintf("198.51.100.%d", p.random.IntN(256)),
	}
	// Ten digits at the end keep addresses apart, and in no order.
	c.Email = fmt.Sprintf("%s.%s.%d@%s", address(first), address(last), c.ID, p.of([]string{"example.com", "example.org"}))
	if !p.chance(5) {
		c.EmailVerified = c.Registered.Add(time.Hour)
	}
	if p.chance(30) {
		c.ExternalID = fmt.Sprintf("crm-%d", c.ID)
	}
	if since := p.now.Sub(c.Registered); since > time.Hour && !p.chance(3) {
		c.LastLogin = p.before(p.now, since)
	}
	in := authstore.Import{Customer: c, Answers: p.answers(c)}
	in.Identity = authstore.Identity{Provider: authstore.ProviderPassword, Subject: strings.ToLower(c.Email), Password: p.password}
	if p.chance(60) {
		in.Capture = p.capture(c)
	}
	return in
}

func address(name string) string {
	return strings.NewReplacer(" ", "", "'", "", "ö", "o", "é", "e", "å", "a", "ø", "o").Replace(strings.ToLower(name))
}

// answers are to terms in two versions, and to marketing.
func (p *people) answers(c authstore.Customer) []authstore.ConsentRecord {
	version := "2"
	if p.now.Sub(c.Registered) > year {
		version = "1"
	}
	marketing := authstore.Declined
	if p.chance(40) {
		marketing = authstore.Accepted
	}
	return []authstore.ConsentRecord{
		{Name: "terms", Version: version, State: authstore.Accepted, IP: c.LastIP},
		{Name: "marketing", Version: "1", State: marketing, IP: c.LastIP},
	}
}

func (p *people) capture(c authstore.Customer) authstore.CaptureAnswers {
	born := p.before(p.now.Add(-16*year), 60*year).Format(time.DateOnly)
	team := p.of(teams)
	return authstore.CaptureAnswers{
		Submitted: c.Registered.Add(time.Minute),
		Values:    map[string]string{"birthDate": born, "custom_1": team},
		Buckets:   map[string]string{"birthDate": born[:3] + "0s", "custom_1": team, "firstNameLastName": "answered"},
	}
}
