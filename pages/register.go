// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
)

func (h *Hub) registerView(v visit) (Register, error) {
	boxes, err := consentBoxes(v, v.publisher.Consents, func(d authstore.ConsentDefinition) bool { return d.EnabledByDefault })
	return Register{
		Chrome: h.chrome(v), FormAction: v.to("/register"), LoginURL: v.to("/login"), Consents: boxes,
		Elsewhere: h.ways(v),
	}, err
}

func (h *Hub) askRegister(w http.ResponseWriter, _ *http.Request, v visit) error {
	view, err := h.registerView(v)
	if err != nil {
		return err
	}
	h.Renderer.Register(w, http.StatusOK, view)
	return nil
}

func (h *Hub) register(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := h.registerView(v)
	if err != nil {
		return err
	}
	from, err := h.arrival(r, v)
	if err != nil {
		return err
	}
	view.Email = r.PostForm.Get("email")
	answers, complete := ticked(r, v, view.Consents, v.publisher.Consents)
	if !complete {
		h.Renderer.Register(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	hidden := verifiedFirst(v.publisher)
	if hidden {
		from.Start, from.Replaced = session.None, ""
	}
	e, err := h.Customers.Register(r.Context(), v.publisher, customer.Registration{
		Email: view.Email, Password: r.PostForm.Get("password"), Answers: answers, Profile: h.guess(r, v),
	}, from)
	switch {
	case hidden && (err == nil || errors.Is(err, customer.ErrExists)):
		h.Renderer.Verify(w, http.StatusOK, h.checkMail(v, view.Email))
		return nil
	case err != nil:
		return h.refuseRegistration(w, v, view, err)
	}
	h.welcome(w, r, v, e)
	return nil
}

// verifiedFirst tells whether nobody gets in before their address is verified.
// Whoever registers then is not signed in either, so that the answer is the same
// for an address that has an account: what is to be known of that is in the mail.
func verifiedFirst(p authstore.Publisher) bool { return p.VerifyEmail && p.VerifyWithin == 0 }

// preferred returns the languages of a viewer in the form of Accept-Language:
// those that were chosen on the way here come first.
func preferred(r *http.Request, v visit) string {
	return strings.Join(append(strings.Fields(v.uiLocales), r.Header.Values("Accept-Language")...), ",")
}

// refuseRegistration shows the form again with what is wrong in it; other
// errors are returned.
func (h *Hub) refuseRegistration(w http.ResponseWriter, v visit, view Register, err error) error {
	status := http.StatusUnprocessableEntity
	var limit *customer.LimitError
	switch {
	case errors.Is(err, customer.ErrEmail):
		view.EmailError = v.say("form.email.invalid")
	case passwordSentence(v, err) != "":
		view.PasswordError = passwordSentence(v, err)
	case errors.Is(err, customer.ErrExists):
		view.Error = v.say("register.exists")
	case errors.As(err, &limit):
		status, view.Error = http.StatusTooManyRequests, limitSentence(v, limit)
		retryAfter(w, limit.RetryAfter)
	default:
		return err
	}
	h.Renderer.Register(w, status, view)
	return nil
}

// passwordSentence says what is wrong with a password, or "" when the error is
// about something else.
func passwordSentence(v visit, err error) string {
	switch {
	case errors.Is(err, customer.ErrPasswordShort):
		return v.say("password.short")
	case errors.Is(err, customer.ErrPasswordLong):
		return v.say("password.long")
	case errors.Is(err, customer.ErrPasswordSimple):
		return v.say("password.simple")
	case errors.Is(err, customer.ErrPasswordCommon):
		return v.say("password.common")
	}
	return ""
}

// consentBoxes returns the checkboxes of a publisher's consents, in the language of
// the visit where they have been translated.
func consentBoxes(v visit, defs []authstore.ConsentDefinition, checked func(authstore.ConsentDefinition) bool) ([]Consent, error) {
	boxes := make([]Consent, 0, len(defs))
	for _, d := range defs {
		text, _ := d.In(v.language.Tag.String())
		l, err := consent.ParseLabel(text.Label)
		if err != nil {
			return nil, fmt.Errorf("consent %s: %w", d.Name, err)
		}
		boxes = append(boxes, Consent{
			Name: d.Name, Version: d.Version, Required: d.Required, Checked: checked(d),
			Before: l.Before, LinkText: l.LinkText, LinkURL: l.LinkURL, After: l.After,
		})
	}
	return boxes, nil
}

// ticked reads the answers of a form into boxes and returns them. It is not
// complete when a required one is missing or a text has changed since the page
// was shown; the boxes then say so.
func ticked(r *http.Request, v visit, boxes []Consent, defs []authstore.ConsentDefinition) (answers []consent.Answer, complete bool) {
	complete = true
	for i, d := range defs {
		box, given := &boxes[i], r.PostForm.Get(boxes[i].Field())
		box.Checked = given == d.Version
		a := consent.Answer{Name: d.Name, Version: d.Version, State: authstore.Declined, Language: v.language.Tag.String()}
		switch {
		case box.Checked:
			a.State = authstore.Accepted
		case given != "":
			box.Error, complete = v.say("consent.changed"), false
		case d.Required:
			box.Error, complete = v.say("consent.required"), false
		}
		answers = append(answers, a)
	}
	return answers, complete
}
