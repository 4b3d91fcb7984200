// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/sso"
)

// visit is what a viewer came to the hub for: to sign in at a site, or to see
// their account with a publisher. It travels in the query of every page, so
// that steps need not know of each other.
type visit struct {
	publisher authstore.Publisher
	request   *sso.Request // the site's question that brought the viewer, or nil
	query     string       // of all pages of this visit
	back      string       // page of a site to go on to, when a mail brought the viewer, or ""
	backSite  publisher.Origin
	backPage  string      // sealed, see sso.Request
	then      accountPage // page of the account to go on to after signing in, or ""
	entered   bool        // the viewer has signed in with the step before
	proving   accountPage // page of the account that a proof of who they are is for, or ""

	app       *social.AppRequest // the app's question that brought the viewer, or nil
	sealedApp string             // the same, as the query has it

	language  *i18n.Language // of what the viewer reads
	uiLocales string         // the languages that the address asks for, or ""
	known     bool           // the viewer is signed in
	here      string         // this page's path and query when it can be opened again, or ""
	again     string         // where to try again when this page cannot be opened again; "" is here
}

// say returns a message in the viewer's language.
func (v visit) say(id string, args ...any) string { return v.language.Text(id, args...) }

// of returns the visit in the language of the viewer's account, unless the
// address asks for another. Pages that know the account call it first.
func (v visit) of(h *Hub, r *http.Request, c authstore.Customer) visit {
	v.language = h.Renderer.language(r, v.publisher.Languages, v.uiLocales, c.Locale)
	v.known = true
	return v
}

// needs returns what the page of a site demands that the viewer asked for, beyond
// a session.
func (v visit) needs() sso.Needs {
	if v.request == nil {
		return sso.Needs{}
	}
	return v.request.Needs
}

// site returns the front page of the site that asks.
func (v visit) site() string { return string(v.request.Site) + "/" }

// demanding returns the publisher as the steps on the way to that page judge by
// it. Registering and the account go by the publisher alone.
func (v visit) demanding() authstore.Publisher {
	n := v.needs()
	return flow.Demanding(v.publisher, flow.Needs{VerifiedEmail: n.VerifiedEmail, Consents: n.Consents, Captured: n.Captured})
}

// dead returns the page for a dead end. Its words are the messages
// problem.<name>.heading and .sentence.
func (v visit) dead(name string, status int, args ...any) dead {
	return dead{Problem{
		Chrome: Chrome{Title: v.say("problem." + name + ".heading")}, Status: status,
		Sentence: v.say("problem."+name+".sentence", args...),
	}}
}

// to returns the address of another page of the same visit.
func (v visit) to(path string) string {
	if v.query != "" {
		path += "?" + v.query
	}
	if v.then != "" {
		path = with(path, "then", string(v.then))
	}
	return path
}

// whole returns the query of all pages of the visit.
func (v visit) whole() string { return strings.TrimPrefix(v.to(""), "?") }

// with returns an address with one more parameter; name and value are ours and
// need no escaping.
func with(address, name, value string) string {
	if strings.Contains(address, "?") {
		return address + "&" + name + "=" + value
	}
	return address + "?" + name + "=" + value
}

// next returns where every step leads back to: the one place that decides what
// is due.
func (v visit) next() string {
	page := v.then
	v.then = ""
	switch {
	case v.request != nil:
		return v.to(sso.AuthorizePath)
	case v.app != nil:
		return v.to(social.AuthorizePath)
	case page != "":
		return v.to(page.path())
	case v.back != "":
		return v.back
	}
	return v.to("/")
}

// proved returns where to go on once the viewer has proved again who they are.
func (v visit) proved() string {
	if v.proving != "" {
		return v.to(v.proving.path())
	}
	return v.next()
}

// wayBack returns what a mailed link needs, so that it leads to the page that
// the viewer came from in whichever browser it is opened; as a query.
func (v visit) wayBack() string {
	switch {
	case v.request != nil:
		return url.Values{"site": {string(v.request.Site)}, "page": {v.request.Page}}.Encode()
	case v.back != "":
		return url.Values{"site": {string(v.backSite)}, "page": {v.backPage}}.Encode()
	}
	return ""
}

// stranger returns the visit of somebody of whom nothing is known but the
// request.
func (h *Hub) stranger(r *http.Request) visit { return h.strangerFor(r, r.URL.Query()) }

func (h *Hub) strangerFor(r *http.Request, q url.Values) visit {
	v := visit{uiLocales: sso.UILocales(q)}
	p, _ := h.Directory.Only() // where there is one, it is theirs
	v = v.at(h, r, p)
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		v.here = r.URL.RequestURI()
	}
	return v
}

// at returns the visit as one to a publisher, in a language of its pages.
func (v visit) at(h *Hub, r *http.Request, p authstore.Publisher) visit {
	v.publisher = p
	v.language = h.Renderer.language(r, p.Languages, v.uiLocales, "")
	return v
}

// visit reads what the viewer came for. With an error the visit still tells the
// language in which to say so.
func (h *Hub) visit(r *http.Request) (visit, error) { return h.visitFor(r, r.URL.Query()) }

// visitFor reads the same of a query.
func (h *Hub) visitFor(r *http.Request, q url.Values) (visit, error) {
	v := h.strangerFor(r, q)
	v.entered = q.Get("entered") != ""
	if page := accountPage(q.Get(provingParam)); slices.Contains(accountPages, page) {
		v.proving = page
	}
	if q.Has("state") {
		request, p, err := h.SSO.ParseRequest(q)
		if err != nil {
			d := v.dead("request", http.StatusBadRequest)
			if errors.Is(err, sso.ErrSite) {
				d = v.dead("site", http.StatusBadRequest)
			}
			if v.publisher.ID != 0 {
				d.ActionLabel, d.ActionURL = v.say("action.front"), "/"
			}
			return v, d
		}
		v.request, v.query = &request, request.Values().Encode()
		return v.at(h, r, p), nil
	}
	if page := accountPage(q.Get("then")); slices.Contains(accountPages, page) {
		v.then = page
	}
	kept := url.Values{}
	if v.uiLocales != "" {
		kept.Set("ui_locales", v.uiLocales)
	}
	p, named, ok := h.sought(q)
	if !ok {
		return v, v.dead("publisher", http.StatusNotFound)
	}
	if named {
		kept.Set("publisher", strconv.FormatInt(p.ID, 10))
	}
	site := publisher.Origin(q.Get("site"))
	if owner, ok := h.Directory.BySite(site); ok && owner.ID == p.ID && q.Has("page") {
		v.backSite, v.backPage = site, sso.Page(q)
		v.back = h.SSO.PageAt(site, v.backPage)
		kept.Set("site", string(site))
		kept.Set("page", v.backPage)
	}
	if sealed := q.Get(appParam); sealed != "" && h.Social != nil {
		request, err := h.Social.OpenApp(p, sealed)
		if err != nil {
			return v, v.dead("app", http.StatusBadRequest)
		}
		v.app, v.sealedApp = &request, sealed
		kept.Set(appParam, sealed)
	}
	v.query = kept.Encode()
	return v.at(h, r, p), nil
}

// sought returns the publisher that a query is about, and whether the pages of
// the visit must name it.
func (h *Hub) sought(q url.Values) (p authstore.Publisher, named, ok bool) {
	if p, ok = h.Directory.Only(); ok {
		return p, false, true
	}
	if id, err := publisher.ParseID(q.Get("publisher")); err == nil {
		if p, ok = h.Directory.ByID(id); ok {
			return p, true, true
		}
	}
	p, ok = h.Directory.BySite(publisher.Origin(q.Get("site")))
	return p, true, ok
}

func (h *Hub) chrome(v visit) Chrome {
	c := Chrome{
		Language: v.language, Here: v.here, PublisherID: v.publisher.ID, PublisherName: v.publisher.Name, HubName: h.Origin.Host(),
		Languages: v.publisher.Languages, Sandbox: v.publisher.Sandbox,
	}
	if v.known {
		c.AccountURL = v.to(pageOverview.path())
	}
	if v.request != nil {
		c.SiteName = v.request.Site.Host()
		c.FormOrigins = []string{string(v.request.Site)}
	} else if v.back != "" {
		c.SiteName = v.backSite.Host()
		c.FormOrigins = []string{string(v.backSite)}
	}
	if v.app != nil {
		c.FormOrigins = append(c.FormOrigins, appOrigin(v.app.Redirect))
	}
	return c
}

// sites returns the links to the publisher's sites. A pattern is no address.
func sites(p authstore.Publisher) []Site {
	var list []Site
	for _, s := range p.Sites {
		if o := publisher.Origin(s); !o.Pattern() {
			list = append(list, Site{Name: o.Host(), URL: s + "/"})
		}
	}
	return list
}

// The hub's cookie holds one proof for each publisher that the browser has a
// session with.
const (
	proofSeparator = "~"

	// maxProofs bounds how many sessions one browser has; each costs a read.
	maxProofs = 8
)

func (h *Hub) proofs(r *http.Request) []string {
	c, err := r.Cookie(sso.CookiesFor(h.Origin).Name(sso.HubCookie))
	if err != nil || c.Value == "" {
		return nil
	}
	all := strings.Split(c.Value, proofSeparator)
	return all[:min(len(all), maxProofs)]
}

// signedIn returns the viewer's session with the publisher. Errors:
// session.ErrRefused when there is none.
func (h *Hub) signedIn(ctx context.Context, r *http.Request, p authstore.Publisher) (authstore.Session, error) {
	for _, proof := range h.proofs(r) {
		s, err := h.Sessions.AtHub(ctx, proof)
		if errors.Is(err, session.ErrRefused) {
			continue
		}
		if err == nil && s.PublisherID == p.ID {
			h.Sessions.Used(s)
		}
		if err != nil || s.PublisherID == p.ID {
			return s, err
		}
	}
	return authstore.Session{}, session.ErrRefused
}

// remember gives the browser the proof of a new session, and forgets that of
// an older one with the same publisher, and those that are over.
func (h *Hub) remember(w http.ResponseWriter, r *http.Request, p authstore.Publisher, proof string) {
	kept, life := []string{}, time.Duration(0) // the longest of the sessions'
	keep := func(proof string, publisher int64) {
		p, _ := h.Directory.ByID(publisher)
		kept, life = append(kept, proof), max(life, p.Session.InForce().Absolute)
	}
	if proof != "" {
		keep(proof, p.ID)
	}
	for _, old := range h.proofs(r) {
		s, err := h.Sessions.AtHub(r.Context(), old)
		over := errors.Is(err, session.ErrRefused) // a store that fails ends nothing
		if !over && s.PublisherID != p.ID && len(kept) < maxProofs {
			keep(old, s.PublisherID)
		}
	}
	cookies := sso.CookiesFor(h.Origin)
	if len(kept) == 0 {
		cookies.Clear(w.Header(), sso.HubCookie)
		return
	}
	cookies.Set(w.Header(), sso.HubCookie, strings.Join(kept, proofSeparator), life)
}

// arrival describes a viewer who registers or logs in at the hub.
func (h *Hub) arrival(r *http.Request, v visit) (customer.Arrival, error) {
	a := customer.Arrival{
		Device: session.Device{IP: viewerIP(r), UserAgent: r.UserAgent()},
		Start:  session.AtHub,
		Back:   v.wayBack(),
	}
	old, err := h.signedIn(r.Context(), r, v.publisher)
	if err != nil && !errors.Is(err, session.ErrRefused) {
		return a, err
	}
	a.Replaced = old.ID
	if c, err := r.Cookie(sso.CookiesFor(h.Origin).Name(sso.DeviceCookie)); err == nil {
		a.Known = c.Value
	}
	return a, nil
}

// welcome gives the browser what a registration or login has earned it.
func (h *Hub) welcome(w http.ResponseWriter, r *http.Request, v visit, e customer.Entry) {
	h.remember(w, r, v.publisher, e.Secrets.Hub)
	sso.CookiesFor(h.Origin).Set(w.Header(), sso.DeviceCookie, e.Known, session.Longest)
	if v.app != nil {
		h.cookies().Set(w.Header(), appCookie, secret.Digest(v.sealedApp), social.JoinLife)
	}
	if h.Social != nil && h.cookie(r, joinCookie) != "" {
		h.cookies().Clear(w.Header(), joinCookie)
	}
	to := v.next()
	if len(r.Cookies()) == 0 && strings.HasPrefix(to, "/") {
		to = with(to, "entered", "1") // the browser may keep no cookies
	}
	redirect(w, to)
}

// blocked returns the page for somebody whose browser has lost the session that
// began a moment ago.
func (v visit) blocked() dead {
	return dead{Problem{
		Chrome: Chrome{Title: v.say("site.cookies.heading")}, Status: http.StatusBadRequest, Sentence: v.say("site.cookies.sentence"),
		ActionLabel: v.say("site.cookies.action"), ActionURL: v.to("/login"),
	}}
}

func viewerIP(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return ap.Addr().Unmap().String()
}
