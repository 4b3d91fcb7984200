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
