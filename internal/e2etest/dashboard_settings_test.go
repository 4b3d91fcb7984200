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

// dress is how staff dress the pages.
func (o *office) dress(t *testing.T, c *colleague) {
	color := "e8590c"
	if c.scripts {
		color = "a61e4d"
	}
	c.page("settings")
	if closed := strings.Contains(c.reads(), "Only owners can change these."); closed != (c != o.owner) {
		t.Errorf("the settings are said to be for owners: %t", closed)
	}
	c.fill("brand-form-color", "blue")
	c.refused(c.press(c.form("brand.save")), 422, "brand-form-color")
	c.fill("brand-form-color", color, "brand-form-links.0.name", "privacy", "brand-form-links.0.url", "https://media.example/privacy").does("brand.save")
	for _, kind := range []string{"logo", "favicon"} {
		file, err := filepath.Abs(filepath.Join("testdata", "brand", map[string]string{"logo": "logo.svg", "favicon": "icon.svg"}[kind]))
		if err != nil {
			t.Fatal(err)
		}
		upload := c.form("brand.picture") + `[enctype]:has([value=` + kind + `])`
		c.do(chromedp.SetUploadFiles(chromedp.ID(kind+"-form-picture"), []string{file}))
		c.doesBy("brand.picture", upload)
	}
	if !ask(c.chromium, chromedp.Evaluate[bool](`[...document.querySelectorAll("main img")].every(img => img.complete && img.naturalWidth > 0)`)) {
		t.Error("the pictures are not shown")
	}
	w := o.stranger
	w.open(o.newsURL + "/live")
	worn := ask(w.chromium, chromedp.Evaluate[[]string](`[document.querySelector("header img")?.naturalWidth > 0 ? "logo" : "",
		document.querySelector("link[rel=icon]").href.split(".").pop(), ...[...document.querySelectorAll(".links a")].map(link => link.href)]`))
	if want := []string{"logo", "svg", "https://media.example/privacy"}; !slices.Equal(worn, want) {
		t.Errorf("a viewer's page wears %q, want %q", worn, want)
	}
	c.doesBy("brand.picture", c.form("brand.picture")+`:not([enctype]):has([value=favicon])`)
}

// settings is what owners say about their publisher.
func (o *office) settings(t *testing.T, c *colleague) {
	name, life := "Example Media", "10m"
	if !c.scripts {
		name, life = "Example Media House", "12m"
	}
	c.page("settings")
	c.fill("settings-name", name, "settings-offers", "S100000001_US", "settings-resetUrls", "https://app.media.example", "settings-tokenLife", life, "settings-sessionIdle", "40d")
	c.does("settings.save").says("Life of access tokens")
	values := ask(c.chromium, chromedp.Evaluate[[]string](`["settings-name", "settings-offers", "settings-resetUrls", "settings-tokenLife", "settings-sessionIdle"].map(id => document.getElementById(id).value)`))
	if want := []string{name, "S100000001_US", "https://app.media.example", life, "40d"}; !slices.Equal(values, want) {
		t.Errorf("the settings are %q, want %q", values, want)
	}
	w := o.stranger
	w.open(o.newsURL + "/live")
	if title := ask(w.chromium, chromedp.Evaluate[string](`document.title`)); !strings.Contains(title, name) {
		t.Errorf("a viewer's page is called %q", title)
	}
}

// apiToken is how the publisher's own servers get in, and out.
func (o *office) apiToken(t *testing.T, c *colleague) {
	status := func(token string) int {
		return o.visitor(t).send("GET", o.hub+"/admin/api/"+publisherID+"/customers", "", "X-Publisher-Token: "+token).status
	}
	c.page("settings").does("token.rotate")
	c.look("staff-settings-token")
	first := ask(c.chromium, chromedp.Value(chromedp.ID("new-token-value")))
	if got := status(first); got != 200 {
		t.Errorf("with the new token: status %d", got)
	}
	c.page("settings")
	if strings.Contains(c.reads(), first) {
		t.Error("the token is shown again")
	}
	c.does("token.rotate")
	second := ask(c.chromium, chromedp.Value(chromedp.ID("new-token-value")))
	if a, b := status(first), status(second); a != 401 || b != 200 {
		t.Errorf("after another token the first has status %d, the second %d", a, b)
	}
	c.page("settings").does("token.revoke")
	if got := status(second); got != 401 {
		t.Errorf("with a revoked token: status %d", got)
	}
}

// sandbox is how things are tried out, and copied.
func (o *office) sandbox(t *testing.T, c *colleague) {
	w, version, color := o.viewer, "1", "2b8a3e"
	if !c.scripts {
		version, color = "2", "1864ab"
	}
	c.page("")
	c.publisher = trials
	defer func() { c.publisher = publisherID }()
	c.do(chromedp.Click(chromedp.CSS(".side-menu .switch > summary")))
	c.click(`.side-menu .switch a[href="/admin/` + trials + `"]`)
	if !c.finds(".sandbox-bar") || c.page("customers").finds("main tbody") {
		t.Error("the sandbox does not look like an empty one")
	}
	site := o.sportsURL + "/table"
	w.open(site)
	if !w.finds("aside.sandbox") {
		t.Error("viewers are not told that it is a sandbox")
	}
	o.joins("sam@viewer.test", site)
	c.page("customers").says("sam@viewer.test")

	c.page("settings").fill("brand-form-color", color).does("brand.save")
	c.page("consents").fill("new-form-name", "club_rules", "new-form-version", version, "new-form-label", "I keep to the rules of the club.").does("consent.save")
	c.does("consent.publish", "club_rules", version)
	c.page("sandbox")
	c.click(`main a[href*="?to=` + publisherID + `"]`)
	c.note("sandbox.diff")
	c.look("staff-sandbox-changes")
	c.says(color, "I keep to the rules of the club.")
	c.does("sandbox.copy")
	o.done = append(o.done, deed{logged{publisherID, c.email, "sandbox.copy"}, c.scripts})
	o.editor.page("settings")
	if became := ask(o.editor.chromium, chromedp.Value(chromedp.ID("brand-form-color"))); became != color {
		t.Errorf("the colour became %q", became)
	}
	o.editor.page("consents/club_rules").says("Draft").does("consent.drop", "club_rules", version)

	c.fill("reset-form-confirm", publisherID)
	c.refused(c.press(c.form("sandbox.reset")), 422, "reset-form-confirm")
	c.fill("reset-form-confirm", trials).does("sandbox.reset")
	c.page("customers").says("There are no customers yet.")
	w.open(site)
	w.wantsPage("/login")
}
