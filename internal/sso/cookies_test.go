// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package sso_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/sso"
)

func TestCookiesAreForOneHostAndNoScript(t *testing.T) {
	tests := []struct {
		origin publisher.Origin
		life   time.Duration
		want   string
	}{
		{news, time.Hour, "__Host-usher=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"},
		{news, 0, "__Host-usher=v; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{news, -time.Hour, "__Host-usher=v; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{local, time.Hour, "usher=v; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"}, // browsers refuse the prefix there
		{local, 0, "usher=v; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"},
	}
	for _, tt := range tests {
		h := http.Header{}
		sso.CookiesFor(tt.origin).Set(h, sso.SiteCookie, "v", tt.life)
		if got := h.Get("Set-Cookie"); got != tt.want {
			t.Errorf("%s for %v: %s, want %s", tt.origin, tt.life, got, tt.want)
		}
	}
	h := http.Header{}
	sso.CookiesFor(news).Set(h, sso.HubCookie, "v", time.Hour)
	sso.CookiesFor(news).Clear(h, sso.SiteCookie)
	if len(h["Set-Cookie"]) != 2 {
		t.Errorf("%v: one replaced the other", h)
	}
}

func TestPendingSignInIsKeptInACookieOfItsOwn(t *testing.T) {
	for origin, form := range map[publisher.Origin]string{
		news:  `^__Host-usher-tx-[A-Za-z0-9_-]{8}=[A-Za-z0-9_-]+; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$`,
		local: `^usher-tx-[A-Za-z0-9_-]{8}=[A-Za-z0-9_-]+; Path=/; Max-Age=600; HttpOnly; SameSite=Lax$`,
	} {
		w, rec := newWorld(t), httptest.NewRecorder()
		w.Begin(rec, newBrowser(origin).request("/"), origin, sso.Ask{Return: "/"})
		set := rec.Header()["Set-Cookie"]
		if len(set) != 1 || !regexp.MustCompile(form).MatchString(set[0]) {
			t.Errorf("%s: %q", origin, set)
		}
	}
}

func TestCookieNamesDoNotContainEachOther(t *testing.T) {
	names := []string{sso.SiteCookie, sso.PendingCookie + "12345678", sso.HubCookie, sso.DeviceCookie}
	seen := map[string]bool{}
	for _, origin := range []publisher.Origin{news, local} {
		for _, name := range names {
			at := fmt.Sprint(origin.Scheme(), sso.CookiesFor(origin).Name(name))
			if seen[at] {
				t.Errorf("%s twice at %s", name, origin)
			}
			seen[at] = true
		}
	}
}

func TestSameOriginIsWhatTheBrowserSays(t *testing.T) {
	tests := []struct {
		fetchSite, origin string // "" is no header
		want              bool
	}{
		{"same-origin", "", true},
		{"same-origin", "https://news.example", true},
		{"same-origin", "null", true}, // Sec-Fetch-Site cannot be forged by a page
		{"same-site", "https://news.example", false},
		{"cross-site", "https://news.example", false},
		{"none", "", false},
		{"none", "https://news.example", false},
		{"Same-Origin", "", false},
		{"same-origin, cross-site", "", false},
		{"", "https://news.example", true},
		{"", "https://news.example:443", false},
		{"", "https://news.example/", false},
		{"", "http://news.example", false},
		{"", "https://NEWS.example", false},
		{"", "https://www.news.example", false},
		{"", "https://news.example.evil.test", false},
		{"", "https://evil.test", false},
		{"", "null", false},
		{"", "https://news.example https://evil.test", false},
		{"", "", false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodPost, string(news)+"/.usher/logout", nil)
		r.Header.Set("Referer", string(news)+"/") // decides nothing
		for name, value := range map[string]string{"Sec-Fetch-Site": tt.fetchSite, "Origin": tt.origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := sso.SameOrigin(r, news); got != tt.want {
			t.Errorf("Sec-Fetch-Site %q, Origin %q: %t, want %t", tt.fetchSite, tt.origin, got, tt.want)
		}
	}
}
