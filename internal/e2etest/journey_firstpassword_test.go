// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
)

// handedOver makes an account in the way of the publisher's own login: without
// a password.
func (w *walk) handedOver(name string) {
	w.t.Helper()
	from := map[string]string{"en": "8.8.8.8", "ar": "41.32.0.1"}[w.language] // in the USA, in Egypt
	granted(w.t, w.s.post(w.t, "/sso/auths", map[string]string{"customerEmail": w.email(name), "customerIP": from}, "X-Publisher-Token: "+apiToken))
}

// resets sets a password by the n-th mail that was sent for that, and leads to
// the page to sign in.
func (w *walk) resets(name, picture string, n int, password string) {
	w.t.Helper()
	w.write("email", w.email(name))
	w.send()
	w.open(w.awaitLink(w.email(name), "/reset", n).link(w.t))
	w.look(picture)
	w.write("password", password)
	w.send()
	w.click("main a.primary")
	w.wantsPage("/login")
}

// withoutPasswords takes the passwords of the viewers away and leaves them
// signed in. No door of the server's leads a viewer without a password to the
// hub, so this one is opened behind its back.
func (j *journey) withoutPasswords(name string) {
	j.t.Helper()
	j.stop()
	backend, err := bolt.Open(filepath.Join(j.dir, "usher.db"), bolt.Options{})
	if err != nil {
		j.t.Fatal(err)
	}
	defer j.restart()
	defer backend.Close()
	store := authstore.New(backend, time.Now)
	for _, w := range j.walks {
		_, identity, err := store.CustomerByIdentity(j.t.Context(), 100000001, authstore.ProviderPassword, w.email(name))
		if err == nil {
			_, err = store.SetPassword(j.t.Context(), identity, identity.Password, "")
		}
		if err != nil {
			j.t.Fatal(err)
		}
	}
}

func TestViewerChoosesAFirstPassword(t *testing.T) {
	j := setOut(t, wanting("api_token "+apiToken))
	j.part("to come in", func(t *testing.T, w *walk) {
		w.handedOver("first")
		w.open(w.s.newsURL + "/live")
		w.refused(w.login(w.email("first"), password), 401)
		w.click(`main a[href*="/forgot"]`)
		w.resets("first", "reset-first", 1, password)
		w.login(w.email("first"), password)
		w.wants(w.s.newsURL + "/live")
		w.goTo("/account", w.email("first"))
	})
	j.withoutPasswords("first")
	j.part("for what asks for it", func(t *testing.T, w *walk) {
		w.open(w.s.newsURL + "/live")
		w.wants(w.s.newsURL + "/live")
		w.goTo("/account", w.email("first"))
		w.look("account-without-password")
		const way, form = `main .pane a.primary[href*="/forgot"]`, `main .pane form`
		has := func(selector string) bool {
			return ask(w.chromium, chromedp.Evaluate[bool](`!!document.querySelector('`+selector+`')`))
		}
		for _, page := range []string{"export", "email", "delete", "password"} {
			w.goTo("/account/"+page, w.email("first"))
			w.look("account-" + page + "-without-password")
			if !has(way) || has(form) {
				t.Errorf("%s does not lead to a password:\n%s", page, w.shows())
			}
		}
		w.click(way)
		w.wantsPage("/forgot")
		w.look("forgot-without-password")
		w.resets("first", "reset-first", 2, fresh)
		w.login(w.email("first"), fresh)
		w.goTo("/account/password", w.email("first"))
		if has(way) || !has(form) {
			t.Errorf("the password cannot be changed:\n%s", w.shows())
		}
	})
}
