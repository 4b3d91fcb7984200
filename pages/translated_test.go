// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/pages"
)

func init() {
	translated := terms("1")
	translated.Texts = map[string]authstore.ConsentText{"de": {Label: "Ich akzeptiere die [Bedingungen](https://example.com/de)."}}
	configs["translated"] = []authstore.Publisher{{ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{translated, marketing}}}
	again := terms("2")
	configs["translated no longer"] = []authstore.Publisher{{ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{again}}}
	configs["german and french sandbox"] = []authstore.Publisher{{
		ID: 100000001, Name: "Nordlys", Sites: ours, Languages: []string{"de", "fr"}, Sandbox: true,
	}}
	configs["german only"] = []authstore.Publisher{{ID: 100000001, Name: "Nordlys", Sites: ours, Languages: []string{"de"}}}
}

func TestConsentsAreReadInTheViewersLanguageAndTheEvidenceSaysWhich(t *testing.T) {
	const german, english = "Ich akzeptiere die ", "I accept version 1 of the "
	for language, want := range map[string]struct{ text, evidence string }{
		"de": {german, "de"}, "en": {english, ""}, "fr": {english, ""},
	} {
		w := newWorld(t)
		w.configure(t, "translated")
		if page := w.page("/register?ui_locales="+language, "").Body.String(); !strings.Contains(page, want.text) {
			t.Errorf("%s: the form lacks %q", language, want.text)
		}
		cookie := cookieOfHub(t, w.form("/register?ui_locales="+language, nil,
			"email", "anna@example.com", "password", password, "consent.terms", "1"))
		c, _, err := w.store.CustomerByIdentity(w.ctx, 100000001, authstore.ProviderPassword, "anna@example.com")
		must(t, err)
		history, err := w.store.ConsentHistory(w.ctx, c.ID)
		must(t, err)
		if len(history) != 2 || history[0].Language != want.evidence || history[1].Language != "" {
			t.Errorf("%s: evidence %+v", language, history)
		}
		// What was read then is shown as it was, in whichever language the page is.
		if page := w.page("/account/consents?ui_locales=pl", cookie).Body.String(); !strings.Contains(page, want.text) {
			t.Errorf("%s: the history lacks %q", language, want.text)
		}
		w.configure(t, "translated no longer")
		if page := w.page("/consents?ui_locales=pl", cookie).Body.String(); !strings.Contains(page, want.text) {
			t.Errorf("%s: the earlier text is not %q", language, want.text)
		}
	}
}

func TestPagesAreShownInThePublishersLanguagesOnly(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "german and french sandbox")
	for query, want := range map[string]string{"": "de", "?ui_locales=fr": "fr", "?ui_locales=pl": "de"} {
		page := w.page("/login"+query, "").Body.String()
		if !strings.Contains(page, `<html lang="`+want+`"`) {
			t.Errorf("%q is not answered in %s", query, want)
		}
		if !strings.Contains(page, `hreflang="fr"`) || !strings.Contains(page, `hreflang="de"`) || strings.Contains(page, `hreflang="pl"`) {
			t.Errorf("%q: the menu has other languages than the publisher", query)
		}
		if !strings.Contains(page, `class="sandbox"`) {
			t.Errorf("%q: it does not say that it is a sandbox", query)
		}
	}
	w.configure(t, "german only")
	if page := w.page("/login", "").Body.String(); strings.Contains(page, languageLinks) || strings.Contains(page, "sandbox") {
		t.Error("a menu of one language is shown")
	}
}

func TestGatePagesKeepToThePublishersLanguagesAndSayThatItIsASandbox(t *testing.T) {
	catalog, err := i18n.Load()
	must(t, err)
	renderer, err := pages.NewRenderer(catalog)
	must(t, err)
	directory, err := publisher.NewDirectory(configs["german and french sandbox"])
	must(t, err)
	site := pages.SitePages{Hub: hub, Renderer: renderer, Directory: directory}
	r := httptest.NewRequest(http.MethodGet, "https://news.example.com/.usher/callback", nil)
	r.Header.Set("Accept-Language", "pl")
	recorder := httptest.NewRecorder()
	site.Problem(recorder, r, gate.Problem{Kind: gate.ProblemExpired, Status: 400, Site: "https://news.example.com"})
	if page := recorder.Body.String(); !strings.Contains(page, `<html lang="de"`) || !strings.Contains(page, `class="sandbox"`) {
		t.Errorf("answered with %s", page)
	}
}
