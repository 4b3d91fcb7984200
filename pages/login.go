// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
)

// authorize takes in a site's visitor and sends them back signed in, by way of
// whatever is due first.
func (h *Hub) authorize(w http.ResponseWriter, r *http.Request, v visit) error {
	if v.request == nil {
		redirect(w, v.next())
		return nil
	}
	if sso.Ahead(r.Header) {
		refuseAhead(w)
		return nil
	}
	s, err := h.signedIn(r.Context(), r, v.publisher)
	if v.entered && errors.Is(err, session.ErrRefused) {
		return v.blocked()
	}
	if errors.Is(err, session.ErrRefused) {
		return h.detour(w, v, "/login", sso.LoginRequired)
	}
	if err != nil {
		return err
	}
	if v.tooOld(s, h.Store.Now()) {
		return h.detour(w, v, reauthenticatePath, sso.LoginRequired)
	}
	step, err := h.Flow.Next(r.Context(), v.demanding(), s)
	if err != nil {
		return err
	}
	if step != flow.Done {
		if err := h.ensureMail(r, v, s, step); err != nil {
			return err
		}
		return h.detour(w, v, "/"+string(step), sso.InteractionRequired)
	}
	back, err := h.SSO.Grant(r.Context(), *v.request, s)
	if err != nil {
		return err
	}
	found(w, back)
	return nil
}

// detour leads to a page that must come first, or tells a site that wanted no
// page why it gets no answer.
func (h *Hub) detour(w http.ResponseWriter, v visit, page, reason string) error {
	if v.request.Silent {
		found(w, h.SSO.Deny(*v.request, reason))
		return nil
	}
	found(w, v.to(page))
	return nil
}

// found redirects a GET. The address may hold a code, which no other site is
// to learn from a Referer.
func found(w http.ResponseWriter, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

func (h *Hub) loginView(v visit) Login {
	return Login{
		Chrome: h.chrome(v), FormAction: v.to(loginPath), RegisterURL: v.to("/register"), ForgotURL: v.to("/forgot"), Elsewhere: h.ways(v),
	}
}

func (h *Hub) askLogin(w http.ResponseWriter, r *http.Request, v visit) error {
	_, err := h.signedIn(r.Context(), r, v.publisher)
	if err == nil {
		redirect(w, v.next())
		return nil
	}
	if !errors.Is(err, session.ErrRefused) {
		return err
	}
	if h.sendOn(w, r, v) {
		return nil
	}
	view := h.loginView(v)
	switch {
	case r.URL.Query().Get(waysParam) == waysCancelled:
		view.Notice = v.say("login.notice.cancelled")
	case v.request != nil && v.request.Notice != "":
		view.Notice = v.say("login.notice." + string(v.request.Notice))
	}
	h.Renderer.Login(w, http.StatusOK, view)
	return nil
}

func (h *Hub) login(w http.ResponseWriter, r *http.Request, v visit) error {
	from, err := h.arrival(r, v)
	if err != nil {
		return err
	}
	view := h.loginView(v)
	view.Email = r.PostForm.Get("email")
	e, err := h.Customers.Login(r.Context(), v.publisher, view.Email, r.PostForm.Get("password"), from)
	var limit *customer.LimitError
	switch {
	case errors.Is(err, customer.ErrCredentials), errors.Is(err, customer.ErrEmail):
		view.Error = v.say("login.wrong")
		h.Renderer.Login(w, http.StatusUnauthorized, view)
		return nil
	case errors.As(err, &limit):
		view.Error = limitSentence(v, limit)
		retryAfter(w, limit.RetryAfter)
		h.Renderer.Login(w, http.StatusTooManyRequests, view)
		return nil
	case err != nil:
		return err
	}
	return h.letIn(w, r, v, e)
}
