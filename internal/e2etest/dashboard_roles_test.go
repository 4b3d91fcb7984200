// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/admin"
)

// staffPages are the pages of a publisher's; CUSTOMER stands for one.
var staffPages = []string{
	"", "customers", "customers/CUSTOMER", "consents", "consents/news", "consents/programme_terms",
	"capture", "capture/answers", "settings", "staff", "audit?limit=10",
}

// attempt is a form as somebody could send it without having it.
type attempt struct {
	Act, Path string
	Form      map[string]string
}

// tries are forms of all acts, good ones: nothing but the role is wrong with them.
func (o *office) tries(t *testing.T, publisher string) (list []attempt) {
	t.Helper()
	customer, member := o.customer(movedEmail), o.idOf(o.editor.email)
	revision := ask(o.owner.page("settings").chromium, chromedp.Evaluate[string](`document.querySelector("main [name=revision]").value`))
	params := map[string][]string{"customer": {customer}, "staff": {member}, "consent": {"programme_terms", "1"}}
	forms := map[string]map[string]string{
		"customer.changeEmail": {"email": "taken@viewer.test"}, "customer.erase": {"confirm": customer},
		"consent.save":  {"name": "forged", "kind": "custom", "version": "1", "label": "Forged"},
		"consent.order": {"revision": revision}, "capture.save": {"revision": revision},
		"settings.save": {"revision": revision, "name": "Forged"}, "brand.save": {"revision": revision, "color": "ff0000"},
		"brand.picture": {"revision": revision, "kind": "logo"}, "token.rotate": {"revision": revision}, "token.revoke": {"revision": revision},
		"staff.invite": {"email": "forged@staff.test", "role": "owner"}, "staff.withdraw": {"email": "gone@staff.test"}, "staff.changeRole": {"role": "readonly"},
		"sandbox.copy": {"to": publisherID}, "sandbox.reset": {"confirm": trials},
	}
	for _, a := range admin.Acts() {
		if a.Reads() {
			continue
		}
		family, _, _ := strings.Cut(a.Name, ".")
		given := params[family][:min(len(params[family]), strings.Count(a.Path, "{"))]
		path := (&colleague{publisher: publisher}).at(a.Path, given...)
		if strings.Contains(path, "{") {
			t.Fatalf("nothing to try %s with", a.Name)
		}
		list = append(list, attempt{a.Name, path, forms[a.Name]})
	}
	return list
}

// send sends forms from the page that a member looks at, and returns by act the status
// and the heading of the answer. The page's policy lets no script do so, which is set
// aside.
func (c *colleague) send(tries []attempt) map[string]string {
	c.t.Helper()
	tell(c.chromium, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true})
	c.scriptsOff(false)
	c.page("")
	list, err := json.Marshal(tries)
	if err != nil {
		c.t.Fatal(err)
	}
	got := ask(c.chromium, chromedp.Evaluate[map[string]string](fmt.Sprintf(`(async () => {
		const got = {}
		for (const t of %s) {
			const answer = await fetch(t.Path, {method: "POST", body: new URLSearchParams(t.Form ?? {}), redirect: "manual"})
			got[t.Act] = answer.status + " " + (await answer.text()).match(/<h1>([^<]*)/)?.[1]
		}
		return got
	})()`, list), chromedp.EvalAwaitPromise))
	c.scriptsOff(!c.scripts)
	tell(c.chromium, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: false})
	return got
}

// offers returns the acts whose forms the publisher's pages have.
func (c *colleague) offers(customer string) map[string]bool {
	c.t.Helper()
	offered := map[string]bool{}
	for _, path := range staffPages {
		c.page(strings.Replace(path, "CUSTOMER", customer, 1))
		for _, action := range ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main form[method=post]")].map(form => form.getAttribute("action"))`)) {
			offered[c.actAt(action)] = true
		}
	}
	return offered
}

// actAt returns the name of the act that is done at an address.
func (c *colleague) actAt(address string) string {
	for _, a := range admin.Acts() {
		parts, has := strings.Split(c.at(a.Path), "/"), strings.Split(address, "/")
		fits := !a.Reads() && len(parts) == len(has)
		for i := 0; fits && i < len(parts); i++ {
			fits = parts[i] == has[i] || strings.HasPrefix(parts[i], "{")
		}
		if fits {
			return a.Name
		}
	}
	c.t.Errorf("a form leads to %s, where no act is", address)
	return ""
}

// state is what there is to be changed, as somebody sees who may only look.
func (o *office) state(customer string) string {
	all := ""
	for _, path := range staffPages[1:] {
		all += o.reader.page(strings.Replace(path, "CUSTOMER", customer, 1)).reads() + "\n"
	}
	return all
}

// roles checks that each role ends where it should: pages offer no more, and a form
// that was sent all the same is refused and changes nothing.
func (o *office) roles(t *testing.T) {
	customer := o.customer(movedEmail)
	before, tries := o.state(customer), o.tries(t, publisherID)
	foreign := o.tries(t, trials)
	for _, role := range []struct {
		*colleague
		name string
		may  []string // families of acts
	}{
		{o.reader, "a reader", nil}, {o.support, "support", []string{"customer"}}, {o.editor, "an editor", []string{"consent", "capture", "brand"}},
	} {
		c := role.colleague
		var refused []attempt
		offered := c.offers(customer)
		for _, one := range tries {
			if family, _, _ := strings.Cut(one.Act, "."); slices.Contains(role.may, family) {
				continue
			}
			refused = append(refused, one)
			if offered[one.Act] {
				t.Errorf("%s is offered %s", role.name, one.Act)
			}
		}
		if (len(offered) > 0) != (len(role.may) > 0) {
			t.Errorf("%s is offered %v", role.name, offered)
		}
		c.forgive("status of 40")
		c.isTold("403 You may not do this", c.send(refused))
		c.isTold("404 There is no such publisher", c.send(foreign))
	}
	if after := o.state(customer); after != before {
		t.Errorf("something has changed: before\n%s\nafter\n%s", before, after)
	}
	o.reader.open(o.hub + o.reader.at("sandbox"))
	o.reader.walk.look("staff-nothing-here")
	o.reader.open(o.hub + "/admin/" + trials)
	o.reader.says("There is no such publisher")
}

// isTold checks that all answers are one.
func (c *colleague) isTold(want string, answers map[string]string) {
	c.t.Helper()
	for act, got := range answers {
		if got != want {
			c.t.Errorf("%s tries %s and is told %q, want %q", c.email, act, got, want)
		}
	}
}

// otherSites checks that no form of another web site is taken, whoever is signed in.
func (o *office) otherSites(t *testing.T) {
	tab := o.owner.tab(t)
	defer tab.judge()
	tab.forgive("status of 403")
	for _, one := range o.tries(t, publisherID) {
		if one.Act != "consent.save" && one.Act != "staff.invite" && one.Act != "customer.disable" {
			continue // they all come by the same door
		}
		tab.open(o.newsURL + "/robots.txt")
		fields, err := json.Marshal(one.Form)
		if err != nil {
			t.Fatal(err)
		}
		ask(tab, chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
			const form = document.createElement("form")
			Object.assign(form, {method: "post", action: %q})
			for (const [name, value] of Object.entries(%s ?? {})) form.append(Object.assign(document.createElement("input"), {name, value}))
			form.append(Object.assign(document.createElement("button"), {id: "forged"}))
			document.body.prepend(form)
			return true
		})()`, o.hub+one.Path, fields)))
		if status := tab.click("#forged"); status != 403 || !strings.Contains(tab.shows(), "This form came from elsewhere") {
			t.Errorf("%s from another site: status %d\n%s", one.Act, status, tab.shows())
		}
	} // that nothing was done is to be seen in the log
}

// allPages judges every page, narrow and wide, in light and dark, with all that is
// folded on it open.
func (o *office) allPages(t *testing.T) {
	c, customer := o.owner, o.customer(movedEmail)
	defer func() { c.publisher = publisherID }()
	for publisher, pages := range map[string][]string{publisherID: staffPages, trials: {"", "sandbox?to=" + publisherID}} {
		for _, width := range []int64{1280, 390} {
			c.publisher, c.width = publisher, width
			c.resize()
			for _, path := range pages {
				c.page(strings.Replace(path, "CUSTOMER", customer, 1))
				ask(c.chromium, chromedp.Evaluate[bool](`document.querySelectorAll("main details:not(figure *)").forEach(part => part.open = true), true`))
				name, _, _ := strings.Cut(strings.NewReplacer("CUSTOMER", "one", "/", "-").Replace(path), "?")
				c.walk.look("staff-all-" + publisher[8:] + "-" + name)
			}
		}
	}
	c.width = 1280
	c.resize()
}

// resize gives the window its width.
func (c *colleague) resize() {
	c.t.Helper()
	size := []chromedp.EmulateViewportOption{}
	if c.width < 600 {
		size = append(size, chromedp.EmulateMobile)
	}
	c.do(chromedp.EmulateViewport(c.width, windowHeight, size...))
}
