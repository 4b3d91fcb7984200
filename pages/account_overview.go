// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
)

// overview shows what there is in an account, each line leading to its page.
func (h *Hub) overview(w http.ResponseWriter, r *http.Request, o owner) error {
	st, err := h.Store.Standing(r.Context(), o.customer.ID)
	if err != nil {
		return err
	}
	sessions, err := h.Store.CustomerSessions(r.Context(), o.customer.ID)
	if err != nil {
		return err
	}
	hasPassword, err := h.Customers.HasPassword(r.Context(), o.customer)
	if err != nil {
		return err
	}
	c := o.customer
	says := map[accountPage][]string{
		pageProfile:  known(strings.TrimSpace(c.FirstName+" "+c.LastName), o.language.Country(c.Country), o.language.Name),
		pageEmail:    {c.Email},
		pagePassword: {o.say("account.overview.password")},
		pageAnswers:  {o.say("account.overview.answers")},
		pageSessions: {o.say("account.overview.sessions", "Count", len(sessions))},
		pageExport:   {o.say("account.overview.export")},
		pageDelete:   {o.say("account.overview.delete")},
	}
	if len(o.publisher.Consents) > 0 {
		accepted := consent.Accepted(o.publisher.Consents, st.Consents)
		says[pageConsents] = []string{o.say("account.overview.consents", "Count", len(accepted))}
	}
	if !hasPassword {
		says[pagePassword] = []string{o.say("account.overview.nopassword")}
	}
	if says[pageSignin], err = h.wayNames(r, o); err != nil {
		return err
	}
	view := AccountOverview{
		Account: h.accountView(r, o), Since: c.Registered,
		Announced: Announced{announcedFrom(o.publisher, st, h.Store.Now()), o.to("/consents")},
	}
	tags := map[accountPage]string{}
	switch {
	case !c.EmailVerified.IsZero():
		tags[pageEmail] = o.say("account.verified")
	case o.publisher.VerifyEmail:
		tags[pageEmail] = o.say("account.unverified")
		view.VerifyURL = o.to(customer.VerifyPath)
	}
	for i, page := range h.menu(o) {
		if page != pageOverview {
			view.Rows = append(view.Rows, AccountRow{AccountPage: view.Pages[i], Says: says[page], Tag: tags[page]})
		}
	}
	h.Renderer.AccountOverview(w, http.StatusOK, view)
	return nil
}

// wayNames returns what viewers know the ways by in which they sign in.
func (h *Hub) wayNames(r *http.Request, o owner) ([]string, error) {
	if !h.hasWays(o.publisher) {
		return nil, nil
	}
	view, _, err := h.signinView(r, o)
	var names []string
	for _, way := range view.Ways {
		names = append(names, way.Name)
	}
	return names, err
}

// known returns what there is of parts.
func known(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// AccountOverview is the front page of a viewer's account.
type AccountOverview struct {
	Account

	Since     time.Time // when the account was made
	VerifyURL string    // where to confirm it; "" hides it
	Rows      []AccountRow
	Announced Announced
}

// AccountRow is a page of the account with what it is about.
type AccountRow struct {
	AccountPage

	Says []string // shown side by side
	Tag  string   // stands out behind what it says; "" is none
}

// AccountOverview writes the front page of a viewer's account.
func (r *Renderer) AccountOverview(w http.ResponseWriter, status int, v AccountOverview) {
	r.write(w, status, "account", &v)
}
