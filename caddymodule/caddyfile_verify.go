// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/usher-sso/usher/internal/publisher"
)

// parseVerify reads the site directive
//
//	usher_verify {
//		site  <origin…>
//		trust <address or network…>|private_ranges
//		<options of policyParser, without matchers>
//	}
//
// Its lines may be repeated. It takes no matcher: what one leaves out, Caddy
// answers with an empty 200, which a proxy that asks takes for a yes. For the
// same reason its site block must match every host.
func parseVerify(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // usher_verify
	app, err := appOption(h)
	if err != nil {
		return nil, err
	}
	head := *h.Dispenser
	if h.NextArg() {
		return nil, h.Errf("usher_verify takes no arguments and no matcher; remove %q, or write it in the block", h.Val())
	}
	v := new(Verify)
	p := policyParser{Helper: h, Policy: &v.Policy}
	for h.NextBlock(0) {
		if err := v.option(&p, app); err != nil {
			return nil, err
		}
	}
	switch {
	case len(v.Sites) == 0:
		return nil, head.Err("usher_verify needs the sites that the proxies in front serve, such as: site https://news.example.com")
	case len(v.Trust) == 0:
		return nil, head.Err("usher_verify needs the addresses of the proxies in front, and believes no others, such as: trust 192.0.2.10")
	}
	if err := p.check(app, v.Sites); err != nil {
		return nil, err
	}
	addresses, err := siteAddresses(h)
	if err != nil {
		return nil, head.WrapErr(err)
	}
	if !slices.ContainsFunc(addresses, func(a httpcaddyfile.Address) bool { return a.Host == "" }) {
		return nil, head.Err("usher_verify is asked under its own host and under those of its sites; write the address of its site block without a host, such as http://:9080")
	}
	return h.NewRoute(nil, v), nil
}

func (v *Verify) option(p *policyParser, app *App) error {
	switch p.Val() {
	case "site":
		return v.site(p.Dispenser, app)
	case "trust":
		return v.trustLine(p.Dispenser)
	}
	line := *p.Dispenser
	known, err := p.option()
	switch {
	case err != nil:
		return err
	case !known:
		return p.Errf("unknown option %q of usher_verify; known are site, trust, %s", p.Val(), policyOptions)
	case v.hasMatchers():
		return line.WrapErr(errVerifyMatcher)
	}
	return nil
}

// site reads the sites of one line.
func (v *Verify) site(d *caddyfile.Dispenser, app *App) error {
	before := len(v.Sites)
	for d.NextArg() {
		site, err := siteOrigin(d.Val(), app.hub)
		if err != nil {
			return d.WrapErr(err)
		}
		if site.Hostname() == app.hub.Hostname() {
			return d.Errf("%s is the hub's host; a site needs another", site)
		}
		same := func(s string) bool { return publisher.Origin(s).Hostname() == site.Hostname() }
		if slices.ContainsFunc(v.Sites, same) {
			return d.Errf("site %s is given twice; remove one", site.Hostname())
		}
		if err := app.claim(site); err != nil {
			return d.WrapErr(err)
		}
		v.Sites = append(v.Sites, string(site))
	}
	if len(v.Sites) == before {
		return d.Err("site needs at least one origin, such as https://news.example.com")
	}
	return end(d)
}

// trustLine reads the proxies of one line.
func (v *Verify) trustLine(d *caddyfile.Dispenser) error {
	before := len(v.Trust)
	for d.NextArg() {
		peers := []string{d.Val()}
		if d.Val() == "private_ranges" {
			peers = caddyhttp.PrivateRangesCIDR()
		}
		for _, p := range peers {
			if _, err := trusted(p); err != nil {
				return d.WrapErr(err)
			}
			if slices.Contains(v.Trust, p) {
				return d.Errf("trust %s is given twice; remove one", p)
			}
			v.Trust = append(v.Trust, p)
		}
	}
	if len(v.Trust) == before {
		return d.Err("trust needs at least one address or network, such as 192.0.2.10 or private_ranges")
	}
	return end(d)
}
