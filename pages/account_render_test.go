// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// renderAccount renders the pages of the account as renderAll does the others.
func renderAccount(r *Renderer, c Chrome, text, address string, answer func(page string) *httptest.ResponseRecorder) {
	at := time.Unix(1_800_000_000, 0)
	a := Account{
		Chrome: c, Email: text, Notice: text, Error: text, FormAction: address, OnwardURL: address,
		Pages: []AccountPage{{text, address, true}, {text, address, false}},
	}
	proof := Proof{CurrentError: text}
	options := []Option{{Value: text, Text: text, Selected: true, Language: "en", Dir: "ltr"}, {Value: text, Text: text}}
	box := Consent{Name: text, Version: text, Before: text, LinkText: text, LinkURL: address, After: text, Required: true, Error: text}
	r.AccountOverview(answer("account"), 200, AccountOverview{a, at, address, []AccountRow{{a.Pages[1], []string{text, text}, text}, {a.Pages[0], nil, ""}}, Announced{at, address}})
	r.AccountProfile(answer("account_profile"), 200, AccountProfile{a, text, text, text, text, text, text, options})
	r.AccountEmail(answer("account_email"), 200, AccountEmail{a, proof, text, text})
	r.AccountPassword(answer("account_password"), 200, AccountPassword{a, proof, text})
	r.AccountConsents(answer("account_consents"), 200, AccountConsents{a, []AccountConsent{
		{Consent: box, Accepted: true, Answered: text, At: at}, {Consent: box, Declined: true, Answered: text, At: at},
		{Consent: box, Outdated: true, Answered: text, At: at}, {Consent: box},
	}, []AccountAnswer{{text, true, text, at}, {text, false, text, at}}, true, address})
	r.AccountSessions(answer("account_sessions"), 200, AccountSessions{a, []AccountSession{{text, text, text, at, at, true}, {text, "", "", at, at, false}}, true, true})
	r.AccountExport(answer("account_export"), 200, AccountExport{a, proof})
	r.AccountDelete(answer("account_delete"), 200, AccountDelete{a, proof, true, text, address})
	over := a
	over.Title, over.Pages = text, nil
	r.AccountOver(answer("account_over"), 200, AccountOver{over, text, address})
}

func TestAccountPagesSayWhichOneIsShown(t *testing.T) {
	page := renderAll(t, "Nordlys", "/account/x")["account_email"].Body.String()
	if n := strings.Count(page, `<a href="/account/x" aria-current="page">`); n != 1 {
		t.Errorf("%d entries of the menu are current", n)
	}
	if !strings.Contains(page, `<nav class="menu" aria-label="Your account">`) {
		t.Error("the menu has no name")
	}
}

func TestAccountFormsSuitPasswordManagersAndAutofill(t *testing.T) {
	pages := renderAll(t, "", "")
	for page, wants := range map[string][]string{
		"account_profile":  {`autocomplete="given-name"`, `autocomplete="family-name"`, `autocomplete="country"`},
		"account_email":    {`autocomplete="email"`, `autocomplete="current-password"`},
		"account_password": {`autocomplete="username" readonly`, `autocomplete="current-password"`, `autocomplete="new-password"`, `minlength="8"`},
		"account_export":   {`autocomplete="current-password"`},
		"account_delete":   {`autocomplete="current-password"`},
	} {
		for _, want := range wants {
			if !strings.Contains(pages[page].Body.String(), want) {
				t.Errorf("%s has no %s", page, want)
			}
		}
	}
}

// Who has no password is asked for none.
func TestWithoutPasswordThereIsNoFormForIt(t *testing.T) {
	r := mustRenderer(t)
	without := Proof{ForgotURL: "/forgot"}
	for page, show := range map[string]func(*httptest.ResponseRecorder){
		"email":    func(w *httptest.ResponseRecorder) { r.AccountEmail(w, 200, AccountEmail{Proof: without}) },
		"password": func(w *httptest.ResponseRecorder) { r.AccountPassword(w, 200, AccountPassword{Proof: without}) },
		"export":   func(w *httptest.ResponseRecorder) { r.AccountExport(w, 200, AccountExport{Proof: without}) },
		"delete":   func(w *httptest.ResponseRecorder) { r.AccountDelete(w, 200, AccountDelete{Proof: without}) },
	} {
		w := httptest.NewRecorder()
		show(w)
		if body := w.Body.String(); strings.Contains(body, "<form") || !strings.Contains(body, `href="/forgot"`) {
			t.Errorf("%s: %s", page, body)
		}
	}
}

// A consent is taken back as it is given: no box insists on being ticked.
func TestNoConsentInTheAccountIsRequiredByTheBrowser(t *testing.T) {
	w := httptest.NewRecorder()
	mustRenderer(t).AccountConsents(w, 200, AccountConsents{Consents: []AccountConsent{{Consent: Consent{Name: "terms", Version: "1", Required: true}}}})
	box := `<input type="checkbox" id="consent-0" name="consent.terms" value="1" aria-describedby="consent-0-state">`
	if !strings.Contains(w.Body.String(), box) {
		t.Errorf("no %s in %s", box, w.Body)
	}
}

func TestNamesInTheAccountAreText(t *testing.T) {
	w := httptest.NewRecorder()
	mustRenderer(t).AccountProfile(w, 200, AccountProfile{FirstName: `<b>&"`, LastName: `"><script>`})
	body := w.Body.String()
	if !strings.Contains(body, `value="&lt;b&gt;&amp;&#34;"`) || strings.Contains(body, "<b>") || strings.Contains(body, `"><script>`) {
		t.Error(body)
	}
}
