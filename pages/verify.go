// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/session"
)

// unverified runs fn for a signed-in viewer whose address is to be verified, and
// leads others on.
func (h *Hub) unverified(w http.ResponseWriter, r *http.Request, v visit, fn func(authstore.Customer, Verify) error) error {
	return h.withSession(w, r, v, func(s authstore.Session) error {
		c, err := h.Store.Customer(r.Context(), s.CustomerID)
		if err != nil {
			return err
		}
		if !v.demanding().VerifyEmail || !c.EmailVerified.IsZero() {
			redirect(w, v.next())
			return nil
		}
		v := v.of(h, r, c)
		return fn(c, Verify{
			Chrome: h.stepChrome(v, flow.Verify, s, authstore.Standing{Customer: c}), FormAction: v.to(customer.VerifyPath), Email: c.Email, ContinueURL: v.next(),
			AgainAction: v.to(customer.VerifyPath + "/again"), ChangeURL: v.to(pageEmail.path()), SignOutAction: v.to("/logout"),
		})
	})
}

// askVerify asks for the code in a mail that is on its way. It sends none
// itself.
func (h *Hub) askVerify(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.unverified(w, r, v, func(_ authstore.Customer, view Verify) error {
		if r.URL.Query().Get("done") == "sent" {
			view.Notice = view.Language.Text("verify.sent")
		}
		h.Renderer.Verify(w, http.StatusOK, view)
		return nil
	})
}

// verify takes the code. A viewer who has just registered is not signed in; their
// form has the address.
func (h *Hub) verify(w http.ResponseWriter, r *http.Request, v visit) error {
	if address := r.PostForm.Get("email"); address != "" {
		return h.verifyAt(w, r, v, address)
	}
	return h.unverified(w, r, v, func(c authstore.Customer, view Verify) error {
		_, err := h.Customers.ConfirmEmailByCode(r.Context(), c, r.PostForm.Get("code"))
		if errors.Is(err, customer.ErrLink) {
			view.CodeError = view.Language.Text("code.wrong")
			h.Renderer.Verify(w, http.StatusUnprocessableEntity, view)
			return nil
		}
		if err != nil {
			return err
		}
		redirect(w, v.next())
		return nil
	})
}

func (h *Hub) verifyAt(w http.ResponseWriter, r *http.Request, v visit, address string) error {
	_, err := h.Customers.ConfirmEmailAt(r.Context(), v.publisher, address, r.PostForm.Get("code"), viewerIP(r))
	if errors.Is(err, customer.ErrLink) || errors.Is(err, customer.ErrEmail) {
		view := h.checkMail(v, address)
		view.CodeError = v.say("code.wrong")
		h.Renderer.Verify(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	if err != nil {
		return err
	}
	return h.confirmed(w, r, v, "confirm.done.here")
}

// checkMail is what everybody sees who has registered where addresses must be
// verified at once, whether the address had an account or not.
func (h *Hub) checkMail(v visit, address string) Verify {
	return Verify{Chrome: h.chrome(v), FormAction: v.to(customer.VerifyPath), Email: address, LoginURL: v.to("/login")}
}

// verifyAgain has the mail sent once more. It answers the same when there were
// too many.
func (h *Hub) verifyAgain(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.unverified(w, r, v, func(c authstore.Customer, _ Verify) error {
		var limit *customer.LimitError
		if err := h.Customers.StartVerification(r.Context(), c, v.wayBack()); err != nil && !errors.As(err, &limit) {
			return err
		}
		redirect(w, with(v.to(customer.VerifyPath), "done", "sent"))
		return nil
	})
}

// ensureMail has the mail to verify an address sent to a viewer whose next step
// that is, unless one was that still works: nobody is to wait for a mail that was
// never sent. A site that asks silently shows nobody the step.
func (h *Hub) ensureMail(r *http.Request, v visit, s authstore.Session, step flow.Step) error {
	if step != flow.Verify || v.request != nil && v.request.Silent {
		return nil
	}
	c, err := h.Store.Customer(r.Context(), s.CustomerID)
	if err != nil {
		return err
	}
	return h.Customers.EnsureVerification(r.Context(), c, v.wayBack())
}

// Verify asks for the code that was mailed to an address, as the field "code".
type Verify struct {
	Chrome

	FormAction    string // where the form posts to, with its query
	Email         string // where the mail went
	CodeError     string // one sentence below the code
	Error         string // one sentence about the whole form
	Notice        string // one sentence that is no error
	ContinueURL   string // for who has opened the link meanwhile; "" hides it
	AgainAction   string // where the button that sends the mail again posts to; "" hides it
	ChangeURL     string // to another address; "" hides it
	SignOutAction string // where the sign-out button posts to; "" hides it

	// LoginURL is for a viewer who is not signed in; the form then has the
	// address.
	LoginURL string
}

func (v *Verify) faults() []fault { return fields("code", v.CodeError) }

// Verify writes the page that asks for the code in a mail.
func (r *Renderer) Verify(w http.ResponseWriter, status int, v Verify) {
	r.write(w, status, "verify", &v)
}

// errConfirm is the page for a link to verify an address that is worth nothing.
func (h *Hub) errConfirm(v visit) error {
	d := v.dead("verify", http.StatusUnprocessableEntity)
	d.ActionLabel, d.ActionURL = v.say("problem.verify.action"), v.next()
	return d
}

func (h *Hub) confirmView(r *http.Request, v visit) (Confirm, error) {
	t, err := h.Customers.VerifyTicket(r.Context(), v.publisher, r.URL.Query().Get("token"))
	if errors.Is(err, customer.ErrLink) {
		return Confirm{}, h.errConfirm(v)
	}
	return Confirm{Chrome: h.chrome(v), FormAction: r.URL.RequestURI(), Email: t.Data[authstore.Address]}, err
}

// askConfirm shows the button behind a mailed link. It uses nothing up: mail
// scanners open links too.
func (h *Hub) askConfirm(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := h.confirmView(r, v)
	if err != nil {
		return err
	}
	h.Renderer.Confirm(w, http.StatusOK, view)
	return nil
}

func (h *Hub) confirm(w http.ResponseWriter, r *http.Request, v visit) error {
	_, err := h.Customers.ConfirmEmail(r.Context(), v.publisher, r.URL.Query().Get("token"))
	if errors.Is(err, customer.ErrLink) {
		return h.errConfirm(v)
	}
	if err != nil {
		return err
	}
	return h.confirmed(w, r, v, "confirm.done.lead")
}

// confirmed leads on, or says what comes next to a viewer who is not signed in
// in this browser.
func (h *Hub) confirmed(w http.ResponseWriter, r *http.Request, v visit, next string) error {
	_, err := h.signedIn(r.Context(), r, v.publisher)
	if err == nil {
		redirect(w, v.next())
		return nil
	}
	if !errors.Is(err, session.ErrRefused) {
		return err
	}
	h.Renderer.Confirm(w, http.StatusOK, Confirm{Chrome: h.chrome(v), Done: v.say(next), LoginURL: v.to("/login")})
	return nil
}

// Confirm asks whether an address is the viewer's, by a mailed link, and then
// tells that this is settled.
type Confirm struct {
	Chrome

	FormAction string // where the form posts to, with its query
	Email      string // the address
	Done       string // what comes next, when the address is verified; else ""
	LoginURL   string // "" hides the way to sign in
}

// Confirm writes the page behind a link to verify an address.
func (r *Renderer) Confirm(w http.ResponseWriter, status int, v Confirm) {
	r.write(w, status, "confirm", &v)
}
