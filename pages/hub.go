// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"net/url"
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
	"github.com/usher-sso/usher/internal/social"
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

	// Social signs viewers in by accounts elsewhere; nil for nowhere.
	Social *social.Service

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
	h.mountSteps(mux)
	h.mountAccount(mux)
	if h.Social != nil {
		h.mountSocial(mux)
	}
	mux.Handle("GET /logout", h.page(h.askLogout))
	mux.Handle("POST /logout", h.form(h.logout))
	mux.Handle("GET /signed-out", h.page(h.signedOut))
	mux.HandleFunc("GET "+GonePath, h.gone)
	mux.Handle("GET /.well-known/change-password", http.HandlerFunc(changePassword))
	mux.Handle("/assets/", http.StripPrefix("/assets", h.Renderer.Assets()))
}

const (
	// maxForm bounds what a form may send; ours are under 1 KiB.
	maxForm = 64 << 10

	// maxFields bounds how many fields; ours have a few, one for each consent,
	// and up to 110 for a publisher's questions.
	maxFields = 200
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
		if !h.sentByUs(r) {
			d := v.dead("foreign", http.StatusForbidden, "Hub", h.Origin.Host())
			d.ActionLabel, d.ActionURL = v.say("problem.foreign.action", "Hub", h.Origin.Host()), "/"
			return d
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil || len(r.PostForm) > maxFields {
			d := v.dead("form", http.StatusBadRequest)
			d.ActionLabel, d.ActionURL = v.say("action.back"), r.URL.RequestURI()
			return d
		}
		return fn(w, r, v)
	})
}

// elsewhere finds out what browsers say of requests from other origins.
var elsewhere = http.NewCrossOriginProtection()

// sentByUs tells whether a form was sent by one of the hub's pages. The standard
// library refuses what other origins send, and lets pass what says nothing of
// where it is from, what a viewer began outside of any page, and what our host
// sent by plain http; none of our forms is sent so.
func (h *Hub) sentByUs(r *http.Request) bool {
	return elsewhere.Check(r) == nil && sso.SameOrigin(r, h.Origin)
}

func (h *Hub) fail(w http.ResponseWriter, r *http.Request, v visit, err error) {
	var d dead
	var limit *customer.LimitError
	p := Problem{ActionLabel: v.say("action.retry"), ActionURL: cmp.Or(v.again, r.URL.RequestURI())}
	switch {
	case errors.As(err, &d):
		p = d.Problem
	case errors.As(err, &limit):
		retryAfter(w, limit.RetryAfter)
		p.Status, p.Sentence = http.StatusTooManyRequests, limitSentence(v, limit)
	case errors.Is(err, customer.ErrBusy):
		retryAfter(w, busyRetry)
		p.Status, p.Sentence = http.StatusServiceUnavailable, v.say("problem.busy.sentence")
	default:
		h.Report(r, err)
		p.Status, p.Sentence = http.StatusInternalServerError, v.say("problem.internal.sentence")
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

// limitSentence asks to come back in so many minutes.
func limitSentence(v visit, l *customer.LimitError) string {
	return v.say("limit.minutes", "Count", max(1, int(math.Ceil(l.RetryAfter.Minutes()))))
}

// changePassword leads password managers to the page where a viewer changes
// their password ("A Well-Known URL for Changing Passwords", W3C).
func changePassword(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Path: "/account/password", RawQuery: r.URL.RawQuery}
	redirect(w, to.String())
}

// NotFound is the page for an address that does not exist.
func (h *Hub) NotFound(w http.ResponseWriter, r *http.Request) {
	v := h.stranger(r)
	h.Renderer.Problem(w, Problem{
		Chrome: h.chrome(v), Status: http.StatusNotFound, Sentence: v.say("problem.notfound.sentence"),
		ActionLabel: v.say("action.front"), ActionURL: "/",
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
