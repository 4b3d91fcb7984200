// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// asked is a publisher's questions of every kind, all with the same words.
func asked(text string) authstore.Capture {
	return authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{
		{Key: "email"}, {Key: "firstNameLastName", Required: true}, {Key: "birthDate"}, {Key: "address", Required: true},
		{Key: "phoneNumber"}, {Key: "companyName"},
		{Key: "custom_1", Question: text, Required: true},
		{Key: "custom_2", Question: text, Choices: []string{text}},
		{Key: "custom_3", Question: text, Choices: []string{text, "no"}, Required: true},
		{Key: "custom_4", Question: text, Choices: []string{text, "b", "c"}},
	}}
}

// renderSteps renders the pages of the steps for renderIn.
func renderSteps(r *Renderer, answer func(page string) *httptest.ResponseRecorder, c Chrome, text, address string) {
	v := visit{language: c.Language}
	list := questions(v, asked(text), time.Unix(1_800_000_000, 0), func(string) string { return text })
	for i := range list {
		for j := range list[i].Questions {
			list[i].Questions[j].Error = text
		}
	}
	r.Capture(answer("capture"), 200, Capture{c, list, address, text == "", address, text})
	r.AccountAnswers(answer("account_answers"), 200, AccountAnswers{Account{Chrome: c, Email: text, Notice: text, Error: text, FormAction: address, OnwardURL: address}, list})
	needed := c
	needed.WithoutURL = address
	r.Reauthenticate(answer("reauthenticate"), 200, Reauthenticate{needed, Proof{CurrentError: text}, address, text, text, address, address})
	r.Verify(answer("verify"), 200, Verify{c, address, text, text, text, text, address, address, address, address, address})
	r.Confirm(answer("confirm"), 200, Confirm{c, address, text, text, address})
	r.Undo(answer("undo"), 200, Undo{c, address, text, true, text, text, text})
}

func TestQuestionsAreAskedAsTheirChoicesAre(t *testing.T) {
	r := mustRenderer(t)
	v := visit{language: r.catalog.Choose("en")}
	answers := map[string]string{"email": "anna@example.com", "country": "no", "custom_2": "Fans", "custom_3": "No", "custom_4": "Hockey"}
	settings := asked("?")
	settings.Fields[7].Choices = []string{"Fans"}
	settings.Fields[8].Choices = []string{"Yes", "No"}
	settings.Fields[9].Choices = []string{"Football", "Hockey", "Chess"}
	w := httptest.NewRecorder()
	r.Capture(w, 200, Capture{Questions: questions(v, settings, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), func(name string) string { return answers[name] })})
	for _, want := range []string{
		`<input type="email" id="q-email" value="anna@example.com" dir="ltr" autocomplete="email" readonly>`,
		`<input type="text" id="q-firstName" name="firstName" value="" dir="auto" maxlength="50" autocomplete="given-name" required>`,
		`maxlength="50" autocomplete="family-name" required>`,
		`<input type="date" id="q-birthDate" name="birthDate" value="" dir="ltr" min="1900-01-01" max="2026-03-01" autocomplete="bday">`,
		`<fieldset class="group">` + "\n<legend>Address</legend>",
		`autocomplete="address-line1" required>`, `autocomplete="address-line2">`, `autocomplete="address-level2" required>`,
		`autocomplete="address-level1">`, `maxlength="20" autocomplete="postal-code" required>`,
		`<select id="q-country" name="country" autocomplete="country" required>` + "\n" + `<option value="">Please choose</option>`,
		`<option value="NO" selected>Norway</option>`,
		`<input type="tel" id="q-phoneNumber" name="phoneNumber" value="" dir="ltr" maxlength="50" autocomplete="tel">`,
		`autocomplete="organization">`,
		`<input type="text" id="q-custom_1" name="custom_1" value="" dir="auto" maxlength="250" required>`,
		`<input type="checkbox" id="q-custom_2-0" name="custom_2" value="Fans" checked>`,
		`<input type="radio" id="q-custom_3-0" name="custom_3" value="Yes" required>`,
		`<input type="radio" id="q-custom_3-1" name="custom_3" value="No" checked required>`,
		`<select id="q-custom_4" name="custom_4">`, `<option value="Hockey" selected>Hockey</option>`,
		`<span class="tag">(required)</span>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
}

func TestWordsOfQuestionsAreText(t *testing.T) {
	r := mustRenderer(t)
	v := visit{language: r.catalog.Choose("en")}
	const text = `<b>&"'`
	list := questions(v, asked(text), time.Now(), func(string) string { return text })
	list.refuse(v, map[string]error{"custom_3": errTest, "custom_1": errTest})
	w := httptest.NewRecorder()
	r.Capture(w, 422, Capture{Questions: list})
	if strings.Contains(w.Body.String(), "<b>") || !strings.Contains(w.Body.String(), `value="&lt;b&gt;&amp;&#34;&#39;"`) {
		t.Errorf("not escaped: %s", w.Body)
	}
	for _, want := range []string{
		`<li><a href="#q-custom_1">` + "\u2068" + `&lt;b&gt;&amp;&#34;&#39;` + "\u2069" + ` – Please use at most 250 characters.</a></li>`,
		`<li><a href="#q-custom_3-0">` + "\u2068" + `&lt;b&gt;&amp;&#34;&#39;` + "\u2069" + ` – Please choose one of the answers.</a></li>`,
		`aria-invalid="true" aria-describedby="q-custom_3-error">`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
}

var errTest = errors.New("wrong")

// What is new or changed is said in words, and the text before can be read.
func TestConsentSaysHowItChanged(t *testing.T) {
	r := mustRenderer(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := httptest.NewRecorder()
	r.Consents(w, 200, Consents{Consents: []Consent{
		{Name: "terms", Version: "2", Before: "I accept.", Required: true, Earlier: &EarlierConsent{
			Version: `1"<b>`, Accepted: true, Time: at, Before: "I accepted the ", LinkText: "old <b>", LinkURL: "https://a.example/old", After: ".", Value: "https://a.example/value"}},
		{Name: "tips", Version: "2", Before: "Tips.", Earlier: &EarlierConsent{Version: "1", Time: at}},
		{Name: "age", Version: "1", Before: "Of age.", Earlier: &EarlierConsent{Version: "1", Time: at}},
		{Name: "news", Version: "1", Before: "News.", New: true},
	}})
	page := regexp.MustCompile(`</?(?:bdi|time)[^>]*>`).ReplaceAllString(w.Body.String(), "")
	for _, want := range []string{
		"Changed: you accepted version 1&#34;&lt;b&gt; on March 1, 2026; this is version 2.",
		"<summary>Show the earlier text</summary>\n<p>I accepted the <a href=\"https://a.example/old\" target=\"_blank\" rel=\"noopener\">old &lt;b&gt;",
		`<a href="https://a.example/value" target="_blank" rel="noopener">https://a.example/value`,
		"Changed: you declined version 1 on March 1, 2026; this is version 2.",
		"You declined this on March 1, 2026.",
		`<span class="badge">New</span>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	if strings.Count(page, "<details>") != 1 {
		t.Error("a text that is not known is shown")
	}
}
