// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
)

// Gate stands in front of a site and lets only signed-in viewers through to
// the handlers after it. Others are led to the hub and back when they open a
// page, and get status 401 when a program asks.
//
// Paths under `/.usher/` are the gate's own and never reach the app:
//
// Path | Purpose
// -----|--------
// `/.usher/login` | begins a sign-in and comes back to the page it was linked from
// `/.usher/logout` | POST from the site itself signs out at every site; GET asks first
// `/.usher/session` | tells as JSON who is signed in
// `/.usher/callback` | where the hub sends viewers back
//
// From every request, on every path, the gate removes what a client says about
// identity: all spellings of headers that begin with X-Usher-, and usher's own
// cookies. To the app it then tells who is signed in:
//
// Header | Value
// -------|------
// `X-Usher-Customer-Id` | the customer's id
// `X-Usher-Publisher-Id` | the publisher's id
// `X-Usher-Session-Id` | the session's id, the same at all sites
// `X-Usher-Email` | the customer's address
// `X-Usher-Consents` | names of consents accepted at their newest version, separated by commas
// `X-Usher-Token` | the signed access token, to be verified with the hub's /.well-known/jwks.json
//
// The same is in placeholders, once a request is let through:
//
// Placeholder | Value
// ------------|------
// `{http.auth.user.id}` | the customer's id; the access log's user_id
// `{http.auth.user.publisher_id}` | the publisher's id
// `{http.auth.user.session_id}` | the session's id
// `{http.auth.user.email}` | the customer's address
// `{http.auth.user.consents}` | as in the header
//
// Pages that are shown to a signed-in viewer are marked no-store, so that the
// browser's way back does not show them after a sign-out. What they are made
// of (scripts, images, media) keeps the app's own caching rules.
//
// Apps and players may send the API's token as `Authorization: Bearer`
// instead of the cookie.
type Gate struct {
	// The sites guarded, as origins or host names; a star may stand for the
	// first label. In a Caddyfile they are the addresses of the site block.
	// Required.
	Sites []string `json:"sites"`

	Policy

	app     *App
	sites   []publisher.Origin
	policy  *gate.Policy
	headers *gate.Headers
	log     *zap.Logger
	ready   atomic.Pointer[gate.Gate]
}

// CaddyModule returns the Caddy module information.
func (*Gate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.usher_gate", New: func() caddy.Module { return new(Gate) }}
}

// Provision reads the sites and the policy, and claims the sites.
func (g *Gate) Provision(ctx caddy.Context) error { return g.provision(ctx, "usher_gate") }

// provision is Provision under the name that the operator wrote.
func (g *Gate) provision(ctx caddy.Context, directive string) (err error) {
	g.log = ctx.Logger()
	if g.app, err = appOf(ctx, directive); err != nil {
		return err
	}
	if g.policy, g.headers, err = g.read(ctx); err != nil {
		return fmt.Errorf("%s: %w", directive, err)
	}
	if len(g.Sites) == 0 {
		return fmt.Errorf("%s guards no site; name the hosts it stands in front of in sites", directive)
	}
	for _, s := range g.Sites {
		site, err := siteOrigin(s, g.app.hub)
		if err != nil {
			return fmt.Errorf("%s: %w", directive, err)
		}
		if err := g.app.claim(site); err != nil {
			return fmt.Errorf("%s: %w", directive, err)
		}
		for _, r := range g.Require {
			if err := g.app.checkNeeds(site, r.needs()); err != nil {
				return fmt.Errorf("%s: %w", directive, err)
			}
		}
		g.sites = append(g.sites, site)
	}
	return nil
}

// guard returns the gate, made at the first request.
func (g *Gate) guard(r *http.Request) (*gate.Gate, error) {
	if ready := g.ready.Load(); ready != nil {
		return ready, nil
	}
	d, err := g.app.wired(r.Context())
	if err != nil {
		return nil, err
	}
	g.ready.CompareAndSwap(nil, d.gate(g.sites, g.policy, g.headers))
	return g.ready.Load(), nil
}

// ServeHTTP lets a request through or answers it.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	g.headers.Strip(r)
	guard, err := g.guard(r)
	if err != nil {
		return g.withoutStore(w, r, next, err)
	}
	id, pass, err := guard.Serve(w, r, asked(r))
	switch {
	case errors.Is(err, gate.ErrNoSite):
		return caddyhttp.Error(http.StatusMisdirectedRequest, fmt.Errorf("host %q: %w", r.Host, err))
	case err != nil:
		g.log.Error("judging a request", zap.Error(err))
		w.Header().Set("Retry-After", "5")
		guard.Unavailable(w, r)
		return nil
	case !pass:
		return nil
	}
	if id != nil {
		g.headers.Tell(r.Header, id)
		if dest := r.Header["Sec-Fetch-Dest"]; len(dest) == 1 && dest[0] == "document" {
			// The way back must show nothing private after a sign-out.
			w.Header().Add("Cache-Control", "no-store")
		}
	}
	return letThrough(w, r, next, id)
}

// withoutStore lets through what is open to everybody, as anonymous, while the
// store cannot be opened; and refuses the rest.
func (g *Gate) withoutStore(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, err error) error {
	if g.policy.Open(r, asked(r)) {
		return letThrough(w, r, next, nil)
	}
	return unavailablePage(w, err)
}

// letThrough hands a request on to the app, without our cookies.
func letThrough(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, id *gate.Identity) error {
	gate.StripCookies(r.Header)
	setPlaceholders(r, id)
	return next.ServeHTTP(w, r)
}

// asked returns the address that the viewer asked for. The gate runs after
// rewrites, so the request may name another by now.
func asked(r *http.Request) *url.URL {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		return original.URL
	}
	return r.URL
}

// placeholders are those that the gate answers.
var placeholders = map[string]gate.Field{
	"http.auth.user.id": gate.CustomerID, "http.auth.user.publisher_id": gate.PublisherID,
	"http.auth.user.session_id": gate.SessionID, "http.auth.user.email": gate.Email, "http.auth.user.consents": gate.Consents,
}

// nobody is the identity of an anonymous visitor.
var nobody = new(gate.Identity)

// setPlaceholders answers all of our placeholders, for strangers with nothing,
// so that none is ever handed on as it is written.
func setPlaceholders(r *http.Request, id *gate.Identity) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	if id == nil {
		id = nobody
	}
	repl.Map(func(key string) (any, bool) {
		field, ok := placeholders[key]
		if !ok {
			return nil, false
		}
		return id.Get(field), true
	})
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Gate)(nil)
	_ caddyhttp.MiddlewareHandler = (*Gate)(nil)
)
