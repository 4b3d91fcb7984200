// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/locale"
)

func (h *Hub) registerView(v visit) (Register, error) {
	boxes, err := consentBoxes(v.publisher.Consents, func(d authstore.ConsentDefinition) bool { return d.EnabledByDefault })
	return Register{
		Chrome: h.chrome(v), FormAction: v.to("/register"), LoginURL: v.to("/login"), Consents: boxes,
		PasswordHint: passwordHint,
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
	answers, complete := ticked(r, view.Consents, v.publisher.Consents)
	if !complete {
		h.Renderer.Register(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	addr, _ := netip.ParseAddr(from.Device.IP)
	guess := h.Locale.Resolve(locale.CountryFrom(r.Context()), addr, r.Header.Get("Accept-Language"))
	e, err := h.Customers.Register(r.Context(), v.publisher, customer.Registration{
		Email: view.Email, Password: r.PostForm.Get("password"), Answers: answers,
		Profile: authstore.Customer{Country: guess.Country, Currency: guess.Currency, Locale: guess.Locale},
	}, from)
	if err != nil {
		return h.refuseRegistration(w, view, err)
	}
	h.welcome(w, r, v, e)
	return nil
}

// refuseRegistration shows the form again with what is wrong in it; other
// errors are returned.
func (h *Hub) refuseRegistration(w http.ResponseWriter, view Register, err error) error {
	status := http.StatusUnprocessableEntity
	var limit *customer.LimitError
	switch {
	case errors.Is(err, customer.ErrEmail):
		view.EmailError = "Please enter a valid e-mail address."
	case passwordSentence(err) != "":
		view.PasswordError = passwordSentence(err)
	case errors.Is(err, customer.ErrExists):
		view.Error = "An account with this address could not be created. If you have one already, please sign in."
	case errors.As(err, &limit):
		status, view.Error = http.StatusTooManyRequests, limitSentence(limit)
		retryAfter(w, limit.RetryAfter)
	default:
		return err
	}
	h.Renderer.Register(w, status, view)
	return nil
}

// passwordHint says what a password must be like.
const passwordHint = "At least 8 characters, with a letter and a digit or symbol."

// passwordSentence says what is wrong with a password, or "" when the error is
// about something else.
func passwordSentence(err error) string {
	switch {
	case errors.Is(err, customer.ErrPasswordShort):
		return "Please choose a password of at least 8 characters."
	case errors.Is(err, customer.ErrPasswordLong):
		return "Please choose a password of at most 128 characters."
	case errors.Is(err, customer.ErrPasswordSimple):
		return "Please use at least one letter, and one digit or special character."
	case errors.Is(err, customer.ErrPasswordCommon):
		return "This password is easy to guess. Please choose another."
	}
	return ""
}

// consentBoxes returns the checkboxes of a publisher's consents.
func consentBoxes(defs []authstore.ConsentDefinition, checked func(authstore.ConsentDefinition) bool) ([]Consent, error) {
	boxes := make([]Consent, 0, len(defs))
	for _, d := range defs {
		l, err := consent.ParseLabel(d.Label)
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
func ticked(r *http.Request, boxes []Consent, defs []authstore.ConsentDefinition) (answers []consent.Answer, complete bool) {
	complete = true
	for i, d := range defs {
		box, given := &boxes[i], r.PostForm.Get(boxes[i].Field())
		box.Checked = given == d.Version
		a := consent.Answer{Name: d.Name, Version: d.Version, State: authstore.Declined}
		switch {
		case box.Checked:
			a.State = authstore.Accepted
		case given != "":
			box.Error, complete = "The text has changed meanwhile. Please read it again.", false
		case d.Required:
			box.Error, complete = "Please accept this to go on.", false
		}
		answers = append(answers, a)
	}
	return answers, complete
}
