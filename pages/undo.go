// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

// errUndo is the page for a link to undo a change of address that is worth
// nothing.
func (h *Hub) errUndo(v visit) error {
	d := v.dead("undo", http.StatusUnprocessableEntity)
	d.ActionLabel, d.ActionURL = v.say("action.front"), v.to("/")
	return d
}

// undoView is about the address behind a mailed link. Without one it asks for
// the address and the code in the mail.
func (h *Hub) undoView(r *http.Request, v visit) (Undo, error) {
	view := Undo{Chrome: h.chrome(v), FormAction: r.URL.RequestURI()}
	token := r.URL.Query().Get("token")
	if token == "" {
		view.ByCode = true
		return view, nil
	}
	t, err := h.Customers.UndoTicket(r.Context(), v.publisher, token)
	if errors.Is(err, customer.ErrLink) {
		return view, h.errUndo(v)
	}
	view.Email = t.Data[authstore.Address]
	return view, err
}

// askUndo explains what the button does. It uses nothing up.
func (h *Hub) askUndo(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := h.undoView(r, v)
	if err != nil {
		return err
	}
	h.Renderer.Undo(w, http.StatusOK, view)
	return nil
}

// undo gives an account back to the address it was moved away from, and leads to
// a new password.
func (h *Hub) undo(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := h.undoView(r, v)
	if err != nil {
		return err
	}
	var reset string
	if view.ByCode {
		view.Email = r.PostForm.Get("email")
		_, reset, err = h.Customers.UndoEmailChangeByCode(r.Context(), v.publisher, view.Email, r.PostForm.Get("code"), viewerIP(r))
	} else {
		_, reset, err = h.Customers.UndoEmailChange(r.Context(), v.publisher, r.URL.Query().Get("token"))
	}
	switch {
	case errors.Is(err, customer.ErrEmailTaken):
		view.Error = v.say("undo.taken")
	case errors.Is(err, customer.ErrLink) && !view.ByCode:
		return h.errUndo(v)
	case errors.Is(err, customer.ErrLink):
		view.CodeError = v.say("code.wrong")
	case errors.Is(err, customer.ErrEmail):
		view.EmailError = v.say("form.email.invalid")
	case err != nil:
		return err
	default:
		h.remember(w, r, v.publisher, "")
		redirect(w, with(v.to(customer.ResetPath), "token", reset))
		return nil
	}
	h.Renderer.Undo(w, http.StatusUnprocessableEntity, view)
	return nil
}

// Undo asks whether an account is to go back to an address that it was moved
// away from.
type Undo struct {
	Chrome

	FormAction string // where the form posts to, with its query
	Email      string // the address
	ByCode     bool   // the address and the code are asked for, as "email" and "code"
	EmailError string // one sentence below the address
	CodeError  string // one sentence below the code
	Error      string // one sentence about the whole form
}

func (v *Undo) faults() []fault { return fields("email", v.EmailError, "code", v.CodeError) }

// Undo writes the page behind a link to undo a change of address.
func (r *Renderer) Undo(w http.ResponseWriter, status int, v Undo) {
	r.write(w, status, "undo", &v)
}
