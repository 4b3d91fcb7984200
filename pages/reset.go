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
	reset, found, err := h.Customers.RequestReset(r.Context(), v.publisher, view.Email, viewerIP(r))
	if errors.Is(err, customer.ErrEmail) {
		view.EmailError = "Please enter a valid e-mail address."
		h.Renderer.Forgot(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	if err != nil {
		return err
	}
	if found {
		h.Notices.ResetPassword(v.publisher.Name, reset.Email.Mailbox, customer.ResetLink(string(h.Origin), v.publisher, reset))
	}
	view.Sent = true
	h.Renderer.Forgot(w, http.StatusOK, view)
	return nil
}

// errLink is the page for a reset link that is worth nothing.
func (h *Hub) errLink(v visit) error {
	return dead{Problem{
		Chrome: Chrome{Title: "This link does not work any more"}, Status: http.StatusUnprocessableEntity,
		Sentence:    "It was used already, is older than an hour, or you were sent a newer one. Please ask for another.",
		ActionLabel: "Send another link", ActionURL: v.to("/forgot"),
	}}
}

func (h *Hub) resetView(r *http.Request, v visit) (Reset, error) {
	t, err := h.Customers.ResetTicket(r.Context(), v.publisher, r.URL.Query().Get("token"))
	if errors.Is(err, customer.ErrResetToken) {
		return Reset{}, h.errLink(v)
	}
	return Reset{
		Chrome: h.chrome(v), FormAction: r.URL.RequestURI(), LoginURL: v.to("/login"),
		Email: t.Data["subject"], PasswordHint: passwordHint,
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
	owner, err := h.Customers.ResetPassword(r.Context(), v.publisher, r.URL.Query().Get("token"), r.PostForm.Get("password"))
	if errors.Is(err, customer.ErrResetToken) {
		return h.errLink(v)
	}
	if said := passwordSentence(err); said != "" {
		view.PasswordError = said
		h.Renderer.Reset(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	if err != nil {
		return err
	}
	if email, err := customer.ParseEmail(owner.Email); err == nil {
		h.Notices.PasswordChanged(v.publisher.Name, email.Mailbox)
	}
	h.remember(w, r, v.publisher, "")
	view.Done = true
	h.Renderer.Reset(w, http.StatusOK, view)
	return nil
}
