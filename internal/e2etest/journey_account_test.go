// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// goTo opens a page of the viewer's account, by way of a sign-in if need be.
func (w *walk) goTo(page, email string) {
	w.t.Helper()
	w.open(w.s.hub + page)
	if strings.HasPrefix(w.at(), w.s.hub+"/login") {
		w.login(email, password)
	}
	w.wantsPage(page)
}

// saved checks that the page says that something was done.
func (w *walk) saved(status int) {
	w.t.Helper()
	if said, err := try(w.chromium, chromedp.Evaluate[string](`document.querySelector("[role=status]").innerText`)); status != 200 || err != nil || said == "" {
		w.t.Fatalf("status %d: nothing says that it is done\n%s", status, w.shows())
	}
}

func TestViewerMindsTheAccount(t *testing.T) {
	j := setOut(t, wanting(terms+questions+brand))
	j.part("profile and answers", func(t *testing.T, w *walk) {
		w.account("owner")
		w.goTo("/account", w.email("owner"))
		w.look("account")
		w.click(`.rows a[href*="/account/profile"]`)
		w.look("account-profile")
		w.fill("firstName", strings.Repeat("A", 50), "lastName", "O’Neill")
		w.do(chromedp.SetValue(chromedp.ID("country"), "DE"))
		w.saved(w.send())
		w.look("account-profile-saved")
		if said := ask(w.chromium, chromedp.Value(chromedp.ID("country"))); said != "DE" {
			t.Errorf("the country is %q", said)
		}

		w.goTo("/account/answers", w.email("owner"))
		w.look("account-answers")
		w.refused(w.sendAnyway(), 422, "q-birthDate", "q-custom_1-0")
		w.look("account-answers-refused")
		w.do(chromedp.SetValue(chromedp.ID("q-birthDate"), "1990-02-28"))
		w.tick("q-custom_1-0")
		w.saved(w.send())
	})
	j.part("devices", func(t *testing.T, w *walk) {
		app := w.s.login(t, w.email("owner"))
		w.goTo("/account/sessions", w.email("owner"))
		w.look("account-sessions")
		w.saved(w.click(".entry:nth-child(2) button"))
		w.look("account-sessions-ended")
		if status := w.s.refresh(t, app.RefreshToken).status; status != 200 {
			app = w.s.login(t, w.email("owner"))
		}
		w.goTo("/account/sessions", w.email("owner"))
		w.saved(w.click("button[name=others]"))
		if status := w.s.refresh(t, app.RefreshToken).status; status == 200 {
			t.Error("the other device is signed in")
		}
		w.goTo("/account/sessions", w.email("owner"))
	})
	j.part("consents", func(t *testing.T, w *walk) {
		w.goTo("/account/consents", w.email("owner"))
		w.look("account-consents")
		w.tick("consent-0")
		w.tick("consent-1")
		w.saved(w.send())
		w.look("account-consents-saved")
		w.tick("consent-0")
		w.send()
		w.look("account-consents-withdraw")
		waitUntil(t, "the focus on what comes of it", func() bool {
			return ask(w.chromium, chromedp.Evaluate[bool](`document.activeElement.matches("[role=alert]")`))
		})
		w.click("main form .danger")
		w.look("account-consents-withdrawn")
		w.open(w.s.newsURL + "/live")
		w.login(w.email("owner"), password)
		w.wantsPage("/consents")
	})
	j.part("a copy, and the end", func(t *testing.T, w *walk) {
		w.goTo("/account/export", w.email("owner"))
		w.look("account-export")
		w.write("current", "wrong-password-1")
		w.refused(w.send(), 422, "current")
		w.look("account-export-refused")
		w.write("current", password)
		var export map[string]any
		if file := w.download(); json.Unmarshal(file, &export) != nil || !strings.Contains(string(file), w.email("owner")) || !strings.Contains(string(file), "1990-02-28") {
			t.Errorf("the copy of the viewer's data is\n%s", file)
		}

		w.goTo("/account/delete", w.email("owner"))
		w.look("account-delete")
		w.refused(w.sendAnyway(), 422, "current", "understood")
		w.look("account-delete-refused")
		w.write("current", password)
		w.tick("understood")
		w.send()
		w.look("account-deleted")
		w.open(w.s.newsURL + "/live")
		w.refused(w.login(w.email("owner"), password), 401)
	})
}

// download sends the page's form and returns the JSON file that comes of it.
func (w *walk) download() []byte {
	w.t.Helper()
	file := w.downloadBy(submit, "*.json")
	if !json.Valid(file) {
		w.t.Fatalf("the file is no JSON:\n%s", file)
	}
	return file
}

// downloadBy clicks on what a CSS selector finds and returns the file that comes
// of it; pattern is of its name.
func (w *walk) downloadBy(selector, pattern string) []byte {
	w.t.Helper()
	folder := w.t.(*testing.T).TempDir()
	w.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		info, err := cdp.Call(ctx, tab, target.GetTargetInfo, target.GetTargetInfoParams{})
		if err == nil {
			_, err = cdp.Call(ctx, tab, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
				Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: info.TargetInfo.BrowserContextID, DownloadPath: folder,
			})
		}
		return err
	}))
	w.do(chromedp.Click(chromedp.CSS(selector)))
	var file []byte
	waitUntil(w.t, "the download", func() bool {
		found, err := filepath.Glob(filepath.Join(folder, pattern)) // while it comes it has another name
		if err != nil || len(found) == 0 {
			return false
		}
		file, err = os.ReadFile(found[0])
		return err == nil && len(file) > 0
	})
	return file
}

func TestViewerChangesTheAddress(t *testing.T) {
	j := setOut(t, wanting(""))
	change := func(w *walk, name string) {
		w.account(name)
		w.goTo("/account/email", w.email(name))
		w.look("account-email")
		w.fill("email", w.email("new-"+name), "current", "wrong-password-1")
		w.refused(w.send(), 422, "current")
		w.look("account-email-refused")
		w.write("current", password)
		w.saved(w.send())
		w.look("account-email-saved")
	}
	back := func(w *walk, name string) {
		w.wantsPage("/reset")
		w.write("password", fresh)
		w.send()
		w.click("main a.primary")
		w.login(w.email(name), fresh)
		w.wantsPage("/")
	}
	j.part("and takes it back by the link", func(t *testing.T, w *walk) {
		change(w, "link")
		link := w.awaitLink(w.email("link"), "/undo-email", 1).link(t)
		owner := w.onAnotherDevice()
		owner.open(link)
		owner.look("undo")
		owner.send()
		back(owner, "link")
		w.open(w.s.hub + "/account")
		w.wantsPage("/login")
		w.refused(w.login(w.email("new-link"), password), 401)
	})
	j.part("and takes it back by the code", func(t *testing.T, w *walk) {
		change(w, "code")
		code := w.awaitLink(w.email("code"), "/undo-email", 1).code(t)
		owner := w.onAnotherDevice()
		owner.open(w.s.hub + "/undo-email")
		owner.look("undo-by-code")
		owner.fill("email", w.email("code"), "code", "AAAA-AAAA")
		owner.refused(owner.send(), 422, "code")
		owner.look("undo-refused")
		owner.write("code", code)
		owner.send()
		back(owner, "code")
	})
}

func TestViewerChangesThePassword(t *testing.T) {
	j := setOut(t, wanting(""))
	j.part("which signs out other devices", func(t *testing.T, w *walk) {
		w.account("changes")
		other := w.onAnotherDevice()
		other.open(w.s.sportsURL + "/table")
		other.login(w.email("changes"), password)
		other.wants(w.s.sportsURL + "/table")

		w.open(w.s.hub + "/.well-known/change-password")
		w.login(w.email("changes"), password)
		w.wantsPage("/account/password")
		w.look("account-password")
		w.fill("current", "wrong-password-1", "password", fresh)
		w.refused(w.send(), 422, "current")
		w.fill("current", password, "password", "12345678")
		w.refused(w.send(), 422, "password")
		w.look("account-password-refused")
		w.fill("current", password, "password", fresh)
		w.saved(w.send())
		w.look("account-password-saved")
		w.goTo("/account", w.email("changes"))

		other.open(w.s.sportsURL + "/table")
		other.refused(other.login(w.email("changes"), password), 401)
		other.login(w.email("changes"), fresh)
		other.wants(w.s.sportsURL + "/table")
	})
}
