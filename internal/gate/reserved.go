// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
)

// SignedOutPath is the hub's page after a sign-out at a site.
const SignedOutPath = "/signed-out"

// GonePath follows the reserved prefix: a picture for the hub's page after a
// sign-out, which makes the browser forget the pages of the site that it kept for
// the way back. Chromium shows those whatever else they were sent with.
const GonePath = "gone.svg"

// reserved answers the gate's own paths. name is what follows the prefix.
func (g *Gate) reserved(w http.ResponseWriter, r *http.Request, site publisher.Origin, name string) error {
	if asset, ok := strings.CutPrefix(name, "assets/"); ok {
		g.pages.Assets(w, r, asset)
		return nil
	}
	routes := map[string]func(http.ResponseWriter, *http.Request, publisher.Origin) error{
		"GET callback": g.callback,
		"GET form":     g.form,
		"GET login":    g.login,
		"GET logout":   g.confirmLogout,
		"POST logout":  g.logout,
		"GET session":  g.session,

		"GET " + GonePath: g.gone,
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if route, ok := routes[method+" "+name]; ok {
		ours(w.Header())
		return route(w, r, site)
	}
	p := Problem{Kind: ProblemNotFound, Status: http.StatusNotFound, Site: site}
	for known := range routes {
		if known == "GET "+name || known == "POST "+name {
			p.Kind, p.Status = ProblemMethod, http.StatusMethodNotAllowed
		}
	}
	g.refuse(w, r, p)
	return nil
}

// login begins a sign-in for a page that asked for it, and comes back there.
func (g *Gate) login(w http.ResponseWriter, r *http.Request, site publisher.Origin) error {
	if sso.Ahead(r.Header) {
		g.turnAway(w, r, site, "/", tell, lack{reason: sso.LoginRequired})
		return nil
	}
	forget(w, r, site, sso.ArrivedCookie) // a person has decided to try again
	needs, _ := g.sso.NeedsIn(r.URL.Query(), site)
	redirect(w, http.StatusFound, g.sso.Begin(w, r, site, sso.Ask{Return: pageOf(r, site, "/"), Needs: needs}))
	return nil
}

// callback takes a visitor back from the hub.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request, site publisher.Origin) error {
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds a code
	result, err := g.sso.Finish(r.Context(), w, r, site)
	if err == nil && result.Denied == "" {
		err = g.open(r.Context(), w, site, result.Session, result.Secret)
	}
	if kind, dead := deadEnd(err); dead {
		g.refuse(w, r, Problem{Kind: kind, Status: http.StatusBadRequest, Site: site, Return: "/"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	cookies := sso.CookiesFor(site)
	switch {
	case result.Denied == "":
		forget(w, r, site, sso.NobodyCookie)
		cookies.Set(w.Header(), sso.ArrivedCookie, arrived(site, result.Needs), arrivedFor)
	case result.Silent:
		cookies.Set(w.Header(), sso.NobodyCookie, "1", nobodyFor)
	}
	to := string(site) + result.Return
	if result.Form {
		to = string(site) + ReservedPrefix + "form?" + url.Values{"page": {g.sso.SealPage(result.Return, site)}}.Encode()
	}
	redirect(w, http.StatusSeeOther, to)
	return nil
}

// form tells somebody who has signed in that the form that they sent before has to
// be sent again, and leads back to it.
func (g *Gate) form(w http.ResponseWriter, r *http.Request, site publisher.Origin) error {
	back := strings.TrimPrefix(g.sso.PageAt(site, sso.Page(r.URL.Query())), string(site))
	g.refuse(w, r, Problem{Kind: ProblemForm, Status: http.StatusOK, Site: site, Return: back})
	return nil
}

// forget removes a cookie that the browser has.
func forget(w http.ResponseWriter, r *http.Request, site publisher.Origin, name string) {
	cookies := sso.CookiesFor(site)
	if _, has := findCookie(r.Header, cookies.Name(name)); has {
		cookies.Clear(w.Header(), name)
	}
}

// arrivedFor is how soon after a sign-in another one shows that the browser did
// not keep the first.
const arrivedFor = 30 * time.Second

// arrived is the value of the cookie that tells that a sign-in has ended well.
// Cookies know no ports, so it says at which site, and what the hub was asked
// to see to.
func arrived(site publisher.Origin, needs string) string {
	return string(site) + "|" + strings.ReplaceAll(needs, " ", "|")
}

// deadEnd returns the page for what is wrong with a callback.
func deadEnd(err error) (ProblemKind, bool) {
	switch {
	case errors.Is(err, sso.ErrBlocked):
		return ProblemCookies, true
	case errors.Is(err, sso.ErrClock):
		return ProblemClock, true
	case errors.Is(err, sso.ErrTransaction):
		return ProblemExpired, true
	case errors.Is(err, sso.ErrCode), errors.Is(err, session.ErrRefused):
		return ProblemCode, true
	}
	return "", false
}

func (g *Gate) confirmLogout(w http.ResponseWriter, r *http.Request, site publisher.Origin) error {
	g.pages.SignOut(w, r, site)
	return nil
}

// logout ends the visitor's session at every site. A visitor whose token has
// expired is known by the cookie's secret.
func (g *Gate) logout(w http.ResponseWriter, r *http.Request, site publisher.Origin) error {
	if !sso.SameOrigin(r, site) {
		g.refuse(w, r, Problem{Kind: ProblemForeign, Status: http.StatusForbidden, Site: site, Return: "/"})
		return nil
	}
	id, err := g.identify(w, r, site)
	if err != nil && !errors.Is(err, errDue) {
		return err
	}
	if id != nil {
		if err := g.sessions.End(r.Context(), id.Get(SessionID)); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	w.Header().Del("Set-Cookie") // identify may have renewed the cookie
	sso.CookiesFor(site).Clear(w.Header(), sso.SiteCookie)
	forget(w, r, site, sso.ArrivedCookie)
	w.Header().Set("Clear-Site-Data", `"cache"`) // pages that were kept for the way back
	signedOut := string(g.hub) + SignedOutPath + "?" + url.Values{"site": {string(site)}}.Encode()
	if !wantsHTML(r.Header) {
		writeJSON(w, r, http.StatusOK, map[string]any{"signedIn": false, "signedOutUrl": signedOut})
		return nil
	}
	redirect(w, http.StatusSeeOther, signedOut)
	return nil
}

// session tells a front end who is signed in, and until when it is so for
// sure.
func (g *Gate) session(w http.ResponseWriter, r *http.Request, site publisher.Origin) error {
	id, err := g.identify(w, r, site)
	reason := sso.LoginRequired
	switch {
	case errors.Is(err, errDue):
		id, reason = nil, sso.InteractionRequired
	case err != nil:
		return err
	}
	if id == nil {
		writeJSON(w, r, http.StatusOK, map[string]any{
			"signedIn": false, "reason": reason, "loginUrl": string(site) + ReservedPrefix + "login",
		})
		return nil
	}
	writeJSON(w, r, http.StatusOK, map[string]any{
		"signedIn": true, "customerId": id.Get(CustomerID), "publisherId": id.Get(PublisherID),
		"email": id.Get(Email), "expires": time.Unix(0, id.expires).Unix(),
	})
	return nil
}

// gone is the picture at GonePath.
func (g *Gate) gone(w http.ResponseWriter, r *http.Request, _ publisher.Origin) error {
	Gone(w, r, g.hub)
	return nil
}

// Gone answers with the picture that makes the browser forget the pages of its
// origin that it kept for the way back, when it is asked for by a page of the
// hub. Pages of others must not make viewers load anew what they have.
func Gone(w http.ResponseWriter, r *http.Request, hub publisher.Origin) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if u, err := url.Parse(r.Referer()); err == nil && u.Scheme+"://"+u.Host == string(hub) {
		h.Set("Clear-Site-Data", `"cache"`)
	}
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`))
}
