// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/internal/customer"
)

func (h *Hub) forgotView(v visit) Forgot {
	return Forgot{Chrome: h.chrome(v), FormAction: v.to("/forgot"), LoginURL: v.to("/login")}
}

func (h *Hub) askForgot(w http.ResponseWriter, _ *http.Request, v visit) error {
	h.Renderer.Forgot(w, http.StatusOK, h.forgotView(v))
	return nil
}

// forgot mails a reset link, and answers the same whether there is an account
// or not.
func (h *Hub) forgot(w http.ResponseWriter, r *http.Request, v visit) error {
	view := h.forgotView(v)
	view.Email = r.PostForm.Get("email")
	_, err := h.Customers.RequestReset(r.Context(), v.publisher, customer.ResetRequest{Email: view.Email, IP: viewerIP(r), Back: v.wayBack()})
	if errors.Is(err, customer.ErrEmail) {
		view.EmailError = v.say("form.email.invalid")
		h.Renderer.Forgot(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	if err != nil {
		return err
	}
	view.Sent, view.CodeAction = true, v.to("/forgot/code")
	h.Renderer.Forgot(w, http.StatusOK, view)
	return nil
}

// forgotCode takes the code beside the mailed link, from a viewer who reads mail
// on another device.
func (h *Hub) forgotCode(w http.ResponseWriter, r *http.Request, v visit) error {
	view := h.forgotView(v)
	view.Email, view.Sent, view.CodeAction = r.PostForm.Get("email"), true, v.to("/forgot/code")
	token, err := h.Customers.ResetTicketByCode(r.Context(), v.publisher, view.Email, r.PostForm.Get("code"), viewerIP(r))
	if errors.Is(err, customer.ErrResetToken) || errors.Is(err, customer.ErrEmail) {
		view.CodeError = v.say("code.wrong")
		h.Renderer.Forgot(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	if err != nil {
		return err
	}
	redirect(w, with(v.to(customer.ResetPath), "token", token))
	return nil
}

// errLink is the page for a reset link that is worth nothing.
func (h *Hub) errLink(v visit) error {
	d := v.dead("link", http.StatusUnprocessableEntity)
	d.ActionLabel, d.ActionURL = v.say("problem.link.action"), v.to("/forgot")
	return d
}

func (h *Hub) resetView(r *http.Request, v visit) (Reset, error) {
	t, err := h.Customers.ResetTicket(r.Context(), v.publisher, r.URL.Query().Get("token"))
	if errors.Is(err, customer.ErrResetToken) {
		return Reset{}, h.errLink(v)
	}
	return Reset{
		Chrome: h.chrome(v), FormAction: r.URL.RequestURI(), LoginURL: v.to("/login"),
		Email: t.Data["subject"],
	}, err
}

// askReset shows the form behind a reset link. It uses nothing up: mail
// scanners open links too.
func (h *Hub) askReset(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := h.resetView(r, v)
	if err != nil {
		return err
	}
	h.Renderer.Reset(w, http.StatusOK, view)
	return nil
}

func (h *Hub) reset(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := h.resetView(r, v)
	if err != nil {
		return err
	}
	_, err = h.Customers.ResetPassword(r.Context(), v.publisher, r.URL.Query().Get("token"), r.PostForm.Get("password"))
	if errors.Is(err, customer.ErrResetToken) {
		return h.errLink(v)
	}
	if said := passwordSentence(v, err); said != "" {
		view.PasswordError = said
		h.Renderer.Reset(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	if err != nil {
		return err
	}
	h.remember(w, r, v.publisher, "")
	view.Done = true
	h.Renderer.Reset(w, http.StatusOK, view)
	return nil
}
