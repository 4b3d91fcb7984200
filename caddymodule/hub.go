// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/pages"
)

// Hub serves the hub: the pages on which viewers register, sign in and sign
// out, and the REST API. It answers every request that reaches it and calls no
// other handler, so give it a site of its own.
//
// It refuses, with status 421, requests whose Host is not the hub's, and uses
// nothing of a request to build a link. The viewer's address is the one that
// Caddy's `trusted_proxies` settings yield.
type Hub struct{ app *App }

// CaddyModule returns the Caddy module information.
func (*Hub) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.usher", New: func() caddy.Module { return new(Hub) }}
}

// Provision finds the app.
func (h *Hub) Provision(ctx caddy.Context) (err error) {
	h.app, err = appOf(ctx, "usher")
	return err
}

// appOf returns the app that a handler belongs to.
func appOf(ctx caddy.Context, directive string) (*App, error) {
	app, err := ctx.AppIfConfigured("usher")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, fmt.Errorf("%s needs the app; set its hub, for example: usher https://id.example.com in the global options: %w", directive, err)
	}
	if err != nil {
		return nil, err // the app's own, which has a remedy of its own
	}
	return app.(*App), nil
}

// ServeHTTP answers a request to the hub.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if _, ok := h.app.hub.ForHost(r.Host); !ok {
		if pages.WantsPage(r) {
			return caddyhttp.Error(http.StatusMisdirectedRequest, fmt.Errorf("host %q is not the hub %s", r.Host, h.app.hub))
		}
		mediastore.Misdirected(w, r)
		return nil
	}
	d, err := h.app.wired(r.Context())
	if err != nil {
		return h.app.unavailable(w, r, err)
	}
	d.hub.ServeHTTP(w, h.app.fromClient(r))
	return nil
}

// fromClient returns the request as if it came straight from the client, with
// RemoteAddr as Caddy knows it after looking through trusted proxies, and with
// the country that such a proxy tells.
func (a *App) fromClient(r *http.Request) *http.Request {
	ip, ok := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	if !ok || ip == "" {
		return r
	}
	direct := r.WithContext(locale.WithCountry(r.Context(), a.countryOf(r)))
	direct.RemoteAddr = net.JoinHostPort(ip, "0")
	return direct
}

// reopened is how long a client is asked to wait for the store.
const reopened = 5 * time.Second

// unavailable refuses a request because the store cannot be opened.
func (a *App) unavailable(w http.ResponseWriter, r *http.Request, err error) error {
	if pages.WantsPage(r) {
		return unavailablePage(w, err)
	}
	a.log.Error("answering a request", zap.String("method", r.Method), zap.Error(err))
	mediastore.Unavailable(w, r, reopened)
	return nil
}

// unavailablePage is unavailable for who expects a page: Caddy's own error, for
// which operators may have one.
func unavailablePage(w http.ResponseWriter, err error) error {
	w.Header().Set("Retry-After", strconv.Itoa(int(reopened.Seconds())))
	w.Header().Set("Cache-Control", "no-store")
	return caddyhttp.Error(http.StatusServiceUnavailable, err)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Hub)(nil)
	_ caddyhttp.MiddlewareHandler = (*Hub)(nil)
)
