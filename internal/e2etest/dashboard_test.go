// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
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
	done    []logged
	lost    bool
}

// logged is an entry of the audit log.
type logged struct{ Publisher, Who, Act string }

// colleague is a member of staff at a window.
type colleague struct {
	*walk
	o         *office
	email     string
	publisher string // at whose pages they work
	key       string // of the second factor
	step      int64  // of the code that was used last
}

func openOffice(t *testing.T) *office {
	t.Helper()
	t.Parallel()
	o := &office{server: startForBrowsers(t, managed), t: t}
	o.owner = o.seat("olga@staff.test", true)
	o.editor = o.seat("edgar@staff.test", false)
	o.support = o.seat("sonja@staff.test", false)
	o.reader = o.seat("rita@staff.test", true)
	o.viewer, o.stranger = o.window(true), o.window(true)
	return o
}

// seat gives a member of staff a window of their own; without scripts the pages are
// as good.
func (o *office) seat(email string, scripts bool) *colleague {
	return &colleague{walk: o.window(scripts), o: o, email: email, publisher: publisherID}
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

// stepUp finds the question who the member is.
const stepUp = `[id="step-up-confirm.password"]`

// proves answers the question who the member is, and returns the status of what was
// held up by it.
func (c *colleague) proves() int {
	c.t.Helper()
	c.fill("step-up-confirm.password", password)
	if c.key != "" {
		c.fill("step-up-confirm.code", c.code())
	}
	return c.click("main form .primary")
}

// note remembers what the log is to tell of.
func (c *colleague) note(act string) {
	c.o.done = append(c.o.done, logged{c.publisher, c.email, act})
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

// log reads a publisher's log, the oldest first, without what members do with their
// own accounts.
func (c *colleague) log() (list []logged) {
	c.t.Helper()
	c.page("audit?limit=200")
	rows := ask(c.chromium, chromedp.Evaluate[[][]string](`[...document.querySelectorAll("main tbody tr")].map(row => [...row.cells].map(cell => cell.innerText.trim()))`))
	for _, row := range slices.Backward(rows) {
		act, _, _ := strings.Cut(row[2], "\n")
		if slices.Contains(admin.OwnActs, act) {
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
		if e.Publisher == publisher {
			want = append(want, e)
		}
	}
	o.owner.publisher = publisher
	defer func() { o.owner.publisher = publisherID }()
	if got := o.owner.log(); !slices.Equal(got, want) {
		t.Errorf("the log of %s tells of\n%v\nwant\n%v", publisher, got, want)
	}
}
