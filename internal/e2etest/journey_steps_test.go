// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestViewerVerifiesTheAddress(t *testing.T) {
	j := setOut(t, wanting("verify_email"))
	j.part("by the link, in another browser", func(t *testing.T, w *walk) {
		w.open(w.s.newsURL + "/live")
		w.click(`main a[href*="/register"]`)
		w.fill("email", w.email("link"), "password", password)
		w.send()
		w.look("verify-first")

		reader := w.onAnotherDevice()
		link := w.awaitLink(w.email("link"), "/verify/confirm", 1).link(t)
		reader.open(link)
		reader.look("confirm")
		reader.send()
		reader.look("confirm-done")
		reader.forgive("status of 422")
		reader.open(link)
		reader.look("confirm-over")

		w.click(`main a[href*="/login"]`)
		w.login(w.email("link"), password)
		w.wants(w.s.newsURL + "/live")
	})
	j.part("by the code, signed in", func(t *testing.T, w *walk) {
		w.account("code")
		reader := w.onAnotherDevice()
		reader.open(w.s.newsURL + "/live")
		reader.login(w.email("code"), password)
		reader.wantsPage("/verify")
		reader.look("verify")
		reader.write("code", "AAAA-AAAA")
		reader.refused(reader.send(), 422, "code")
		reader.look("verify-refused")
		reader.click(`form[action*="/again"] button`)
		reader.look("verify-again")
		reader.write("code", w.awaitLink(w.email("code"), "/verify/confirm", 2).code(t))
		reader.send()
		reader.wants(w.s.newsURL + "/live")
	})
}

func TestViewerVerifiesTheAddressLater(t *testing.T) {
	j := setOut(t, wanting("verify_email 24h"))
	j.part("by the code, from the account", func(t *testing.T, w *walk) {
		asked := w.s.newsURL + "/live?match=7"
		w.open(asked)
		w.click(`main a[href*="/register"]`)
		w.fill("email", w.email("later"), "password", password)
		w.send()
		w.wants(asked)
		w.open(w.s.sportsURL + "/table")
		w.wants(w.s.sportsURL + "/table")

		const button = `main .actions a[href*="/verify"]`
		w.goTo("/account", w.email("later"))
		w.look("account-unverified")
		unverified := ask(w.chromium, chromedp.Text(chromedp.CSS(".rows .tag")))
		w.click(button)
		w.wantsPage("/verify")
		w.look("verify-later")
		w.click("main .actions a") // not now
		w.goTo("/account", w.email("later"))
		w.click(button)
		w.write("code", "AAAA-AAAA")
		w.refused(w.send(), 422, "code")
		w.write("code", w.awaitLink(w.email("later"), "/verify/confirm", 1).code(t))
		if status := w.send(); status != 200 {
			t.Errorf("the code leads to %s, status %d", w.at(), status)
		}

		w.goTo("/account", w.email("later"))
		w.look("account-verified")
		if verified := ask(w.chromium, chromedp.Text(chromedp.CSS(".rows .tag"))); verified == unverified {
			t.Errorf("the account says %q of the address, before and after", verified)
		}
		if ask(w.chromium, chromedp.Evaluate[bool](`!!document.querySelector('`+button+`')`)) {
			t.Error("the account asks to verify what is verified")
		}
		w.open(w.s.newsURL + "/next")
		w.wants(w.s.newsURL + "/next")
	})
}

func TestViewerIsAskedAgainWhenATextChanges(t *testing.T) {
	j := setOut(t, wanting(terms))
	j.part("accepts", func(t *testing.T, w *walk) {
		w.account("terms")
		w.open(w.s.newsURL + "/first")
		w.login(w.email("terms"), password)
		w.wantsPage("/consents")
		w.look("consents")
		w.refused(w.sendAnyway(), 422, "consent-0")
		w.look("consents-refused")
		w.tick("consent-0")
		w.send()
		w.wants(w.s.newsURL + "/first")
	})
	j.changes(edit(t, wanting(terms), `label "I accept the [terms of use]`, `version 2
				label "I accept the [stricter terms of use]`))
	j.part("is asked again", func(t *testing.T, w *walk) {
		asked := w.s.newsURL + "/second?match=7&half=a%2Fb"
		w.open(asked)
		w.wantsPage("/consents")
		w.look("consents-changed")
		w.do(chromedp.Click(chromedp.CSS(".change summary")))
		w.look("consents-changed-open")
		if before := ask(w.chromium, chromedp.Text(chromedp.CSS(".change details"))); !strings.Contains(before, "I accept the terms of use") {
			t.Errorf("the earlier text is %q", before)
		}
		w.tick("consent-0")
		w.send()
		w.wants(asked)
	})
}

// announcement leads to a version of a consent that will be required some day.
const announcement = `.notice a[href*="/consents"]`

// announces tells whether the page tells of such a version.
func (w *walk) announces() bool {
	w.t.Helper()
	return ask(w.chromium, chromedp.Evaluate[bool](`!!document.querySelector('`+announcement+`')`))
}

func TestViewerAcceptsAnAnnouncedText(t *testing.T) {
	j := setOut(t, wanting(terms))
	j.part("accepts the first", func(t *testing.T, w *walk) {
		w.open(w.s.newsURL + "/first")
		w.click(`main a[href*="/register"]`)
		w.tick("consent-0")
		w.fill("email", w.email("ahead"), "password", password)
		w.send()
		w.wants(w.s.newsURL + "/first")
		if w.open(w.s.hub + "/"); w.announces() {
			t.Error("something is announced")
		}
	})
	j.changes(edit(t, wanting(terms), `label "I accept the [terms of use]`, `version 2
				transition_until 2099-12-31
				label "I accept the [stricter terms of use]`))
	j.part("is not stopped, and accepts the next", func(t *testing.T, w *walk) {
		for _, asked := range []string{w.s.newsURL + "/second?match=7", w.s.sportsURL + "/table"} {
			w.open(asked)
			w.wants(asked)
		}
		w.open(w.s.hub + "/")
		w.look("home-announced")
		w.click(announcement)
		w.wantsPage("/consents")
		w.look("consents-announced")
		w.click("main .actions a") // later
		w.wantsPage("/")

		w.goTo("/account", w.email("ahead"))
		w.look("account-announced")
		w.click(announcement)
		w.refused(w.sendAnyway(), 422, "consent-0")
		w.look("consents-announced-refused")
		w.tick("consent-0")
		w.send()
		for _, page := range []string{"/", "/account"} {
			if w.goTo(page, w.email("ahead")); w.announces() {
				t.Errorf("%s still tells of the new version:\n%s", page, w.shows())
			}
		}
		w.open(w.s.newsURL + "/third")
		w.wants(w.s.newsURL + "/third")
	})
}

func TestViewerIsAskedForWhatBecomesRequired(t *testing.T) {
	asking := func(fields string) string { return wanting("capture {\n" + fields + "\n}") }
	j := setOut(t, asking("field firstNameLastName"))
	j.part("skips", func(t *testing.T, w *walk) {
		w.open(w.s.newsURL + "/first")
		w.click(`main a[href*="/register"]`)
		w.fill("email", w.email("skips"), "password", password)
		w.send()
		w.wantsPage("/capture")
		w.look("capture-optional")
		w.click("button[name=skip]")
		w.wants(w.s.newsURL + "/first")
	})
	j.changes(asking("enforce\nfield firstNameLastName required\nfield birthDate"))
	j.part("is asked again", func(t *testing.T, w *walk) {
		asked := w.s.newsURL + "/second?match=7&half=a%2Fb"
		w.open(asked)
		w.wantsPage("/capture")
		w.look("capture-enforced")
		w.fill("q-firstName", "Ann", "q-lastName", "O’Neill")
		w.send()
		w.wants(asked)
	})
}

func TestViewerMeetsAnError(t *testing.T) {
	j := setOut(t, wanting(brand))
	j.part("here and there", func(t *testing.T, w *walk) {
		w.forgive("status of 4")
		for name, page := range map[string]string{
			"error-nowhere":        w.s.hub + "/nowhere",
			"error-request":        w.s.hub + "/authorize?state=x",
			"error-reset":          w.s.hub + "/reset?token=x",
			"error-confirm":        w.s.hub + "/verify/confirm?token=x",
			"error-undo":           w.s.hub + "/undo-email?token=x",
			"error-site-nowhere":   w.s.newsURL + "/.usher/nowhere",
			"error-site-callback":  w.s.newsURL + "/.usher/callback",
			"error-site-ambiguous": w.s.newsURL + "/assets/b;c/..%2fd",
		} {
			if status := w.open(page); status < 400 || status >= 500 {
				t.Fatalf("%s: status %d", page, status)
			}
			w.look(name)
			if name == "error-request" {
				continue // nobody knows where this viewer is from
			}
			if status := w.click("main .actions a"); status != 200 {
				t.Errorf("%s leads on to %s, status %d", page, w.at(), status)
			}
		}
	})
}
