// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/usher-sso/usher/internal/customer"
)

// profileView shows a form for what is stored.
func (h *Hub) profileView(r *http.Request, o owner) AccountProfile {
	v := AccountProfile{Account: h.accountView(r, o), FirstName: o.customer.FirstName, LastName: o.customer.LastName, Country: o.customer.Country}
	reads := h.Renderer.language(r, o.publisher.Languages, "", o.customer.Locale)
	for _, l := range h.Renderer.catalog.Among(o.publisher.Languages).All() {
		v.Languages = append(v.Languages, Option{Value: l.Tag.String(), Text: l.Name, Selected: l == reads, Language: l.Tag.String(), Dir: l.Dir})
	}
	return v
}

func (h *Hub) askProfile(w http.ResponseWriter, r *http.Request, o owner) error {
	h.Renderer.AccountProfile(w, http.StatusOK, h.profileView(r, o))
	return nil
}

func (h *Hub) profile(w http.ResponseWriter, r *http.Request, o owner) error {
	view := h.profileView(r, o)
	given := customer.Profile{
		FirstName: r.PostForm.Get("firstName"), LastName: r.PostForm.Get("lastName"), Country: r.PostForm.Get("country"),
	}
	view.FirstName, view.LastName, view.Country = given.FirstName, given.LastName, given.Country
	// A viewer whose own language we do not have must not lose it by saving
	// something else.
	was, wanted := selected(view.Languages), r.PostForm.Get("language")
	if choose(view.Languages, wanted) && wanted != was {
		given.Language = wanted
	}
	_, err := h.Customers.ChangeProfile(r.Context(), o.customer.ID, given)
	if err == nil {
		if given.Language != "" {
			o.forgetLanguage()
		}
		o.done(w, "saved")
		return nil
	}
	view.FirstNameError = o.sayIf(errors.Is(err, customer.ErrFirstName), "account.profile.name.invalid")
	view.LastNameError = o.sayIf(errors.Is(err, customer.ErrLastName), "account.profile.name.invalid")
	view.CountryError = o.sayIf(errors.Is(err, customer.ErrCountry), "account.profile.country.invalid")
	if len(view.faults()) == 0 {
		return err
	}
	h.Renderer.AccountProfile(w, http.StatusUnprocessableEntity, view)
	return nil
}

// forgetLanguage lets the language of the account decide again.
func (v *visit) forgetLanguage() {
	if q, err := url.ParseQuery(v.query); err == nil {
		q.Del("ui_locales")
		v.query = q.Encode()
	}
}

// sayIf returns a message when something is so, else "".
func (v visit) sayIf(so bool, id string) string {
	if !so {
		return ""
	}
	return v.say(id)
}

// choose selects an option and reports whether there is such a one.
func choose(options []Option, value string) (ok bool) {
	for i := range options {
		options[i].Selected = options[i].Value == value
		ok = ok || options[i].Selected
	}
	return ok
}

func selected(options []Option) string {
	for _, o := range options {
		if o.Selected {
			return o.Value
		}
	}
	return ""
}

// AccountProfile asks for what a viewer says of themselves, as the fields
// "firstName", "lastName", "country" and "language".
type AccountProfile struct {
	Account

	FirstName      string // what was typed before
	FirstNameError string // one sentence below the field
	LastName       string
	LastNameError  string
	Country        string // its code
	CountryError   string
	Languages      []Option
}

// Option is one of a list to choose from.
type Option struct {
	Value    string
	Text     string
	Selected bool

	// Language and Dir are of Text, when it is not in the language of the page.
	Language, Dir string
}

func (v *AccountProfile) faults() []fault {
	return fields("firstName", v.FirstNameError, "lastName", v.LastNameError, "country", v.CountryError)
}

// AccountProfile writes the page with a viewer's name, country and language.
func (r *Renderer) AccountProfile(w http.ResponseWriter, status int, v AccountProfile) {
	r.write(w, status, "account_profile", &v)
}
