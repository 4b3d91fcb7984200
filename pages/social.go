// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/sso"
)

// Signing in elsewhere: a link leads to loginPath/{name}, which sends the browser on to
// the provider, which sends it back to loginPath/{name}/callback. It is a link and not a
// form, because browsers hold a form's policy against every redirect that follows.

const loginPath = "/login"

// mountSocial registers the pages of signing in elsewhere.
func (h *Hub) mountSocial(mux *http.ServeMux) {
	mux.Handle("GET "+loginPath+"/{name}", h.page(h.begin))
	mux.HandleFunc("GET "+loginPath+"/{name}/callback", h.callback)
	mux.HandleFunc("POST "+loginPath+"/{name}/callback", h.posted)
	mux.Handle("GET "+joinPath, h.page(h.askJoin))
	mux.Handle("POST "+joinPath, h.form(h.join))
	mux.Handle("POST "+joinPath+"/code", h.form(h.joinCode))
	mux.Handle("POST "+joinPath+"/cancel", h.form(h.leaveJoin))
	mux.HandleFunc("GET "+social.AuthorizePath, h.appDoor)
	mux.Handle("POST "+social.AuthorizePath, h.form(h.appContinue))
	mux.HandleFunc("GET "+social.DeletionPath+"{code}", h.deletion)
	mux.Handle("GET "+pageSignin.path(), h.page(h.own(pageSignin, h.askSignin)))
	mux.Handle("POST "+pageSignin.path(), h.form(h.own(pageSignin, h.signin)))
}

// providers returns a publisher's providers in their order.
func (h *Hub) providers(p authstore.Publisher) []*social.Provider {
	if h.Social == nil {
		return nil
	}
	return h.Social.At(p.ID)
}

// elsewhereButtons returns the buttons that lead to providers.
func elsewhereButtons(v visit, providers []*social.Provider, intent social.Intent) []Elsewhere {
	var list []Elsewhere
	for _, p := range providers {
		at := v.to(loginPath + "/" + url.PathEscape(p.Name))
		if intent != social.Enter {
			at = with(at, "intent", string(intent))
		}
		list = append(list, Elsewhere{Brand: p.Brand(), Name: p.Called(), URL: at})
	}
	return list
}

// ways returns the buttons to sign in elsewhere.
func (h *Hub) ways(v visit) []Elsewhere {
	return elsewhereButtons(v, h.providers(v.publisher), social.Enter)
}

// waysParam asks the sign-in page for all ways, where viewers are else sent on to one.
const waysParam = "ways"

// Its values; any other is as good as waysAll.
const (
	waysAll       = "all"
	waysCancelled = "cancelled" // the viewer has come back from a provider
)

// provingParam names the page of the account that a proof is for.
const provingParam = "for"

// allWays returns the address of the sign-in page, which then sends nobody on.
func (h *Hub) allWays(v visit) string {
	if _, ok := h.automatic(v.publisher); ok {
		return with(v.to(loginPath), waysParam, waysAll)
	}
	return v.to(loginPath)
}

// signInAfter returns the address of the sign-in page for somebody whose session is over.
// Who has sent a form is not sent on: browsers hold its policy against where that leads.
func (h *Hub) signInAfter(r *http.Request, v visit) string {
	if r.Method == http.MethodPost {
		return h.allWays(v)
	}
	return v.to(loginPath)
}

// automatic returns the provider that a publisher's viewers are sent on to without
// being asked.
func (h *Hub) automatic(p authstore.Publisher) (*social.Provider, bool) {
	all := h.providers(p)
	i := slices.IndexFunc(all, func(p *social.Provider) bool { return p.Automatic })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// The cookies of signing in elsewhere, all at the hub.
const (
	attemptCookie = "__Host-usher-social-" // an attempt; what tells it apart follows
	answerCookie  = "__Host-usher-answer"  // an answer that a provider had posted
	joinCookie    = "__Host-usher-join"    // the token of somebody who is about to join
	leftCookie    = "__Host-usher-left"    // the viewer has just signed out
	appCookie     = "__Host-usher-app"     // the viewer has just signed in for an app
)

// leftFor is how long somebody who has signed out is not sent on to a provider, which
// would sign them in again without a question.
const leftFor = 10 * time.Minute

// noteLeft keeps in mind that a viewer has signed out.
func (h *Hub) noteLeft(w http.ResponseWriter, v visit) {
	if _, ok := h.automatic(v.publisher); ok {
		h.cookies().Set(w.Header(), leftCookie, "1", leftFor)
	}
}

// sendOn sends a viewer of the sign-in page on to the provider where they are not to be
// asked, unless they have just come from there or have reason to see the page.
func (h *Hub) sendOn(w http.ResponseWriter, r *http.Request, v visit) bool {
	p, ok := h.automatic(v.publisher)
	if !ok || r.URL.Query().Has(waysParam) || h.cookie(r, leftCookie) != "" || v.request != nil && v.request.Notice != "" {
		return false
	}
	found(w, v.to(loginPath+"/"+url.PathEscape(p.Name)))
	return true
}

func (h *Hub) cookies() sso.Cookies { return sso.CookiesFor(h.Origin) }

// cookie returns the value of one of the hub's cookies, or "".
func (h *Hub) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(h.cookies().Name(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// begin sends the browser on to a provider. It writes nothing but a cookie, and that
// not for a page that is fetched ahead.
func (h *Hub) begin(w http.ResponseWriter, r *http.Request, v visit) error {
	p, ok := h.Social.Provider(v.publisher.ID, r.PathValue("name"))
	if !ok {
		h.NotFound(w, r)
		return nil
	}
	if sso.Ahead(r.Header) {
		refuseAhead(w)
		return nil
	}
	v.here = ""
	intent := social.Intent(r.URL.Query().Get("intent"))
	if intent != social.Link && intent != social.Confirm {
		intent = social.Enter
	}
	current, hint, ok, err := h.mayBegin(w, r, v, intent)
	if err != nil || !ok {
		return err
	}
	query := v.whole()
	if v.proving != "" {
		query += "&" + provingParam + "=" + string(v.proving)
	}
	a := h.Social.NewAttempt(p.Name, v.publisher.ID, query, intent, current)
	sealed := h.Social.Seal(a)
	if len(sealed) > maxAttempt {
		return v.dead("request", http.StatusBadRequest)
	}
	to, err := p.Begin(r.Context(), a, h.Social.Callback(p.Name), hint)
	if err != nil {
		return h.elsewhereFailed(r, v, p, intent, err)
	}
	h.dropOldest(w, r)
	h.cookies().Set(w.Header(), attemptCookie+social.CookieSuffix(a.State), sealed, social.AttemptLife)
	found(w, to)
	return nil
}

// refuseAhead answers a browser that fetches a page in case somebody will ask for it.
func refuseAhead(w http.ResponseWriter) {
	setHeaders(w.Header(), new(Chrome), false)
	w.WriteHeader(http.StatusUnauthorized)
}

// mayBegin tells whether a viewer may begin a sign-in elsewhere, and returns the id of
// the session that it is for and an address that is likely theirs. Somebody who may not
// has been answered.
func (h *Hub) mayBegin(w http.ResponseWriter, r *http.Request, v visit, intent social.Intent) (current, hint string, ok bool, err error) {
	if intent == social.Enter {
		return "", "", true, nil
	}
	err = h.withSession(w, r, v, func(s authstore.Session) error {
		// From another site, the provider's account that the browser is signed in with
		// might be somebody else's.
		if !fromOurPage(r, h.Origin) || intent == social.Link && !h.Social.IsFresh(s) {
			redirect(w, v.proved())
			return nil
		}
		c, err := h.Store.Customer(r.Context(), s.CustomerID)
		current, ok = s.ID, err == nil
		if intent == social.Confirm {
			hint = c.Email
		}
		return err
	})
	return current, hint, ok, err
}

// fromOurPage tells whether a link was followed on one of the hub's pages. Browsers say
// so in Sec-Fetch-Site, older ones in Referer.
func fromOurPage(r *http.Request, hub publisher.Origin) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return strings.HasPrefix(r.Header.Get("Referer"), string(hub)+"/")
}

const (
	// maxAttempts is how many sign-ins elsewhere a browser may have under way, one a
	// tab; more would fill the Cookie header.
	maxAttempts = 3

	// maxAttempt bounds the cookie of one: browsers keep none over 4096 bytes.
	maxAttempt = 3800
)

// dropOldest makes room for one more attempt.
func (h *Hub) dropOldest(w http.ResponseWriter, r *http.Request) {
	type kept struct {
		name string
		ends time.Time
	}
	var all []kept
	for _, c := range r.Cookies() {
		if suffix, ok := strings.CutPrefix(c.Name, h.cookies().Name(attemptCookie)); ok {
			all = append(all, kept{attemptCookie + suffix, h.Social.Ends(c.Value)})
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.ends.Compare(b.ends), cmp.Compare(a.name, b.name)) })
	for i := 0; i+maxAttempts <= len(all); i++ {
		h.cookies().Clear(w.Header(), all[i].name)
	}
}

// elsewhereFailed returns the page that says why a sign-in elsewhere has failed, and
// offers the other ways. The operator is told of outages.
func (h *Hub) elsewhereFailed(r *http.Request, v visit, p *social.Provider, intent social.Intent, err error) error {
	var d dead
	name := ""
	if p != nil {
		name = p.Called()
	}
	switch {
	case errors.Is(err, social.ErrUnavailable):
		h.Report(r, err)
		d = v.dead("elsewhere-down", http.StatusBadGateway, "Provider", name)
	case errors.Is(err, social.ErrRefused), errors.Is(err, social.ErrJoin):
		d = v.dead("elsewhere", http.StatusBadRequest)
	case errors.Is(err, social.ErrClosed):
		d = v.dead("closed", http.StatusForbidden)
	case errors.Is(err, social.ErrOther):
		d = v.dead("other", http.StatusConflict, "Provider", name)
	case errors.Is(err, social.ErrTaken):
		d = v.dead("taken", http.StatusConflict, "Provider", name)
	default:
		return err
	}
	if intent != social.Enter {
		d.ActionLabel, d.ActionURL = v.say("action.back"), v.proved()
		return d
	}
	d.offer(h, v)
	return d
}

// offer adds all ways to sign in.
func (d *dead) offer(h *Hub, v visit) {
	if v.publisher.ID == 0 {
		d.ActionLabel, d.ActionURL = v.say("action.front"), "/"
		return
	}
	d.Elsewhere = h.ways(v)
	d.ActionLabel, d.ActionURL = v.say("elsewhere.password"), h.allWays(v)
}
