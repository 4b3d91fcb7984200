// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/internal/customer"
)

func (h *Hub) emailView(r *http.Request, o owner) (AccountEmail, error) {
	proof, err := h.proof(r, o)
	return AccountEmail{Account: h.accountView(r, o), Proof: proof}, err
}

func (h *Hub) askEmail(w http.ResponseWriter, r *http.Request, o owner) error {
	view, err := h.emailView(r, o)
	if err != nil {
		return err
	}
	h.Renderer.AccountEmail(w, http.StatusOK, view)
	return nil
}

func (h *Hub) email(w http.ResponseWriter, r *http.Request, o owner) error {
	view, err := h.emailView(r, o)
	if err != nil {
		return err
	}
	view.Address = r.PostForm.Get("email")
	if view.Proof.Given {
		_, err = h.Customers.MoveEmail(r.Context(), o.customer, view.Address)
	} else {
		_, err = h.Customers.ChangeEmail(r.Context(), o.customer, view.Address, r.PostForm.Get("current"), viewerIP(r))
	}
	status := o.refuse(w, err, &view.Account.Error, &view.Proof)
	switch {
	case err == nil:
		o.done(w, "saved")
		return nil
	case errors.Is(err, customer.ErrEmail):
		status, view.AddressError = http.StatusUnprocessableEntity, o.say("form.email.invalid")
	case errors.Is(err, customer.ErrEmailTaken):
		status, view.AddressError = http.StatusUnprocessableEntity, o.say("account.email.refused")
	case status == 0:
		return err
	}
	h.Renderer.AccountEmail(w, status, view)
	return nil
}

// AccountEmail asks for another address, as the field "email".
type AccountEmail struct {
	Account
	Proof

	Address      string // what was typed before
	AddressError string // one sentence below the address
}

func (v *AccountEmail) faults() []fault {
	return fields("email", v.AddressError, "current", v.CurrentError)
}

// AccountEmail writes the page that changes a viewer's address.
func (r *Renderer) AccountEmail(w http.ResponseWriter, status int, v AccountEmail) {
	r.write(w, status, "account_email", &v)
}
