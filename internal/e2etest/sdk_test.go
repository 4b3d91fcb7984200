// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/npmtest"
)

// This file installs Cleeng's client library as it is published, builds a site
// of its forms, and drives that in a browser. The site is in testdata; of the
// library nothing is kept in the repository.

// sdkSources are the site's files in testdata/mediastore-sdk.
var sdkSources = []string{"package.json", "package-lock.json", "index.html", "app.jsx"}

// sdkSite builds the site, once for each state of its sources on a machine, and
// returns its folder.
var sdkSite = sync.OnceValues(func() (string, error) {
	return npmtest.Installed(os.DirFS("testdata"), "mediastore-sdk", sdkSources, func(work, result string) error {
		if err := os.Rename(filepath.Join(work, "index.html"), filepath.Join(result, "index.html")); err != nil {
			return err
		}
		return npmtest.Run(work, "run", "build")
	})
})

// sdk is a browser at a site of the library's forms, which notes the calls that
// the library makes.
type sdk struct {
	*chromium
	site   string // the site's origin
	folder string // where its files are
	loaded int    // how many times it was opened

	mu      sync.Mutex
	calls   []*call                     // guarded by mu; since the last look at them
	pending map[network.RequestID]*call // guarded by mu
	events  int                         // guarded by mu; counts what calls are ordered by
}

// call is one of the library's requests to the API.
type call struct {
	method, url    string
	outcome        string // the status or what went wrong; empty while it is under way
	sent, answered int    // places in the order of all events
}

var customerInPath = regexp.MustCompile(`/customers/[0-9]{9}`)

// String leaves out the customer's id.
func (c call) String() string {
	path := c.url
	if u, err := url.Parse(c.url); err == nil {
		path = u.RequestURI()
	}
	return c.method + " " + customerInPath.ReplaceAllString(path, "/customers/{id}") + " " + c.outcome
}

// startSDK starts a server whose news site serves the forms and the API, and a
// browser. It skips the test where a tool is missing.
func startSDK(t *testing.T) (*server, *sdk) {
	t.Helper()
	chromiumPath(t, lightBrowser)
	site, err := sdkSite()
	if lack := npmtest.Missing(""); errors.As(err, &lack) {
		t.Skip("!!! NO LIBRARY, nothing tells whether Cleeng's @cleeng/mediastore-sdk still works with the API: " + lack.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	s := startForBrowsers(t, strings.ReplaceAll(withForms, "SITE", site))
	l := &sdk{site: s.newsURL, folder: site, chromium: s.chromium(t), pending: map[network.RequestID]*call{}}
	t.Cleanup(func() {
		if !t.Failed() {
			l.called() // nothing but what the test has looked at
		}
	})
	// The library's own advice to its authors.
	l.forgive("react-i18next:: It seems you are still using the old wait option")
	if err := chromedp.Listen(l.ctx, l.note); err != nil {
		t.Fatal(err)
	}
	return s, l
}

// note takes down what the library asks of the API and what comes of it. A
// request to anywhere else is not the API's and a fault.
func (l *sdk) note(event any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events++
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		c := &call{method: e.Request.Method, url: e.Request.URL, sent: l.events}
		path, here := strings.CutPrefix(c.url, l.site+"/")
		switch {
		case !strings.HasPrefix(e.DocumentURL, l.site+"/"):
			// A page of the hub.
		case !here && !strings.HasPrefix(c.url, "data:"):
			c.outcome = "to another place: " + c.url
			l.calls = append(l.calls, c)
		case e.Type == network.ResourceTypeFetch && !strings.HasPrefix(path, "cleeng-translations/"), e.Type == network.ResourceTypeXHR:
			l.calls, l.pending[e.RequestID] = append(l.calls, c), c
		}
	case *network.EventResponseReceived:
		if c := l.pending[e.RequestID]; c != nil {
			c.outcome, c.answered = strconv.Itoa(int(e.Response.Status)), l.events
		}
	case *network.EventLoadingFinished:
		delete(l.pending, e.RequestID)
	case *network.EventLoadingFailed:
		if c := l.pending[e.RequestID]; c != nil {
			c.outcome = e.ErrorText
			delete(l.pending, e.RequestID)
		}
	}
}

// called checks what the library asked of the API since the last check, in any
// order, waits for the answers, and returns the calls as they are listed. The
// browser may complain about those that are to be refused.
func (l *sdk) called(want ...string) []call {
	l.t.Helper()
	var made []call
	patience := time.Now().Add(startTime / 2)
	waitUntil(l.t, "the library's calls", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if (len(l.pending) > 0 || len(l.calls) < len(want)) && time.Now().Before(patience) {
			return false
		}
		for _, c := range l.calls {
			made = append(made, *c)
		}
		l.calls = nil
		return true
	})
	in := func(c call) int { return slices.Index(want, c.String()) }
	slices.SortStableFunc(made, func(a, b call) int { return in(a) - in(b) })
	var got []string
	for _, c := range made {
		got = append(got, c.String())
		if status, _ := strconv.Atoi(c.outcome); status >= 400 && in(c) >= 0 {
			l.forgive(fmt.Sprintf("status of %d (%s) %s", status, http.StatusText(status), c.url))
		}
	}
	if !slices.Equal(got, want) {
		l.t.Fatalf("the library made the calls\n\t%s\nwant\n\t%s\nThe page:\n%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), l.shows())
	}
	return made
}

// show loads the site with one of its forms.
func (l *sdk) show(form string) {
	l.t.Helper()
	l.loaded++
	l.open(fmt.Sprintf("%s/?%d#%s", l.site, l.loaded, form))
}

// arrives waits until the site is where a form that is done leads to.
func (l *sdk) arrives(page string) {
	l.t.Helper()
	l.do(chromedp.WaitReady(chromedp.ID("page-" + page)))
}

// reads waits until the page shows the words.
func (l *sdk) reads(words string) {
	l.t.Helper()
	var shown string
	patience := time.Now().Add(startTime / 2)
	waitUntil(l.t, words, func() bool {
		shown = l.shows()
		return strings.Contains(shown, words) || time.Now().After(patience)
	})
	if !strings.Contains(shown, words) {
		l.t.Fatalf("the page does not say %q:\n%s", words, shown)
	}
}

// fill replaces what is in fields. fields are ids, which the library's forms
// take from their labels, and texts in turn.
func (l *sdk) fill(fields ...string) {
	l.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		id, text := fields[i], fields[i+1]
		l.do(chromedp.WaitVisible(chromedp.CSS(fmt.Sprintf("[id=%q]:enabled", id))))
		// How a date is typed depends on the browser's language: dates are set.
		typed := ask(l.chromium, chromedp.Evaluate[bool](fmt.Sprintf(`(field => {
			field.focus()
			if (field.type != "date") { field.select(); return true }
			Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, %q)
			field.dispatchEvent(new Event("input", { bubbles: true }))
		})(document.getElementById(%q)) ?? false`, text, id)))
		if typed {
			l.do(chromedp.KeyEvent(text))
		}
	}
}

// press presses the button with the given words, in the part of the page that
// a CSS class names or anywhere.
func (l *sdk) press(words string, class ...string) {
	l.t.Helper()
	l.do(chromedp.Click(chromedp.Search(within(class) + `//button[normalize-space(.)="` + words + `"]`)))
}

// tick clicks the box that the library draws beside the given words: the
// middle of the words may be a link.
func (l *sdk) tick(words string) {
	l.t.Helper()
	l.do(chromedp.Click(chromedp.Search(`//label[contains(., "` + words + `")]//*[@tabindex="0"]`)))
}

func within(class []string) string {
	if len(class) == 0 {
		return ""
	}
	return `//*[contains(concat(" ", @class, " "), " ` + class[0] + ` ")]`
}

// remembers returns what the library keeps in the browser under a name.
func (l *sdk) remembers(name string) string {
	l.t.Helper()
	return ask(l.chromium, chromedp.Evaluate[string](fmt.Sprintf(`localStorage.getItem("%s_CLEENG_%s") ?? ""`, publisherID, name)))
}
