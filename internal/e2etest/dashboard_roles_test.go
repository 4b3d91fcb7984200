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

// staffPage is a page of a publisher's, and the act that reads what is on it.
type staffPage struct{ act, path string }

// staffPages are those that every publisher has; CUSTOMER stands for one.
var staffPages = []staffPage{
	{"overview.get", ""}, {"customer.list", "customers"}, {"customer.get", "customers/CUSTOMER"},
	{"consent.list", "consents"}, {"consent.get", "consents/news"}, {"consent.get", "consents/terms_edgar"},
	{"capture.get", "capture"}, {"capture.answers", "capture/answers"}, {"settings.get", "settings"},
	{"staff.list", "staff"}, {"audit.list", "audit"},
}

// changesPage is one that only sandboxes have.
var changesPage = staffPage{"sandbox.diff", "sandbox?to=" + publisherID}

// previews are viewers' pages, as staff see them.
var previews = []string{"preview/register", "preview/questions"}

// of returns a page's path when it is about a customer.
func (p staffPage) of(customer string) string {
	return strings.Replace(p.path, "CUSTOMER", customer, 1)
}

// attempt is a page as somebody could open it without a link, or a form as they could
// send it without having it.
type attempt struct {
	Act, Method, Path string
	Form              map[string]string
}

// tries are attempts at all acts that a publisher has, good ones: nothing but the role
// is wrong with them.
func (o *office) tries(t *testing.T, publisher string) (list []attempt) {
	t.Helper()
	customer, member := o.customer(o.support.viewer("moved")), o.idOf(o.editor.email)
	revision := ask(o.owner.page("settings").chromium, chromedp.Evaluate[string](`document.querySelector("main [name=revision]").value`))
	params := map[string][]string{"customer": {customer}, "staff": {member}, "consent": {"terms_edgar", "1"}}
	forms := map[string]map[string]string{
		"customer.changeEmail": {"email": "taken@viewer.test"}, "customer.erase": {"confirm": customer},
		"consent.save":  {"name": "forged", "kind": "custom", "version": "1", "label": "Forged"},
		"consent.order": {"revision": revision}, "capture.save": {"revision": revision},
		"settings.save": {"revision": revision, "name": "Forged"}, "brand.save": {"revision": revision, "color": "ff0000"},
		"brand.picture": {"revision": revision, "kind": "logo"}, "token.rotate": {"revision": revision}, "token.revoke": {"revision": revision},
		"staff.invite": {"email": "forged@staff.test", "role": "owner"}, "staff.withdraw": {"email": "gone@staff.test"}, "staff.changeRole": {"role": "readonly"},
		"sandbox.copy": {"to": publisherID}, "sandbox.reset": {"confirm": trials},
	}
	pages := map[string]string{}
	for _, p := range staffPages {
		pages[p.act] = p.of(customer)
	}
	pages[changesPage.act] = changesPage.path
	for _, a := range admin.Acts() {
		if a.Name == changesPage.act && publisher != trials {
			continue
		}
		family, _, _ := strings.Cut(a.Name, ".")
		path, given := a.Path, params[family][:min(len(params[family]), strings.Count(a.Path, "{"))]
		shown, is := pages[a.Name]
		if is {
			path, given = shown, nil
		}
		path = (&colleague{publisher: publisher}).at(path, given...)
		if strings.Contains(path, "{") || a.Reads() != is {
			t.Fatalf("nothing to try %s with", a.Name)
		}
		list = append(list, attempt{a.Name, a.Method, path, forms[a.Name]})
	}
	return list
}

// send makes attempts from the page that a member looks at, and returns by act the
// status and the heading of the answer. The page's policy lets no script do so, which
// is set aside.
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
			const answer = await fetch(t.Path, {method: t.Method, body: t.Method == "GET" ? null : new URLSearchParams(t.Form ?? {}), redirect: "manual"})
			got[t.Act] = answer.status + " " + (await answer.text()).match(/<h1>([^<]*)/)?.[1]
		}
		return got
	})()`, list), chromedp.EvalAwaitPromise))
	c.scriptsOff(!c.scripts)
	tell(c.chromium, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: false})
	return got
}

// offers goes through all of the publisher's pages by their links, and returns the acts
// whose forms they have.
func (c *colleague) offers(customer string) map[string]bool {
	c.t.Helper()
	offered := map[string]bool{}
	c.page("")
	for _, p := range staffPages {
		c.follow(p.of(customer)).note(p.act)
		for _, action := range ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main form[method=post]")].map(form => form.getAttribute("action"))`)) {
			offered[c.actAt(action)] = true
		}
	}
	for _, path := range previews {
		c.page(path)
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

// colleagues are one of each role.
func (o *office) colleagues() []*colleague {
	return []*colleague{o.reader, o.support, o.editor, o.owner}
}

// by has everybody do a part of the work whose role goes as far as a family of acts. Who
// is alone in that does it again without scripts; else there is a window of each kind.
func (o *office) by(family string, work ...func(t *testing.T, c *colleague)) {
	o.t.Helper()
	able := slices.DeleteFunc(o.colleagues(), func(c *colleague) bool { return !slices.Contains(c.may, family) })
	for _, c := range able {
		o.part(family+" by "+c.email, func(t *testing.T) {
			for _, step := range work {
				step(t, c)
			}
		})
	}
	if len(able) > 1 {
		return
	}
	o.part(family+" without scripts", func(t *testing.T) {
		able[0].switches()
		defer able[0].switches()
		for _, step := range work {
			step(t, able[0])
		}
	})
}

// switches turns scripts off at a window, and on again.
func (c *colleague) switches() {
	c.t.Helper()
	c.scripts = !c.scripts
	c.scriptsOff(!c.scripts)
}

// mayDo tells whether a colleague's role goes as far as an act. Everybody may look at
// everything, but for what a sandbox would change elsewhere.
func (c *colleague) mayDo(a *admin.Act) bool {
	family, _, _ := strings.Cut(a.Name, ".")
	return slices.Contains(c.may, family) || a.Reads() && family != "sandbox"
}

// state is what there is to be changed, as somebody sees who may only look.
func (o *office) state(customer string) string {
	all := ""
	for _, p := range staffPages[1:] {
		all += o.reader.page(p.of(customer)).reads() + "\n"
	}
	return all
}

// roles checks that each role goes as far as it should, and no farther: pages offer no
// more, and what is tried all the same is refused and changes nothing.
func (o *office) roles(t *testing.T) {
	customer := o.customer(o.support.viewer("moved"))
	before, tries, foreign := o.state(customer), o.tries(t, publisherID), o.tries(t, trials)
	for _, path := range append(previews, "brand/pictures/1") {
		foreign = append(foreign, attempt{path, "GET", "/admin/" + trials + "/" + path, nil})
	}
	for _, c := range o.colleagues() {
		offered := c.offers(customer)
		for act := range offered {
			if !c.mayDo(admin.ActNamed(act)) {
				t.Errorf("%s is offered %s", c.email, act)
			}
		}
		if (len(offered) > 0) != (len(c.may) > 0) {
			t.Errorf("%s is offered %v", c.email, offered)
		}
		if c != o.owner {
			c.ends(tries)
			c.isTold("404 There is no such publisher", foreign)
		}
	}
	if after := o.state(customer); after != before {
		t.Errorf("something has changed: before\n%s\nafter\n%s", before, after)
	}
	o.reader.open(o.hub + o.reader.at("sandbox"))
	o.reader.look("staff-nothing-here")
	o.reader.open(o.hub + "/admin/" + trials)
	o.reader.says("There is no such publisher")

	o.owner.publisher = trials
	for role, c := range o.colleagues()[:3] {
		c.open(o.invites(c.email, role))
		c.accepts()
		c.publisher = trials
		if c.page("").finds(fmt.Sprintf("a[href^=%q]", c.at("sandbox"))) {
			t.Errorf("%s is led to what a sandbox would change elsewhere", c.email)
		}
		c.ends(slices.DeleteFunc(slices.Clone(foreign), func(one attempt) bool { return !strings.HasPrefix(one.Act, "sandbox.") }))
		c.open(o.hub + c.at(changesPage.path))
		c.look("staff-refused")
		c.says("You may not do this")
		c.publisher = publisherID
	}
	o.owner.publisher = publisherID
}

// ends checks that attempts are refused as far as the member may not do what is tried.
func (c *colleague) ends(tries []attempt) {
	c.t.Helper()
	var beyond []attempt
	for _, one := range tries {
		if !c.mayDo(admin.ActNamed(one.Act)) {
			beyond = append(beyond, one)
			c.o.refused = append(c.o.refused, c.deed(one.Act))
		}
	}
	c.isTold("403 You may not do this", beyond)
}

// isTold checks that the answers to all attempts are one.
func (c *colleague) isTold(want string, tries []attempt) {
	c.t.Helper()
	c.forgive("status of 40")
	for act, got := range c.send(tries) {
		if got != want {
			c.t.Errorf("%s tries %s and is told %q, want %q", c.email, act, got, want)
		}
	}
}

// everyAct checks that each act was done by clicking by every role that may do it, and
// refused to every other, and that somebody has done it with scripts and without.
func (o *office) everyAct(t *testing.T) {
	for _, a := range admin.Acts() {
		with := map[bool]bool{}
		for _, c := range o.colleagues() {
			is := func(d deed) bool { return d.Act == a.Name && d.Who == c.email }
			done, refused := slices.ContainsFunc(o.done, is), slices.ContainsFunc(o.refused, is)
			if may := c.mayDo(a); done != may || refused == may {
				t.Errorf("%s by %s: done %t, refused %t", a.Name, c.email, done, refused)
			}
			for _, d := range o.done {
				with[d.scripts] = with[d.scripts] || is(d)
			}
		}
		if !with[true] || !with[false] {
			t.Errorf("%s: done with scripts %t, without %t", a.Name, with[true], with[false])
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

// allPages judges every page, with all that is folded on it open.
func (o *office) allPages(t *testing.T) {
	c, customer := o.owner, o.customer(o.support.viewer("moved"))
	defer func() { c.publisher = publisherID }()
	for publisher, pages := range map[string][]staffPage{publisherID: staffPages, trials: {staffPages[0], changesPage}} {
		c.publisher = publisher
		for _, p := range pages {
			path := p.of(customer)
			if p.act == "audit.list" {
				path += "?limit=10"
			}
			c.page(path)
			ask(c.chromium, chromedp.Evaluate[bool](`document.querySelectorAll("main details:not(figure *)").forEach(part => part.open = true), true`))
			name, _, _ := strings.Cut(strings.NewReplacer("CUSTOMER", "one", "/", "-").Replace(p.path), "?")
			c.look("staff-all-" + publisher[8:] + "-" + name)
		}
	}
}
