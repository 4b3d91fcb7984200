// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/sso"
)

// appParam is the sealed request in the query of a visit.
const appParam = "app"

// maxApp bounds what an app asks: all pages carry it on.
const maxApp = 1200

// Errors that an app is told (RFC 6749, section 4.1.2.1).
const appInvalid = "invalid_request"

// appDoor takes in an app's request, whose query is no visit's.
func (h *Hub) appDoor(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Has(appParam) {
		h.page(h.appAuthorize).ServeHTTP(w, r)
		return
	}
	if sso.Ahead(r.Header) {
		refuseAhead(w)
		return
	}
	kept := url.Values{}
	if p, ok := h.appFor(q); ok {
		kept.Set("publisher", strconv.FormatInt(p.ID, 10))
	}
	if locales := sso.UILocales(q); locales != "" {
		kept.Set("ui_locales", locales)
	}
	v, err := h.visitFor(r, kept)
	if err == nil {
		err = h.appBegin(w, r, v)
	}
	if err != nil {
		h.fail(w, r, v, err)
	}
}

// appFor returns the publisher that an app names as the API does, or the only one.
func (h *Hub) appFor(q url.Values) (authstore.Publisher, bool) {
	switch {
	case q.Has("publisherId"):
		id, err := publisher.ParseID(q.Get("publisherId"))
		if err != nil {
			return authstore.Publisher{}, false
		}
		return h.Directory.ByID(id)
	case q.Has("offerId"):
		return h.Directory.ByOffer(q.Get("offerId"))
	}
	return h.Directory.Only()
}

// appAuthorize sends an app's viewer back with a code, by way of whatever is due first.
func (h *Hub) appAuthorize(w http.ResponseWriter, r *http.Request, v visit) error {
	if sso.Ahead(r.Header) {
		refuseAhead(w)
		return nil
	}
	if v.app == nil {
		return v.dead("app", http.StatusBadRequest)
	}
	s, err := h.signedIn(r.Context(), r, v.publisher)
	if errors.Is(err, session.ErrRefused) && v.entered {
		return v.blocked()
	}
	if errors.Is(err, session.ErrRefused) {
		redirect(w, v.to(loginPath))
		return nil
	}
	if err != nil {
		return err
	}
	step, err := h.Flow.Next(r.Context(), v.publisher, s)
	if err != nil {
		return err
	}
	if step != flow.Done {
		if err := h.ensureMail(r, v, s, step); err != nil {
			return err
		}
		redirect(w, v.to("/"+string(step)))
		return nil
	}
	claimed := strings.HasPrefix(v.app.Redirect, "https://") // nobody but the app's owner answers there
	if !claimed && !secret.Matches(h.cookie(r, appCookie), v.sealedApp) {
		return h.askApp(w, r, v, s)
	}
	return h.grantApp(w, r, v, s)
}

// appBegin reads what an app asks. Nobody is led to an address that the publisher does
// not allow, not even to be told what is wrong.
func (h *Hub) appBegin(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	request := social.AppRequest{Redirect: q.Get("redirect_uri"), State: q.Get("state"), Challenge: q.Get("code_challenge")}
	if _, ok := h.appFor(q); !ok || len(request.Redirect)+len(request.State)+len(request.Challenge) > maxApp || len(q["redirect_uri"]) != 1 {
		return v.dead("app", http.StatusBadRequest)
	}
	err := h.Social.CheckApp(v.publisher, request)
	if errors.Is(err, social.ErrRedirect) {
		return v.dead("app", http.StatusBadRequest)
	}
	name := q.Get("provider")
	_, known := h.Social.Provider(v.publisher.ID, name)
	if err == nil && (q.Get("code_challenge_method") != "S256" || name != "" && !known) {
		err = social.ErrRefused
	}
	if errors.Is(err, social.ErrRefused) {
		found(w, h.toApp(request, appInvalid))
		return nil
	}
	if err != nil {
		return err
	}
	kept, err := url.ParseQuery(v.query)
	if err != nil {
		return err
	}
	kept.Set(appParam, h.Social.SealApp(v.publisher, request))
	v.query = kept.Encode()
	_, err = h.signedIn(r.Context(), r, v.publisher)
	switch {
	case errors.Is(err, session.ErrRefused) && known:
		found(w, v.to(loginPath+"/"+url.PathEscape(name)))
		return nil
	case err != nil && !errors.Is(err, session.ErrRefused):
		return err
	}
	found(w, v.to(social.AuthorizePath))
	return nil
}

// toApp returns where an app hears of an error.
func (h *Hub) toApp(a social.AppRequest, reason string) string {
	u, err := url.Parse(a.Redirect)
	if err != nil {
		return "/" // CheckApp lets none pass
	}
	q := u.Query()
	q.Set("error", reason)
	if a.State != "" {
		q.Set("state", a.State)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// askApp asks a viewer who was signed in before whether an app is to be, too: another
// app may pretend to be the one that has the scheme or the port (RFC 8252, section 8.6).
func (h *Hub) askApp(w http.ResponseWriter, r *http.Request, v visit, s authstore.Session) error {
	c, err := h.Store.Customer(r.Context(), s.CustomerID)
	if err != nil {
		return err
	}
	v = v.of(h, r, c)
	h.Renderer.App(w, http.StatusOK, App{Chrome: h.chrome(v), FormAction: v.to(social.AuthorizePath), Email: c.Email, SignOutAction: v.to("/logout")})
	return nil
}

// appContinue takes the answer.
func (h *Hub) appContinue(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.withSession(w, r, v, func(s authstore.Session) error {
		if v.app == nil {
			redirect(w, v.next())
			return nil
		}
		step, err := h.Flow.Next(r.Context(), v.publisher, s)
		if err != nil {
			return err
		}
		if step != flow.Done {
			redirect(w, v.next())
			return nil
		}
		return h.grantApp(w, r, v, s)
	})
}

// grantApp sends the viewer back to the app.
func (h *Hub) grantApp(w http.ResponseWriter, r *http.Request, v visit, s authstore.Session) error {
	to, err := h.Social.GrantApp(r.Context(), v.publisher, s, *v.app)
	if err != nil {
		return err
	}
	if h.cookie(r, appCookie) != "" {
		h.cookies().Clear(w.Header(), appCookie)
	}
	found(w, to)
	return nil
}

// App asks a viewer who is signed in whether an app is to be, too.
type App struct {
	Chrome

	FormAction    string // where the form posts to, with its query
	Email         string // who is signed in
	SignOutAction string // where the sign-out button posts to
}

// App writes the page that asks whether an app is to be signed in.
func (r *Renderer) App(w http.ResponseWriter, status int, v App) {
	r.write(w, status, "app", &v)
}
