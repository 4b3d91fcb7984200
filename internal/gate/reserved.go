// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
)

// SignedOutPath is the hub's page after a sign-out at a site.
const SignedOutPath = "/signed-out"

// reserved answers the gate's own paths. name is what follows the prefix.
func (g *Gate) reserved(w http.ResponseWriter, r *http.Request, site publisher.Origin, name string) error {
	if asset, ok := strings.CutPrefix(name, "assets/"); ok {
		g.pages.Assets(w, r, asset)
		return nil
	}
	routes := map[string]func(http.ResponseWriter, *http.Request, publisher.Origin) error{
		"GET callback": g.callback,
		"GET login":    g.login,
		"GET logout":   g.confirmLogout,
		"POST logout":  g.logout,
		"GET session":  g.session,
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
	back := "/"
	if u, err := url.Parse(r.Referer()); err == nil && u.Scheme+"://"+u.Host == string(site) {
		back = u.RequestURI()
	}
	w.Header().Set("Location", g.sso.Begin(w, r, site, back, false))
	w.WriteHeader(http.StatusFound)
	return nil
}

// callback takes a visitor back from the hub.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request, site publisher.Origin) error {
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds a code
	result, err := g.sso.Finish(r.Context(), w, r, site)
	switch {
	case errors.Is(err, sso.ErrTransaction):
		g.refuse(w, r, Problem{Kind: ProblemExpired, Status: http.StatusBadRequest, Site: site, Return: "/"})
		return nil
	case errors.Is(err, sso.ErrCode):
		g.refuse(w, r, Problem{Kind: ProblemCode, Status: http.StatusBadRequest, Site: site, Return: "/"})
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if result.Denied == "" {
		err := g.open(r.Context(), w, site, result.Session, result.Secret)
		if errors.Is(err, session.ErrRefused) {
			g.refuse(w, r, Problem{Kind: ProblemCode, Status: http.StatusBadRequest, Site: site, Return: "/"})
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	w.Header().Set("Location", string(site)+result.Return)
	w.WriteHeader(http.StatusSeeOther)
	return nil
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
		if err := g.sessions.End(r.Context(), id.SessionID); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	w.Header().Del("Set-Cookie") // identify may have renewed the cookie
	sso.CookiesFor(site).Clear(w.Header(), sso.SiteCookie)
	w.Header().Set("Clear-Site-Data", `"cache"`) // pages that were kept for the way back
	if !wantsHTML(r.Header) {
		writeJSON(w, r, http.StatusOK, map[string]any{"signedIn": false})
		return nil
	}
	w.Header().Set("Location", string(g.hub)+SignedOutPath+"?"+url.Values{"site": {string(site)}}.Encode())
	w.WriteHeader(http.StatusSeeOther)
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
		"signedIn": true, "customerId": id.CustomerID, "publisherId": id.PublisherID,
		"email": id.Email, "expires": id.Expires,
	})
	return nil
}
