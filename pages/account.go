// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
)

// home is the hub's front page.
func (h *Hub) home(w http.ResponseWriter, r *http.Request, v visit) error {
	s, err := h.signedIn(r.Context(), r, v.publisher)
	switch {
	case v.entered && err == nil:
		redirect(w, v.to("/"))
		return nil
	case v.entered && errors.Is(err, session.ErrRefused):
		return v.blocked()
	}
	if errors.Is(err, session.ErrRefused) {
		h.Renderer.Welcome(w, http.StatusOK, Welcome{
			Chrome: h.chrome(v), LoginURL: v.to("/login"), RegisterURL: v.to("/register"), Sites: sites(v.publisher),
		})
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
		redirect(w, v.to("/"+string(step)))
		return nil
	}
	st, err := h.Store.Standing(r.Context(), s.CustomerID)
	if err != nil {
		return err
	}
	v = v.of(h, r, st.Customer)
	h.Renderer.Home(w, http.StatusOK, Home{
		Chrome: h.chrome(v), Email: st.Customer.Email, SignedInAt: s.Created, Sites: sites(v.publisher), SignOutAction: v.to("/logout"),
		Announced: Announced{announcedFrom(v.publisher, st, h.Store.Now()), v.to("/consents")},
	})
	return nil
}

func (h *Hub) askLogout(w http.ResponseWriter, _ *http.Request, v visit) error {
	h.Renderer.SignOut(w, http.StatusOK, SignOut{Chrome: h.chrome(v), FormAction: v.to("/logout"), CancelURL: v.to("/")})
	return nil
}

// logout ends the viewer's session with the publisher, at every site.
func (h *Hub) logout(w http.ResponseWriter, r *http.Request, v visit) error {
	s, err := h.signedIn(r.Context(), r, v.publisher)
	if err == nil {
		err = h.Sessions.End(r.Context(), s.ID)
	}
	if err != nil && !errors.Is(err, session.ErrRefused) {
		return err
	}
	h.remember(w, r, v.publisher, "")
	h.noteLeft(w, v)
	redirect(w, v.to("/signed-out"))
	return nil
}

// maxGone bounds how many sites a page asks to forget their pages.
const maxGone = 24

// forget makes the browser forget the pages of the hub and of the publisher's
// sites that it kept for the way back, and returns the page's chrome for that. The
// header alone leaves the page from which the viewer comes, which browsers keep
// only after they have got this one. A pattern has no address.
func (h *Hub) forget(w http.ResponseWriter, v visit) Chrome {
	w.Header().Set("Clear-Site-Data", `"cache"`)
	c := h.chrome(v)
	c.Gone = []string{""}
	for _, s := range v.publisher.Sites {
		if !publisher.Origin(s).Pattern() && len(c.Gone) < maxGone {
			c.Gone = append(c.Gone, s)
		}
	}
	return c
}

// GonePath is the hub's own picture on the page after a sign-out.
const GonePath = "/" + gate.GonePath

// gone is the picture at GonePath.
func (h *Hub) gone(w http.ResponseWriter, r *http.Request) {
	gate.Gone(w, r, h.Origin)
}

// signedOut tells that it is done. A site names itself in the query; only one
// of the publisher's is led back to.
func (h *Hub) signedOut(w http.ResponseWriter, r *http.Request, v visit) error {
	c := h.chrome(v)
	switch _, err := h.signedIn(r.Context(), r, v.publisher); {
	case err == nil: // a site did not know the viewer any more, so it ended nothing
		redirect(w, v.to("/logout"))
		return nil
	case errors.Is(err, session.ErrRefused):
		if len(h.proofs(r)) > 0 {
			h.remember(w, r, v.publisher, "") // a sign-out at a site left the hub's cookie behind
			h.noteLeft(w, v)
		}
		c = h.forget(w, v)
	}
	view := SignedOut{Chrome: c, LoginURL: v.to(loginPath)}
	site := publisher.Origin(r.URL.Query().Get("site"))
	if p, ok := h.Directory.BySite(site); ok && p.ID == v.publisher.ID {
		view.SiteName, view.SiteURL = site.Host(), string(site)+"/"
	}
	h.Renderer.SignedOut(w, http.StatusOK, view)
	return nil
}
