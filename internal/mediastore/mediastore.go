// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package mediastore owns the REST API: the wire format, codes and messages
// that published MediaStore clients depend on, one endpoint a function. It
// decides nothing that matters beyond the wire; the domain packages do.
package mediastore

import (
	"context"
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/recall"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/token"
)

// Config is what the API stands on.
type Config struct {
	Hub       publisher.Origin
	Store     *authstore.Store
	Directory *publisher.Directory
	Customers *customer.Service
	Sessions  *session.Manager
	Social    *social.Service // nil for no sign-in by accounts elsewhere
	Keys      *token.Keyring
	Notices   *notice.Sender
	Locale    *locale.Resolver

	// Description is published as /openapi.json; empty for that of this API alone, see
	// the function of the same name.
	Description []byte

	// Report hears of errors that the client is only told to be internal.
	Report func(r *http.Request, err error)
}

// API answers the contract's endpoints.
type API struct {
	Config
	verified *recall.Cache[verified]
	consents *publisher.Derived[map[int64][]consentView] // by publisher
}

// New returns an API.
func New(c Config) *API {
	return &API{Config: c, verified: recall.New[verified](verifiedBudget), consents: publisher.Derive(c.Directory, viewsOf)}
}

// Mount registers the endpoints. NotFound is for everything else.
func (a *API) Mount(mux *http.ServeMux) {
	mux.Handle("GET /locales", a.endpoint(a.locales))
	mux.Handle("GET /publishers/{publisherId}/consents", a.endpoint(a.publisherConsents))
	mux.Handle("POST /customers", a.endpoint(a.register))
	mux.Handle("PUT /customers/passwords", a.endpoint(a.askReset))
	mux.Handle("PATCH /customers/passwords", a.endpoint(a.setPassword))
	mux.Handle("GET /customers/{customerId}", a.endpoint(a.customer))
	mux.Handle("PATCH /customers/{customerId}", a.endpoint(a.patchCustomer))
	mux.Handle("GET /customers/{customerId}/consents", a.endpoint(a.customerConsents))
	mux.Handle("PUT /customers/{customerId}/consents", a.endpoint(a.putConsents))
	mux.Handle("GET /customers/{customerId}/capture/status", a.endpoint(a.captureStatus))
	mux.Handle("PUT /customers/{customerId}/capture", a.endpoint(a.putCapture))
	mux.Handle("POST /auths", a.endpoint(a.login))
	mux.Handle("POST /auths/refresh_token", a.endpoint(a.refresh))
	mux.Handle("POST /sso/auths", a.endpoint(a.trustedLogin))
	mux.Handle("GET /social/providers", a.endpoint(a.socialProviders))
	mux.Handle("POST /social/auths", a.withSocial(a.socialLogin))
	mux.Handle("POST /social/join", a.withSocial(a.socialJoin))
	mux.Handle("POST /social/join/code", a.withSocial(a.socialJoinCode))
	mux.Handle("POST /social/join/proof", a.withSocial(a.socialJoinProof))
	mux.Handle("POST /social/tokens", a.withSocial(a.socialTokens))
	mux.Handle("GET /customers/{customerId}/identities", a.withSocial(a.identities))
	mux.Handle("POST /customers/{customerId}/identities", a.withSocial(a.linkIdentity))
	mux.Handle("DELETE /customers/{customerId}/identities/{identityId}", a.withSocial(a.unlinkIdentity))
	mux.Handle("DELETE /refresh_tokens", a.endpoint(a.logoutEverywhere))
	mux.Handle("DELETE /3.1/customers/{customerId}", a.endpoint(a.erase))
	mux.HandleFunc("GET /.well-known/jwks.json", a.jwks)
	mux.HandleFunc("GET /openapi.json", a.openapi)
}

// call is one request to an endpoint. RemoteAddr of the request is the client.
type call struct {
	*http.Request
	body []byte
}

// endpoint wraps a function that returns the responseData of a success, or an
// error that fail knows how to tell.
func (a *API) endpoint(fn func(ctx context.Context, c *call) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allow(w.Header())
		body, err := readBody(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		data, err := fn(r.Context(), &call{Request: r, body: body})
		if err != nil {
			a.fail(w, r, err)
			return
		}
		write(w, http.StatusOK, success{ResponseData: data, Errors: []string{}})
	})
}

// Preflight answers a preflight with leave to go on, whatever the API can answer
// to the request itself, and tells whether it was one.
func Preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions {
		return false
	}
	allowAsking(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return true
}

// NotFound answers every other path and method: preflights with leave to go
// on, the rest with the contract's envelope.
func (a *API) NotFound(w http.ResponseWriter, r *http.Request) {
	if Preflight(w, r) {
		return
	}
	allow(w.Header())
	a.fail(w, r, errNotFound)
}

// jwks publishes the keys that verify our tokens (RFC 7517).
func (a *API) jwks(w http.ResponseWriter, _ *http.Request) {
	allow(w.Header())
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Write(a.Keys.JWKS())
}
