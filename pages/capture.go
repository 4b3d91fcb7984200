// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/flow"
)

// captureView asks for everything that the publisher wants to know, with what
// is known already.
func (h *Hub) captureView(r *http.Request, v visit, s authstore.Session, st authstore.Standing) Capture {
	v = v.of(h, r, st.Customer)
	return Capture{
		Chrome: h.stepChrome(v, flow.Capture, s, st), FormAction: v.to("/capture"), SignOutAction: v.to("/logout"),
		CanSkip: !capture.Missing(v.publisher.Capture, st.Customer, st.Capture),
		Questions: questions(v, v.publisher.Capture, h.Store.Now(), func(name string) string {
			return capture.Answer(name, st.Customer, st.Capture)
		}),
	}
}

// captureDue runs fn for a signed-in viewer who is to be asked, and leads others
// on.
func (h *Hub) captureDue(w http.ResponseWriter, r *http.Request, v visit, fn func(authstore.Standing, Capture) error) error {
	return h.withSession(w, r, v, func(s authstore.Session) error {
		st, err := h.Store.Standing(r.Context(), s.CustomerID)
		if err != nil {
			return err
		}
		if !capture.Due(v.publisher.Capture, st.Customer, st.Capture) {
			redirect(w, v.next())
			return nil
		}
		return fn(st, h.captureView(r, v, s, st))
	})
}

func (h *Hub) askCapture(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.captureDue(w, r, v, func(_ authstore.Standing, view Capture) error {
		h.Renderer.Capture(w, http.StatusOK, view)
		return nil
	})
}

// capture keeps the answers, or that there are to be none for now.
func (h *Hub) capture(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.captureDue(w, r, v, func(st authstore.Standing, view Capture) error {
		given := map[string]string{}
		if !view.CanSkip || r.PostForm.Get("skip") == "" {
			given = answered(r, v.publisher.Capture)
			wrong := capture.Judge(v.publisher.Capture, given, h.Store.Now())
			if len(wrong) > 0 {
				v := v.of(h, r, st.Customer)
				view.Questions = questions(v, v.publisher.Capture, h.Store.Now(), told(st.Customer, given))
				view.Questions.refuse(v, wrong)
				h.Renderer.Capture(w, http.StatusUnprocessableEntity, view)
				return nil
			}
		}
		if err := h.keepAnswers(r, v, st.Customer.ID, given); err != nil {
			return err
		}
		redirect(w, v.next())
		return nil
	})
}

func (h *Hub) keepAnswers(r *http.Request, v visit, customer int64, given map[string]string) error {
	return h.Store.ChangeCapture(r.Context(), customer, func(c *authstore.Customer, a *authstore.CaptureAnswers) error {
		capture.Apply(v.publisher.Capture, given, c, a)
		a.Buckets = capture.Buckets(v.publisher.Capture, *c, *a)
		return nil
	})
}

// Capture asks a viewer what the publisher wants to know of them, before they go
// on.
type Capture struct {
	Chrome
	Questions

	FormAction    string // where the form posts to, with its query
	CanSkip       bool   // nothing that is required is missing
	SignOutAction string // where the sign-out button posts to, when it cannot be skipped; "" hides it
	Error         string // one sentence about the whole form
}

func (v *Capture) faults() []fault { return v.Questions.faults(v.Language) }

// Capture writes the page that asks what the publisher wants to know.
func (r *Renderer) Capture(w http.ResponseWriter, status int, v Capture) {
	r.write(w, status, "capture", &v)
}

// answersView asks for the same later, in the account.
func (h *Hub) answersView(r *http.Request, o owner, answer func(name string) string) AccountAnswers {
	return AccountAnswers{Account: h.accountView(r, o), Questions: questions(o.visit, o.publisher.Capture, h.Store.Now(), answer)}
}

func (h *Hub) askAnswers(w http.ResponseWriter, r *http.Request, o owner) error {
	if !o.publisher.Capture.Enabled {
		redirect(w, o.to(pageOverview.path()))
		return nil
	}
	st, err := h.Store.Standing(r.Context(), o.customer.ID)
	if err != nil {
		return err
	}
	h.Renderer.AccountAnswers(w, http.StatusOK, h.answersView(r, o, func(name string) string {
		return capture.Answer(name, st.Customer, st.Capture)
	}))
	return nil
}

func (h *Hub) answers(w http.ResponseWriter, r *http.Request, o owner) error {
	if !o.publisher.Capture.Enabled {
		redirect(w, o.to(pageOverview.path()))
		return nil
	}
	given := answered(r, o.publisher.Capture)
	if wrong := capture.Judge(o.publisher.Capture, given, h.Store.Now()); len(wrong) > 0 {
		view := h.answersView(r, o, told(o.customer, given))
		view.Questions.refuse(o.visit, wrong)
		h.Renderer.AccountAnswers(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	if err := h.keepAnswers(r, o.visit, o.customer.ID, given); err != nil {
		return err
	}
	o.done(w, "saved")
	return nil
}

// AccountAnswers shows what a viewer told the publisher of themselves, to change
// it.
type AccountAnswers struct {
	Account
	Questions
}

func (v *AccountAnswers) faults() []fault { return v.Questions.faults(v.Language) }

// AccountAnswers writes the page that shows and changes what a viewer told the
// publisher.
func (r *Renderer) AccountAnswers(w http.ResponseWriter, status int, v AccountAnswers) {
	r.write(w, status, "account_answers", &v)
}
