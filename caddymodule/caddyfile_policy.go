// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/sso"
)

// policyParser reads the options that usher_gate and usher_verify share:
//
//	public       <path or @matcher…>
//	optional     <path or @matcher…>
//	require      [<path or @matcher…>] verified_email
//	require      [<path or @matcher…>] consent <name…>
//	require      [<path or @matcher…>] capture
//	require      [<path or @matcher…>] max_age <duration>
//	require      [<path or @matcher…>] claim <name> <value…>
//	header       <what> <name…>|off
//	silent_login sister_sites|eager|off
//
// All lines but silent_login may be repeated.
type policyParser struct {
	httpcaddyfile.Helper
	*Policy

	// at are the requirements with where they are written, for errors that show
	// only when the sites are known.
	at []requirementAt
}

type requirementAt struct {
	needs sso.Needs
	at    caddyfile.Dispenser
}

// policyOptions are the names of the options.
const policyOptions = "public, optional, require, header and silent_login"

// option reads one option; it returns false for one of another name.
func (p *policyParser) option() (bool, error) {
	switch p.Val() {
	case "public":
		return true, p.open("public", &p.Public, "optional", p.Optional)
	case "optional":
		return true, p.open("optional", &p.Optional, "public", p.Public)
	case "require":
		return true, p.require()
	case "header":
		return true, p.header()
	case "silent_login":
		return true, p.silentLogin()
	}
	return false, nil
}

// open reads the paths and matchers of one line. None of the paths may be among
// those of the other kind.
func (p *policyParser) open(name string, into *[]string, other string, others []string) error {
	if p.CountRemainingArgs() == 0 {
		return p.Errf("%s needs at least one path, such as /about or /assets/*, or a matcher such as @name", name)
	}
	for p.CountRemainingArgs() > 0 {
		set, err := p.scope()
		if err != nil {
			return err
		}
		if set != nil {
			p.Open = append(p.Open, Open{Access: name, MatchRaw: caddyhttp.RawMatcherSets{set}})
			continue
		}
		if slices.Contains(*into, p.Val()) {
			return p.Errf("%s %s is given twice; remove one", name, p.Val())
		}
		if slices.Contains(others, p.Val()) {
			return p.Errf("%s is %s already; remove one", p.Val(), other)
		}
		*into = append(*into, p.Val())
	}
	return end(p.Dispenser)
}

// scope reads a path, or returns what a matcher stands for.
func (p *policyParser) scope() (caddy.ModuleMap, error) {
	set, _, err := p.MatcherToken()
	switch {
	case err != nil:
		return nil, p.Errf("matcher %s is not defined in this site block; define it, such as: %[1]s path /premium/*", p.Val())
	case !strings.HasPrefix(p.Val(), "@"):
		if err := gate.CheckPattern(p.Val()); err != nil {
			return nil, p.WrapErr(err)
		}
		return nil, nil
	}
	return set, nil
}

// require reads what some paths ask beyond a session.
func (p *policyParser) require() error {
	line := *p.Dispenser
	var r Requirement
	what := ""
	for p.CountRemainingArgs() > 0 {
		if next := p.peek(); !strings.HasPrefix(next, "/") && !strings.HasPrefix(next, "@") {
			p.NextArg()
			what = next
			break
		}
		set, err := p.scope()
		if err != nil {
			return err
		}
		if set != nil {
			r.MatchRaw = append(r.MatchRaw, set)
		} else {
			r.Paths = append(r.Paths, p.Val())
		}
	}
	if err := p.required(what, &r); err != nil {
		return err
	}
	d := r.demand(nil)
	if err := d.Check(); err != nil {
		return line.WrapErr(err)
	}
	p.at = append(p.at, requirementAt{d.Needs, line})
	p.Require = append(p.Require, r)
	return end(p.Dispenser)
}

// peek returns the next argument without taking it.
func (p *policyParser) peek() string {
	ahead := *p.Dispenser
	ahead.NextArg()
	return ahead.Val()
}

// required reads what is required.
func (p *policyParser) required(what string, r *Requirement) error {
	switch what {
	case "verified_email":
		r.VerifiedEmail = true
	case "capture":
		r.Capture = true
	case "consent":
		if r.Consents = p.RemainingArgs(); len(r.Consents) == 0 {
			return p.Err("require consent needs the name of at least one")
		}
	case "max_age":
		if !p.NextArg() {
			return p.Err("require max_age needs a duration, such as 15m")
		}
		age, err := caddy.ParseDuration(p.Val())
		if err != nil {
			return p.Errf("max_age %q is no duration; write it like 15m or 12h", p.Val())
		}
		if age <= 0 {
			return p.Errf("max_age %s leaves viewers no time to get back from the hub; write at least 30s", p.Val())
		}
		r.MaxAge = caddy.Duration(age)
	case "claim":
		if !p.NextArg() {
			return p.Errf("require claim needs a name and what it must be; known are %s", strings.Join(gate.ClaimNames, ", "))
		}
		r.Claim = &Claim{Name: p.Val(), Values: p.RemainingArgs()}
	case "":
		return p.Err("require needs to say what: verified_email, consent, capture, max_age or claim")
	default:
		return p.Errf("%q is nothing that can be required; known are verified_email, consent, capture, max_age and claim", what)
	}
	return nil
}

// header reads by which headers something is told.
func (p *policyParser) header() error {
	if !p.NextArg() {
		return p.Err("header needs to say what is told, and by which header, such as: header email Remote-Email")
	}
	what := p.Val()
	if _, twice := p.Headers[what]; twice {
		return p.Errf("header %s is given twice; write all its names in one line", what)
	}
	names := p.RemainingArgs()
	switch {
	case len(names) == 0:
		return p.Errf("header %s needs a name, such as Remote-User, or off", what)
	case len(names) == 1 && names[0] == "off":
		names = []string{}
	}
	if p.Headers == nil {
		p.Headers = map[string][]string{}
	}
	p.Headers[what] = names
	if _, err := gate.NewHeaders(p.Headers); err != nil {
		return p.WrapErr(err)
	}
	return end(p.Dispenser)
}

// silentLogin reads when the hub is asked about visitors of optional paths.
func (p *policyParser) silentLogin() error {
	if p.SilentLogin != "" {
		return p.Err("silent_login is given twice; remove one")
	}
	if !p.NextArg() {
		return p.Err("silent_login needs one of sister_sites, eager and off")
	}
	if p.SilentLogin = p.Val(); !slices.Contains(silentLogins, p.SilentLogin) {
		return p.Errf("silent_login %q is not known; write sister_sites, eager or off", p.Val())
	}
	return end(p.Dispenser)
}

// check judges the policy as a whole, and what is required at the sites it is for.
func (p *policyParser) check(app *App, sites []string) error {
	for _, r := range p.at {
		for _, s := range sites {
			site, err := siteOrigin(s, app.hub)
			if err == nil {
				err = app.checkNeeds(site, r.needs)
			}
			if err != nil {
				return r.at.WrapErr(err)
			}
		}
	}
	rules := gate.Rules{Public: p.Public, Optional: p.Optional}
	for i, r := range p.Require {
		rules.Demands = []gate.Demand{r.demand(nil)}
		if _, err := gate.NewPolicy(rules); err != nil {
			return p.at[i].at.WrapErr(err)
		}
	}
	return nil
}
