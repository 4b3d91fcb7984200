// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/usher-sso/usher/internal/publisher"
)

// parseHub reads the site directive
//
//	usher [<matcher>]
//
// which belongs to the site block of the hub's host.
func parseHub(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // usher
	app, err := appOption(h)
	if err != nil {
		return nil, err
	}
	if err := end(h.Dispenser); err != nil {
		return nil, err
	}
	addresses, err := siteAddresses(h)
	if err != nil {
		return nil, h.WrapErr(err)
	}
	hub := publisher.Origin(app.Hub)
	for _, a := range addresses {
		if o, err := publisher.ParseOrigin("https://" + bracketed(a.Host)); err == nil && o.Hostname() == hub.Hostname() {
			return new(Hub), nil
		}
	}
	return nil, h.Errf("the hub %s is not an address of this site; put usher into the site block of %s", hub, hub.Host())
}

// parseGate reads the site directive
//
//	usher_gate {
//		<options of policyParser>
//	}
//
// It takes no matcher: what one leaves out would reach the app as the client sent
// it, headers that claim an identity included. Matchers are written in the block.
func parseGate(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // usher_gate
	app, err := appOption(h)
	if err != nil {
		return nil, err
	}
	head := *h.Dispenser
	if h.NextArg() {
		return nil, h.Errf("usher_gate guards all of a site and takes no matcher; remove %q, and say in its block what is open, such as: public /assets/* @name", h.Val())
	}
	g := new(Gate)
	p := policyParser{Helper: h, Policy: &g.Policy}
	for h.NextBlock(0) {
		known, err := p.option()
		if err == nil && !known {
			err = h.Errf("unknown option %q of usher_gate; known are %s", h.Val(), policyOptions)
		}
		if err != nil {
			return nil, err
		}
	}
	addresses, err := siteAddresses(h)
	if err != nil {
		return nil, head.WrapErr(err)
	}
	for _, a := range addresses {
		site, err := app.siteAt(a)
		if err != nil {
			return nil, head.WrapErr(err)
		}
		g.Sites = append(g.Sites, string(site))
	}
	if err := p.check(app, g.Sites); err != nil {
		return nil, err
	}
	return h.NewRoute(nil, g), nil
}

// appOption returns the app as the global options configure it.
func appOption(h httpcaddyfile.Helper) (*App, error) {
	option, ok := h.Option("usher").(httpcaddyfile.App)
	if !ok {
		return nil, h.Err("usher is not configured; add it to the global options at the top of the Caddyfile: { usher https://id.example.com }")
	}
	app := new(App)
	if err := json.Unmarshal(option.Value, app); err != nil {
		return nil, h.WrapErr(err)
	}
	if err := app.readHub(); err != nil {
		return nil, h.WrapErr(err)
	}
	if err := app.readPublishers(); err != nil {
		return nil, h.WrapErr(err)
	}
	return app, nil
}

// siteAt returns the origin that a site address stands for, as the publisher
// lists it or else as browsers see it, and makes sure that a publisher has it.
func (a *App) siteAt(at httpcaddyfile.Address) (publisher.Origin, error) {
	if at.Host == "" || strings.Contains(at.Host, "{") {
		return "", fmt.Errorf("site address %q names no host; usher_gate must know the host to bring viewers back to", at.Original)
	}
	as, err := siteOrigin("https://"+bracketed(at.Host), a.hub)
	if err != nil {
		return "", err
	}
	scheme, host, port := "https", at.Host, at.Port
	plain := at.Scheme == "http" || at.Scheme == "" && port == "80" // as Caddy has it
	switch {
	case plain && publisher.Loopback(host):
		scheme = "http"
	case plain:
		port = "" // https ends in front of Caddy, on its usual port
	}
	text := scheme + "://" + bracketed(host)
	if port != "" {
		text += ":" + port
	}
	site, err := siteOrigin(text, a.hub)
	if err != nil {
		return "", err
	}
	listed := a.listedAt(as.Hostname())
	switch {
	case len(listed) == 0 || slices.Contains(listed, site):
		return site, a.claim(site)
	case publisher.Loopback(host):
		return "", fmt.Errorf("the site is listed as %s but served as %s; list it so", listed[0], site)
	}
	return listed[0], nil // what is in front of Caddy, the operator knows best
}

// listedAt returns the sites that publishers list under a host name.
func (a *App) listedAt(host string) (listed []publisher.Origin) {
	for _, p := range a.publishers {
		for _, s := range p.Sites {
			if own := publisher.Origin(s); own.Hostname() == host {
				listed = append(listed, own)
			}
		}
	}
	return listed
}

// bracketed writes a host as origins have it: IPv6 addresses in brackets.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// siteAddresses returns the addresses of the site block that a directive
// stands in. Caddy hands them to no directive, and listing every host twice is
// what operators are to be spared; so they are read, and only read, from the
// helper's unexported copy of the block. Golden files notice when a new Caddy
// keeps them elsewhere.
func siteAddresses(h httpcaddyfile.Helper) ([]httpcaddyfile.Address, error) {
	if h.IsNamedRoute() {
		return nil, errors.New("a named route has no host; put the directive into a site block")
	}
	keys := reflect.ValueOf(h).FieldByName("parentBlock")
	if keys.IsValid() {
		keys = keys.FieldByName("Keys")
	}
	if !keys.IsValid() || keys.Kind() != reflect.Slice {
		return nil, errors.New("this version of Caddy hides the site's addresses; build usher with the version in its go.mod")
	}
	var addresses []httpcaddyfile.Address
	for i := range keys.Len() {
		a, err := httpcaddyfile.ParseAddress(keys.Index(i).FieldByName("Text").String())
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}
