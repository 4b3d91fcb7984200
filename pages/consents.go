// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/session"
)

// consentsStep is what a viewer is asked to agree to.
type consentsStep struct {
	view  Consents
	asked []authstore.ConsentDefinition // those in the view, in its order
}

// consentsStep asks for what is new or has changed since the viewer answered.
func (h *Hub) consentsStep(r *http.Request, v visit, s authstore.Session, st authstore.Standing) (consentsStep, error) {
	v = v.of(h, r, st.Customer)
	p := v.demanding()
	asked := consent.Asked(p.Consents, st.Consents)
	boxes, err := consentBoxes(v, asked, func(d authstore.ConsentDefinition) bool {
		_, answered := st.Consents[d.Name]
		return !answered && d.EnabledByDefault
	})
	if err != nil {
		return consentsStep{}, err
	}
	for i, d := range asked {
		if boxes[i].Earlier, err = h.earlierConsent(r.Context(), v, st, d); err != nil {
			return consentsStep{}, err
		}
		boxes[i].New = boxes[i].Earlier == nil
	}
	view := Consents{
		Chrome: h.stepChrome(v, flow.Consents, s, st), FormAction: v.to("/consents"), SignOutAction: v.to("/logout"),
		Email: st.Customer.Email, Consents: boxes,
	}
	if !consent.Due(p.Consents, st.Consents, h.Store.Now()) {
		view.From, view.LaterURL = announcedFrom(p, st, h.Store.Now()), v.next()
		view.SignOutAction = ""
	}
	return consentsStep{view, asked}, nil
}

// announcedFrom returns when the first of the announced versions of consents
// must be accepted; the zero time when none is announced.
func announcedFrom(p authstore.Publisher, st authstore.Standing, now time.Time) (from time.Time) {
	for _, d := range consent.Announced(p.Consents, st.Consents, now) {
		if from.IsZero() || d.TransitionUntil.Before(from) {
			from = d.TransitionUntil
		}
	}
	return from
}

// earlierConsent returns what the viewer answered before, or nil.
func (h *Hub) earlierConsent(ctx context.Context, v visit, st authstore.Standing, d authstore.ConsentDefinition) (*EarlierConsent, error) {
	a, answered := st.Consents[d.Name]
	if !answered {
		return nil, nil
	}
	e := &EarlierConsent{Version: a.Version, Accepted: a.State == authstore.Accepted, Time: a.Time}
	if a.Version == d.Version {
		return e, nil
	}
	then, err := h.Store.ConsentTexts(ctx, v.publisher.ID, d.Name, a.Version)
	if errors.Is(err, authstore.ErrNotFound) {
		return e, nil // of an answer that was brought along from elsewhere
	}
	if err != nil {
		return nil, err
	}
	t, _ := then.In(a.Language)
	l, err := consent.ParseLabel(t.Label)
	if err != nil {
		l = consent.Label{Before: t.Label} // it was written under another rule
	}
	e.Before, e.LinkText, e.LinkURL, e.After = l.Before, l.LinkText, l.LinkURL, l.After
	if t.Value != l.LinkURL {
		e.Value = t.Value
	}
	return e, nil
}

// consentsDue runs fn for a signed-in viewer who is asked for something, be it
// in time to come, and leads others on.
func (h *Hub) consentsDue(w http.ResponseWriter, r *http.Request, v visit, fn func(authstore.Customer, consentsStep) error) error {
	return h.withSession(w, r, v, func(s authstore.Session) error {
		st, err := h.Store.Standing(r.Context(), s.CustomerID)
		if err != nil {
			return err
		}
		p, now := v.demanding(), h.Store.Now()
		if !consent.Due(p.Consents, st.Consents, now) && announcedFrom(p, st, now).IsZero() {
			redirect(w, v.next())
			return nil
		}
		step, err := h.consentsStep(r, v, s, st)
		if err != nil {
			return err
		}
		return fn(st.Customer, step)
	})
}

func (h *Hub) askConsents(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.consentsDue(w, r, v, func(_ authstore.Customer, step consentsStep) error {
		h.Renderer.Consents(w, http.StatusOK, step.view)
		return nil
	})
}

func (h *Hub) consents(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.consentsDue(w, r, v, func(c authstore.Customer, step consentsStep) error {
		answers, complete := ticked(r, v.of(h, r, c), step.view.Consents, step.asked)
		if !complete {
			h.Renderer.Consents(w, http.StatusUnprocessableEntity, step.view)
			return nil
		}
		records, err := consent.Records(v.publisher.Consents, answers, viewerIP(r))
		if err != nil {
			return err
		}
		if err := h.Store.AnswerConsents(r.Context(), c.ID, records); err != nil {
			return err
		}
		redirect(w, v.next())
		return nil
	})
}

// EarlierConsent is a viewer's answer to an earlier version of a consent, or the
// refusal of this one. Its text is as that of Consent.
type EarlierConsent struct {
	Version  string
	Accepted bool
	Time     time.Time

	Before, LinkText, LinkURL, After string

	// Value is what the consent had besides its label: the address of the terms,
	// or a text.
	Value string
}

// HasText tells whether it is known what the viewer read.
func (e *EarlierConsent) HasText() bool { return e.Before+e.LinkText+e.After+e.Value != "" }

// ValueURL returns the value if it is an address, else "".
func (e *EarlierConsent) ValueURL() string {
	if u := webURL(e.Value); strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") {
		return u
	}
	return ""
}

// withSession runs fn for a signed-in viewer and sends others to sign in.
func (h *Hub) withSession(w http.ResponseWriter, r *http.Request, v visit, fn func(authstore.Session) error) error {
	s, err := h.signedIn(r.Context(), r, v.publisher)
	if errors.Is(err, session.ErrRefused) {
		redirect(w, h.signInAfter(r, v))
		return nil
	}
	if err != nil {
		return err
	}
	return fn(s)
}
