// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

// adminAPI adds usher's endpoint to Caddy's admin API, for whoever runs the
// server:
//
//	POST /usher/staff/invitations
//	{"email": "ann@example.com", "name": "Ann", "publishers": [100000001], "role": "owner"}
//
// invites somebody to work for publishers and answers with a link, which is
// good once and for three days:
//
//	{"link": "https://id.example.com/admin/invite?token=…", "expires": "2026-03-04T12:00:00Z", "publishers": [100000001]}
//
// The name may be left out, and the publishers where there is only one. Nothing is
// mailed. The command `usher staff invite` uses it.
//
// Caddy makes the module before the apps and never cleans it up, so it holds
// nothing: it finds the app that runs when a request comes.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (*adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.usher", New: func() caddy.Module { return new(adminAPI) }}
}

const (
	invitationsPath = "/usher/staff/invitations"

	// maxInvitation bounds the body of a request, in bytes.
	maxInvitation = 4 << 10
)

// Routes returns the endpoint.
func (*adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: invitationsPath, Handler: caddy.AdminHandlerFunc(invite)}}
}

// invitation is what the endpoint takes.
type invitation struct {
	Email      string         `json:"email"`
	Name       string         `json:"name,omitempty"`
	Publishers []int64        `json:"publishers,omitempty"`
	Role       authstore.Role `json:"role"`
}

// invited is what the endpoint answers with.
type invited struct {
	Link       string    `json:"link"`
	Expires    time.Time `json:"expires"`
	Publishers []int64   `json:"publishers"`
}

// invite handles requests to the endpoint.
func invite(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return apiError(http.StatusMethodNotAllowed, fmt.Errorf("%s is not allowed here; use POST", r.Method))
	}
	i, err := readInvitation(w, r)
	if err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	app, err := runningApp()
	if err != nil {
		return apiError(http.StatusServiceUnavailable, err)
	}
	if i.Publishers, err = app.knownPublishers(i.Publishers); err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	d, err := app.wired(r.Context())
	if err != nil {
		return apiError(http.StatusServiceUnavailable, err)
	}
	roles := map[int64]authstore.Role{}
	for _, id := range i.Publishers {
		roles[id] = i.Role
	}
	made, err := d.acts.InviteByOperator(r.Context(), i.Email, i.Name, roles)
	switch {
	case errors.Is(err, customer.ErrEmail):
		return apiError(http.StatusBadRequest, fmt.Errorf("%q is %w", i.Email, err))
	case errors.Is(err, staff.ErrRole):
		return apiError(http.StatusBadRequest, err)
	case errors.Is(err, staff.ErrName):
		return apiError(http.StatusBadRequest, fmt.Errorf("%q is %w; write at most 100 characters in one line", i.Name, err))
	case err != nil:
		return apiError(http.StatusInternalServerError, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(invited{made.Link, made.Expires, i.Publishers})
}

func apiError(status int, err error) error {
	return caddy.APIError{HTTPStatus: status, Err: err}
}

// readInvitation reads a request, and nothing but what it may have.
func readInvitation(w http.ResponseWriter, r *http.Request) (i invitation, err error) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxInvitation))
	d.DisallowUnknownFields()
	if err := d.Decode(&i); err != nil {
		return i, fmt.Errorf(`reading the invitation: %w; write, for example: {"email": "ann@example.com", "role": "owner"}`, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return i, errors.New("reading the invitation: something follows it; send one object")
	}
	return i, nil
}

// runningApp returns the app of the configuration that runs.
func runningApp() (*App, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("usher")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, errors.New("usher is not configured; add its global block, for example: usher https://id.example.com")
	}
	if err != nil {
		return nil, err
	}
	return app.(*App), nil
}

// knownPublishers returns the ids of configured publishers: those given, or, for
// none, the only one there is.
func (a *App) knownPublishers(ids []int64) ([]int64, error) {
	if len(ids) == 0 && len(a.publishers) == 1 {
		return []int64{a.publishers[0].ID}, nil
	}
	var known []string
	for _, p := range a.publishers {
		known = append(known, fmt.Sprintf("%d (%s)", p.ID, p.Name))
	}
	list := strings.Join(known, ", ")
	if len(ids) == 0 {
		return nil, fmt.Errorf("there are several publishers; name one of %s", list)
	}
	for _, id := range ids {
		if _, ok := a.declared(id); !ok {
			return nil, fmt.Errorf("there is no publisher %d; name one of %s", id, list)
		}
	}
	return ids, nil
}

// Interface guards
var _ caddy.AdminRouter = (*adminAPI)(nil)
