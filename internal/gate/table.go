// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"net/http"
	"strings"

	"github.com/usher-sso/usher/internal/sso"
)

// A stranger is a request that nobody signed in sent, or somebody who must do
// something at the hub first. What becomes of it is said by one table.

// kind is what sort of request a stranger sent.
type kind int

const (
	navigation kind = iota // a person opens a page
	untold                 // a client that says nothing of itself asks for HTML by name
	form                   // a person sends a form
	program                // a script, an app, a stream of events, a WebSocket
	part                   // a script, style, image or media segment of a page
	ahead                  // a browser fetches a page in case somebody will open it
	frame                  // a page inside another
	head                   // a client asks for headers only
	preflight              // a browser asks whether it may send a request
)

// action is what is done with a stranger.
type action int

const (
	pass    action = iota // to the app, as anonymous
	lead                  // to the hub, by a redirect, and back to the page
	resend                // to the hub, and back to a page that says to send the form again
	ask                   // to the hub without a page, once, where that may tell who it is; else pass
	tell                  // 401 and the reason
	showOut               // 401 and a page with the way out of the frame
	answer                // 204 and what a sister site may send
)

// decisions is the table "When to redirect, when to refuse": what is done with
// each kind of stranger at a protected path and at an optional one. Public paths
// ask nothing of anybody.
var decisions = map[kind]struct{ protected, optional action }{
	navigation: {lead, ask},
	untold:     {lead, pass},
	form:       {resend, pass},
	program:    {tell, pass},
	part:       {tell, pass},
	ahead:      {tell, pass},
	frame:      {showOut, pass},
	head:       {tell, pass},
	preflight:  {answer, pass},
}

// decide returns what is done with a stranger.
func decide(access Access, r *http.Request) action {
	row := decisions[kindOf(r)]
	if access == Optional {
		return row.optional
	}
	return row.protected
}

// kindOf tells what sort of request it is, by what browsers say of it (Fetch
// Metadata), and for those that say nothing by whether HTML is asked for by name.
func kindOf(r *http.Request) kind {
	h := r.Header
	mode, dest := h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest")
	told := mode != "" || dest != ""
	switch {
	case r.Method == http.MethodOptions && h.Get("Access-Control-Request-Method") != "":
		return preflight
	case r.Method == http.MethodHead:
		return head
	case r.Method != http.MethodGet && r.Method != http.MethodPost, h.Get("Upgrade") != "":
		return program
	case sso.Ahead(h):
		return ahead
	case bears(h):
		return program
	case told && mode != "navigate":
		if dest == "" || dest == "empty" {
			return program
		}
		return part
	case told && dest != "document":
		return frame
	case !wantsHTML(h):
		return program
	case r.Method == http.MethodPost:
		return form
	case told:
		return navigation
	}
	return untold
}

// bears tells whether the client holds tokens itself, so that it can get a new
// one without a page.
func bears(h http.Header) bool {
	_, ok := bearer(h)
	return ok
}

func wantsHTML(h http.Header) bool { return strings.Contains(h.Get("Accept"), "text/html") }
