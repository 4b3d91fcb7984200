// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// wants checks where the browser is.
func (b *chromium) wants(address string) {
	b.t.Helper()
	if at := b.at(); at != address {
		b.t.Fatalf("the browser is at %s, want %s\n%s", at, address, b.shows())
	}
}

// wantsPage checks which page of the hub the browser is at.
func (b *chromium) wantsPage(path string) {
	b.t.Helper()
	if at := b.at(); at != b.s.hub+path && !strings.HasPrefix(at, b.s.hub+path+"?") {
		b.t.Fatalf("the browser is at %s, want the hub's %s\n%s", at, path, b.shows())
	}
}

func TestViewerSignsUpRoamsAndLeavesInARealBrowser(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, withConsents)
	b := s.chromiumWith(t, thirdPartyBlocked)
	const email = "chromium@viewer.test"
	asked := s.newsURL + "/live?match=7&half=a%2Fb&c=%C3%A4"

	// A page of the first site leads to the hub.
	b.open(asked)
	b.wantsPage("/login")
	b.click(`a[href*="/register"]`)
	b.wantsPage("/register")

	// The required consent cannot be left out: the browser insists on it, and
	// so does the server.
	b.write("email", email)
	b.write("password", password)
	b.do(chromedp.Click(chromedp.CSS("button[type=submit]")))
	if ask(b, chromedp.Evaluate[bool](`document.forms[0].checkValidity()`)) {
		t.Error("the browser does not insist on the required consent")
	}
	b.wantsPage("/register")
	b.forgive("status of 422")
	ask(b, chromedp.Evaluate[bool](`document.forms[0].noValidate = true`))
	if status := b.click("button[type=submit]"); status != 422 {
		t.Errorf("without the required consent: status %d", status)
	}
	if !strings.Contains(b.shows(), "Please accept this to go on.") {
		t.Errorf("the page does not say what is missing:\n%s", b.shows())
	}

	// With it, the viewer arrives where they wanted to go.
	b.write("password", password)
	b.do(chromedp.Click(chromedp.CSS("input[type=checkbox][required]")))
	b.click("button[type=submit]")
	b.wants(asked)
	if customer := ask(b, chromedp.Text(chromedp.ID("customer"))); len(customer) != 9 {
		t.Errorf("the app greets customer %q", customer)
	}

	// The second site, on another domain, lets them in without a click.
	second := s.sportsURL + "/table?league=1"
	b.open(second)
	b.wants(second)
	trail := b.trail()
	if len(trail) != 3 || trail[0] != second || !strings.HasPrefix(trail[1], s.hub+"/authorize?") || !strings.HasPrefix(trail[2], s.sportsURL+"/.usher/callback?") {
		t.Errorf("the way to the second site: %q, want three redirects", trail)
	}
	if shown := ask(b, chromedp.Text(chromedp.ID("email"))); shown != email {
		t.Errorf("the second site shows %q", shown)
	}

	// Signing out there signs out at the first site, too.
	b.click("form button")
	b.wantsPage("/signed-out")
	b.open(s.newsURL + "/private")
	b.wantsPage("/login")
	b.backToTheBeginning(email)
}

// backToTheBeginning goes back through the history, page by page, and checks
// that none shows the given words.
func (b *chromium) backToTheBeginning(private string) {
	b.t.Helper()
	b.forgive("status of 4") // what the pages of back then say now
	history := ask(b, chromedp.NavigationEntries())
	for i := history.CurrentIndex - 1; i >= 0; i-- {
		entry := history.Entries[i]
		if !strings.HasPrefix(entry.URL, "http") {
			continue
		}
		if strings.Contains(b.revisit(entry, i), private) {
			b.t.Errorf("after the sign-out, going back to %s shows what only %s may see", entry.URL, private)
		}
	}
}

// back presses the button for that, and returns what a person reads then.
func (b *chromium) back() string {
	b.t.Helper()
	history := ask(b, chromedp.NavigationEntries())
	return b.revisit(history.Entries[history.CurrentIndex-1], history.CurrentIndex-1)
}

// revisit goes to the page at a place of the history.
func (b *chromium) revisit(entry *page.NavigationEntry, place int64) (shown string) {
	b.t.Helper()
	tell(b, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: entry.ID})
	waitUntil(b.t, "the way back to "+entry.URL, func() (done bool) {
		// While the browser changes from one page to the other there is
		// neither to ask.
		now, err := try(b, chromedp.NavigationEntries())
		if err != nil || now.CurrentIndex != place {
			return false
		}
		shown, err = try(b, chromedp.Evaluate[string](`document.readyState == "complete" ? document.body.innerText : ""`))
		return err == nil && shown != ""
	})
	return shown
}

func TestHubShowsNothingPrivateAfterSignOut(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, standard)
	viewer := s.register(t, "homepage")
	b := s.chromium(t)
	b.open(s.hub + "/login")
	b.write("email", viewer.email)
	b.write("password", password)
	b.click("button[type=submit]")
	b.wants(s.hub + "/")
	if !strings.Contains(b.shows(), viewer.email) {
		t.Fatalf("the account page does not say who is signed in:\n%s", b.shows())
	}
	b.click("form button")
	b.wantsPage("/signed-out")
	b.backToTheBeginning(viewer.email)
}

func TestLoginWorksWithTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, standard)
	viewer := s.register(t, "keyboard")
	b := s.chromium(t)
	b.open(s.newsURL + "/live")
	b.wantsPage("/login")
	focused := func() string {
		return ask(b, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.className || document.activeElement.tagName`))
	}
	var stops []string
	for focused() != "email" {
		if stops = append(stops, focused()); len(stops) > 10 {
			t.Fatalf("the address is not reached with Tab; the stops were %q", stops)
		}
		b.do(chromedp.KeyEvent(kb.Tab))
	}
	b.do(chromedp.KeyEvent(viewer.email), chromedp.KeyEvent(kb.Tab))
	if at := focused(); at != "password" {
		t.Fatalf("after the address, Tab leads to %q", at)
	}
	b.do(chromedp.KeyEvent("wrong-password-1"))
	b.forgive("status of 401")
	b.lands(chromedp.KeyEvent(kb.Enter))
	b.wantsPage("/login")
	if at := focused(); at != "alert" {
		t.Errorf("after a wrong password the focus is at %q instead of what is wrong", at)
	}
	for focused() != "password" {
		if stops = append(stops, focused()); len(stops) > 30 {
			t.Fatalf("the password is not reached with Tab; the stops were %q", stops)
		}
		b.do(chromedp.KeyEvent(kb.Tab))
	}
	b.do(chromedp.KeyEvent(password))
	b.lands(chromedp.KeyEvent(kb.Enter))
	b.wants(s.newsURL + "/live")
}

func TestLoginWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, withConsents)
	b := s.chromium(t)
	b.noScript()
	b.open(s.newsURL + "/live?x=1")
	b.wantsPage("/login")
	b.click(`a[href*="/register"]`)
	b.write("email", "noscript@viewer.test")
	b.write("password", password)
	b.do(chromedp.Click(chromedp.CSS("input[type=checkbox][required]")))
	b.click("button[type=submit]")
	b.wants(s.newsURL + "/live?x=1")
	b.click("form button")
	b.wantsPage("/signed-out")

	b.open(s.sportsURL + "/again")
	b.wantsPage("/login")
	b.write("email", "noscript@viewer.test")
	b.write("password", password)
	b.click("button[type=submit]")
	b.wants(s.sportsURL + "/again")
}

// TestNoPageMakesTheBrowserComplain opens every page once. The browser's
// complaints, violations of the content security policy included, fail the
// test when it ends.
func TestNoPageMakesTheBrowserComplain(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, withConsents)
	b := s.chromium(t)
	b.forgive("status of 404")
	b.forgive("status of 400")
	at := func(pages ...string) {
		for _, page := range pages {
			status := b.open(page)
			styled := ask(b, chromedp.Evaluate[bool](`[...document.styleSheets].some(s => s.href && s.cssRules.length > 10)`))
			if title := ask(b, chromedp.Title()); !styled || title == "" {
				t.Errorf("%s, status %d: styled %v, title %q", page, status, styled, title)
			}
		}
	}
	at(s.hub+"/", s.hub+"/login", s.hub+"/register", s.hub+"/logout", s.hub+"/signed-out", s.hub+"/nowhere", s.hub+"/authorize?state=x",
		s.newsURL+"/live", s.newsURL+"/.usher/nowhere", s.newsURL+"/.usher/callback", s.newsURL+"/.usher/logout", s.newsURL+"/a//b;c")
	b.open(s.hub + "/register")
	b.write("email", "pages@viewer.test")
	b.write("password", password)
	b.do(chromedp.Click(chromedp.CSS("input[type=checkbox][required]")))
	b.click("button[type=submit]")
	at(s.hub+"/", s.hub+"/consents", s.hub+"/logout", s.newsURL+"/.usher/logout")
}

// TestThirdPartyCookiesAreBlocked proves that the browser of these tests is as
// strict as we say, in each of its windows, and that the proof would notice one
// that is not.
func TestThirdPartyCookiesAreBlocked(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, standard)
	window, strict, lenient := s.chromium(t), s.chromiumWith(t, thirdPartyBlocked), s.chromiumWith(t, thirdPartyAllowed)
	for what, tt := range map[string]struct {
		b       *chromium
		arrives bool
	}{
		"blocked":             {strict, false},
		"blocked-in-a-window": {window, false},
		"allowed":             {lenient, true},
	} {
		b := tt.b
		b.forgive("ookie") // that it blocks them is what it is to complain about
		b.forgive("Blocked a frame")
		tracked := func(path string) bool {
			var calls []echo
			waitUntil(t, "the request of "+path, func() bool {
				calls = s.sports.at(path)
				return len(calls) > 0
			})
			return strings.Contains(strings.Join(calls[0].Header["Cookie"], ";"), "tracker=1")
		}
		b.open(s.sportsURL + "/assets/set-cookie")
		b.open(s.sportsURL + "/assets/own-" + what)
		if !tracked("/assets/own-" + what) {
			t.Fatalf("%s: the site's own page gets no cookie", what)
		}
		b.open(s.newsURL + "/assets/third-party?of=" + s.sportsURL + "/assets/framed-" + what)
		if got := tracked("/assets/framed-" + what); got != tt.arrives {
			t.Errorf("%s: a frame got the cookie: %v", what, got)
		}
		fetch := `fetch("` + s.sportsURL + "/assets/fetched-" + what + `", {credentials: "include", mode: "no-cors"}).then(() => true)`
		ask(b, chromedp.Evaluate[bool](fetch, chromedp.EvalAwaitPromise))
		if got := tracked("/assets/fetched-" + what); got != tt.arrives {
			t.Errorf("%s: a script's request got the cookie: %v", what, got)
		}
	}
}
