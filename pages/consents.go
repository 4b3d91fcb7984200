// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/session"
)

// consentsView shows the publisher's consents with the answers in force.
func (h *Hub) consentsView(r *http.Request, v visit, s authstore.Session) (Consents, error) {
	c, err := h.Store.Customer(r.Context(), s.CustomerID)
	if err != nil {
		return Consents{}, err
	}
	inForce, err := h.Store.Consents(r.Context(), s.CustomerID)
	if err != nil {
		return Consents{}, err
	}
	boxes, err := consentBoxes(v.publisher.Consents, func(d authstore.ConsentDefinition) bool {
		a, answered := inForce[d.Name]
		if !answered {
			return d.EnabledByDefault
		}
		return a.State == authstore.Accepted && a.Version == d.Version
	})
	return Consents{
		Chrome: h.chrome(v), FormAction: v.to("/consents"), SignOutAction: v.to("/logout"),
		Email: c.Email, Consents: boxes,
	}, err
}

func (h *Hub) askConsents(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.withSession(w, r, v, func(s authstore.Session) error {
		view, err := h.consentsView(r, v, s)
		if err != nil {
			return err
		}
		h.Renderer.Consents(w, http.StatusOK, view)
		return nil
	})
}

func (h *Hub) consents(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.withSession(w, r, v, func(s authstore.Session) error {
		view, err := h.consentsView(r, v, s)
		if err != nil {
			return err
		}
		answers, complete := ticked(r, view.Consents, v.publisher.Consents)
		if !complete {
			h.Renderer.Consents(w, http.StatusUnprocessableEntity, view)
			return nil
		}
		records, err := consent.Records(v.publisher.Consents, answers, viewerIP(r))
		if err != nil {
			return err
		}
		if err := h.Store.AnswerConsents(r.Context(), s.CustomerID, records); err != nil {
			return err
		}
		redirect(w, v.next())
		return nil
	})
}

// withSession runs fn for a signed-in viewer and sends others to sign in.
func (h *Hub) withSession(w http.ResponseWriter, r *http.Request, v visit, fn func(authstore.Session) error) error {
	s, err := h.signedIn(r.Context(), r, v.publisher)
	if errors.Is(err, session.ErrRefused) {
		redirect(w, v.to("/login"))
		return nil
	}
	if err != nil {
		return err
	}
	return fn(s)
}
