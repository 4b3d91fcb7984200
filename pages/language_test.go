// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/pages"
)

const languageLinks = `<nav class="languages"`

func TestPagesThatCanBeOpenedAgainLinkToOtherLanguages(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	page := w.page("/login?ui_locales=de&site=x", "").Body.String()
	for _, want := range []string{
		languageLinks + ` aria-label="Sprache"`,
		`<a href="/login?site=x&amp;ui_locales=ar" lang="ar" hreflang="ar" dir="rtl">العربية</a>`,
		`<a href="/login?site=x&amp;ui_locales=de" lang="de" hreflang="de" dir="ltr" aria-current="true">Deutsch</a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	if page := w.page("/nowhere", "").Body.String(); !strings.Contains(page, languageLinks) {
		t.Error("a page that does not exist has none")
	}
}

// What was typed would be lost.
func TestAnswersToFormsDoNotLinkToOtherLanguages(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	if page := w.form("/login", nil, "email", "anna@example.com", "password", password).Body.String(); strings.Contains(page, languageLinks) {
		t.Error("a refused login links to other languages")
	}
}

func TestGatePagesSpeakTheBrowsersLanguage(t *testing.T) {
	catalog, err := i18n.Load()
	must(t, err)
	renderer, err := pages.NewRenderer(catalog)
	must(t, err)
	directory, err := publisher.NewDirectory(configs["plain"])
	must(t, err)
	site := pages.SitePages{Hub: hub, Renderer: renderer, Directory: directory}
	for accept, want := range map[string]string{"": "Please sign in again", "pl, en;q=0.5": "Zaloguj się ponownie", "ar-EG": "يُرجى تسجيل الدخول مجددًا"} {
		r := httptest.NewRequest("GET", "https://news.example.com/.usher/callback?ui_locales=de", nil)
		r.Header.Set("Accept-Language", accept)
		recorder := httptest.NewRecorder()
		site.Problem(recorder, r, gate.Problem{Kind: gate.ProblemExpired, Status: 400, Site: "https://news.example.com"})
		if page := recorder.Body.String(); !strings.Contains(page, "<h1>"+want+"</h1>") || strings.Contains(page, languageLinks) {
			t.Errorf("%q: %s", accept, page)
		}
	}
}

func TestPasswordManagersAreLedToThePasswordPage(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	for address, want := range map[string]string{
		"/.well-known/change-password":                       "/account/password",
		"/.well-known/change-password?publisher=100000001":   "/account/password?publisher=100000001",
		"/.well-known/change-password?x=//evil.test/%0d%0aX": "/account/password?x=//evil.test/%0d%0aX",
	} {
		a := w.page(address, "")
		if a.Code != 303 || a.Header().Get("Location") != want || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d to %q", address, a.Code, a.Header().Get("Location"))
		}
	}
}

// Whoever only looks costs no disk: a fault that waits for the next write is
// still there afterwards.
func TestPagesForStrangersWriteNothing(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "consents")
	w.faulty.FailUpdate(errDown)
	for _, address := range []string{"/", "/login", "/register", "/forgot", "/logout", "/signed-out", "/nowhere", "/reset?token=x", "/.well-known/change-password"} {
		if a := w.page(address, ""); a.Code >= 500 {
			t.Errorf("%s: %d", address, a.Code)
		}
	}
	if a := w.form("/register", nil, "email", "anna@example.com", "password", password, "consent.terms", "1"); a.Code != 500 {
		t.Errorf("a registration, which writes, answers %d: something wrote before it", a.Code)
	}
}
