// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/admin"
)

// managed is a Caddyfile that leaves nearly everything to the dashboard: news is a
// site of a publisher whose file says one consent, sports one of its sandbox.
const managed = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			sites {{.News}}
			consent news {
				label "Send me news about new programmes."
			}
		}
		publisher 100000002 {
			sites {{.Sports}}
			sandbox
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	usher_gate {
		public /robots.txt
	}
	reverse_proxy {{.NewsApp}}
}
{{.Sports}} {
	usher_gate
	reverse_proxy {{.SportsApp}}
}
`

// trials is the sandbox of publisherID.
const trials = "100000002"

// office is a server with the staff who work at its dashboard, and a viewer of the
// sites.
type office struct {
	*server
	t *testing.T

	owner, editor, support, reader *colleague
	viewer, stranger               *walk // who has an account, and who has none

	windows []*chromium
	done    []deed
	refused []deed
	lost    bool
}

// logged is an entry of the audit log.
type logged struct{ Publisher, Who, Act string }

// deed is an act that was done, or refused, at a window with scripts or without.
type deed struct {
	logged
	scripts bool
}

// colleague is a member of staff at a window.
type colleague struct {
	*walk
	o         *office
	email     string
	password  string
	may       []string // families of acts that their role goes as far as
	publisher string   // at whose pages they work
	key       string   // of the second factor
	step      int64    // of the code that was used last
}

func openOffice(t *testing.T) *office {
	t.Helper()
	t.Parallel()
	o := &office{server: startForBrowsers(t, managed), t: t}
	o.owner = o.seat("olga@staff.test", true)
	o.owner.may = []string{"customer", "consent", "capture", "brand", "settings", "token", "staff", "sandbox"}
	o.editor = o.seat("edgar@staff.test", false)
	o.editor.may = []string{"consent", "capture", "brand"}
	o.support = o.seat("sonja@staff.test", false)
	o.support.may = []string{"customer"}
	o.reader = o.seat("rita@staff.test", true)
	o.viewer, o.stranger = o.window(true), o.window(true)
	return o
}

// seat gives a member of staff a window of their own; without scripts the pages are
// as good.
func (o *office) seat(email string, scripts bool) *colleague {
	return &colleague{walk: o.window(scripts), o: o, email: email, password: password, publisher: publisherID}
}

func (o *office) window(scripts bool) *walk {
	o.t.Helper()
	w := &walk{language: "en", width: 1280, scripts: scripts}
	w.chromium = w.settle(shared(o.t).window(o.t, o.server))
	o.windows = append(o.windows, w.chromium)
	return w
}

// part does a part of the work. What comes after a part that failed is left alone.
func (o *office) part(name string, work func(t *testing.T)) {
	o.t.Helper()
	if o.lost {
		return
	}
	o.t.Run(name, func(t *testing.T) {
		defer func() { o.lost = t.Failed() }()
		for _, w := range o.windows {
			w.t = t
			defer w.judge()
		}
		work(t)
	})
}

// own makes a name the colleague's, so that each has things to work on.
func (c *colleague) own(name string) string {
	who, _, _ := strings.Cut(c.email, "@")
	return name + "_" + who
}

// viewer returns the address of a viewer whom the colleague looks after.
func (c *colleague) viewer(name string) string { return c.own(name) + "@viewer.test" }

// look judges the page that the colleague sees, on a desk and on a phone.
func (c *colleague) look(name string) {
	c.t.Helper()
	for _, width := range []int64{390, 1280} {
		c.resize(width)
		c.walk.look(name)
	}
}

// resize gives the window a width.
func (c *colleague) resize(width int64) {
	c.t.Helper()
	c.width = width
	size := []chromedp.EmulateViewportOption{}
	if width < 600 {
		size = append(size, chromedp.EmulateMobile)
	}
	c.do(chromedp.EmulateViewport(width, windowHeight, size...))
}

// at returns the address of a page of the publisher's, or of an act's form: what
// stands in braces is filled in in turn.
func (c *colleague) at(path string, params ...string) string {
	for _, p := range params {
		path = braces.ReplaceAllLiteralString(path[:end(path)], p) + path[end(path):]
	}
	return strings.TrimSuffix("/admin/"+c.publisher+"/"+path, "/")
}

var braces = regexp.MustCompile(`\{[a-zA-Z]+\}`)

// end returns where the first parameter of a path ends.
func end(path string) int { return strings.Index(path, "}") + 1 }

// page opens a page of the publisher's, such as "customers".
func (c *colleague) page(path string) *colleague {
	c.t.Helper()
	if status := c.open(c.s.hub + c.at(path)); status != 200 {
		c.t.Fatalf("%s: status %d\n%s", path, status, c.shows())
	}
	return c
}

// follow goes to a page of the publisher's by links, from the page above it when there
// is none here.
func (c *colleague) follow(path string) *colleague {
	c.t.Helper()
	link := fmt.Sprintf(":is(.side-menu, main) a[href=%q]:not(.switch *)", c.at(path))
	if !c.finds(link) {
		above, _, below := strings.Cut(path, "/")
		if !below {
			c.t.Fatalf("no link leads to %q from %s", path, c.chromium.at())
		}
		c.follow(above)
	}
	c.unfold(link)
	if status := c.click(link); status != 200 {
		c.t.Fatalf("%s: status %d\n%s", path, status, c.shows())
	}
	return c
}

// form returns a selector of the form of an act.
func (c *colleague) form(act string, params ...string) string {
	return fmt.Sprintf("form[action=%q]", c.at(admin.ActNamed(act).Path, params...))
}

// unfold opens all that a thing is folded behind, as a person does.
func (c *colleague) unfold(selector string) {
	c.t.Helper()
	next := fmt.Sprintf(`(() => {
		document.getElementById("folded")?.removeAttribute("id")
		let part = null
		for (let e = document.querySelector(%q); e; e = e.parentElement) if (e.matches("main details:not([open])")) part = e
		if (part) part.querySelector("summary").id = "folded"
		return !!part
	})()`, selector)
	for ask(c.chromium, chromedp.Evaluate[bool](next)) {
		c.do(chromedp.Click(chromedp.ID("folded")))
	}
}

// fill writes into fields: ids and texts in turn.
func (c *colleague) fill(fields ...string) *colleague {
	c.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		c.unfold(fmt.Sprintf("[id=%q]", fields[i]))
		c.write(fields[i], fields[i+1])
	}
	return c
}

// set gives fields their values: ids and values in turn, of dates and lists to choose from.
func (c *colleague) set(fields ...string) *colleague {
	c.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		field := fmt.Sprintf("[id=%q]", fields[i])
		c.unfold(field)
		c.do(chromedp.SetValue(chromedp.CSS(field), fields[i+1]))
	}
	return c
}

// check ticks boxes, by their ids.
func (c *colleague) check(ids ...string) *colleague {
	c.t.Helper()
	for _, id := range ids {
		box := fmt.Sprintf("[id=%q]", id)
		c.unfold(box)
		c.do(chromedp.Click(chromedp.CSS(box)))
	}
	return c
}

// press sends a form and returns the status of what comes.
func (c *colleague) press(form string) int {
	c.t.Helper()
	c.unfold(form)
	return c.click(form + " button[type=submit]")
}

// does sends the form of an act, which is done then.
func (c *colleague) does(act string, params ...string) *colleague {
	c.t.Helper()
	return c.doesBy(act, c.form(act, params...))
}

// doesBy is does by one of several forms of an act.
func (c *colleague) doesBy(act, form string) *colleague {
	c.t.Helper()
	status := c.press(form)
	if c.finds(stepUp) {
		c.forgive("status of 403")
		status = c.proves()
	}
	c.note(act)
	c.saved(status)
	return c
}

// note remembers what was done, which the log is to tell of unless it is reading.
func (c *colleague) note(act string) { c.o.done = append(c.o.done, c.deed(act)) }

func (c *colleague) deed(act string) deed {
	return deed{logged{c.publisher, c.email, act}, c.scripts}
}

// saves sends the form of an act that gives a file, and returns it.
func (c *colleague) saves(pattern, act string, params ...string) string {
	c.t.Helper()
	form := c.form(act, params...)
	c.unfold(form)
	c.note(act)
	return string(c.downloadBy(form+" button[type=submit]", pattern))
}

// says checks that the page holds words.
func (c *colleague) says(words ...string) *colleague {
	c.t.Helper()
	read := c.reads()
	for _, word := range words {
		if !strings.Contains(read, word) {
			c.t.Errorf("%s does not say %q:\n%s", c.chromium.at(), word, read)
		}
	}
	return c
}

// reads returns what the page says, also where it is folded.
func (c *colleague) reads() string {
	c.t.Helper()
	text := ask(c.chromium, chromedp.Evaluate[string](`document.querySelector("main").textContent`))
	return strings.Join(strings.Fields(text), " ")
}

// finds tells whether the page has what a selector finds.
func (w *walk) finds(selector string) bool {
	w.t.Helper()
	return ask(w.chromium, chromedp.Evaluate[bool](fmt.Sprintf(`!!document.querySelector(%q)`, selector)))
}

// log reads a publisher's log, the oldest first, without what members do with their
// own accounts.
func (c *colleague) log() (list []logged) {
	c.t.Helper()
	c.page("audit?limit=200")
	rows := ask(c.chromium, chromedp.Evaluate[[][]string](`[...document.querySelectorAll("main tbody tr")].map(row => [...row.cells].map(cell => cell.innerText.trim()))`))
	for _, row := range slices.Backward(rows) {
		act, _, _ := strings.Cut(row[2], "\n")
		if slices.Contains(admin.OwnEntries, act) {
			continue
		}
		if row[4] != "Done" {
			act += " " + row[4]
		}
		list = append(list, logged{c.publisher, row[1], act})
	}
	return list
}

// wantsLog checks that a publisher's log tells of what was done, and of nothing else.
func (o *office) wantsLog(t *testing.T, publisher string) {
	t.Helper()
	var want []logged
	for _, e := range o.done {
		if e.Publisher == publisher && !admin.ActNamed(e.Act).Reads() {
			want = append(want, e.logged)
		}
	}
	o.owner.publisher = publisher
	defer func() { o.owner.publisher = publisherID }()
	if got := o.owner.log(); !slices.Equal(got, want) {
		t.Errorf("the log of %s tells of\n%v\nwant\n%v", publisher, got, want)
	}
}
