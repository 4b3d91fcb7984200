// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/sso"
)

// asks returns the address at which a site asks the hub.
func (w *world) asks(notice sso.Notice) string {
	token := strings.Repeat("a", 43)
	return "/login?" + sso.Request{Site: "https://news.example.com", State: token, Nonce: token, Challenge: token, Notice: notice}.Values().Encode()
}

func TestSignInPageTellsWhyItIsShown(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	for notice, want := range map[sso.Notice]string{
		sso.NoticeEnded: "You are not signed in any more.", sso.NoticeForm: "The form that you sent has not arrived.", "": "", "lead": "", "<b>": "",
	} {
		body := w.page(w.asks(notice), "").Body.String()
		if has := strings.Contains(body, `<div class="notice" role="status">`); has != (want != "") || !strings.Contains(body, want) {
			t.Errorf("notice %q: %s", notice, body)
		}
	}
}

// The page after a sign-out shows a picture of each site, which makes the browser
// forget what it kept of it, and allows no other.
func TestSignedOutPageHasTheBrowserForgetAllSites(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	a := w.page("/signed-out", "")
	for _, want := range []string{"news.example.com", "sports.test"} {
		if img := `<img src="https://` + want + `/.usher/gone.svg" alt="" width="1" height="1" referrerpolicy="origin">`; !strings.Contains(a.Body.String(), img) {
			t.Errorf("no %s in %s", img, a.Body)
		}
		if policy := a.Header().Get("Content-Security-Policy"); !strings.Contains(policy, " https://"+want) {
			t.Errorf("the policy has no %s: %s", want, policy)
		}
	}
	if img := `<img src="/gone.svg" `; !strings.Contains(a.Body.String(), img) {
		t.Errorf("no %s in %s", img, a.Body)
	}
	if got := a.Header().Get("Clear-Site-Data"); got != `"cache"` {
		t.Errorf("Clear-Site-Data %q", got)
	}
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	if a := w.page("/signed-out", cookie); strings.Contains(a.Body.String(), "<img") || a.Header().Get("Clear-Site-Data") != "" {
		t.Error("who is signed in loses what the browser keeps")
	}
}
