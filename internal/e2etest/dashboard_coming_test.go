// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/authstore"
)

// demand is what a page asks a viewer to agree to who must.
type demand struct{ Language, Label, Link string }

// The texts of house_rules, as editors write them and as viewers read them.
var (
	rules = map[string]string{
		"en": "I accept the [house rules](https://media.example/rules).",
		"de": "Ich akzeptiere die [Hausordnung](https://media.example/de/rules).",
		"ar": "أوافق على [قواعد الموقع](https://media.example/ar/rules).",
	}
	rulesIn = map[string]demand{
		"en": {"en", "I accept the house rules.", "https://media.example/rules"},
		"de": {"de", "Ich akzeptiere die Hausordnung.", "https://media.example/de/rules"},
		"ar": {"ar", "أوافق على قواعد الموقع.", "https://media.example/ar/rules"},
		"fr": {"fr", "I accept the house rules.", "https://media.example/rules"}, // nobody has translated them
	}
	newRules = map[string]string{
		"en": "I accept the [new house rules](https://media.example/rules/2).",
		"ar": "أوافق على [القواعد الجديدة](https://media.example/ar/rules/2).",
	}
	newRulesIn = map[string]demand{
		"en": {"en", "I accept the new house rules.", "https://media.example/rules/2"},
		"ar": {"ar", "أوافق على القواعد الجديدة.", "https://media.example/ar/rules/2"},
	}
)

// speaks sets the language of the viewer's browser.
func (w *walk) speaks(language string) *walk {
	w.t.Helper()
	w.language = language
	tell(w.chromium, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
	return w
}

// registers goes to the page where accounts are made.
func (w *walk) registers() *walk {
	w.t.Helper()
	w.open(w.s.newsURL + "/live")
	w.wantsPage("/login")
	w.click(`main a[href*="/register"]`)
	return w
}

// asks returns what the page insists on, and in which language it is.
func (w *walk) asks() demand {
	w.t.Helper()
	return ask(w.chromium, chromedp.Evaluate[demand](`(() => {
		const label = document.querySelector("input[type=checkbox][required] ~ label")?.cloneNode(true)
		label?.querySelectorAll(".tag, .newtab, .visually-hidden").forEach(part => part.remove())
		return {Language: document.documentElement.lang, Label: label?.innerText.trim() ?? "", Link: label?.querySelector("a")?.href ?? ""}
	})()`))
}

// wantsAsked checks what the page insists on.
func (w *walk) wantsAsked(want demand) {
	w.t.Helper()
	if got := w.asks(); got != want {
		w.t.Errorf("%s asks %+v, want %+v", w.at(), got, want)
	}
}

// accepts agrees to that and goes on.
func (w *walk) accepts() {
	w.t.Helper()
	w.do(chromedp.Click(chromedp.CSS("input[type=checkbox][required]")))
	w.send()
}

// textIn returns the id of the field for a text in another language than the first.
func (c *colleague) textIn(form, language string) string {
	c.t.Helper()
	return form + "-" + ask(c.chromium, chromedp.Evaluate[string](fmt.Sprintf(
		`document.querySelector("main input[name^='texts.'][value=%s]").name.replace("language", "label")`, language)))
}

// translations is how a consent is asked for in the languages of viewers.
func (o *office) translations(t *testing.T) {
	v := o.viewer.speaks("ar")
	o.joins("layla@viewer.test", o.newsURL+"/live")

	c := o.editor.page("consents")
	german, arabic := c.textIn("new-form", "de"), c.textIn("new-form", "ar")
	c.fill("new-form-name", "house_rules", "new-form-label", rules["en"], arabic, rules["ar"], german, rules["de"]+rules["de"])
	c.set("new-form-kind", "terms").check("new-form-required")
	c.refused(c.press(c.form("consent.save")), 422, german) // two links
	c.fill(german, rules["de"]).does("consent.save")
	drafted := ask(c.chromium, chromedp.Evaluate[map[string]string](`Object.fromEntries([...document.querySelectorAll("main blockquote[lang] a")].map(link => [link.closest("[lang]").lang, link.href]))`))
	if len(drafted) != 2 || drafted["de"] != rulesIn["de"].Link || drafted["ar"] != rulesIn["ar"].Link {
		t.Errorf("the draft leads to %q", drafted)
	}
	o.stranger.speaks("de").registers().wantsAsked(demand{Language: "de"})
	c.does("consent.publish", "house_rules", "1").says("In force")

	for language, want := range rulesIn {
		o.stranger.speaks(language).registers().wantsAsked(want)
	}
	v.open(o.newsURL + "/live")
	v.wantsPage("/consents")
	v.wantsAsked(rulesIn["ar"])
	v.accepts()
	v.wants(o.newsURL + "/live")

	w := o.window(false).speaks("de").registers()
	w.t = t
	w.fill("email", "dirk@viewer.test", "password", password)
	w.accepts()
	w.wants(o.newsURL + "/live")
	o.support.page("customers/" + o.customer("dirk@viewer.test"))
	read := ask(o.support.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main details:has(table)")].filter(part => part.innerText.includes("house_rules"))
		.flatMap(part => [...part.querySelectorAll(".note")].map(note => note.textContent))`))
	if len(read) != 1 || read[0] != "de" {
		t.Errorf("on record are texts in the languages %q", read)
	}
}

// speech returns the ids of the boxes by which an owner chooses languages.
func (c *colleague) speech(languages ...string) (ids []string) {
	c.t.Helper()
	for _, language := range languages {
		ids = append(ids, ask(c.chromium, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector("[name=languages][value=%s]").id`, language))))
	}
	return ids
}

// languages is how an owner says in which languages viewers are spoken to.
func (o *office) languages(t *testing.T) {
	c, w := o.owner, o.stranger
	for _, tt := range []struct {
		click   []string // boxes
		settled string
		offered int // to choose from, below the page
		spoken  map[string]string
	}{
		{[]string{"en", "de"}, "English, Deutsch", 2, map[string]string{"ar": "en", "fr": "en", "de": "de"}},
		{[]string{"en"}, "Deutsch", 0, map[string]string{"ar": "de", "en": "de"}},
		{[]string{"de"}, "All", 8, map[string]string{"ar": "ar"}},
	} {
		c.page("settings").check(c.speech(tt.click...)...).does("settings.save")
		o.reader.page("settings")
		if said := ask(o.reader.chromium, chromedp.Evaluate[string](`[...document.querySelectorAll("dt")].find(term => term.innerText == "Languages").nextElementSibling.innerText`)); said != tt.settled {
			t.Errorf("the languages are %q, want %q", said, tt.settled)
		}
		for language, want := range tt.spoken {
			w.speaks(language).registers().wantsAsked(rulesIn[want])
			if offered := ask(w.chromium, chromedp.Evaluate[int](`document.querySelectorAll("nav.languages li").length`)); offered != tt.offered {
				t.Errorf("%d languages are offered, want %d", offered, tt.offered)
			}
		}
	}
	w.speaks("en")
}

// home returns the address of the hub's first page for viewers of news.
func (o *office) home() string { return o.hub + "/?site=" + url.QueryEscape(o.newsURL) }

// versionToCome is a version that nobody is asked for yet.
func (o *office) versionToCome(t *testing.T) {
	c, v := o.editor.page("consents/house_rules"), o.viewer
	c.fill("write-form-label", newRules["en"], c.textIn("write-form", "ar"), newRules["ar"]).does("consent.save")
	c.set("v-0-publish-begins", days(3), "v-0-publish-transitionUntil", days(9)).does("consent.publish", "house_rules", "2")
	c.says("Scheduled", "Earlier versions do until")
	c.page("consents").says("1 version scheduled")

	o.stranger.registers().wantsAsked(rulesIn["en"])
	v.open(o.home())
	v.wantsPage("/")
	if v.announces() {
		t.Error("a version is announced that has not begun")
	}
	v.open(o.newsURL + "/live")
	v.wants(o.newsURL + "/live")
	c.page("consents/house_rules").does("consent.unpublish", "house_rules", "2").says("Draft")
}

// days returns a moment so many days from now, as browsers send it.
func days(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format("2006-01-02T15:04") }

// versionComes is that version when its time has come.
func (o *office) versionComes(t *testing.T) {
	c, v := o.editor.page("consents/house_rules"), o.viewer
	c.set("v-0-publish-transitionUntil", days(9))
	// Browsers that have no field for times let them be written, to the second.
	ask(c.chromium, chromedp.Evaluate[bool](`document.getElementById("v-0-publish-begins").type = "text", true`))
	begins := time.Now().UTC().Add(4 * time.Second).Truncate(time.Second)
	c.fill("v-0-publish-begins", begins.Format(time.RFC3339)).does("consent.publish", "house_rules", "2")
	if page := c.reads(); time.Now().Before(begins) && !strings.Contains(page, "Scheduled") {
		t.Errorf("before its time the version is not to come:\n%s", page)
	}
	waitUntil(t, "the moment that it begins", func() bool { return !time.Now().Before(begins) })
	waitUntil(t, "the version in force", func() bool {
		v.open(o.home())
		return v.announces()
	})

	v.open(o.newsURL + "/live?in=transition")
	v.wants(o.newsURL + "/live?in=transition")
	v.open(o.home())
	v.click(announcement)
	v.wantsPage("/consents")
	v.wantsAsked(newRulesIn["ar"])
	v.click("main .actions a") // later
	v.wantsPage("/")
	o.stranger.registers().wantsAsked(newRulesIn["en"])
	c.page("consents/house_rules").says("In force", "Earlier versions do until", "Version 1")
	c.page("consents").says("house_rules, version 2", "Answered an earlier version 2 % 2")
}

// versionBinds is that version when the time of transition has passed, which no test
// can wait for: all that happens aside is that it ends in a moment.
func (o *office) versionBinds(t *testing.T) {
	var until time.Time
	o.aside(func(b authstore.Backend) error {
		return b.Update(t.Context(), func(tx authstore.Tx) error {
			var at string
			var v authstore.ConsentVersion
			err := tx.Scan("managed_versions", "", "", func(key string, value []byte) error {
				if at == "" || v.Version != "2" {
					at = key
					return json.Unmarshal(value, &v)
				}
				return nil
			})
			if err != nil || v.Name != "house_rules" || v.Version != "2" {
				return fmt.Errorf("version 2 is not there, but %+v: %v", v, err)
			}
			until = time.Now().Add(time.Second)
			v.TransitionUntil = until
			value, err := json.Marshal(v)
			if err != nil {
				return err
			}
			return tx.Put("managed_versions", at, value)
		})
	})
	waitUntil(t, "the end of the transition", func() bool { return !time.Now().Before(until) })
	v, page := o.viewer, o.newsURL+"/live?after=it"
	for range 2 { // going there again does not help
		v.open(page)
		v.wantsPage("/consents")
		v.wantsAsked(newRulesIn["ar"])
	}
	if v.finds("main .actions a") {
		t.Error("the page can be left for later")
	}
	v.open(o.home())
	v.wantsPage("/consents")
	v.open(page)
	v.refused(v.sendAnyway(), 422, "consent-0")
	v.accepts()
	v.wants(page)
	o.editor.page("consents/house_rules").says("Accepted by1")
}
