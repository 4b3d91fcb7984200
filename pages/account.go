// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"strings"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
)

// home is the hub's front page.
func (h *Hub) home(w http.ResponseWriter, r *http.Request, v visit) error {
	s, err := h.signedIn(r.Context(), r, v.publisher)
	if errors.Is(err, session.ErrRefused) {
		h.Renderer.Welcome(w, http.StatusOK, Welcome{
			Chrome: h.chrome(v), LoginURL: v.to("/login"), RegisterURL: v.to("/register"), Sites: sites(v.publisher),
		})
		return nil
	}
	if err != nil {
		return err
	}
	step, err := h.Flow.Next(r.Context(), s)
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
	redirect(w, v.to("/signed-out"))
	return nil
}

// maxGone bounds how many sites a page asks to forget their pages.
const maxGone = 24

// goneFrom returns the pictures with which a publisher's sites tell the browser
// to forget the pages that it kept for the way back. A pattern has no address.
func goneFrom(p authstore.Publisher) []string {
	var all []string
	for _, s := range p.Sites {
		if !publisher.Origin(s).Pattern() && len(all) < maxGone {
			all = append(all, s+gate.ReservedPrefix+gate.GonePath)
		}
	}
	return all
}

// signedOut tells that it is done. A site names itself in the query; only one
// of the publisher's is led back to.
func (h *Hub) signedOut(w http.ResponseWriter, r *http.Request, v visit) error {
	var gone []string
	if _, err := h.signedIn(r.Context(), r, v.publisher); errors.Is(err, session.ErrRefused) {
		if len(h.proofs(r)) > 0 {
			h.remember(w, r, v.publisher, "") // a sign-out at a site left the hub's cookie behind
		}
		w.Header().Set("Clear-Site-Data", `"cache"`) // pages that were kept for the way back
		gone = goneFrom(v.publisher)
	}
	view := SignedOut{Chrome: h.chrome(v), LoginURL: v.to("/login"), Gone: gone}
	for _, at := range gone {
		view.ImageOrigins = append(view.ImageOrigins, strings.TrimSuffix(at, gate.ReservedPrefix+gate.GonePath))
	}
	site := publisher.Origin(r.URL.Query().Get("site"))
	if p, ok := h.Directory.BySite(site); ok && p.ID == v.publisher.ID {
		view.SiteName, view.SiteURL = site.Host(), string(site)+"/"
	}
	h.Renderer.SignedOut(w, http.StatusOK, view)
	return nil
}
