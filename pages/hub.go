// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
)

// Config is what the hub's pages stand on.
type Config struct {
	Origin    publisher.Origin
	Renderer  *Renderer
	Store     *authstore.Store
	Directory *publisher.Directory
	Customers *customer.Service
	Sessions  *session.Manager
	SSO       *sso.Service
	Flow      *flow.Dispatcher
	Notices   *notice.Sender
	Locale    *locale.Resolver

	// Report hears of errors that the viewer is only told to be our fault.
	Report func(r *http.Request, err error)
}

// Hub answers the hub's pages. RemoteAddr of a request is the viewer's.
type Hub struct{ Config }

// NewHub returns a Hub.
func NewHub(c Config) *Hub { return &Hub{c} }

// Mount registers the pages. NotFound is for everything else.
func (h *Hub) Mount(mux *http.ServeMux) {
	mux.Handle("GET /{$}", h.page(h.home))
	mux.Handle("GET "+sso.AuthorizePath, h.page(h.authorize))
	mux.Handle("GET /login", h.page(h.askLogin))
	mux.Handle("POST /login", h.form(h.login))
	mux.Handle("GET /register", h.page(h.askRegister))
	mux.Handle("POST /register", h.form(h.register))
	mux.Handle("GET /forgot", h.page(h.askForgot))
	mux.Handle("POST /forgot", h.form(h.forgot))
	mux.Handle("GET /reset", h.page(h.askReset))
	mux.Handle("POST /reset", h.form(h.reset))
	mux.Handle("GET /consents", h.page(h.askConsents))
	mux.Handle("POST /consents", h.form(h.consents))
	mux.Handle("GET /logout", h.page(h.askLogout))
	mux.Handle("POST /logout", h.form(h.logout))
	mux.Handle("GET /signed-out", h.page(h.signedOut))
	mux.Handle("/assets/", http.StripPrefix("/assets", h.Renderer.Assets()))
}

const (
	// maxForm bounds what a form may send; ours are under 1 KiB.
	maxForm = 64 << 10

	// maxFields bounds how many fields; ours have a few, and one for each
	// consent.
	maxFields = 100
)

// dead is an error whose page says what went wrong and what to do next.
type dead struct{ Problem }

func (d dead) Error() string { return d.Sentence }

// page wraps the handler of a page: it finds out what the viewer came for, and
// is the one place that turns errors into pages.
func (h *Hub) page(fn func(w http.ResponseWriter, r *http.Request, v visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := h.visit(r)
		if err == nil {
			err = fn(w, r, v)
		}
		if err != nil {
			h.fail(w, r, v, err)
		}
	})
}

// form wraps the handler of a form's POST, which must come from our own page.
func (h *Hub) form(fn func(w http.ResponseWriter, r *http.Request, v visit) error) http.Handler {
	return h.page(func(w http.ResponseWriter, r *http.Request, v visit) error {
		if !sso.SameOrigin(r, h.Origin) {
			return dead{Problem{
				Chrome: Chrome{Title: "This form came from another site"}, Status: http.StatusForbidden,
				Sentence:    "For your safety, forms count only when they are sent from " + h.Origin.Host() + ".",
				ActionLabel: "Go to " + h.Origin.Host(), ActionURL: "/",
			}}
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil || len(r.PostForm) > maxFields {
			return dead{Problem{
				Status: http.StatusBadRequest, Sentence: "The form did not arrive whole. Please send it again.",
				ActionLabel: "Back", ActionURL: r.URL.RequestURI(),
			}}
		}
		return fn(w, r, v)
	})
}

func (h *Hub) fail(w http.ResponseWriter, r *http.Request, v visit, err error) {
	var d dead
	var limit *customer.LimitError
	p := Problem{ActionLabel: "Try again", ActionURL: r.URL.RequestURI()}
	switch {
	case errors.As(err, &d):
		p = d.Problem
	case errors.As(err, &limit):
		retryAfter(w, limit.RetryAfter)
		p.Status, p.Sentence = http.StatusTooManyRequests, limitSentence(limit)
	case errors.Is(err, customer.ErrBusy):
		retryAfter(w, busyRetry)
		p.Status, p.Sentence = http.StatusServiceUnavailable, "Many people are signing in right now. Please try again in a moment."
	default:
		h.Report(r, err)
		p.Status, p.Sentence = http.StatusInternalServerError, "This is our fault, not yours. Please try again in a moment."
	}
	title := p.Title
	p.Chrome = h.chrome(v)
	p.Title = title
	h.Renderer.Problem(w, p)
}

// busyRetry is how long a viewer is asked to wait when all password hashing is
// taken.
const busyRetry = 2 * time.Second

func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

func limitSentence(l *customer.LimitError) string {
	if l.RetryAfter <= time.Minute {
		return "Those were too many tries. Please try again in a minute."
	}
	minutes := int(math.Ceil(l.RetryAfter.Minutes()))
	return "Those were too many tries. Please try again in " + strconv.Itoa(minutes) + " minutes."
}

// NotFound is the page for an address that does not exist.
func (h *Hub) NotFound(w http.ResponseWriter, r *http.Request) {
	h.Renderer.Problem(w, Problem{
		Chrome: h.chrome(visit{}), Status: http.StatusNotFound,
		Sentence:    "There is no page at this address.",
		ActionLabel: "Go to the front page", ActionURL: "/",
	})
}

// redirect sends the viewer on with a GET.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// WantsPage tells whether the client asks for HTML by name.
func WantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
