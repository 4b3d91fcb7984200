// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/admin"
)

// TestStaffWorkInARealBrowser does everything that can be done in the dashboard, at
// one server: each part stands on what the parts before it have left.
func TestStaffWorkInARealBrowser(t *testing.T) {
	o := openOffice(t)
	o.part("the first owner comes in", o.firstOwner)
	o.part("and invites the others", o.others)
	o.part("customers", o.customers)
	o.part("one customer", o.oneCustomer)
	o.part("after a while", o.afterAWhile)
	o.part("an owner after a while", o.ownerAfterAWhile)
	o.part("consents", o.consents)
	o.part("versions of consents", o.versions)
	o.part("capture", o.capture)
	o.part("the look", o.look)
	o.part("settings", o.settings)
	o.part("the API token", o.apiToken)
	o.part("the sandbox", o.sandbox)
	o.part("where roles end", o.roles)
	o.part("other sites", o.otherSites)
	o.part("all pages", o.allPages)
	o.part("the own account", o.ownAccount)
	o.part("members come and go", o.members)
	o.part("the log", func(t *testing.T) {
		o.wantsLog(t, publisherID)
		o.wantsLog(t, trials)
		for _, a := range admin.Acts() {
			if !a.Reads() && !slices.ContainsFunc(o.done, func(e logged) bool { return e.Act == a.Name }) {
				t.Errorf("nobody has done %s", a.Name)
			}
		}
	})
}

// firstOwner is how the operator's colleague becomes an owner.
func (o *office) firstOwner(t *testing.T) {
	c := o.owner
	out, err := command(t, o.dir, "staff", "invite", "--publisher", publisherID+","+trials, "--name", "Olga Owner", "--address", o.admin, c.email)
	link := address.FindString(out)
	if err != nil || !strings.HasPrefix(link, o.hub+"/admin/invite?token=") {
		t.Fatalf("usher staff invite: %v\n%s", err, out)
	}
	o.done = append(o.done, logged{publisherID, "command line", "staff.invite"}, logged{trials, "command line", "staff.invite"})
	c.open(link)
	c.walk.look("staff-invitation")
	c.says("Olga Owner", c.email, "Owner", "Sandbox")
	c.fill("invitation-password", "12345678")
	c.refused(c.press("main form"), 422, "invitation-password")
	c.fill("invitation-password", password)
	c.press("main form")
	c.wantsPage("/admin/second-factor/new")
	c.walk.look("staff-second-factor-new")

	c.open(o.hub + c.at("staff"))
	c.wantsPage("/admin/second-factor/new") // there is nothing else to do before
	c.enrols()
	c.walk.look("staff-recovery-codes")
	if codes := ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("ul.codes code")].map(code => code.innerText)`)); len(codes) < 8 {
		t.Errorf("the recovery codes are %q", codes)
	}
	c.click("main a.button")
	c.wantsPage(c.at("staff")) // where they wanted to go
	c.open(o.hub + "/admin")
	c.walk.look("staff-publishers")
	c.click(fmt.Sprintf(`main a[href="/admin/%s"]`, publisherID))
	c.wantsPage("/admin/" + publisherID)

	c.open(link)
	c.forgive("status of 404")
	c.says("no longer good")
}

// enrols sets up the second factor on the page for that: once with a wrong code, and
// then with that of the key that the page shows still.
func (c *colleague) enrols() {
	c.t.Helper()
	key := func() string {
		return strings.ReplaceAll(ask(c.chromium, chromedp.Evaluate[string](`document.querySelector("#scan ~ * code, section:has(#scan) code").innerText`)), " ", "")
	}
	if !ask(c.chromium, chromedp.Evaluate[bool](`(img => img.complete && img.naturalWidth > 100)(document.querySelector("main img"))`)) {
		c.t.Error("the QR code is not shown")
	}
	c.key, c.step = key(), 0
	c.fill("enrol-code", "000000")
	c.refused(c.press(`form[action="/admin/second-factor/new"]`), 422, "enrol-code")
	if again := key(); again != c.key {
		c.t.Errorf("after a wrong code the key is %s, was %s", again, c.key)
	}
	c.fill("enrol-code", c.code())
	if status := c.press(`form[action="/admin/second-factor/new"]`); status != 200 {
		c.t.Fatalf("setting up the second factor: status %d\n%s", status, c.shows())
	}
}

// others is how an owner brings in the other roles.
func (o *office) others(t *testing.T) {
	roles := []string{"readonly", "support", "editor"} // as the form has them
	for i, c := range []*colleague{o.reader, o.support, o.editor} {
		link := o.invites(c.email, i)
		c.open(link)
		c.fill("invitation-password", password)
		c.press("main form")
		c.wantsPage("/admin/" + publisherID) // the only one
		if said := ask(c.chromium, chromedp.Evaluate[string](`document.querySelector(".side-menu .member").textContent`)); !strings.Contains(said, c.email) {
			t.Errorf("the %s is told to be %s", roles[i], said)
		}
	}
	gone := o.invites("gone@staff.test", 1)
	o.owner.page("staff").says("gone@staff.test")
	if strings.Contains(o.owner.shows(), "token=") {
		t.Error("an invitation's link is shown again")
	}
	o.owner.does("staff.withdraw")
	o.reader.open(gone)
	o.reader.forgive("status of 404")
	o.reader.says("no longer good")
}

// invites makes a link by which somebody joins with a role, by its place in the form.
func (o *office) invites(email string, role int) string {
	c := o.owner.page("staff")
	c.fill("invite-form-email", email).check(fmt.Sprintf("invite-form-role-%d", role)).does("staff.invite")
	c.walk.look("staff-invited")
	return ask(c.chromium, chromedp.Value(chromedp.ID("made-link")))
}

// ownAccount is what every member does for themselves.
func (o *office) ownAccount(t *testing.T) {
	c := o.owner
	phone := o.seat(c.email, false)
	phone.key, phone.step = c.key, c.step
	phone.t = t
	phone.open(o.hub + c.at("staff"))
	phone.wantsPage("/admin/sign-in")
	phone.walk.look("staff-sign-in")
	phone.fill("sign-in-email", c.email, "sign-in-password", "wrong-password-1")
	phone.forgive("status of 401")
	phone.press("main form")
	phone.walk.look("staff-sign-in-refused")
	phone.fill("sign-in-password", password)
	phone.press("main form")
	phone.wantsPage("/admin/second-factor")
	phone.walk.look("staff-second-factor")
	phone.fill("second-factor-code", "000000")
	phone.press("main form")
	phone.fill("second-factor-code", phone.code())
	c.step = phone.step
	phone.press("main form")
	phone.wantsPage(c.at("staff")) // where they wanted to go

	c.open(o.hub + "/admin/account")
	c.walk.look("staff-account")
	c.saved(c.press(`form[action="/admin/account/sessions/others"]`))
	phone.open(o.hub + c.at("staff"))
	phone.wantsPage("/admin/sign-in")

	r := o.reader
	r.open(o.hub + "/admin/account")
	r.fill("password-form-current", "wrong-password-1", "password-form-password", fresh)
	r.refused(r.press(`form[action="/admin/account/password"]`), 422, "password-form-current")
	r.fill("password-form-current", password, "password-form-password", fresh)
	r.saved(r.press(`form[action="/admin/account/password"]`))
}

// signsIn signs a member in who has no second factor.
func (c *colleague) signsIn(password string) {
	c.t.Helper()
	c.open(c.s.hub + "/admin/sign-in")
	c.fill("sign-in-email", c.email, "sign-in-password", password)
	c.press("main form")
}

// members is how an owner deals with members.
func (o *office) members(t *testing.T) {
	c, r := o.owner, o.reader
	id := o.idOf(r.email)
	c.page("staff").set(o.field(r.email, "role"), "support").does("staff.changeRole", id)
	r.page("customers")
	r.click("main tbody a")
	if !r.finds(`form[action$="/send-reset"]`) {
		t.Error("the new role is not in force")
	}
	c.set(o.field(r.email, "role"), "readonly").does("staff.changeRole", id)

	c.does("staff.disable", id)
	r.open(o.hub + r.at("customers"))
	r.wantsPage("/admin/sign-in")
	r.forgive("status of 401")
	r.signsIn(fresh)
	r.wantsPage("/admin/sign-in")
	c.does("staff.enable", id)
	r.signsIn(fresh)
	r.wantsPage("/admin/" + publisherID)

	c.page("staff").does("staff.signOut", id)
	r.open(o.hub + r.at("customers"))
	r.wantsPage("/admin/sign-in")
	r.signsIn(fresh)
	r.open(o.hub + "/admin/second-factor/new")
	r.enrols()
	c.page("staff").does("staff.resetSecondFactor", id)
	r.signsIn(fresh)
	r.wantsPage("/admin/" + publisherID) // without a code

	c.page("staff").does("staff.remove", id)
	r.signsIn(fresh)
	r.wantsPage("/admin/sign-in")
	if strings.Contains(c.reads(), r.email) {
		t.Error("the removed member is listed")
	}
	c.says("This is the only owner.")
}

// idOf returns the id of a member, from the form that changes their role.
func (o *office) idOf(email string) string {
	action := ask(o.owner.page("staff").chromium, chromedp.Evaluate[string](fmt.Sprintf(
		`[...document.querySelectorAll("details")].find(d => d.textContent.includes(%q)).querySelector("form").getAttribute("action")`, email)))
	return strings.Split(action, "/")[4]
}

// field returns the id of a field of the forms about a member.
func (o *office) field(email, name string) string {
	return ask(o.owner.chromium, chromedp.Evaluate[string](fmt.Sprintf(
		`[...document.querySelectorAll("main details")].find(d => d.textContent.includes(%q)).querySelector("[name=%s]").id`, email, name)))
}
