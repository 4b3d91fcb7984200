// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
)

// maxAnswers bounds how many answers the page lists: somebody may change their
// mind every day. The export has them all.
const maxAnswers = 50

// ownConsentsView shows all consents with the answers in force, and the history.
func (h *Hub) ownConsentsView(r *http.Request, o owner) (view AccountConsents, inForce map[string]authstore.ConsentAnswer, err error) {
	view.Account = h.accountView(r, o)
	if inForce, err = h.Store.Consents(r.Context(), o.customer.ID); err != nil {
		return view, nil, err
	}
	boxes, err := consentBoxes(o.visit, o.publisher.Consents, func(d authstore.ConsentDefinition) bool {
		a := inForce[d.Name]
		return a.State == authstore.Accepted && a.Version == d.Version
	})
	if err != nil {
		return view, nil, err
	}
	for _, b := range boxes {
		a := inForce[b.Name]
		view.Consents = append(view.Consents, AccountConsent{
			Consent: b, Accepted: b.Checked, Declined: a.State == authstore.Declined,
			Outdated: a.State == authstore.Accepted && !b.Checked, Answered: a.Version, At: a.Time,
		})
	}
	return view, inForce, h.addHistory(r, o, &view)
}

// addHistory lists the answers that were given, newest first, each with the text
// that it was given to.
func (h *Hub) addHistory(r *http.Request, o owner, view *AccountConsents) error {
	history, err := h.Store.ConsentHistory(r.Context(), o.customer.ID)
	if err != nil {
		return err
	}
	if len(history) > maxAnswers {
		history, view.Shortened = history[len(history)-maxAnswers:], true
	}
	slices.Reverse(history)
	type version struct{ name, version, language string }
	labels := map[version]string{}
	for _, a := range history {
		at := version{a.Name, a.Version, a.Language}
		if labels[at] == "" {
			if labels[at], err = h.consentLabel(r, o, a); err != nil {
				return err
			}
		}
		view.History = append(view.History, AccountAnswer{Label: labels[at], Accepted: a.State == authstore.Accepted, Version: a.Version, At: a.Time})
	}
	return nil
}

// consentLabel returns what a viewer answered to, in words. Of a text that is
// not known any more only the name is left.
func (h *Hub) consentLabel(r *http.Request, o owner, a authstore.ConsentRecord) (string, error) {
	d, err := h.Store.ConsentTexts(r.Context(), o.publisher.ID, a.Name, a.Version)
	if errors.Is(err, authstore.ErrNotFound) {
		return a.Name, nil
	}
	if err != nil {
		return "", err
	}
	text, _ := d.In(a.Language)
	l, err := consent.ParseLabel(text.Label)
	if err != nil {
		return text.Label, nil
	}
	return l.Before + l.LinkText + l.After, nil
}

func (h *Hub) askOwnConsents(w http.ResponseWriter, r *http.Request, o owner) error {
	view, _, err := h.ownConsentsView(r, o)
	if err != nil {
		return err
	}
	h.Renderer.AccountConsents(w, http.StatusOK, view)
	return nil
}

// ownConsents notes what has changed. Taking back what is required needs one
// more step, because it signs the viewer out.
func (h *Hub) ownConsents(w http.ResponseWriter, r *http.Request, o owner) error {
	view, inForce, err := h.ownConsentsView(r, o)
	if err != nil {
		return err
	}
	ticked, complete := view.tick(r, o.visit)
	if !complete {
		h.Renderer.AccountConsents(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	answers := consent.Changes(o.publisher.Consents, inForce, ticked, o.language.Tag.String())
	if consent.Withdrawn(o.publisher.Consents, inForce, answers) && r.PostForm.Get("confirm") != "withdraw" {
		view.CancelURL = o.to(pageConsents.path())
		h.Renderer.AccountConsents(w, http.StatusOK, view)
		return nil
	}
	ended, err := h.Customers.AnswerConsents(r.Context(), o.publisher, o.customer.ID, answers, viewerIP(r))
	if err != nil {
		return err
	}
	if ended {
		h.over(w, r, o, "account.consents.withdrawn")
		return nil
	}
	o.done(w, "saved")
	return nil
}

// AccountConsents shows every consent with its state; each is given and taken
// back by its checkbox.
type AccountConsents struct {
	Account

	Consents  []AccountConsent
	History   []AccountAnswer // newest first
	Shortened bool            // there are older answers
	CancelURL string          // set: what is required is about to be taken back; leads back without
}

// AccountConsent is a consent and the answer in force.
type AccountConsent struct {
	Consent

	// The state: at most one of them. Outdated is accepted in an earlier version.
	Accepted, Declined, Outdated bool

	Answered string // the version that the answer was to
	At       time.Time
}

// AccountAnswer is an answer that was given.
type AccountAnswer struct {
	Label    string // what it was given to
	Accepted bool
	Version  string
	At       time.Time
}

func (v *AccountConsents) faults() []fault {
	var boxes []Consent
	for _, c := range v.Consents {
		boxes = append(boxes, c.Consent)
	}
	return consentFaults(boxes)
}

// tick reads a form: which consents are ticked, by name. It is not complete when
// a text has changed since the page was shown; the box then says so.
func (v *AccountConsents) tick(r *http.Request, at visit) (ticked map[string]bool, complete bool) {
	ticked, complete = map[string]bool{}, true
	for i := range v.Consents {
		c := &v.Consents[i]
		given := r.PostForm.Get(c.Field())
		c.Checked = given == c.Version
		ticked[c.Name] = c.Checked
		if !c.Checked && given != "" {
			c.Error, complete = at.say("consent.changed"), false
		}
	}
	return ticked, complete
}

// AccountConsents writes the page with a viewer's consents.
func (r *Renderer) AccountConsents(w http.ResponseWriter, status int, v AccountConsents) {
	r.write(w, status, "account_consents", &v)
}
