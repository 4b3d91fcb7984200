// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// domains is a viewer in a real browser, and a hub and two sites of one
// publisher: the hub and the first site share a domain, the second has its own.
// The browser takes no third-party cookies, and of first parties none whose name
// promises more than its attributes keep.
type domains struct {
	*server
	viewer  account
	browser *engine
}

func TestOneSignInAndOneSignOutServeEveryDomain(t *testing.T) {
	t.Parallel()
	d := domains{server: borrowAt(t, real, secured())}
	d.viewer = d.register(t, "domains")
	d.browser = launchFor(t, thirdPartyBlocked, chromedp.IgnoreCertErrors) // the authority is the server's own
	t.Run("the second site takes three redirects and no click", d.threeRedirects)
	t.Run("tabs that open at once all arrive", d.tabsAtOnce)
	t.Run("an expired token is renewed without a redirect", d.renewal)
	t.Run("a sign-out at one site is the next answer of the other", d.signOut)
	t.Run("a link from a sister site brings a viewer in", d.silentViewer)
	t.Run("a link from a sister site asks about a stranger once", d.silentStranger)
	t.Run("the way back shows nothing after a sign-out at a site", func(t *testing.T) {
		d.wayBack(t, func(w *chromium) { w.click("form button") })
	})
	t.Run("the way back shows nothing after a sign-out at the hub", func(t *testing.T) {
		d.wayBack(t, func(w *chromium) {
			w.open(d.hub + "/logout")
			w.click(submit)
		})
	})
}

// window opens a window for one test, with no cookies.
func (d domains) window(t *testing.T) *chromium {
	t.Helper()
	w := d.browser.window(t, d.server)
	t.Cleanup(w.judge)
	return w
}

// signedIn opens a window and signs the viewer in at a page of a site.
func (d domains) signedIn(t *testing.T, asked string) *chromium {
	t.Helper()
	w := d.window(t)
	w.open(asked)
	w.wantsPage("/login")
	w.write("email", d.viewer.email)
	w.write("password", password)
	w.click("button[type=submit]")
	w.wants(asked)
	return w
}

// knows checks that the page at an address is made for the viewer.
func (d domains) knows(t *testing.T, w *chromium, address string) {
	t.Helper()
	w.wants(address)
	if shown := w.text("email"); shown != d.viewer.email {
		t.Errorf("%s shows %q, want the viewer's address", address, shown)
	}
}

// text returns what is in an element, seen or not.
func (b *chromium) text(id string) string {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[string](fmt.Sprintf(`document.getElementById(%q).textContent`, id)))
}

// follow clicks on a link to an address, which the page gets for that.
func (b *chromium) follow(address string) int {
	b.t.Helper()
	ask(b, chromedp.Evaluate[bool](fmt.Sprintf(`document.body.insertAdjacentHTML("beforeend", '<p><a id="away" href="%s">Away</a>'), true`, address)))
	return b.click("#away")
}

// passed checks the way of the last navigation: where each redirect led from.
func (b *chromium) passed(places ...string) {
	b.t.Helper()
	trail := b.trail()
	if !slices.EqualFunc(trail, places, strings.HasPrefix) {
		b.t.Errorf("the redirects led from %q, want %q", trail, places)
	}
}

func (d domains) threeRedirects(t *testing.T) {
	w := d.signedIn(t, d.newsURL+"/live?match=7&half=a%2Fb&c=%C3%A4")
	second := d.sportsURL + "/table?league=1&name=a%2Fb"
	w.open(second)
	d.knows(t, w, second)
	w.passed(second, d.hub+"/authorize?", d.sportsURL+"/.usher/callback?")
	w.open(second)
	d.knows(t, w, second)
	w.passed()
}

func (d domains) tabsAtOnce(t *testing.T) {
	w := d.signedIn(t, d.newsURL+"/live")
	pages := map[string]*chromium{}
	for i := range 5 {
		pages[fmt.Sprintf("%s/tab?number=%d&x=a%%2Fb", d.sportsURL, i)] = w.tab(t)
	}
	var crowd sync.WaitGroup
	for address, tab := range pages {
		crowd.Go(func() {
			ctx, cancel := context.WithTimeout(tab.ctx, stepTime)
			defer cancel()
			if _, err := chromedp.RunResponse(ctx, chromedp.Navigate(address)); err != nil {
				t.Errorf("opening %s: %v", address, err)
			}
		})
	}
	crowd.Wait()
	for address, tab := range pages {
		d.knows(t, tab, address)
	}
	for name := range w.cookies(d.sportsURL) {
		if strings.HasPrefix(name, "__Host-usher-tx-") {
			t.Errorf("the sign-in %s is still pending", name)
		}
	}
}

// cookies returns what the browser sends to an origin, by name.
func (b *chromium) cookies(origin string) map[string]string {
	b.t.Helper()
	found := ask(b, func(ctx context.Context, tab *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, tab, network.GetCookies, network.GetCookiesParams{URLs: []string{origin}})
	})
	all := map[string]string{}
	for _, c := range found.Cookies {
		all[c.Name] = c.Value
	}
	return all
}

// siteCookie is the name of a site's cookie.
func (s *server) siteCookie() string {
	if s.hosts.scheme == "https" {
		return "__Host-usher"
	}
	return "usher"
}

// expire puts an expired token into the cookie of a site.
func (b *chromium) expire(site string) (stale string) {
	b.t.Helper()
	stale = b.s.stale(b.t, site, b.cookies(site)[b.s.siteCookie()])
	ask(b, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, network.SetCookie, network.SetCookieParams{
			Name: b.s.siteCookie(), Value: stale, URL: site + "/", Path: "/", SameSite: network.CookieSameSiteLax,
			Secure: new(b.s.hosts.scheme == "https"), HTTPOnly: new(true),
		})
	})
	return stale
}

func (d domains) renewal(t *testing.T) {
	asked := d.newsURL + "/live"
	w := d.signedIn(t, asked)
	before := w.cookies(d.newsURL)
	renewed := func(stale string) {
		t.Helper()
		after := w.cookies(d.newsURL)
		if value := after[d.siteCookie()]; value == stale || value == "" {
			t.Errorf("the cookie after the renewal is %q", value)
		}
		if had, has := slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)); !slices.Equal(had, has) {
			t.Errorf("the browser had the cookies %q and has %q", had, has)
		}
	}

	stale := w.expire(d.newsURL)
	w.open(asked + "?again=1")
	d.knows(t, w, asked+"?again=1")
	w.passed()
	renewed(stale)

	stale = w.expire(d.newsURL)
	statuses := ask(w, chromedp.Evaluate[[]int](`Promise.all([...Array(8).keys()].map(i => fetch("/api/" + i).then(answer => answer.status)))`, chromedp.EvalAwaitPromise))
	if want := slices.Repeat([]int{200}, 8); !slices.Equal(statuses, want) {
		t.Errorf("requests of one page with an expired token: %v", statuses)
	}
	renewed(stale)
	w.open(asked)
	d.knows(t, w, asked)
	w.passed()
}

func (d domains) signOut(t *testing.T) {
	w := d.signedIn(t, d.newsURL+"/live")
	w.forgive("status of 401")
	other := w.tab(t)
	second := d.sportsURL + "/table"
	other.open(second)
	d.knows(t, other, second)
	other.click("form button")
	other.wantsPage("/signed-out")

	if status := ask(w, chromedp.Evaluate[int](`fetch("/api/me").then(answer => answer.status)`, chromedp.EvalAwaitPromise)); status != 401 {
		t.Errorf("a script's request after the sign-out at another site: status %d", status)
	}
	w.open(d.newsURL + "/live?x=1")
	w.wantsPage("/login")
	if shown := w.shows(); !strings.Contains(shown, "You are not signed in any more. Please sign in again.") {
		t.Errorf("the page does not say that the session is over:\n%s", shown)
	}
}

func (d domains) silentViewer(t *testing.T) {
	w := d.signedIn(t, d.newsURL+"/live")
	open := d.sportsURL + "/open/news?y=1"
	w.follow(open)
	d.knows(t, w, open)
	w.passed(open, d.hub+"/authorize?", d.sportsURL+"/.usher/callback?code=")
	w.open(d.newsURL + "/live")
	w.follow(open)
	d.knows(t, w, open)
	w.passed()
}

func (d domains) silentStranger(t *testing.T) {
	w := d.window(t)
	open := d.sportsURL + "/open/news?y=1"
	for _, way := range [][]string{{open, d.hub + "/authorize?", d.sportsURL + "/.usher/callback?error=login_required"}, nil} {
		w.open(d.newsURL + "/assets/index")
		w.follow(open)
		w.wants(open)
		w.passed(way...)
		if shown := w.text("email"); shown != "" {
			t.Errorf("a stranger is shown %q", shown)
		}
	}
}

// wayBack has three tabs that have left a private page, which the browser keeps
// whole, no-store or not. After a sign-out in a fourth they are gone.
func (d domains) wayBack(t *testing.T, leave func(w *chromium)) {
	w := d.signedIn(t, d.newsURL+"/live")
	left := map[string]*chromium{}
	for private, next := range map[string]string{
		d.sportsURL + "/secret?a=1": d.sportsURL + "/assets/public",
		d.sportsURL + "/secret?b=2": d.hub + "/logout",
		d.hub + "/":                 d.newsURL + "/assets/public",
	} {
		tab := w.tab(t)
		tab.forgive("status of 401")
		tab.open(private)
		tab.wants(private)
		d.keeps(t, tab, private, next)
		left[private] = tab
	}
	leave(w)
	w.wantsPage("/signed-out")
	for private, tab := range left {
		before := len(tab.remembered())
		if shown := tab.back(); strings.Contains(shown, d.viewer.email) || len(tab.remembered()) > before {
			t.Errorf("after the sign-out, the way back to %s shows:\n%s", private, shown)
		}
	}
	w.backToTheBeginning(d.viewer.email)
}

// keeps proves that the browser keeps the page that a tab leaves for the next. It
// drops one that was left in the middle of something, such as fetching its icon.
func (d domains) keeps(t *testing.T, tab *chromium, private, next string) {
	t.Helper()
	for range 5 {
		tab.open(next)
		if shown := tab.back(); !strings.Contains(shown, d.viewer.email) {
			t.Fatalf("the way back to %s, signed in, shows:\n%s", private, shown)
		}
		if slices.Contains(tab.remembered(), private) {
			tab.open(next)
			return
		}
	}
	t.Errorf("the browser does not keep %s, so that this test says nothing", private)
}
