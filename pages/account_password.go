// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import "net/http"

func (h *Hub) passwordView(r *http.Request, o owner) (AccountPassword, error) {
	proof, err := h.proof(r, o)
	return AccountPassword{Account: h.accountView(r, o), Proof: proof}, err
}

func (h *Hub) askPassword(w http.ResponseWriter, r *http.Request, o owner) error {
	view, err := h.passwordView(r, o)
	if err != nil {
		return err
	}
	h.Renderer.AccountPassword(w, http.StatusOK, view)
	return nil
}

// password keeps this session and ends all others.
func (h *Hub) password(w http.ResponseWriter, r *http.Request, o owner) error {
	view, err := h.passwordView(r, o)
	if err != nil {
		return err
	}
	if view.Proof.Given {
		err = h.Customers.ChoosePassword(r.Context(), o.publisher, o.customer, r.PostForm.Get("password"), o.session.ID)
	} else {
		err = h.Customers.ChangePassword(r.Context(), o.publisher, o.customer,
			r.PostForm.Get("current"), r.PostForm.Get("password"), o.session.ID, viewerIP(r))
	}
	if err == nil {
		o.done(w, "saved")
		return nil
	}
	status := o.refuse(w, err, &view.Account.Error, &view.Proof)
	if said := passwordSentence(o.visit, err); said != "" {
		status, view.PasswordError = http.StatusUnprocessableEntity, said
	}
	if status == 0 {
		return err
	}
	h.Renderer.AccountPassword(w, status, view)
	return nil
}

// AccountPassword asks for the password and a new one, as the field "password".
type AccountPassword struct {
	Account
	Proof

	PasswordError string // one sentence below the new password
}

func (v *AccountPassword) faults() []fault {
	return fields("current", v.CurrentError, "password", v.PasswordError)
}

// AccountPassword writes the page that changes a viewer's password.
func (r *Renderer) AccountPassword(w http.ResponseWriter, status int, v AccountPassword) {
	r.write(w, status, "account_password", &v)
}
