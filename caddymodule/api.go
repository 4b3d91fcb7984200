// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// API serves the REST API, which the hub serves too, on another site's own
// origin, so that a front end there needs no CORS and calls it relative to its
// page. Requests for other paths go on to the next handler.
//
// It runs before `usher_gate`, so the API is reachable without a session, as
// it must be. To serve it below a path, strip that first, and let the gate pass
// the path, because it runs before `handle_path`:
//
//	usher_gate {
//		public /api/*
//	}
//	handle_path /api/* {
//		usher_api
//	}
type API struct{ app *App }

// CaddyModule returns the Caddy module information.
func (*API) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.usher_api", New: func() caddy.Module { return new(API) }}
}

// Provision finds the app.
func (a *API) Provision(ctx caddy.Context) (err error) {
	a.app, err = appOf(ctx, "usher_api")
	return err
}

// ServeHTTP answers a request for one of the API's paths.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !isAPI(r) {
		return next.ServeHTTP(w, r)
	}
	d, err := a.app.wired(r.Context())
	if err != nil {
		return a.app.unavailable(w, r, err)
	}
	d.api.ServeHTTP(w, a.app.fromClient(r))
	return nil
}

// parseAPI reads the site directive
//
//	usher_api [<matcher>]
func parseAPI(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // usher_api
	if _, err := appOption(h); err != nil {
		return nil, err
	}
	return new(API), end(h.Dispenser)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*API)(nil)
	_ caddyhttp.MiddlewareHandler = (*API)(nil)
)
