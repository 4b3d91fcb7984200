// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
)

// reauthenticatePath is the step for a page of a site that wants its visitors to
// have proved lately who they are. It comes before the others, which change what is
// known of a customer.
const reauthenticatePath = "/reauthenticate"

// onTheWay is how long a viewer may take back to the site. A sign-in that gets too
// old on the way, or for the site alone, which counts whole seconds, would be sent
// back and forth.
const onTheWay = 10 * time.Second

// tooOld tells whether the page that the viewer asked for wants them to prove again
// who they are.
func (v visit) tooOld(s authstore.Session, now time.Time) bool {
	age := v.needs().MaxAge
	return age > 0 && now.Sub(s.SignedIn()) >= age-onTheWay
}

// unproved runs fn for a signed-in viewer who is to prove again who they are, and
// leads others on.
func (h *Hub) unproved(w http.ResponseWriter, r *http.Request, v visit, fn func(owner, Reauthenticate) error) error {
	return h.withSession(w, r, v, func(s authstore.Session) error {
		if !v.tooOld(s, h.Store.Now()) {
			redirect(w, v.next())
			return nil
		}
		c, err := h.Store.Customer(r.Context(), s.CustomerID)
		if err != nil {
			return err
		}
		o := owner{visit: v.of(h, r, c), session: s, customer: c}
		proof, err := h.proofAnew(r, o)
		if err != nil {
			return err
		}
		view := Reauthenticate{
			Chrome: h.chrome(o.visit), Proof: proof, FormAction: v.to(reauthenticatePath), Email: c.Email,
			LostURL: v.to("/forgot"), SignOutAction: v.to("/logout"),
		}
		view.WithoutURL = v.site()
		return fn(o, view)
	})
}

func (h *Hub) askReauthenticate(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.unproved(w, r, v, func(_ owner, view Reauthenticate) error {
		h.Renderer.Reauthenticate(w, http.StatusOK, view)
		return nil
	})
}

// reauthenticate takes the password, and gives the browser a new cookie for it.
func (h *Hub) reauthenticate(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.unproved(w, r, v, func(o owner, view Reauthenticate) error {
		err := h.Customers.Proved(r.Context(), o.customer, r.PostForm.Get("current"), viewerIP(r))
		if status := o.refuse(w, err, &view.Error, &view.Proof); status != 0 {
			h.Renderer.Reauthenticate(w, status, view)
			return nil
		}
		if err != nil {
			return err
		}
		proof, err := h.Sessions.Confirm(r.Context(), o.session)
		if errors.Is(err, session.ErrRefused) { // another tab was first, or signed out
			redirect(w, v.next())
			return nil
		}
		if err != nil {
			return err
		}
		h.remember(w, r, v.publisher, proof)
		redirect(w, v.next())
		return nil
	})
}

// Reauthenticate asks a viewer who is signed in for the password, as the field
// "current", because the page of a site that they asked for wants them to have
// given it lately.
type Reauthenticate struct {
	Chrome
	Proof

	FormAction    string // where the form posts to, with its query
	Email         string // who is signed in
	Error         string // one sentence about the whole form
	LostURL       string // to a new password, for who has forgotten theirs; "" hides it
	SignOutAction string // where the sign-out button posts to; "" hides it
}

func (v *Reauthenticate) faults() []fault { return fields("current", v.CurrentError) }

// Reauthenticate writes the page that asks for the password once more.
func (r *Renderer) Reauthenticate(w http.ResponseWriter, status int, v Reauthenticate) {
	r.write(w, status, "reauthenticate", &v)
}
