// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// customers is how staff find a customer.
func (o *office) customers(t *testing.T, c *colleague) {
	ann, bea := c.viewer("ann"), c.viewer("bea")
	o.leaves()
	o.joins(ann, o.newsURL+"/live")
	o.register(t, c.own("bea"))

	c.page("customers").says(ann, bea)
	c.fill("filter-search", c.own("ann")+"@")
	c.click("form.filter button")
	c.says(ann)
	if strings.Contains(c.reads(), bea) {
		t.Error("the search finds others, too")
	}
	c.page("customers?unverified=true&sort=email&registeredFrom=2020-01-01").says(ann, "in use")
	c.forgive("status of 422")
	c.forgive("does not conform to the required format") // no browser sends such a day, but people write addresses
	c.open(o.hub + c.at("customers?registeredFrom=yesterday"))
	c.look("staff-customers-refused")
	c.page("customers?search=" + ann)
	c.click("main tbody a")
	c.says("Not verified", "127.0.0.1", "E-mail and password", "news")
}

// leaves has the viewer's window be somebody else's, who was nowhere yet.
func (o *office) leaves() {
	o.t.Helper()
	tell(o.viewer.chromium, network.ClearBrowserCookies, cdp.Empty{})
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

// oneCustomer is what staff do with a customer, and what the customer feels of it.
func (o *office) oneCustomer(t *testing.T, c *colleague) {
	ann, w := c.viewer("ann"), o.viewer
	id := o.customer(ann)
	c.page("customers/"+id).does("customer.sendReset", id)
	w.awaitLink(ann, "/reset", 1)
	c.does("customer.sendVerification", id)
	w.awaitLink(ann, "/verify/confirm", 1)
	c.does("customer.verify", id)
	if strings.Contains(c.reads(), "Not verified") || c.finds(c.form("customer.verify", id)) {
		t.Error("the address does not count as verified")
	}

	var export map[string]any
	if file := c.saves("*.json", "customer.export", id); json.Unmarshal([]byte(file), &export) != nil || !strings.Contains(file, ann) {
		t.Errorf("the export is\n%s", file)
	}

	app := o.login(t, ann)
	c.page("customers/" + id)
	here := ask(c.chromium, chromedp.Evaluate[string](fmt.Sprintf(
		`[...document.querySelectorAll("tbody tr")].find(row => row.textContent.includes(%q)).querySelector("[name=session]").value`, o.newsURL)))
	c.doesBy("customer.signOut", c.form("customer.signOut", id)+fmt.Sprintf(":has([value=%q])", here))
	w.open(o.newsURL + "/live")
	w.wantsPage("/login")
	if status := o.refresh(t, app.RefreshToken).status; status != 200 {
		t.Errorf("the session of the app has ended, too: status %d", status)
	}
	o.comesBack(ann)
	c.page("customers/"+id).doesBy("customer.signOut", c.form("customer.signOut", id)+":not(:has([name=session]))")
	c.says("not signed in anywhere")
	w.open(o.newsURL + "/live")
	w.wantsPage("/login")

	o.comesBack(ann)
	c.page("customers/"+id).does("customer.disable", id)
	c.look("staff-customer-disabled")
	w.open(o.newsURL + "/live")
	w.refused(w.login(ann, password), 401)
	c.does("customer.enable", id)
	o.comesBack(ann)
}

// afterAWhile is what needs a proof of who the member is.
func (o *office) afterAWhile(t *testing.T, c *colleague) {
	id, bea, moved := o.customer(c.viewer("ann")), o.customer(c.viewer("bea")), c.viewer("moved")
	o.later()
	c.page("customers/"+id).fill("change-email-email", moved)
	c.forgive("status of 403")
	if status := c.press(c.form("customer.changeEmail", id)); status != 403 {
		t.Fatalf("status %d, want a question who they are\n%s", status, c.shows())
	}
	c.look("staff-step-up")
	if asked := c.finds("#step-up-confirm\\.code"); asked != (c.key != "") {
		t.Errorf("asked for a code: %t, though the second factor is %q", asked, c.key)
	} else if asked {
		c.fill("step-up-confirm.code", "000000")
	}
	c.fill("step-up-confirm.password", "wrong-password-1")
	c.press(c.form("customer.changeEmail", id))
	c.says("The password or the code is wrong.")
	c.saved(c.proves()) // nothing was typed twice
	c.note("customer.changeEmail")
	c.says(moved)
	o.comesBack(moved)

	c.page("customers/"+bea).fill("erase-confirm", id)
	c.refused(c.press(c.form("customer.erase", bea)), 422, "erase-confirm")
	c.fill("erase-confirm", bea)
	c.does("customer.erase", bea) // and not asked again
	c.look("staff-customer-erased")
	if strings.Contains(c.reads(), c.viewer("bea")) {
		t.Error("the erased customer is named")
	}
	c.page("customers?search=" + c.own("bea")).says("No customer fits")
	c.page("customers?erased=true").says(bea)
}

// stillWrong is a proof for what was wrong: what was typed stays.
func (o *office) stillWrong(t *testing.T) {
	o.later()
	owner := o.owner.page("settings")
	owner.fill("settings-name", "Example Media", "settings-offers", "nonsense")
	owner.forgive("status of 403")
	owner.press(owner.form("settings.save"))
	owner.look("staff-step-up-code")
	owner.refused(owner.proves(), 422, "settings-offers")
	if name := ask(owner.chromium, chromedp.Value(chromedp.ID("settings-name"))); name != "Example Media" {
		t.Errorf("what was typed became %q", name)
	}
}
