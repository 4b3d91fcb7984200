// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// wanting is the Caddyfile of a publisher with options of its own.
func wanting(options string) string {
	return strings.Replace(standard, "offers S100000001_US", strings.TrimSpace(options), 1)
}

const (
	terms = `
			consent terms {
				label "I accept the [terms of use]({{.Hub}}/terms)."
				value {{.Hub}}/terms
				required
			}
			consent news {
				label "Send me news about new programmes."
			}`
	brand = `
			brand {
				color e8590c
				link terms https://media.example/terms
				link "Our shop" https://shop.example
			}`
	questions = `
			capture {
				field email
				field firstNameLastName required
				field birthDate required
				field address
				field phoneNumber
				question custom_1 "Which club do you follow?" required {
					choice Reds
					choice Blues
				}
				question custom_2 "How did you hear of us?" {
					choice "A friend"
					choice Television
					choice "The web"
				}
				question custom_3 "Tell me about tickets" {
					choice Yes
				}
			}`
)

// face is a whole brand: PICTURES is the folder of its pictures.
const face = `
			brand {
				logo PICTURES/logo.svg
				favicon PICTURES/icon.svg
				color ffd43b
				link privacy https://media.example/privacy
				link "Our shop" https://shop.example
			}`

func TestViewerSeesTheBrand(t *testing.T) {
	pictures, err := filepath.Abs(filepath.Join("testdata", "brand"))
	if err != nil {
		t.Fatal(err)
	}
	j := setOut(t, wanting(strings.ReplaceAll(face, "PICTURES", pictures)))
	j.part("at the hub and at a site", func(t *testing.T, w *walk) {
		w.open(w.s.newsURL + "/live")
		w.wears("login-branded")
		w.click(`main a[href*="/register"]`)
		w.wears("register-branded")
		w.fill("email", w.email("brand"), "password", password)
		w.send()
		w.wants(w.s.newsURL + "/live")
		w.open(w.s.hub + "/")
		w.wears("home-branded")
		w.goTo("/account/profile", w.email("brand"))
		w.wears("account-profile-branded")
		w.open(w.s.newsURL + "/.usher/logout")
		w.wears("sign-out-branded")
	})
}

// wears checks that a page has the face of the publisher.
func (w *walk) wears(name string) {
	w.t.Helper()
	worn := ask(w.chromium, chromedp.Evaluate[[]string](`(logo => [
		logo?.alt, String(logo?.complete && logo.naturalWidth > 0), document.querySelector("link[rel=icon]")?.href.split(".").pop(),
		String([...document.styleSheets].some(sheet => sheet.href.includes("/brand.") || sheet.href.includes("/brand-"))),
		...[...document.querySelectorAll(".links a")].map(link => link.href),
	])(document.querySelector("header img"))`))
	want := []string{"Example Media", "true", "svg", "true", "https://media.example/privacy", "https://shop.example/"}
	if !slices.Equal(worn, want) {
		w.t.Errorf("%s wears %q, want %q", name, worn, want)
	}
	w.look(name)
}

func TestViewerSignsUp(t *testing.T) {
	j := setOut(t, wanting(terms+questions+brand))
	j.part("registers and roams", func(t *testing.T, w *walk) {
		asked := w.s.newsURL + "/live?match=7&half=a%2Fb"
		w.open(asked)
		w.wantsPage("/login")
		w.look("login")
		w.click(`main a[href*="/register"]`)
		w.wantsPage("/register")
		w.look("register")

		w.refused(w.sendAnyway(), 422, "consent-0")
		w.tick("consent-0")
		w.fill("email", "nobody", "password", password)
		w.refused(w.sendAnyway(), 422, "email")
		w.fill("email", w.email("signup"), "password", "12345678")
		w.refused(w.send(), 422, "password")
		w.look("register-refused")
		w.write("password", password)
		w.send()

		w.wantsPage("/capture")
		w.look("capture")
		w.refused(w.sendAnyway(), 422, "q-firstName", "q-lastName", "q-birthDate", "q-custom_1-0")
		w.look("capture-refused")
		w.fill("q-firstName", "Ann", "q-lastName", "O’Neill", "q-city", "القاهرة")
		w.do(chromedp.SetValue(chromedp.ID("q-birthDate"), "1990-02-28"))
		w.tick("q-custom_1-1")
		w.tick("q-custom_3-0")
		w.send()
		w.wants(asked)

		second := w.s.sportsURL + "/table?league=1"
		w.open(second)
		w.wants(second)
		if shown := ask(w.chromium, chromedp.Text(chromedp.ID("email"))); shown != w.email("signup") {
			t.Errorf("the second site shows %q", shown)
		}
		w.click("form button")
		w.wantsPage("/signed-out")
		w.look("signed-out")
		w.open(asked)
		w.wantsPage("/login")
	})
}

func TestViewerSignsInAndOut(t *testing.T) {
	j := setOut(t, wanting(brand))
	j.part("signs in and out", func(t *testing.T, w *walk) {
		w.account("signin")
		w.open(w.s.hub + "/")
		w.look("welcome")
		w.open(w.s.newsURL + "/live")
		w.refused(w.login(w.email("signin"), "wrong-password-1"), 401)
		w.look("login-refused")
		if kept := ask(w.chromium, chromedp.Value(chromedp.ID("email"))); kept != w.email("signin") {
			t.Errorf("the form has kept the address %q", kept)
		}
		w.login(w.email("signin"), password)
		w.wants(w.s.newsURL + "/live")
		w.open(w.s.sportsURL + "/table")
		w.wants(w.s.sportsURL + "/table")

		w.open(w.s.hub + "/")
		w.look("home")
		w.open(w.s.hub + "/logout")
		w.look("sign-out")
		w.open(w.s.newsURL + "/.usher/logout")
		w.look("sign-out-at-a-site")
		w.send()
		w.wantsPage("/signed-out")
		w.open(w.s.sportsURL + "/table")
		w.wantsPage("/login")
	})
}

// fresh is what viewers choose in place of their first password.
const fresh = "copper-lantern-72-river"

func TestViewerForgetsThePassword(t *testing.T) {
	j := setOut(t, wanting(""))
	forgets := func(w *walk, name string) {
		w.account(name)
		w.open(w.s.newsURL + "/live")
		w.click(`main a[href*="/forgot"]`)
		w.look("forgot")
		w.write("email", "nobody")
		w.refused(w.sendAnyway(), 422, "email")
		w.look("forgot-refused")
		w.write("email", w.email(name))
		w.send()
		w.look("forgot-sent")
	}
	j.part("by the link", func(t *testing.T, w *walk) {
		forgets(w, "link")
		link := w.awaitLink(w.email("link"), "/reset", 1).link(t)
		w.open(link)
		w.look("reset")
		w.write("password", "12345678")
		w.refused(w.send(), 422, "password")
		w.look("reset-refused")
		w.write("password", fresh)
		w.send()
		w.look("reset-done")
		w.click("main a.primary")
		w.login(w.email("link"), fresh)
		w.wants(w.s.newsURL + "/live")
		w.forgive("status of 422")
		w.open(link)
		w.look("reset-over")
	})
	j.part("by the code", func(t *testing.T, w *walk) {
		reader := w.onAnotherDevice()
		forgets(reader, "code")
		code := w.awaitLink(w.email("code"), "/reset", 1).code(t)
		reader.write("code", "AAAA-AAAA")
		reader.refused(reader.send(), 422, "code")
		reader.look("forgot-code-refused")
		reader.write("code", strings.ToLower(strings.ReplaceAll(code, "-", " ")))
		reader.send()
		reader.wantsPage("/reset")
		reader.write("password", fresh)
		reader.send()
		reader.click("main a.primary")
		reader.login(w.email("code"), fresh)
		reader.wants(w.s.newsURL + "/live")
	})
}
