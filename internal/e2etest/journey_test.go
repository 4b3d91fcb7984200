// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// journey is a way through the pages that viewers walk in a real browser: with
// scripts and without, in a language read from the left and one read from the
// right, on a phone and on a desk. All walk at one server, one after the other.
// Four walks have every two of these together, and every page in each language
// at each width.
type journey struct {
	*server
	t       *testing.T
	browser *engine
	walks   []*walk
}

// walk is one viewer on their way. Each has a window of their own.
type walk struct {
	*chromium
	number   int
	scripts  bool
	language string
	width    int64
	failed   bool
}

// walks are those of each journey: scripts on and off, English and Arabic, a
// phone and a desk. Two of them have every value once; USHER_EVERY_WALK=1 in the
// environment walks the other two as well, which takes twice the time.
func walks() []walk {
	list := []walk{
		{scripts: true, language: "en", width: 390},
		{scripts: false, language: "ar", width: 1280},
	}
	if os.Getenv("USHER_EVERY_WALK") != "" {
		list = append(list, walk{scripts: true, language: "ar", width: 1280}, walk{scripts: false, language: "en", width: 390})
	}
	return list
}

// setOut starts a server, for windows of the shared browser.
func setOut(t *testing.T, caddyfile string) *journey {
	t.Helper()
	t.Parallel()
	return setOutIn(t, shared(t), caddyfile)
}

// setOutWith is setOut with a browser that has other settings.
func setOutWith(t *testing.T, caddyfile, preferences string) *journey {
	t.Helper()
	t.Parallel()
	return setOutIn(t, launchFor(t, preferences), caddyfile)
}

func setOutIn(t *testing.T, b *engine, caddyfile string) *journey {
	t.Helper()
	return journeyAt(t, b, startForBrowsers(t, caddyfile))
}

// journeyAt is a journey at a server that runs.
func journeyAt(t *testing.T, b *engine, s *server) *journey {
	t.Helper()
	j := &journey{server: s, t: t, browser: b}
	for number, w := range walks() {
		w.number = number
		j.walks = append(j.walks, &w)
	}
	return j
}

// part walks a part of the journey. Who was lost in an earlier part stays
// behind.
func (j *journey) part(name string, steps func(t *testing.T, w *walk)) {
	j.t.Helper()
	for _, w := range j.walks {
		if w.failed {
			continue
		}
		j.t.Run(fmt.Sprintf("%s/%s", name, w), func(t *testing.T) {
			defer func() { w.failed = t.Failed() }()
			if w.chromium == nil {
				w.chromium = w.settle(j.browser.window(j.t, j.server))
			}
			w.t = t
			defer w.judge()
			steps(t, w)
		})
	}
}

// changes gives the server another configuration.
func (j *journey) changes(caddyfile string) {
	j.t.Helper()
	if out, err := j.reload(caddyfile, "2"); err != nil {
		j.t.Fatalf("reloading: %v\n%s", err, out)
	}
}

func (w *walk) String() string {
	with := "scripts"
	if !w.scripts {
		with = "no scripts"
	}
	return fmt.Sprintf("%s, %s, %d", with, w.language, w.width)
}

// email is an address of this viewer.
func (w *walk) email(name string) string { return fmt.Sprintf("%s-%d@viewer.test", name, w.number) }

// account registers the viewer through the API.
func (w *walk) account(name string) tokens {
	w.t.Helper()
	return granted(w.t, w.s.post(w.t, "/customers", map[string]string{
		"email": w.email(name), "password": password, "publisherId": publisherID,
		"locale": map[string]string{"en": "en_US", "ar": "ar_EG"}[w.language], "country": "EG", "currency": "EGP",
	}))
}

// onAnotherDevice returns another browser of the viewer's.
func (w *walk) onAnotherDevice() *walk {
	w.t.Helper()
	other := *w
	other.chromium = w.settle(w.another(w.t))
	w.t.(*testing.T).Cleanup(other.judge)
	return &other
}

// windowHeight is that of the phone.
const windowHeight = 844

// settle makes a browser the viewer's.
func (w *walk) settle(b *chromium) *chromium {
	b.t.Helper()
	size := []chromedp.EmulateViewportOption{}
	if w.width < 600 {
		size = append(size, chromedp.EmulateMobile)
	}
	b.do(chromedp.EmulateViewport(w.width, windowHeight, size...))
	tell(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": w.language}})
	b.scheme("light")
	if !w.scripts {
		b.noScript()
	}
	if err := chromedp.Listen(b.ctx, b.keepsToItself); err != nil {
		b.t.Fatal(err)
	}
	return b
}

// keepsToItself notes what a page asks of another origin. The hub's pages after
// the end of a session are to ask every site to forget what the browser keeps of
// it.
func (b *chromium) keepsToItself(event any) {
	e, ok := event.(*network.EventRequestWillBeSent)
	if !ok || e.Type == network.ResourceTypeDocument || strings.HasPrefix(e.Request.URL, "data:") {
		return
	}
	if origin(e.DocumentURL) == b.s.hub && strings.HasSuffix(e.Request.URL, "/.usher/gone.svg") {
		return
	}
	if of, asked := origin(e.DocumentURL), origin(e.Request.URL); of != asked {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, "a page of "+of+" asks for "+e.Request.URL)
	}
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// write puts text into a field in place of what is there.
func (w *walk) write(id, text string) {
	w.t.Helper()
	at := fmt.Sprintf(`(field => { field.focus(); field.select(); return document.activeElement == field })(document.getElementById(%q))`, id)
	if !ask(w.chromium, chromedp.Evaluate[bool](at)) {
		w.t.Fatalf("nothing can be written into the field %s", id)
	}
	tell(w.chromium, input.InsertText, input.InsertTextParams{Text: text})
}

// fill writes into fields: ids and texts in turn.
func (w *walk) fill(fields ...string) {
	w.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		w.write(fields[i], fields[i+1])
	}
}

// tick clicks on a checkbox or radio button.
func (w *walk) tick(id string) {
	w.t.Helper()
	w.do(chromedp.Click(chromedp.ID(id)))
}

// submit is what sends the form of a page.
const submit = `main form .primary[type=submit], main form .danger[type=submit]`

// send sends the page's form.
func (w *walk) send() int {
	w.t.Helper()
	return w.click(submit)
}

// sendAnyway sends the form though the browser would not, as browsers do that
// check nothing.
func (w *walk) sendAnyway() int {
	w.t.Helper()
	ask(w.chromium, chromedp.Evaluate[bool](`[...document.forms].forEach(form => form.noValidate = true), true`))
	return w.send()
}

// login signs the viewer in at the page for that.
func (w *walk) login(email, password string) int {
	w.t.Helper()
	w.wantsPage("/login")
	w.fill("email", email, "password", password)
	return w.send()
}

func (b *chromium) focused() string {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.tagName`))
}

// refused checks an answer to a form: the status, the focus on what is wrong,
// and its links, each of which leads into a field that says the same.
func (w *walk) refused(got, status int, fields ...string) {
	w.t.Helper()
	w.forgive(fmt.Sprintf("status of %d", status))
	if got != status {
		w.t.Fatalf("status %d, want %d\n%s", got, status, w.shows())
	}
	// Without a script it is the browser that moves the focus, when it draws.
	waitUntil(w.t, "the focus on what is wrong", func() bool { return w.focused() == "alert" })
	if links := ask(w.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("#alert a")].map(a => a.hash.slice(1))`)); !slices.Equal(links, fields) {
		w.t.Fatalf("what is wrong leads to %q, want %q\n%s", links, fields, w.shows())
	}
	for _, field := range fields {
		w.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`#alert a[href="#%s"]`, field))))
		waitUntil(w.t, "the focus on "+field, func() bool { return w.focused() == field })
		says := fmt.Sprintf(`(field => field.getAttribute("aria-invalid") == "true" && field.getAttribute("aria-describedby").split(" ")
			.some(id => document.getElementById(id).matches(".field-error")))(document.getElementById(%q))`, field)
		if !ask(w.chromium, chromedp.Evaluate[bool](says)) {
			w.t.Errorf("the field %s does not say what is wrong with it", field)
		}
	}
}

// facts is what is to be right about every page.
type facts struct {
	Title, Lang, Dir string
	Headings, Wide   int
	Weight           int
	Scripted         bool
}

// maxTransfer is what a viewer on a slow line has to load for a page, without
// the publisher's logo.
const maxTransfer = 60 << 10

// seen are the pages that were judged by axe, by name, language and width.
var seen sync.Map

// look judges the page that the viewer sees. name is for reports and pictures.
func (w *walk) look(name string) {
	w.t.Helper()
	f := ask(w.chromium, chromedp.Evaluate[facts](`(() => {
		const parts = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
		return {
			Title: document.title, Lang: document.documentElement.lang, Dir: document.documentElement.dir,
			Headings: document.querySelectorAll("h1").length, Wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
			Weight: parts.reduce((sum, part) => sum + part.encodedBodySize + 1000, 0),
			Scripted: [...document.querySelectorAll("button.reveal")].some(button => !button.hidden),
		}
	})()`))
	dir := map[string]string{"en": "ltr", "ar": "rtl"}[w.language]
	if f.Title == "" || f.Lang != w.language || f.Dir != dir || f.Headings != 1 {
		w.t.Errorf("%s: %+v", name, f)
	}
	if f.Wide > 0 {
		w.t.Errorf("%s is %d pixels wider than the window", name, f.Wide)
	}
	if f.Weight < 5000 || f.Weight > maxTransfer {
		w.t.Errorf("%s weighs %d bytes, want at most %d", name, f.Weight, maxTransfer)
	}
	if f.Scripted && !w.scripts {
		w.t.Errorf("%s has buttons that do nothing", name)
	}
	if _, before := seen.LoadOrStore(fmt.Sprintf("%s, %s, %d", name, w.language, w.width), true); before {
		return
	}
	if !w.scripts {
		w.scriptsOff(false) // for axe; the page's own was passed over when it was read
		defer w.scriptsOff(true)
	}
	for _, v := range w.audit() {
		w.t.Errorf("%s breaks the rule %s", name, v)
	}
	w.shoot(name)
}

// shoot takes pictures of the page for people to look at, in light and dark,
// into the folder that USHER_SCREENSHOTS names.
func (w *walk) shoot(name string) {
	w.t.Helper()
	folder := os.Getenv("USHER_SCREENSHOTS")
	if folder == "" {
		return
	}
	for _, scheme := range []string{"dark", "light"} {
		w.scheme(scheme)
		height := ask(w.chromium, chromedp.Evaluate[float64](`document.documentElement.scrollHeight`))
		picture := ask(w.chromium, func(ctx context.Context, tab *chromedp.Target) ([]byte, error) {
			// Beyond the window Chromium shifts pages that are read from the right
			// and fit into it.
			taken, err := cdp.Call(ctx, tab, page.CaptureScreenshot, page.CaptureScreenshotParams{
				Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: new(height > windowHeight),
				Clip: &page.Viewport{Width: float64(w.width), Height: height, Scale: 1},
			})
			return taken.Data, err
		})
		file := fmt.Sprintf("%s-%s-%d-%s.png", name, w.language, w.width, scheme)
		if err := os.WriteFile(filepath.Join(folder, file), picture, 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
}

// awaitLink waits for the n-th mail to an address that links to a page of the
// hub, whatever the mail's language.
func (w *walk) awaitLink(to, path string, n int) letter {
	w.t.Helper()
	var found []letter
	waitUntil(w.t, "the mail to "+to+" that links to "+path, func() bool {
		found = nil
		for _, l := range w.s.letters(w.t, to) {
			if strings.HasPrefix(l.link(w.t), w.s.hub+path+"?") {
				found = append(found, l)
			}
		}
		return len(found) >= n
	})
	return found[n-1]
}

var mailedCode = regexp.MustCompile(`\b[A-Z0-9]{4}-[A-Z0-9]{4}\b`)

// code returns the code in the mail.
func (l letter) code(t testing.TB) string {
	t.Helper()
	found := mailedCode.FindString(address.ReplaceAllString(l.text, ""))
	if found == "" {
		t.Fatalf("no code in the mail:\n%s", l.text)
	}
	return found
}
