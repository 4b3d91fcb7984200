// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/social"
)

// signinView lists the ways in which a customer signs in. Without a proof of who they
// are that is fresh, it offers no change.
func (h *Hub) signinView(r *http.Request, o owner) (AccountSignin, []social.Way, error) {
	ways, err := h.Social.Ways(r.Context(), o.publisher, o.customer)
	if err != nil {
		return AccountSignin{}, nil, err
	}
	view := AccountSignin{Account: h.accountView(r, o), Fresh: h.Social.IsFresh(o.session)}
	linked := map[string]bool{}
	for _, way := range ways {
		line := AccountWay{ID: wayID(way), Name: way.Issuer, Since: way.Created, Last: way.Last && way.Issuer != authstore.ProviderPassword}
		switch {
		case way.Issuer == authstore.ProviderPassword:
			line.Name, line.Detail, line.Password = o.say("form.password"), o.customer.Email, o.to(pagePassword.path())
			view.HasPassword = true
		case way.Provider != nil:
			line.Brand, line.Name = way.Provider.Brand(), way.Provider.Called()
			linked[way.Provider.Name] = true
		default:
			if u, err := url.Parse(way.Issuer); err == nil && u.Host != "" {
				line.Name = u.Host
			}
		}
		view.Ways = append(view.Ways, line)
	}
	for _, p := range h.providers(o.publisher) {
		if !linked[p.Name] {
			view.Add = append(view.Add, elsewhereButtons(o.visit, []*social.Provider{p}, social.Link)...)
		}
	}
	for i := range view.Add {
		view.Add[i].URL = with(view.Add[i].URL, provingParam, string(pageSignin))
	}
	view.Proof.Elsewhere = h.confirmElsewhere(o, ways)
	return view, ways, nil
}

// wayID names a way to sign in in a form. It tells nothing.
func wayID(w social.Way) string { return secret.Digest(w.Issuer + "\x00" + w.Subject) }

// confirmElsewhere returns the buttons by which a customer proves again who they are.
func (h *Hub) confirmElsewhere(o owner, ways []social.Way) []Elsewhere {
	var list []Elsewhere
	for _, p := range h.providers(o.publisher) {
		if slices.ContainsFunc(ways, func(w social.Way) bool { return w.Provider == p }) {
			list = append(list, elsewhereButtons(o.visit, []*social.Provider{p}, social.Confirm)...)
		}
	}
	for i := range list {
		if o.page != "" {
			list[i].URL = with(list[i].URL, provingParam, string(o.page))
		}
	}
	return list
}

// withWays runs fn for a customer of a publisher that has providers, and leads others
// to their account.
func (h *Hub) withWays(w http.ResponseWriter, r *http.Request, o owner, fn func(AccountSignin, []social.Way) error) error {
	if !h.hasWays(o.publisher) {
		redirect(w, o.to(pageOverview.path()))
		return nil
	}
	view, ways, err := h.signinView(r, o)
	if err != nil {
		return err
	}
	return fn(view, ways)
}

func (h *Hub) askSignin(w http.ResponseWriter, r *http.Request, o owner) error {
	return h.withWays(w, r, o, func(view AccountSignin, _ []social.Way) error {
		h.Renderer.AccountSignin(w, http.StatusOK, view)
		return nil
	})
}

// signin takes the password as a proof, or removes a way to sign in.
func (h *Hub) signin(w http.ResponseWriter, r *http.Request, o owner) error {
	return h.withWays(w, r, o, func(view AccountSignin, ways []social.Way) error {
		if r.PostForm.Has("current") {
			return h.proveForSignin(w, r, o, view)
		}
		id := r.PostForm.Get("remove")
		i := slices.IndexFunc(ways, func(w social.Way) bool { return wayID(w) == id && w.Issuer != authstore.ProviderPassword })
		if !view.Fresh || i < 0 {
			redirect(w, o.to(pageSignin.path()))
			return nil
		}
		err := h.Social.Unlink(r.Context(), o.publisher, o.customer, ways[i].Issuer, ways[i].Subject, o.session.ID)
		if errors.Is(err, social.ErrLastWay) {
			view.Account.Error = o.say("account.signin.last")
			h.Renderer.AccountSignin(w, http.StatusConflict, view)
			return nil
		}
		if err != nil && !errors.Is(err, authstore.ErrNotFound) {
			return err
		}
		o.done(w, "removed")
		return nil
	})
}

func (h *Hub) proveForSignin(w http.ResponseWriter, r *http.Request, o owner, view AccountSignin) error {
	err := h.Customers.Proved(r.Context(), o.customer, r.PostForm.Get("current"), viewerIP(r))
	if status := o.refuse(w, err, &view.Account.Error, &view.Proof); status != 0 {
		h.Renderer.AccountSignin(w, status, view)
		return nil
	}
	if err != nil {
		return err
	}
	o.proving = pageSignin
	return h.provedAgain(w, r, o.visit, o.session)
}

// AccountSignin lists the ways in which a viewer signs in. A button in each row posts
// its ID as "remove". A viewer who has not proved lately who they are does that first,
// by the password as the field "current" or at a provider.
type AccountSignin struct {
	Account
	Proof

	Ways        []AccountWay
	Add         []Elsewhere // what can be added
	HasPassword bool
	Fresh       bool // changes are possible
}

// AccountWay is a way to sign in.
type AccountWay struct {
	ID       string
	Brand    string // as in Elsewhere; "" for a password
	Name     string
	Detail   string // such as the address; "" is none
	Since    time.Time
	Last     bool   // it cannot be removed
	Password string // where to change it; "" for other ways
}

func (v *AccountSignin) faults() []fault {
	if v.Fresh {
		return nil // no password is asked for
	}
	return fields("current", v.CurrentError)
}

// signinID names a way in the page by its place in the list.
func signinID(i int) string { return "way-" + strconv.Itoa(i) }

// AccountSignin writes the page with the ways in which a viewer signs in.
func (r *Renderer) AccountSignin(w http.ResponseWriter, status int, v AccountSignin) {
	r.write(w, status, "account_signin", &v)
}
