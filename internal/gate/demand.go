// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/sso"
)

// Demand is what some protected paths ask of a visitor beyond a session. What
// can be done for it at the hub, Needs, leads there; Claims cannot.
type Demand struct {
	Paths []string // patterns as NewPolicy has them; none for every protected path
	Match Matcher  // which of those requests; nil for all
	Needs sso.Needs
	Claim Claim
}

// Matcher tells whether a rule is about a request. With an error the request is
// not judged at all.
type Matcher func(*http.Request) (bool, error)

// Claim is what must be true of a customer.
type Claim struct {
	Name   string   // one of ClaimNames; "" for no claim
	Values []string // one of which it has; a star before a value stands for any beginning
}

// ClaimNames are the claims that may be demanded. An e-mail address counts only
// when it is verified, or anybody could claim one.
var ClaimNames = []string{"customer_id", "publisher_id", "offer_id", "email"}

// of returns what an identity claims under a name.
func (c Claim) of(id *Identity) string {
	switch c.Name {
	case "customer_id":
		return id.Get(CustomerID)
	case "publisher_id":
		return id.Get(PublisherID)
	case "offer_id":
		return id.offer()
	case "email":
		if id.verified {
			return strings.ToLower(id.Get(Email))
		}
	}
	return ""
}

// holds tells whether the claim is true of an identity.
func (c Claim) holds(id *Identity) bool {
	have := c.of(id)
	return c.Name == "" || have != "" && slices.ContainsFunc(c.Values, func(want string) bool {
		end, open := strings.CutPrefix(want, "*")
		return want == have || open && strings.HasSuffix(have, end)
	})
}

// shortestMaxAge is the least maximum age of a sign-in that can be demanded; a
// viewer must get from the hub's page to the site within it.
const shortestMaxAge = 30 * time.Second

// Check judges a demand, and changes it to its plain form.
func (d *Demand) Check() error {
	for _, p := range d.Paths {
		if err := CheckPattern(p); err != nil {
			return err
		}
	}
	switch {
	case d.Needs.None() && d.Claim.Name == "":
		return fmt.Errorf("nothing is required")
	case d.Needs.MaxAge != 0 && d.Needs.MaxAge < shortestMaxAge:
		return fmt.Errorf("max_age %s leaves viewers no time to get back from the hub; write at least %s", d.Needs.MaxAge, shortestMaxAge)
	case d.Claim.Name != "" && !slices.Contains(ClaimNames, d.Claim.Name):
		return fmt.Errorf("claim %q is not known; known are %s", d.Claim.Name, strings.Join(ClaimNames, ", "))
	case d.Claim.Name != "" && len(d.Claim.Values) == 0:
		return fmt.Errorf("claim %s needs at least one value", d.Claim.Name)
	}
	if d.Claim.Name == "email" {
		d.Needs.VerifiedEmail = true
		for i, v := range d.Claim.Values {
			d.Claim.Values[i] = strings.ToLower(v)
		}
	}
	for _, v := range d.Claim.Values {
		if d.Claim.Name == "email" && strings.HasPrefix(v, "*") && !strings.HasPrefix(v, "*@") {
			return fmt.Errorf("value %q of claim email holds for addresses at other domains, too; write *@example.com", v)
		}
		if strings.Trim(v, "*") == "" || strings.Contains(strings.TrimPrefix(v, "*"), "*") {
			return fmt.Errorf("value %q of claim %s says nothing; write it whole, or with a star in front, such as *@example.com", v, d.Claim.Name)
		}
	}
	return nil
}

// unmet returns what of the needs an identity lacks.
func unmet(n sso.Needs, id *Identity, now time.Time) sso.Needs {
	lacks := sso.Needs{VerifiedEmail: n.VerifiedEmail && !id.verified, Captured: n.Captured && !id.captured}
	for _, name := range n.Consents {
		if !id.accepts(name) {
			lacks.Consents = append(lacks.Consents, name)
		}
	}
	if n.MaxAge > 0 && now.UnixNano()-id.signedInAt >= int64(n.MaxAge) {
		lacks.MaxAge = n.MaxAge
	}
	return lacks
}

// judgement is what a visitor lacks for a request.
type judgement struct {
	needs     sso.Needs // to be had at the hub
	forbidden bool      // a claim does not hold, which nothing can be done about
}

func (j judgement) passes() bool { return j.needs.None() && !j.forbidden }

// judge returns what an identity lacks for a request to a path. demanded are the
// demands that are about the path. Errors: ErrUnavailable.
func (p *Policy) judge(r *http.Request, demanded demandSet, id *Identity, now time.Time) (judgement, error) {
	var j judgement
	for i := 0; demanded>>i != 0; i++ {
		d := &p.demands[i]
		about, err := d.about(r, demanded.has(i))
		if err != nil {
			return j, err
		}
		if !about {
			continue
		}
		j.needs = j.needs.And(unmet(d.Needs, id, now))
		// While an address is not verified, it cannot be told who they are.
		if !d.Claim.holds(id) && (d.Claim.Name != "email" || id.verified) {
			j.forbidden = true
		}
	}
	return j, nil
}

// asks returns what a path will ask of a stranger, so that they are led to the hub
// once. Errors: ErrUnavailable.
func (p *Policy) asks(r *http.Request, demanded demandSet) (n sso.Needs, err error) {
	for i := 0; demanded>>i != 0; i++ {
		d := &p.demands[i]
		about, err := d.about(r, demanded.has(i))
		if err != nil {
			return n, err
		}
		if about {
			n = n.And(d.Needs)
		}
	}
	n.MaxAge = 0 // they are about to sign in
	return n, nil
}

// about tells whether a demand is about a request, given whether it is about the
// path. Errors: ErrUnavailable.
func (d *Demand) about(r *http.Request, path bool) (bool, error) {
	if !path || d.Match == nil {
		return path, nil
	}
	about, err := d.Match(r)
	if err != nil {
		return false, unjudged(err)
	}
	return about, nil
}

// demandSet says which demands of a policy are about a path.
type demandSet uint64

// maxDemands is how many demands a policy can have.
const maxDemands = 64

func (s demandSet) has(i int) bool { return s&(1<<i) != 0 }

// challenge returns what a program is told that lacks something (RFC 6750, section
// 3; RFC 9470 for a sign-in that is too old).
func (j judgement) challenge() string {
	switch {
	case j.forbidden:
		return `Bearer error="insufficient_scope"`
	case j.needs.MaxAge > 0:
		return `Bearer error="insufficient_user_authentication", max_age=` + strconv.Quote(strconv.Itoa(int(j.needs.MaxAge/time.Second)))
	}
	return "Bearer"
}
