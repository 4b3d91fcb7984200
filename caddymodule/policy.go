// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/sso"
)

// Policy is what a gate asks of visitors, and what it tells the app of them. A
// path that no option names is protected: only signed-in viewers pass.
type Policy struct {
	// Paths open to everyone; the app is told nothing about who asks. Exact, or
	// a beginning followed by a star, such as /assets/*.
	Public []string `json:"public,omitempty"`

	// Paths open to everyone, where the app is told who is signed in, if
	// anyone is. Written like public.
	Optional []string `json:"optional,omitempty"`

	// Kinds of requests, by Caddy's matchers, that are let through on paths that
	// neither public nor optional names. The first that matches counts. Where there
	// is a matcher, here or in require, a path that servers may read in several ways
	// is refused with status 400.
	Open []Open `json:"open,omitempty"`

	// What is asked on protected paths beyond a session.
	Require []Requirement `json:"require,omitempty"`

	// The headers by which the app is told who is signed in, for those that are not
	// to be as they are: by the name of what is told (customer_id, publisher_id,
	// session_id, email, consents or token), one name or more, or none to withhold
	// it.
	Headers map[string][]string `json:"headers,omitempty"`

	// When the hub is asked, without showing a page, who a visitor of an optional
	// path is: "sister_sites" when they come from another site of the publisher
	// or from the hub, so that who is signed in there is known here at once;
	// "eager" also from the second page of anybody whose browser keeps cookies;
	// "off" never. At most every half hour for somebody who is not signed in.
	// Default: sister_sites.
	SilentLogin string `json:"silent_login,omitempty"`
}

// Open lets some requests through.
type Open struct {
	// "public" or "optional", with the meaning that paths have there.
	Access string `json:"access"`

	// Which requests. Required.
	MatchRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`
}

// Requirement is what some protected paths ask beyond a session. A viewer who
// lacks what can be done at the hub is led there and back; a program gets status
// 401 and where to go. Who lacks the claim gets status 403.
type Requirement struct {
	// The paths, written like public. Default: all that are protected.
	Paths []string `json:"paths,omitempty"`

	// Which requests to them. Default: all.
	MatchRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// The viewer has proved to read mail at their address.
	VerifiedEmail bool `json:"verified_email,omitempty"`

	// Names of consents that the viewer has accepted at their newest version.
	Consents []string `json:"consents,omitempty"`

	// The viewer has answered all that capture requires.
	Capture bool `json:"capture,omitempty"`

	// The viewer proved who they are no longer ago, by signing in or by their
	// password again. At least 30s. Default: at any time.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// What must be true of the account.
	Claim *Claim `json:"claim,omitempty"`
}

// Claim is what must be true of an account.
type Claim struct {
	// customer_id, publisher_id, offer_id or email. An e-mail address must be
	// verified, too.
	Name string `json:"name"`

	// What it must be: one of these. A star in front stands for any beginning, such
	// as *@example.com.
	Values []string `json:"values"`
}

// demand returns the requirement as the gate has it.
func (r Requirement) demand(match gate.Matcher) gate.Demand {
	d := gate.Demand{Paths: r.Paths, Match: match, Needs: r.needs()}
	if r.Claim != nil {
		d.Claim = gate.Claim{Name: r.Claim.Name, Values: slices.Clone(r.Claim.Values)}
	}
	return d
}

// needs returns what can be done for the requirement at the hub.
func (r Requirement) needs() sso.Needs {
	return sso.Needs{VerifiedEmail: r.VerifiedEmail, Consents: r.Consents, Captured: r.Capture, MaxAge: time.Duration(r.MaxAge)}
}

// silentLogins are what silent_login may be, and what they mean.
var silentLogins = []string{"sister_sites", "eager", "off"}

// hasMatchers tells whether some rule has one.
func (p *Policy) hasMatchers() bool {
	return len(p.Open) > 0 || slices.ContainsFunc(p.Require, func(r Requirement) bool { return len(r.MatchRaw) > 0 })
}

// read returns the policy and the headers as the gate has them.
func (p *Policy) read(ctx caddy.Context) (*gate.Policy, *gate.Headers, error) {
	rules := gate.Rules{Public: p.Public, Optional: p.Optional}
	for i := range p.Open {
		o := &p.Open[i]
		access, ok := map[string]gate.Access{"public": gate.Public, "optional": gate.Optional}[o.Access]
		if !ok {
			return nil, nil, fmt.Errorf("access %q of open is not known; write public or optional", o.Access)
		}
		match, err := matcher(ctx, o, o.MatchRaw)
		if err != nil {
			return nil, nil, err
		}
		if match == nil {
			return nil, nil, errors.New("open has no matcher, which would let everybody in; name the requests in match")
		}
		rules.Open = append(rules.Open, gate.Opener{Access: access, Match: match})
	}
	for i := range p.Require {
		r := &p.Require[i]
		match, err := matcher(ctx, r, r.MatchRaw)
		if err != nil {
			return nil, nil, err
		}
		rules.Demands = append(rules.Demands, r.demand(match))
	}
	policy, err := gate.NewPolicy(rules)
	if err != nil {
		return nil, nil, err
	}
	switch p.SilentLogin {
	case "", "sister_sites":
	case "eager":
		policy.Silent = gate.SilentEager
	case "off":
		policy.Silent = gate.SilentOff
	default:
		return nil, nil, fmt.Errorf("silent_login %q is not known; write one of %s", p.SilentLogin, strings.Join(silentLogins, ", "))
	}
	headers, err := gate.NewHeaders(p.Headers)
	return policy, headers, err
}

// matcher loads the matchers in the field MatchRaw of a rule; it returns nil when
// there are none.
func matcher(ctx caddy.Context, rule any, raw caddyhttp.RawMatcherSets) (gate.Matcher, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	loaded, err := ctx.LoadModule(rule, "MatchRaw")
	if err != nil {
		return nil, fmt.Errorf("loading matchers: %w", err)
	}
	var sets caddyhttp.MatcherSets
	if err := sets.FromInterface(loaded); err != nil {
		return nil, fmt.Errorf("loading matchers: %w", err)
	}
	return sets.AnyMatchWithError, nil
}

// checkNeeds makes sure that what is required at a site can be had there.
func (a *App) checkNeeds(site publisher.Origin, needs sso.Needs) error {
	p, ok := a.ownerOf(site)
	if !ok {
		return nil // claim says so
	}
	for _, name := range needs.Consents {
		if !slices.ContainsFunc(p.Consents, func(d authstore.ConsentDefinition) bool { return d.Name == name }) {
			return fmt.Errorf("consent %q is required, and publisher %d does not ask for it; add it to the publisher, or remove the requirement", name, p.ID)
		}
	}
	if needs.Captured && !p.Capture.Enabled {
		return fmt.Errorf("capture is required, and publisher %d has none; add capture to the publisher, or remove the requirement", p.ID)
	}
	return nil
}

// ownerOf returns the publisher that a site belongs to, by what is known of them
// by now.
func (a *App) ownerOf(site publisher.Origin) (authstore.Publisher, bool) {
	for _, p := range a.publishers {
		for _, own := range p.Sites {
			if o := publisher.Origin(own); o == site || o.Covers(site) {
				return p, true
			}
		}
	}
	return authstore.Publisher{}, false
}
