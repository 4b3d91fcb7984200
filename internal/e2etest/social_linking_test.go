// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/socialtest"
)

// This file has the journeys of customers who have an account here, and accounts
// elsewhere besides.

func TestCustomersComeByAccountsElsewhere(t *testing.T) {
	j := setOutElsewhere(t, "")
	at := func(w *walk, page string) (news, sports string) {
		page = fmt.Sprintf("/%s?walk=%d&half=a%%2Fb", page, w.number)
		return w.s.newsURL + page, w.s.sportsURL + page
	}
	const remove = ".entry button[name=remove]"
	j.part("and mind the ways in", func(t *testing.T, w *walk) {
		anna := w.person("ways")
		w.open(w.s.hub + "/login")
		w.agrees(socialtest.Google, anna)
		w.open(w.s.hub + "/account")
		w.look("account-elsewhere")
		w.click(`.rows a[href*="/account/signin"]`)
		w.wantsPage("/account/signin")
		w.look("account-signin")
		w.has(remove, 0) // it is the only way
		w.wantsWays("Google")

		w.saved(w.agrees(socialtest.Facebook, anna))
		w.wantsWays("Google", "Facebook")
		w.look("account-signin-added")
		w.has(remove, 2)
		w.saved(w.click(`.entry:nth-child(1) button`))
		w.wantsWays("Facebook")
		w.has(remove, 0)

		other := w.onAnotherDevice()
		other.open(w.s.newsURL + "/live")
		other.agrees(socialtest.Google, anna)
		other.wantsPage("/join") // it is a stranger's again
		other.click(`main form[action*="/join/cancel"] button`)
		other.wantsPage("/login")
		other.agrees(socialtest.Facebook, anna)
		other.isIn(w.s.newsURL+"/live", anna.Email)
	})
	j.letsPass("ways")
	j.part("and prove by them who they are", func(t *testing.T, w *walk) {
		anna, stranger := w.person("ways"), w.person("stranger")
		w.open(w.s.hub + "/account/signin")
		w.look("account-signin-proof")
		w.has(remove, 0)
		w.has(way("google"), 0) // which is not one of the customer's
		w.forgive("status of 409")
		if status := w.agrees(socialtest.Facebook, stranger); status != 409 {
			t.Errorf("by somebody else's account: status %d\n%s", status, w.shows())
		}
		w.says("That is another account")
		w.look("error-elsewhere-other")
		w.click("main .actions a")
		w.wantsPage("/account/signin")
		w.agrees(socialtest.Facebook, anna)
		w.wants(w.s.hub + "/account/signin#") // in place of Facebook's own end of addresses
		w.goesTo(socialtest.Google)
		w.click(socialtest.Button(anna))
		w.wantsWays("Facebook", "Google")
		w.open(w.s.hub + "/account/delete")
		w.look("account-delete-elsewhere")
	})
	j.part("and prove once by the password who they are", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna := w.person("owner")
		w.account("owner")
		asked, second := at(w, "owner")
		w.open(asked)
		w.agrees(socialtest.Google, anna)
		w.wantsPage("/join")
		w.look("join-proof")
		w.write("password", "wrong-password-1")
		w.refused(w.send(), 422, "password")
		w.look("join-proof-refused")
		w.write("password", password)
		w.send()
		w.isIn(asked, anna.Email)

		// The second site asks nothing, and what ends at it ends everywhere.
		w.open(second)
		w.isIn(second, anna.Email)
		w.passed(second, w.s.hub+"/authorize?", w.s.sportsURL+"/.usher/callback?")
		w.click("form button")
		w.wantsPage("/signed-out")
		for _, page := range []string{asked, second} {
			w.open(page)
			w.wantsPage("/login")
		}
		w.agrees(socialtest.Google, anna)
		w.isIn(second, anna.Email)
	})
	j.part("and prove by a code, which nobody else can who took the address", func(t *testing.T, w *walk) {
		anna := w.person("taken")
		asked, second := at(w, "taken")
		has, squatter := w.arrives(asked, "taken")

		owner := w.onAnotherDevice()
		owner.open(second)
		owner.agrees(socialtest.Google, anna)
		owner.wantsPage("/join")
		owner.click(`main form[action*="/join/code"] button`)
		owner.wantsPage("/join")
		owner.notices("A code is on its way")
		owner.look("join-proof-sent")
		owner.write("code", "AAAA-AAAA")
		owner.refused(owner.send(), 422, "code")
		owner.look("join-proof-code-refused")
		owner.write("code", w.awaitCode(anna.Email, 1))
		owner.send()
		owner.isIn(second, anna.Email)

		squatter.open(asked)
		squatter.wantsPage("/login")
		squatter.refused(squatter.login(anna.Email, password), 401)
		if status := w.s.refresh(t, has.RefreshToken).status; status == 200 {
			t.Error("the refresh token of who had the account before is good")
		}

		other := w.onAnotherDevice()
		other.open(asked)
		other.agrees(socialtest.Google, anna)
		other.isIn(asked, anna.Email)
	})
}

// wantsWays checks in which ways the customer can sign in.
func (w *walk) wantsWays(names ...string) {
	w.t.Helper()
	if got := w.entries(); !slices.Equal(got, names) {
		w.t.Errorf("the ways in are %q, want %q", got, names)
	}
}

// has checks how many of what a CSS selector finds are on the page.
func (w *walk) has(selector string, n int) {
	w.t.Helper()
	if got := ask(w.chromium, chromedp.Evaluate[int](fmt.Sprintf(`document.querySelectorAll(%q).length`, selector))); got != n {
		w.t.Errorf("%s has %d of %s, want %d\n%s", w.at(), got, selector, n, w.shows())
	}
}
