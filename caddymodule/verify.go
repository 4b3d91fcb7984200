// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/internal/gate"
)

// Verify is a gate for sites that other proxies serve: nginx, Traefik, another
// Caddy. They ask here about each request that they hold, and let it through to
// their app, or pass the answer on. The decision is the one of usher_gate.
//
// It listens to those proxies alone, so give it a site of its own that matches
// every host, such as `http://:9080`. Whoever is not in trust gets status 403,
// whatever they send.
//
// What is asked is told by the Host of a request. Under a Host that is none of
// the sites, two paths are there:
//
// Path | Answers
// -----|--------
// `/.usher/verify` | 200 to let the request pass; else what the visitor is to be answered: a redirect to the hub, status 401 with JSON, a page
// `/.usher/verify/status` | 200 to let the request pass; else 401, for nginx's auth_request
//
// The request in question is described by X-Forwarded-Method,
// X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Uri, each of which must be
// there once, or the answer is status 400 and the log says why; all its other
// headers are to be sent along. No other header tells what is asked. A client
// that sends an identity header under a name that is not one of those below gets
// status 403, because proxies remove no others.
//
// With status 200 come, as headers of the answer, those that usher_gate sets on
// a request, for the proxy to copy; none of them when nobody is signed in. Two
// more are there: Cookie, which is the request's own without usher's, and
// Set-Cookie, when the visitor's cookie was renewed.
//
// Requests under the Host of a site are the site's visitors', handed on as they
// came, with X-Forwarded-Proto: those for `/.usher/` of each site, and those
// that a proxy was told not to let pass and cannot answer itself. The gate
// answers them. There is no app behind it: what would pass gets status 404. No
// other handler is called.
type Verify struct {
	// The sites that other proxies serve, as origins or host names; a star may
	// stand for the first label. Required.
	Sites []string `json:"sites"`

	Policy

	// The addresses or networks of the proxies that ask, as they connect here.
	// They are believed everything about a request, so list no more than them.
	// Required.
	Trust []string `json:"trust"`

	gate  Gate
	trust []netip.Prefix
	log   *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*Verify) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.usher_verify", New: func() caddy.Module { return new(Verify) }}
}

// Provision reads the sites, the policy and the proxies, and claims the sites.
func (v *Verify) Provision(ctx caddy.Context) error {
	v.log = ctx.Logger()
	if len(v.Trust) == 0 {
		return errors.New("usher_verify believes no proxy; list the addresses of those in front in trust")
	}
	for _, s := range v.Trust {
		peers, err := trusted(s)
		if err != nil {
			return fmt.Errorf("usher_verify: %w", err)
		}
		v.trust = append(v.trust, peers)
	}
	if v.hasMatchers() {
		return fmt.Errorf("usher_verify: %w", errVerifyMatcher)
	}
	v.gate = Gate{Sites: v.Sites, Policy: v.Policy}
	return v.gate.provision(ctx, "usher_verify")
}

// errVerifyMatcher says that Caddy's matchers would judge the proxy's request in
// place of the one that it describes.
var errVerifyMatcher = errors.New("matchers would see the request of the proxy that asks, not the visitor's; write paths")

// trusted reads an address or a network of proxies.
func trusted(s string) (netip.Prefix, error) {
	peers, err := caddyhttp.CIDRExpressionToPrefix(s)
	switch {
	case err != nil || strings.Contains(s, "%"): // a zone, which would be cut off
		return peers, fmt.Errorf("%q is no address or network; write it like 192.0.2.10 or 10.0.0.0/8", s)
	case peers.Addr().Is4In6():
		return peers, fmt.Errorf("%q is an IPv4 address in an IPv6 one; write it like 192.0.2.10", s)
	case peers.Bits() == 0:
		return peers, fmt.Errorf("%q trusts everybody; write the addresses of the proxies in front", s)
	}
	return peers, nil
}

// believes tells whether the peer of a connection is one of the proxies.
func (v *Verify) believes(peer string) bool {
	from, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	address := from.Addr().Unmap().WithZone("")
	for _, peers := range v.trust {
		if peers.Contains(address) {
			return true
		}
	}
	return false
}

// ServeHTTP answers a proxy, or one of its visitors.
func (v *Verify) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if !v.believes(r.RemoteAddr) {
		return caddyhttp.Error(http.StatusForbidden, fmt.Errorf("peer %s is not in trust", r.RemoteAddr))
	}
	guard, err := v.gate.guard(r)
	if err != nil {
		return unavailablePage(w, err)
	}
	ofSite := guard.Guards(r.Host)
	switch path := r.URL.Path; {
	case path != gate.VerifyPath && path != gate.VerifyStatusPath:
	case ofSite:
		v.log.Warn("a site's visitor asks what only a proxy may; if it is the proxy, have it ask with its own Host", zap.String("host", r.Host))
	case path == gate.VerifyPath:
		return v.verify(w, r, guard)
	default:
		return v.verifyStatus(w, r, guard)
	}
	if !ofSite {
		return caddyhttp.Error(http.StatusMisdirectedRequest, fmt.Errorf("host %q: %w", r.Host, gate.ErrNoSite))
	}
	if err := guard.CheckForwarded(r); err != nil {
		return v.unclear(err, http.StatusMisdirectedRequest)
	}
	return v.gate.ServeHTTP(w, r, caddyhttp.HandlerFunc(noApp))
}

// noApp answers a request that the gate lets pass to nothing.
func noApp(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	return caddyhttp.Error(http.StatusNotFound, errors.New("no app is behind usher_verify; have the proxy ask /.usher/verify and go to the app itself"))
}

// verify answers a proxy that passes answers on.
func (v *Verify) verify(w http.ResponseWriter, r *http.Request, guard *gate.Gate) error {
	described, err := guard.Described(r)
	if errors.Is(err, gate.ErrReserved) {
		v.log.Warn("a proxy asks about a path below /.usher/; have it hand such requests on to usher_verify, with their Host")
		return caddyhttp.Error(http.StatusNotFound, err)
	}
	if err != nil {
		return v.unclear(err, http.StatusForbidden)
	}
	if err := guard.Verify(w, described); err != nil {
		v.log.Error("judging a request", zap.Error(err))
		w.Header().Set("Retry-After", "5")
		guard.Unavailable(w, described)
	}
	return nil
}

// verifyStatus answers a proxy that takes nothing but yes and no, and hands on
// what it must not let pass: also what is the gate's own.
func (v *Verify) verifyStatus(w http.ResponseWriter, r *http.Request, guard *gate.Gate) error {
	described, err := guard.Described(r)
	if errors.Is(err, gate.ErrReserved) {
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	if err != nil {
		return v.unclear(err, http.StatusForbidden)
	}
	if err := guard.VerifyStatus(w, described); err != nil {
		v.log.Error("judging a request", zap.Error(err))
	}
	return nil
}

// unclear refuses a request of a proxy that is not set up as it must be, or
// that somebody tries to abuse. Only the operator is told why.
func (v *Verify) unclear(err error, foreign int) error {
	if errors.Is(err, gate.ErrIdentity) { // not the proxy's fault
		return caddyhttp.Error(http.StatusForbidden, err)
	}
	v.log.Warn("refusing what a proxy hands on", zap.Error(err))
	if errors.Is(err, gate.ErrNoSite) {
		return caddyhttp.Error(foreign, err)
	}
	return caddyhttp.Error(http.StatusBadRequest, err)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Verify)(nil)
	_ caddyhttp.MiddlewareHandler = (*Verify)(nil)
)
