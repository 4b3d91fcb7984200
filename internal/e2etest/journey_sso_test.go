// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// This file has the journeys of viewers whose session or cookies get lost on the
// way from site to site.

// noCookies is the setting of a profile that takes no cookies at all, noCookiesOf
// that of one that takes none of a host.
const noCookies = `{"profile": {"default_content_setting_values": {"cookies": 2}}}`

func noCookiesOf(host string) string {
	return fmt.Sprintf(`{"profile": {"block_third_party_cookies": true, "cookie_controls_mode": 1, "content_settings": {"exceptions": {"cookies": {"[*.]%s,*": {"setting": 2}}}}}}`, host)
}

// says checks the heading of a page, in the language that the test reads.
func (w *walk) says(heading string) {
	w.t.Helper()
	if said := ask(w.chromium, chromedp.Text(chromedp.CSS("h1"))); w.language == "en" && said != heading {
		w.t.Errorf("%s says %q, want %q", w.at(), said, heading)
	}
}

// notices checks what a page tells before all else.
func (w *walk) notices(words string) {
	w.t.Helper()
	said := ask(w.chromium, chromedp.Text(chromedp.CSS(".notice[role=status]")))
	if w.language == "en" && !strings.Contains(said, words) || said == "" {
		w.t.Errorf("%s notices %q, want %q", w.at(), said, words)
	}
}

// arrives signs a new viewer in at a page of a site, in a browser of their own.
func (w *walk) arrives(asked, name string) (of tokens, there *walk) {
	w.t.Helper()
	of, there = w.account(name), w.onAnotherDevice()
	there.open(asked)
	there.login(w.email(name), password)
	there.wants(asked)
	return of, there
}

// endSessions ends every session of a customer, as another device does.
func (s *server) endSessions(t *testing.T, of tokens) {
	t.Helper()
	s.visitor(t).send("DELETE", s.hub+"/refresh_tokens", "", bearer(of.JWT)).says(t, 200)
}

func TestViewerLosesTheSession(t *testing.T) {
	j := setOut(t, wanting(brand))
	j.part("and opens a page", func(t *testing.T, w *walk) {
		asked := w.s.newsURL + "/live?match=7"
		of, w := w.arrives(asked, "ended")
		w.s.endSessions(t, of)
		w.open(asked)
		w.wantsPage("/login")
		w.notices("You are not signed in any more.")
		w.look("login-ended")
		w.login(w.email("ended"), password)
		w.wants(asked)
	})
	j.part("and sends a form", func(t *testing.T, w *walk) {
		asked := w.s.sportsURL + "/write?draft=7&x=a%2Fb"
		of, w := w.arrives(asked, "writes")
		sent := fmt.Sprintf("/comments?by=%d", w.number)
		ask(w.chromium, chromedp.Evaluate[bool](fmt.Sprintf(`document.body.insertAdjacentHTML("beforeend",
			'<form method="post" action="%s"><input name="text" value="Well played"><button id="comment">Send</button></form>'), true`, sent)))
		w.s.endSessions(t, of)
		w.click("#comment")
		w.wantsPage("/login")
		w.notices("The form that you sent has not arrived. Please sign in and send it again.")
		w.look("login-form-lost")
		if status := w.login(w.email("writes"), password); status != 200 {
			t.Errorf("after the sign-in: status %d", status)
		}
		w.says("Please send your form again")
		w.look("site-form-lost")
		w.click("main .actions a")
		w.wants(asked)
		if n := len(w.s.sports.at(sent)); n != 0 {
			t.Errorf("the form has reached the app %d times", n)
		}
	})
	j.part("because the site's cookie alone is gone", func(t *testing.T, w *walk) {
		asked := w.s.newsURL + "/live?match=8"
		_, w = w.arrives(asked, "loops")
		ask(w.chromium, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
			return cdp.Call(ctx, tab, network.DeleteCookies, network.DeleteCookiesParams{Name: w.s.siteCookie(), URL: w.s.newsURL})
		})
		w.forgive("status of 401")
		if status := w.open(asked); status != 401 || len(w.trail()) > 0 {
			t.Errorf("status %d after the redirects %q", status, w.trail())
		}
		w.wants(asked)
		w.says("You did not stay signed in")
		w.look("error-site-loop")
		w.click("main .actions a")
		w.wants(asked)
		w.passed(asked, w.s.hub+"/authorize?", w.s.newsURL+"/.usher/callback?")
	})
}

func TestViewerBlocksTheCookiesOfASite(t *testing.T) {
	j := setOutWith(t, wanting(brand), noCookiesOf(loopback.sports))
	j.part("and is told to allow them", func(t *testing.T, w *walk) {
		w.account("blocks")
		w.forgive("status of 400")
		w.open(w.s.sportsURL + "/table?league=1")
		if status := w.login(w.email("blocks"), password); status != 400 {
			t.Errorf("after the sign-in: status %d\n%s", status, w.shows())
		}
		w.says("Please allow cookies")
		w.passed(w.s.hub+"/login?", w.s.hub+"/authorize?")
		w.look("error-site-cookies")
		w.click("main .actions a")
		w.says("Please allow cookies")
		w.passed(w.s.sportsURL+"/", w.s.hub+"/authorize?")
	})
}

func TestViewerBlocksAllCookies(t *testing.T) {
	j := setOutWith(t, wanting(brand), noCookies)
	j.part("and sees open pages", func(t *testing.T, w *walk) {
		open := w.s.sportsURL + "/open/news?y=1"
		for range 2 { // a browser that forgets is asked each time, once
			w.open(w.s.newsURL + "/assets/index")
			w.follow(open)
			w.wants(open)
			w.passed(open, w.s.hub+"/authorize?", w.s.sportsURL+"/.usher/callback?error=login_required")
			if shown := w.text("email"); shown != "" {
				t.Errorf("a stranger is shown %q", shown)
			}
		}
		if got := w.s.sports.at("/open/news?y=1"); len(got) == 0 || got[0].Header.Get("Cookie") != "" {
			t.Errorf("the browser sends cookies: %v", got)
		}
	})
	j.part("and is told to allow them", func(t *testing.T, w *walk) {
		w.account("blocks")
		w.forgive("status of 4")
		w.open(w.s.sportsURL + "/table?league=1")
		w.login(w.email("blocks"), password)
		if ask(w.chromium, chromedp.Evaluate[bool](`!!document.getElementById("password")`)) {
			t.Fatalf("after the sign-in, the password is asked for again, without a reason:\n%s", w.shows())
		}
		w.says("Please allow cookies")
		if trail := w.trail(); len(trail) > 3 {
			t.Errorf("the redirects led from %q", trail)
		}
		w.look("error-cookies")
	})
}
