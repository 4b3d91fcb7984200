// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"slices"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
)

// What the pages of a viewer's account share. They stay open to a viewer who has
// a step to take before they may go on to a site: whoever does not accept new
// terms can still take their data along, and leave.

// accountPage is a page of a viewer's account.
type accountPage string

const (
	pageOverview accountPage = "overview"
	pageProfile  accountPage = "profile"
	pageEmail    accountPage = "email"
	pagePassword accountPage = "password"
	pageSignin   accountPage = "signin"
	pageConsents accountPage = "consents"
	pageAnswers  accountPage = "answers"
	pageSessions accountPage = "sessions"
	pageExport   accountPage = "export"
	pageDelete   accountPage = "delete"
)

// accountPages are all of them in the order of the menu, where each is called by
// the message account.nav.<page>.
var accountPages = []accountPage{
	pageOverview, pageProfile, pageEmail, pagePassword, pageSignin, pageConsents, pageAnswers, pageSessions, pageExport, pageDelete,
}

func (p accountPage) path() string {
	if p == pageOverview {
		return "/account"
	}
	return "/account/" + string(p)
}

// mountAccount registers the pages of the account.
func (h *Hub) mountAccount(mux *http.ServeMux) {
	get := func(page accountPage, fn func(http.ResponseWriter, *http.Request, owner) error) {
		mux.Handle("GET "+page.path(), h.page(h.own(page, fn)))
	}
	post := func(page accountPage, fn func(http.ResponseWriter, *http.Request, owner) error) {
		mux.Handle("POST "+page.path(), h.form(h.own(page, fn)))
	}
	get(pageOverview, h.overview)
	get(pageProfile, h.askProfile)
	post(pageProfile, h.profile)
	get(pageEmail, h.askEmail)
	post(pageEmail, h.email)
	get(pagePassword, h.askPassword)
	post(pagePassword, h.password)
	get(pageConsents, h.askOwnConsents)
	post(pageConsents, h.ownConsents)
	get(pageSessions, h.askSessions)
	post(pageSessions, h.sessions)
	get(pageExport, h.askExport)
	post(pageExport, h.export)
	get(pageDelete, h.askDelete)
	post(pageDelete, h.delete)
}

// owner is a viewer who is signed in, at their own account.
type owner struct {
	visit
	page     accountPage // "" where they prove that it is them
	session  authstore.Session
	customer authstore.Customer
}

// own wraps the handler of an account page. Who is not signed in does that
// first, and comes back.
func (h *Hub) own(page accountPage, fn func(http.ResponseWriter, *http.Request, owner) error) func(http.ResponseWriter, *http.Request, visit) error {
	return func(w http.ResponseWriter, r *http.Request, v visit) error {
		s, err := h.signedIn(r.Context(), r, v.publisher)
		if v.entered && errors.Is(err, session.ErrRefused) {
			return v.blocked()
		}
		if errors.Is(err, session.ErrRefused) {
			v.then = page
			redirect(w, h.signInAfter(r, v))
			return nil
		}
		if err != nil {
			return err
		}
		if v.entered {
			redirect(w, v.to(page.path()))
			return nil
		}
		c, err := h.Store.Customer(r.Context(), s.CustomerID)
		if err != nil {
			return err
		}
		v.then = ""
		return fn(w, r, owner{v.of(h, r, c), page, s, c})
	}
}

// notices are the messages that a page shows after something was done, by the
// page and the word in its address. An address that somebody made up can say
// nothing else, and only on the page where it is about what the viewer sees.
var notices = map[accountPage]map[string]string{
	pageProfile:  {"saved": "account.profile.done"},
	pageEmail:    {"saved": "account.email.done"},
	pagePassword: {"saved": "account.password.done"},
	pageSignin:   {"added": "account.signin.added", "removed": "account.signin.removed"},
	pageConsents: {"saved": "account.consents.done"},
	pageAnswers:  {"saved": "answers.saved"},
	pageSessions: {"ended": "account.sessions.ended", "others": "account.sessions.others.done"},
}

// done leads back to the page, which then says what was done.
func (o owner) done(w http.ResponseWriter, word string) {
	redirect(w, with(o.to(o.page.path()), "done", word))
}

// menu returns the pages that there are at the viewer's publisher.
func (h *Hub) menu(o owner) []accountPage {
	return slices.DeleteFunc(slices.Clone(accountPages), func(p accountPage) bool {
		return p == pageAnswers && !o.publisher.Capture.Enabled || p == pageSignin && !h.hasWays(o.publisher)
	})
}

// hasWays tells whether the viewers of a publisher have more than one way to sign in.
func (h *Hub) hasWays(p authstore.Publisher) bool { return len(h.providers(p)) > 0 }

// accountView returns what all account pages show.
func (h *Hub) accountView(r *http.Request, o owner) Account {
	a := Account{Chrome: h.chrome(o.visit), Email: o.customer.Email, FormAction: o.to(o.page.path())}
	if r.Method != http.MethodPost {
		if id := notices[o.page][r.URL.Query().Get("done")]; id != "" {
			a.Notice = o.say(id)
		}
	}
	for _, p := range h.menu(o) {
		a.Pages = append(a.Pages, AccountPage{Name: o.say("account.nav." + string(p)), URL: o.to(p.path()), Current: p == o.page})
	}
	if o.request != nil {
		a.OnwardURL = o.next()
	}
	return a
}

// proof returns the part of a form that asks for the password once more. Who has none
// proves at a provider who they are, where there is one, and that serves for a while.
func (h *Hub) proof(r *http.Request, o owner) (Proof, error) {
	p, err := h.proofAnew(r, o)
	if err == nil && len(p.Elsewhere) > 0 && h.Social.IsFresh(o.session) {
		return Proof{Given: true}, nil
	}
	return p, err
}

// proofAnew is proof for whoever has to prove it now.
func (h *Hub) proofAnew(r *http.Request, o owner) (Proof, error) {
	has, err := h.Customers.HasPassword(r.Context(), o.customer)
	if has || err != nil {
		return Proof{}, err
	}
	p := Proof{ForgotURL: o.to("/forgot")}
	if !h.hasWays(o.publisher) {
		return p, nil
	}
	ways, err := h.Social.Ways(r.Context(), o.publisher, o.customer)
	if err != nil {
		return Proof{}, err
	}
	p.Elsewhere = h.confirmElsewhere(o, ways)
	return p, nil
}

// proved checks that it is the customer who has sent a form: by the password, unless
// they have none and have proved it elsewhere.
func (h *Hub) proved(r *http.Request, o owner, p Proof) error {
	if p.Given {
		return nil
	}
	return h.Customers.Proved(r.Context(), o.customer, r.PostForm.Get("current"), viewerIP(r))
}

// refuse says in a form, below the password or of the whole, what was wrong with
// the password that confirms it, and returns the status to answer with; 0 when the
// error is about something else.
func (o owner) refuse(w http.ResponseWriter, err error, whole *string, p *Proof) int {
	var limit *customer.LimitError
	switch {
	case errors.Is(err, customer.ErrConfirmation):
		p.CurrentError, p.Given = o.say("account.current.wrong"), false // who had no password has one now
		return http.StatusUnprocessableEntity
	case errors.As(err, &limit):
		*whole = limitSentence(o.visit, limit)
		retryAfter(w, limit.RetryAfter)
		return http.StatusTooManyRequests
	}
	return 0
}

// Account is what the pages of a viewer's account share. Every one of their
// views embeds it.
type Account struct {
	Chrome

	Pages      []AccountPage // the menu; none for a viewer who has just left
	Email      string        // who is signed in
	Notice     string        // one sentence about what was just done
	Error      string        // one sentence about the whole form
	FormAction string        // where the page's forms post to, with its query
	OnwardURL  string        // on to the site that is named by SiteName; "" hides it
}

// AccountPage is an entry of the menu.
type AccountPage struct {
	Name    string
	URL     string
	Current bool
}

// Proof asks for the password once more, as the field "current". A viewer who
// has none is shown the way to one instead of the form, and the providers by which they
// can prove themselves; who has just done that sees the form without the field.
type Proof struct {
	CurrentError string      // one sentence below the password
	ForgotURL    string      // where to get a password; "" when there is one
	Elsewhere    []Elsewhere // to prove it at a provider instead
	Given        bool        // it is proved already
}

func (a *Account) faults() []fault { return nil }

// fields returns the faults of fields that have one: each is the id of a field,
// followed by what is wrong with it.
func fields(pairs ...string) []fault {
	var list []fault
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, fault{pairs[i], pairs[i+1]})
		}
	}
	return list
}
