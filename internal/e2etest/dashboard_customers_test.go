// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The viewer whom staff look after.
const (
	viewerEmail = "ann@viewer.test"
	movedEmail  = "ann-moved@viewer.test"
)

// customers is how support finds a customer.
func (o *office) customers(t *testing.T) {
	o.joins(viewerEmail, o.newsURL+"/live")
	o.register(t, "bea")

	c := o.support.page("customers")
	c.says(viewerEmail, "bea@viewer.test")
	c.fill("filter-search", "ann@")
	c.click("form.filter button")
	c.says(viewerEmail)
	if strings.Contains(c.reads(), "bea@") {
		t.Error("the search finds others, too")
	}
	c.page("customers?unverified=true&sort=email&registeredFrom=2020-01-01").says(viewerEmail, "in use")
	c.forgive("status of 422")
	c.forgive("does not conform to the required format") // no browser sends such a day, but people write addresses
	c.open(o.hub + c.at("customers?registeredFrom=yesterday"))
	c.walk.look("staff-customers-refused")
	c.page("customers?search=ann@viewer.test")
	c.click("main tbody a")
	c.says("Not verified", "127.0.0.1", "E-mail and password", "news")
}

// joins registers the viewer at a site.
func (o *office) joins(email, site string) {
	w := o.viewer
	w.open(site)
	w.wantsPage("/login")
	w.click(`main a[href*="/register"]`)
	w.fill("email", email, "password", password)
	w.send()
	w.wants(site)
}

// comesBack signs the viewer in at a site that they were signed out of.
func (o *office) comesBack(email string) {
	w := o.viewer
	w.open(o.newsURL + "/live")
	w.login(email, password)
	w.wants(o.newsURL + "/live")
}

// customer returns the id of the customer with an address.
func (o *office) customer(email string) string {
	c := o.support.page("customers?search=" + email)
	parts := strings.Split(ask(c.chromium, chromedp.Evaluate[string](`document.querySelector("main tbody a").getAttribute("href")`)), "/")
	return parts[len(parts)-1]
}

// oneCustomer is what support does with a customer, and what the customer feels of it.
func (o *office) oneCustomer(t *testing.T) {
	id := o.customer(viewerEmail)
	c, w := o.support.page("customers/"+id), o.viewer
	c.does("customer.sendReset", id)
	w.awaitLink(viewerEmail, "/reset", 1)
	c.does("customer.sendVerification", id)
	w.awaitLink(viewerEmail, "/verify/confirm", 1)
	c.does("customer.verify", id)
	if strings.Contains(c.reads(), "Not verified") || c.finds(c.form("customer.verify", id)) {
		t.Error("the address does not count as verified")
	}

	var export map[string]any
	if file := c.saves("*.json", "customer.export", id); json.Unmarshal([]byte(file), &export) != nil || !strings.Contains(file, viewerEmail) {
		t.Errorf("the export is\n%s", file)
	}

	app := o.login(t, viewerEmail)
	c.page("customers/" + id)
	here := ask(c.chromium, chromedp.Evaluate[string](fmt.Sprintf(
		`[...document.querySelectorAll("tbody tr")].find(row => row.textContent.includes(%q)).querySelector("[name=session]").value`, o.newsURL)))
	c.doesBy("customer.signOut", c.form("customer.signOut", id)+fmt.Sprintf(":has([value=%q])", here))
	w.open(o.newsURL + "/live")
	w.wantsPage("/login")
	if status := o.refresh(t, app.RefreshToken).status; status != 200 {
		t.Errorf("the session of the app has ended, too: status %d", status)
	}
	o.comesBack(viewerEmail)
	c.page("customers/"+id).doesBy("customer.signOut", c.form("customer.signOut", id)+":not(:has([name=session]))")
	c.says("not signed in anywhere")
	w.open(o.newsURL + "/live")
	w.wantsPage("/login")

	o.comesBack(viewerEmail)
	c.page("customers/"+id).does("customer.disable", id)
	c.walk.look("staff-customer-disabled")
	w.open(o.newsURL + "/live")
	w.refused(w.login(viewerEmail, password), 401)
	c.does("customer.enable", id)
	o.comesBack(viewerEmail)
}

// afterAWhile is what needs a proof of who the member is.
func (o *office) afterAWhile(t *testing.T) {
	id, bea := o.customer(viewerEmail), o.customer("bea@viewer.test")
	o.later()
	c := o.support.page("customers/" + id)
	c.fill("change-email-email", movedEmail)
	c.forgive("status of 403")
	if status := c.press(c.form("customer.changeEmail", id)); status != 403 {
		t.Fatalf("status %d, want a question who they are\n%s", status, c.shows())
	}
	c.walk.look("staff-step-up")
	if c.finds("#step-up-confirm\\.code") {
		t.Error("a code is asked for that the member cannot have")
	}
	c.fill("step-up-confirm.password", "wrong-password-1")
	c.press(c.form("customer.changeEmail", id))
	c.says("The password or the code is wrong.")
	c.saved(c.proves()) // nothing was typed twice
	c.note("customer.changeEmail")
	c.says(movedEmail)
	w := o.viewer
	w.open(o.newsURL + "/live")
	w.login(movedEmail, password)
	w.wants(o.newsURL + "/live")

	c.page("customers/"+bea).fill("erase-confirm", id)
	c.refused(c.press(c.form("customer.erase", bea)), 422, "erase-confirm")
	c.fill("erase-confirm", bea)
	c.does("customer.erase", bea) // and not asked again
	c.walk.look("staff-customer-erased")
	if strings.Contains(c.reads(), "bea@viewer.test") {
		t.Error("the erased customer is named")
	}
	c.page("customers?search=bea").says("No customer fits")
	c.page("customers?erased=true").says(bea)
}

// ownerAfterAWhile is the same with a second factor: what was typed stays, though it was
// wrong.
func (o *office) ownerAfterAWhile(t *testing.T) {
	owner := o.owner.page("settings")
	owner.fill("settings-name", "Example Media", "settings-offers", "nonsense")
	owner.forgive("status of 403")
	owner.press(owner.form("settings.save"))
	owner.walk.look("staff-step-up-code")
	owner.refused(owner.proves(), 422, "settings-offers")
	if name := ask(owner.chromium, chromedp.Value(chromedp.ID("settings-name"))); name != "Example Media" {
		t.Errorf("what was typed became %q", name)
	}
}
