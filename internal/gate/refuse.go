// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/usher-sso/usher/internal/publisher"
)

// request is what kind of request a stranger sent, which decides how they are
// turned away.
type request int

const (
	fetch      request = iota // a script, an app, an image: told so, never redirected
	navigation                // a person who opens a page: led to the hub
	form                      // a person who sends a form: led to the hub, the form is lost
	frame                     // a page inside another: shown a way out
	preflight                 // a browser asks whether it may send a request
)

// kind tells what sort of request it is, by what browsers say of it (Fetch
// Metadata), and for those that say nothing by whether HTML is asked for by
// name.
func kind(r *http.Request) request {
	h := r.Header
	mode, dest := h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest")
	switch {
	case r.Method == http.MethodOptions && h.Get("Access-Control-Request-Method") != "":
		return preflight
	case r.Method != http.MethodGet && r.Method != http.MethodPost, h.Get("Upgrade") != "":
		return fetch
	case ahead(h), bears(h):
		return fetch
	case mode == "navigate" && dest != "document":
		return frame
	case mode != "" && mode != "navigate", !wantsHTML(h):
		return fetch
	case r.Method == http.MethodPost:
		return form
	}
	return navigation
}

// ahead tells whether nobody has asked for the page yet: the browser fetches it
// in case somebody will.
func ahead(h http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.Contains(h.Get(name), "prefetch") {
			return true
		}
	}
	return false
}

// bears tells whether the client holds tokens itself, so that it can get a new
// one without a page.
func bears(h http.Header) bool {
	_, ok := bearer(h)
	return ok
}

func wantsHTML(h http.Header) bool { return strings.Contains(h.Get("Accept"), "text/html") }

// turnAway answers a request for a protected path that nobody signed in sent, or
// somebody who must do something at the hub first. A person gets there by the
// same way; programs are told the reason.
func (g *Gate) turnAway(w http.ResponseWriter, r *http.Request, site publisher.Origin, returnTo, reason string) {
	ours(w.Header())
	switch kind(r) {
	case navigation:
		w.Header().Set("Location", g.sso.Begin(w, r, site, returnTo, false))
		w.WriteHeader(http.StatusFound)
	case form:
		w.Header().Set("Location", g.sso.Begin(w, r, site, returnTo, false))
		w.WriteHeader(http.StatusSeeOther)
	case frame:
		g.pages.Problem(w, r, Problem{Kind: ProblemNotSignedIn, Status: http.StatusUnauthorized, Site: site, Return: returnTo})
	case preflight:
		g.answerPreflight(w, r, site)
	default:
		g.allowSister(w, r, site)
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeJSON(w, r, http.StatusUnauthorized, map[string]any{
			"error": reason, "loginUrl": string(site) + ReservedPrefix + "login",
		})
	}
}

// answerPreflight lets a page of a sister site send its request, which then
// meets the gate like any other. It says nothing to pages of other sites.
func (g *Gate) answerPreflight(w http.ResponseWriter, r *http.Request, site publisher.Origin) {
	if h := w.Header(); g.allowSister(w, r, site) {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type")
	}
	w.WriteHeader(http.StatusNoContent)
}

// allowSister lets a page of a sister site read the answer, so that it learns
// that its visitor has to sign in.
func (g *Gate) allowSister(w http.ResponseWriter, r *http.Request, site publisher.Origin) bool {
	origin := r.Header.Get("Origin")
	w.Header().Add("Vary", "Origin")
	if origin == "" || !g.sisters(site, publisher.Origin(origin)) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return true
}

// sisters tells whether two sites belong to one publisher.
func (g *Gate) sisters(a, b publisher.Origin) bool {
	p, ok := g.directory.BySite(a)
	q, ok2 := g.directory.BySite(b)
	return ok && ok2 && p.ID == q.ID
}

// refuse answers with a problem, as a page to people and as JSON to programs.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, p Problem) {
	ours(w.Header())
	if wantsHTML(r.Header) {
		g.pages.Problem(w, r, p)
		return
	}
	writeJSON(w, r, p.Status, map[string]any{"error": string(p.Kind)})
}

// ours marks an answer as the gate's own: never to be kept, and different for
// the next request.
func ours(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie, Sec-Fetch-Mode, Sec-Fetch-Dest")
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("encoding an answer of the gate: " + err.Error()) // maps of plain values always encode
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
