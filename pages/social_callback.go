// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/sso"
)

// What a provider answers. Its query tells nothing but the answer: what the viewer came
// for, and at which publisher, is in the attempt that the browser has kept.

const (
	// answerLife is how long a posted answer is on its way to the page that takes it.
	answerLife = time.Minute

	// maxAnswer bounds a posted answer: it is kept in a cookie, of which browsers take
	// 4096 bytes, and sealing adds a third.
	maxAnswer = 2800
)

// answerFields are what is kept of a posted answer.
var answerFields = []string{"code", "state", "user", "error", "iss"}

// posted takes an answer that a page of the provider has the browser post. With such a
// request come no cookies, so that it says nothing of who sends it: it is put aside, in
// the browser and not in an address, because it may hold a name.
func (h *Hub) posted(w http.ResponseWriter, r *http.Request) {
	v := h.stranger(r)
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	answer, size := url.Values{}, 0
	if r.ParseForm() == nil && len(r.PostForm) <= maxFields && h.answersByPost(r.PathValue("name")) {
		for _, name := range answerFields {
			if value := r.PostForm.Get(name); value != "" {
				answer.Set(name, value)
				size += len(name) + len(value)
			}
		}
	}
	if answer.Get("state") == "" || size > maxAnswer {
		h.fail(w, r, v, h.elsewhereFailed(r, v, nil, social.Enter, social.ErrRefused))
		return
	}
	h.cookies().Set(w.Header(), answerCookie, h.Social.SealAnswer(answer), answerLife)
	w.Header().Set("Referrer-Policy", "no-referrer")
	redirect(w, social.CallbackPath(r.PathValue("name"))+"?"+url.Values{"state": {answer.Get("state")}}.Encode())
}

// answersByPost tells whether a publisher has a provider of a name that answers so.
func (h *Hub) answersByPost(name string) bool {
	for _, p := range h.Directory.All() {
		if p, ok := h.Social.Provider(p.ID, name); ok && p.ByPost() {
			return true
		}
	}
	return false
}

// callback takes a provider's answer.
func (h *Hub) callback(w http.ResponseWriter, r *http.Request) {
	if sso.Ahead(r.Header) {
		refuseAhead(w)
		return
	}
	v := h.stranger(r)
	v.here, v.again = "", loginPath
	state := r.URL.Query().Get("state")
	answer := r.URL.Query()
	if kept := h.cookie(r, answerCookie); kept != "" {
		if posted, err := h.Social.OpenAnswer(kept, state); err == nil {
			answer = posted
		}
		h.cookies().Clear(w.Header(), answerCookie)
	}
	a, err := h.Social.Open(h.cookie(r, attemptCookie+social.CookieSuffix(state)), state)
	if err == nil {
		v, err = h.visitOf(r, a)
	}
	switch {
	case err == nil:
		err = h.finish(w, r, v, a, answer)
	case len(r.Cookies()) == 0:
		err = v.blocked()
	case errors.Is(err, social.ErrRefused):
		err = h.elsewhereFailed(r, v, nil, social.Enter, err)
	}
	if err != nil {
		h.fail(w, r, v, err)
	}
}

// visitOf returns the visit that an attempt belongs to.
func (h *Hub) visitOf(r *http.Request, a social.Attempt) (visit, error) {
	q, err := url.ParseQuery(a.Query)
	if err != nil {
		return h.stranger(r), social.ErrRefused
	}
	v, err := h.visitFor(r, q)
	v.here = ""
	if err == nil && v.publisher.ID != a.Publisher { // another configuration, meanwhile
		err = social.ErrRefused
	}
	if v.publisher.ID != 0 {
		v.again = h.allWays(v)
	}
	return v, err
}

// finish does what somebody has signed in elsewhere for.
func (h *Hub) finish(w http.ResponseWriter, r *http.Request, v visit, a social.Attempt, answer url.Values) error {
	name := r.PathValue("name")
	p, ok := h.Social.Provider(v.publisher.ID, name)
	if !ok || name != a.Provider {
		return h.elsewhereFailed(r, v, nil, a.Intent, social.ErrRefused)
	}
	h.cookies().Clear(w.Header(), attemptCookie+social.CookieSuffix(a.State))
	if p.Brand() == "facebook" {
		w = withoutFragment{w}
	}
	who, err := h.Social.Finish(r.Context(), p, a, answer, viewerIP(r))
	switch {
	case errors.Is(err, social.ErrCancelled) && a.Intent == social.Enter:
		redirect(w, with(v.to(loginPath), waysParam, waysCancelled))
		return nil
	case errors.Is(err, social.ErrCancelled):
		redirect(w, v.proved())
		return nil
	case errors.Is(err, social.ErrRefused):
		h.Report(r, err) // a secret may be wrong
	}
	if err == nil {
		err = h.Social.Spend(r.Context(), a)
	}
	if err == nil {
		switch a.Intent {
		case social.Link, social.Confirm:
			err = h.ownElsewhere(w, r, v, a, who)
		default:
			err = h.enter(w, r, v, who)
		}
	}
	if err != nil {
		return h.elsewhereFailed(r, v, p, a.Intent, err)
	}
	return nil
}

// withoutFragment ends the fragment of the address that a browser comes from. Facebook
// adds one, #_=_, which would stay with wherever the browser is led from there.
type withoutFragment struct{ http.ResponseWriter }

func (w withoutFragment) WriteHeader(status int) {
	if to := w.Header().Get("Location"); to != "" {
		w.Header().Set("Location", to+"#")
	}
	w.ResponseWriter.WriteHeader(status)
}

// enter lets somebody in who has signed in elsewhere, or asks for what is missing.
func (h *Hub) enter(w http.ResponseWriter, r *http.Request, v visit, who social.Person) error {
	from, err := h.arrival(r, v)
	if err != nil {
		return err
	}
	out, err := h.Social.Enter(r.Context(), v.publisher, who, h.guess(r, v), from)
	if err != nil {
		return err
	}
	return h.outcome(w, r, v, out)
}

// outcome lets somebody in, or leads them to where they tell what is missing.
func (h *Hub) outcome(w http.ResponseWriter, r *http.Request, v visit, out social.Outcome) error {
	if out.Entry != nil {
		return h.letIn(w, r, v, *out.Entry)
	}
	h.cookies().Set(w.Header(), joinCookie, out.Join, social.JoinLife)
	redirect(w, v.to(joinPath))
	return nil
}

// guess returns what is known of a new customer by their browser.
func (h *Hub) guess(r *http.Request, v visit) authstore.Customer {
	addr, _ := netip.ParseAddr(viewerIP(r))
	guess := h.Locale.Resolve(locale.CountryFrom(r.Context()), addr, preferred(r, v))
	return authstore.Customer{Country: guess.Country, Currency: guess.Currency, Locale: guess.Locale}
}

// letIn welcomes somebody who has proved who they are. A site's request is decided on at
// once, by authorize; without one, the mail that the next step needs is sent here.
func (h *Hub) letIn(w http.ResponseWriter, r *http.Request, v visit, e customer.Entry) error {
	if v.request == nil {
		step, err := h.Flow.Next(r.Context(), v.publisher, e.Session)
		if err == nil {
			err = h.ensureMail(r, v, e.Session, step)
		}
		if err != nil {
			return err
		}
	}
	h.welcome(w, r, v, e)
	return nil
}

// ownElsewhere adds a way to sign in to the viewer's account, or notes that they have proved
// again that it is theirs. It is for the session that has asked, and no other.
func (h *Hub) ownElsewhere(w http.ResponseWriter, r *http.Request, v visit, a social.Attempt, who social.Person) error {
	s, err := h.signedIn(r.Context(), r, v.publisher)
	if errors.Is(err, session.ErrRefused) || err == nil && s.ID != a.Session {
		return social.ErrRefused
	}
	if err != nil {
		return err
	}
	c, err := h.Store.Customer(r.Context(), s.CustomerID)
	if err != nil {
		return err
	}
	if a.Intent == social.Link {
		if err := h.Social.Link(r.Context(), v.publisher, c, who); err != nil {
			return err
		}
		redirect(w, with(v.to(pageSignin.path()), "done", "added"))
		return nil
	}
	if err := h.Social.Owns(r.Context(), c, who); err != nil {
		return err
	}
	return h.provedAgain(w, r, v, s)
}

// provedAgain notes that the viewer of a session has proved again who they are, and leads
// back to what that was for. Another tab may have been first, or signed out.
func (h *Hub) provedAgain(w http.ResponseWriter, r *http.Request, v visit, s authstore.Session) error {
	proof, err := h.Sessions.Confirm(r.Context(), s)
	if err == nil {
		h.remember(w, r, v.publisher, proof)
	} else if !errors.Is(err, session.ErrRefused) {
		return err
	}
	redirect(w, v.proved())
	return nil
}
