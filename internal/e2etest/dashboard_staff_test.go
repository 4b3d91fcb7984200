// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
)

// TestStaffWorkInARealBrowser does everything that can be done in the dashboard, at
// one server: each part stands on what the parts before it have left.
func TestStaffWorkInARealBrowser(t *testing.T) {
	o := openOffice(t)
	o.part("the first owner comes in", o.firstOwner)
	o.part("and invites the others", o.others)
	o.by("customer", o.customers, o.oneCustomer, o.afterAWhile)
	o.part("still wrong", o.stillWrong)
	o.by("consent", o.consents, o.versions)
	o.by("capture", o.capture)
	o.by("brand", o.dress)
	o.by("settings", o.settings)
	o.by("token", o.apiToken)
	o.by("sandbox", o.sandbox)
	o.part("the own account", o.ownAccount)
	o.by("staff", o.members)
	o.part("where roles end", o.roles)
	o.part("other sites", o.otherSites)
	o.part("all pages", o.allPages)
	o.part("the log", func(t *testing.T) {
		o.wantsLog(t, publisherID)
		o.wantsLog(t, trials)
		o.everyAct(t)
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
	for _, publisher := range []string{publisherID, trials} {
		o.done = append(o.done, deed{logged: logged{publisher, "command line", "staff.invite"}})
	}
	c.open(link)
	c.look("staff-invitation")
	c.says("Olga Owner", c.email, "Owner", "Sandbox")
	c.fill("invitation-password", "12345678")
	c.refused(c.press("main form"), 422, "invitation-password")
	c.accepts()
	c.wantsPage("/admin/second-factor/new")
	c.look("staff-second-factor-new")

	c.open(o.hub + c.at("staff"))
	c.wantsPage("/admin/second-factor/new") // there is nothing else to do before
	c.enrols()
	c.look("staff-recovery-codes")
	if codes := ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("ul.codes code")].map(code => code.innerText)`)); len(codes) < 8 {
		t.Errorf("the recovery codes are %q", codes)
	}
	c.click("main a.button")
	c.wantsPage(c.at("staff")) // where they wanted to go
	c.open(o.hub + "/admin")
	c.look("staff-publishers")
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
	for role, c := range o.colleagues()[:3] {
		c.open(o.invites(c.email, role))
		c.accepts()
		c.wantsPage("/admin/" + publisherID) // the only one
		if said := ask(c.chromium, chromedp.Evaluate[string](`document.querySelector(".side-menu .member").textContent`)); !strings.Contains(said, c.email) {
			t.Errorf("%s is told to be %s", c.email, said)
		}
	}
}

// accepts accepts the invitation that is shown.
func (c *colleague) accepts() {
	c.t.Helper()
	c.fill("invitation-password", c.password)
	c.press("main form")
}

// invites makes a link by which somebody joins with a role, by its place in the form,
// which is that among the colleagues.
func (o *office) invites(email string, role int) string {
	c := o.owner.page("staff")
	c.fill("invite-form-email", email).check(fmt.Sprintf("invite-form-role-%d", role)).does("staff.invite")
	c.look("staff-invited")
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
	phone.look("staff-sign-in")
	phone.fill("sign-in-email", c.email, "sign-in-password", "wrong-password-1")
	phone.forgive("status of 401")
	phone.press("main form")
	phone.look("staff-sign-in-refused")
	phone.fill("sign-in-password", phone.password)
	phone.press("main form")
	phone.wantsPage("/admin/second-factor")
	phone.look("staff-second-factor")
	phone.fill("second-factor-code", "000000")
	phone.press("main form")
	phone.fill("second-factor-code", phone.code())
	c.step = phone.step
	phone.press("main form")
	phone.wantsPage(c.at("staff")) // where they wanted to go

	c.open(o.hub + "/admin/account")
	c.look("staff-account")
	c.saved(c.press(`form[action="/admin/account/sessions/others"]`))
	phone.open(o.hub + c.at("staff"))
	phone.wantsPage("/admin/sign-in")

	r := o.reader
	r.open(o.hub + "/admin/account")
	r.fill("password-form-current", "wrong-password-1", "password-form-password", fresh)
	r.refused(r.press(`form[action="/admin/account/password"]`), 422, "password-form-current")
	r.fill("password-form-current", r.password, "password-form-password", fresh)
	r.saved(r.press(`form[action="/admin/account/password"]`))
	r.password = fresh
}

// stepUp finds the question who the member is.
const stepUp = `[id="step-up-confirm.password"]`

// proves answers the question who the member is, and returns the status of what was
// held up by it.
func (c *colleague) proves() int {
	c.t.Helper()
	c.fill("step-up-confirm.password", c.password)
	if c.key != "" {
		c.fill("step-up-confirm.code", c.code())
	}
	return c.click("main form .primary")
}

// code returns the next code of the second factor that was not used.
func (c *colleague) code() string {
	c.t.Helper()
	const seconds = 30
	now := func() int64 { return time.Now().Unix() / seconds }
	c.step = max(c.step+1, now()-1)
	waitUntil(c.t, "the next code", func() bool { return c.step <= now()+1 })
	code, err := totp.GenerateCode(c.key, time.Unix(c.step*seconds, 0))
	if err != nil {
		c.t.Fatal(err)
	}
	return code
}

// later lets more time pass than a member counts as having proved who they are, which
// no test can wait for.
func (o *office) later() {
	o.t.Helper()
	o.stop()
	backend, err := bolt.Open(filepath.Join(o.dir, "usher.db"), bolt.Options{})
	if err != nil {
		o.t.Fatal(err)
	}
	defer o.restart()
	defer backend.Close()
	err = backend.Update(o.t.Context(), func(tx authstore.Tx) error {
		sessions := map[string]authstore.StaffSession{}
		err := tx.Scan("staff_sessions", "", "", func(key string, value []byte) error {
			var s authstore.StaffSession
			err := json.Unmarshal(value, &s)
			s.Confirmed = s.Confirmed.Add(-11 * time.Minute)
			sessions[key] = s
			return err
		})
		if err != nil || len(sessions) == 0 {
			return fmt.Errorf("%d sessions of staff: %v", len(sessions), err)
		}
		for key, s := range sessions {
			value, err := json.Marshal(s)
			if err != nil {
				return err
			}
			if err := tx.Put("staff_sessions", key, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// signsIn signs a member in who has no second factor.
func (c *colleague) signsIn() {
	c.t.Helper()
	c.open(c.s.hub + "/admin/sign-in")
	c.fill("sign-in-email", c.email, "sign-in-password", c.password)
	c.press("main form")
}

// members is how an owner deals with members.
func (o *office) members(t *testing.T, c *colleague) {
	r := o.reader
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
	r.signsIn()
	r.wantsPage("/admin/sign-in")
	c.does("staff.enable", id)
	r.signsIn()
	r.wantsPage("/admin/" + publisherID)

	c.page("staff").does("staff.signOut", id)
	r.open(o.hub + r.at("customers"))
	r.wantsPage("/admin/sign-in")
	r.signsIn()
	r.open(o.hub + "/admin/second-factor/new")
	r.enrols()
	c.page("staff").does("staff.resetSecondFactor", id)
	r.signsIn()
	r.wantsPage("/admin/" + publisherID) // without a code

	c.page("staff").does("staff.remove", id)
	r.signsIn()
	r.wantsPage("/admin/sign-in")
	if strings.Contains(c.reads(), r.email) {
		t.Error("the removed member is listed")
	}
	c.says("This is the only owner.")

	gone := o.invites(r.email, 1)
	c.page("staff").says(r.email)
	if strings.Contains(c.shows(), "token=") {
		t.Error("an invitation's link is shown again")
	}
	c.does("staff.withdraw")
	r.open(gone)
	r.forgive("status of 404")
	r.says("no longer good")
	r.open(o.invites(r.email, 0))
	r.accepts()
	r.wantsPage("/admin/" + publisherID)
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
