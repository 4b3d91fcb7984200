// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// consents is how staff begin to ask for consents.
func (o *office) consents(t *testing.T, c *colleague) {
	w, name := o.viewer, c.own("terms")
	c.page("consents").says("news", "Configuration file")
	c.page("consents/news").says("Set in the server's configuration file")
	if c.finds(`main form[method=post]`) {
		t.Error("the declared consent has forms")
	}

	c.page("consents").fill("new-form-name", "Programme Terms", "new-form-version", "1", "new-form-label", "I accept the ["+name+"](https://media.example/terms).")
	c.refused(c.press(c.form("consent.save")), 422, "new-form-name")
	c.fill("new-form-name", name).set("new-form-kind", "terms").check("new-form-required").does("consent.save")
	c.wantsPage(c.at("consents/" + name))
	c.look("staff-consent-draft")
	c.says("Draft", "I accept the "+name+".")
	w.open(o.newsURL + "/live")
	w.wants(o.newsURL + "/live") // nobody is asked for a draft
	c.does("consent.publish", name, "1").says("In force")

	w.open(o.newsURL + "/live")
	w.wantsPage("/consents")
	if asked := w.shows(); !strings.Contains(asked, "I accept the "+name) {
		t.Errorf("the viewer is asked\n%s", asked)
	}
	w.tick("consent-0")
	w.send()
	w.wants(o.newsURL + "/live")
	c.page("consents/" + name).says("Accepted by1")
	c.click(`a[href*="/preview/register"]`)
	if preview := c.shows(); !strings.Contains(preview, "I accept the "+name) {
		t.Errorf("the preview shows\n%s", preview)
	}
}

// versions is how consents change, and end.
func (o *office) versions(t *testing.T, c *colleague) {
	terms, partners := c.own("terms"), c.own("partner_mail")
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format("2006-01-02T15:04") }
	if version := ask(c.page("consents/"+terms).chromium, chromedp.Value(chromedp.ID("write-form-version"))); version != "2" {
		t.Errorf("the next version is called %q", version)
	}
	c.fill("write-form-label", "I accept the [new "+terms+"](https://media.example/terms).").does("consent.save")
	c.says("Changes since version 1")
	if !c.finds("main ins") || !c.finds("main del") && !strings.Contains(c.reads(), "new "+terms) {
		t.Error("nothing is marked as new")
	}
	publish := c.form("consent.publish", terms, "2")
	c.set("v-0-publish-begins", day(3), "v-0-publish-transitionUntil", day(1))
	c.refused(c.press(publish), 422, "v-0-publish-transitionUntil")
	c.set("v-0-publish-begins", day(3), "v-0-publish-transitionUntil", day(9)).does("consent.publish", terms, "2")
	c.look("staff-consent-scheduled")
	c.says("Scheduled", "Earlier versions do until")
	c.does("consent.unpublish", terms, "2").says("Draft")
	c.does("consent.drop", terms, "2")
	c.wantsPage(c.at("consents"))

	c.fill("new-form-name", partners, "new-form-version", "2026-01", "new-form-label", "Partners may write to me.").set("new-form-kind", "marketing").does("consent.save")
	c.does("consent.publish", partners, "2026-01")
	c.page("consents").says(terms, partners)
	c.does("consent.order")
	order := ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("section:has(#order) tbody tr")].map(row => row.cells[1].innerText.trim())`))
	if want := []string{partners, terms}; !slices.Equal(order, want) {
		t.Errorf("the order is %q, want %q", order, want)
	}

	evidence := filepath.Join(t.TempDir(), "evidence.jsonl")
	o.verifies(t, evidence, c.saves("*.jsonl", "consent.exportEvidence"))

	c.page("consents/"+terms).does("consent.retire", terms)
	c.says("Not asked")
	c.page("consents/"+partners).does("consent.retire", partners)
}

// verifies checks that exported evidence holds, and does not when a word of it changes.
func (o *office) verifies(t *testing.T, path, evidence string) {
	t.Helper()
	for text, holds := range map[string]bool{evidence: true, strings.Replace(evidence, `"accepted"`, `"declined"`, 1): false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := command(t, o.dir, "evidence", "verify", path); (err == nil) != holds {
			t.Errorf("verifying the evidence: %v\n%s\n%s", err, out, text)
		}
	}
}

// capture is how staff ask customers about themselves.
func (o *office) capture(t *testing.T, c *colleague) {
	w := o.viewer
	if c.page("capture").finds("section:has(#asked) tbody tr") { // by somebody else
		c.set("capture-fields.0.key", "", "capture-fields.1.key", "").check("capture-enabled", "capture-enforced").does("capture.save")
	}
	o.leaves()
	o.joins(c.viewer("carl"), o.newsURL+"/live")
	c.check("capture-enabled", "capture-enforced")
	c.refused(c.press(c.form("capture.save")), 422)
	c.set("capture-fields.0.key", "firstNameLastName").fill("capture-fields.0.position", "2").check("capture-fields.0.required")
	c.set("capture-fields.1.key", "custom_1").fill("capture-fields.1.position", "1", "capture-fields.1.question", "Which club do you follow?", "capture-fields.1.choices", "Reds\nBlues")
	c.does("capture.save")
	asked := ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("section:has(#asked) tbody tr")].map(row => row.cells[0].innerText.trim())`))
	if want := []string{"Which club do you follow?", "First and last name"}; !slices.Equal(asked, want) {
		t.Errorf("the questions are %q, want %q", asked, want)
	}
	c.click(`a[href*="/preview/questions"]`)
	if preview := c.shows(); !strings.Contains(preview, "Which club do you follow?") {
		t.Errorf("the preview shows\n%s", preview)
	}

	w.open(o.newsURL + "/live")
	w.wantsPage("/capture")
	w.tick("q-custom_1-1")
	w.fill("q-firstName", "=HYPERLINK(1)", "q-lastName", "Bird")
	w.send()
	w.wants(o.newsURL + "/live")

	c.page("capture/answers")
	c.says("Which club do you follow?", "Blues", "100")
	if csv := c.saves("*.csv", "capture.export"); !strings.Contains(csv, "Blues") || !strings.Contains(csv, ",'=HYPERLINK(1),") {
		t.Errorf("the answers are\n%s", csv)
	}
	o.support.page("customers?search=bird").says("=HYPERLINK(1) Bird")
}
