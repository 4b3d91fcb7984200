// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/socialtest"
)

// startOn starts a server for which Google, Facebook, Apple and Twitch are those
// of in, as they are for browsers that visit it.
func startOn(t testing.TB, in *socialtest.Internet, caddyfile string) *server {
	t.Helper()
	return newServer(t, loopback, withRace, t.TempDir()).on(in, caddyfile)
}

// on begins to serve at the end of such an internet.
func (s *server) on(in *socialtest.Internet, caddyfile string) *server {
	s.t.Helper()
	s.internet, s.env = in, in.Environment(s.t)
	s.t.Cleanup(s.finish)
	return s.begin(caddyfile)
}

// window has a browser open one that shares nothing with others, for visits to
// this server.
func (s *server) window() chromedp.ContextOption {
	return chromedp.WithNewBrowserContext(func(p *target.CreateBrowserContextParams) {
		if s.internet != nil {
			p.ProxyServer = s.internet.ProxyURL() // browsers ask none for loopback names
		}
	})
}

// trusting has a browser believe that they are who they say.
func trusting(t testing.TB) chromedp.ExecAllocatorOption {
	t.Helper()
	return chromedp.Flag("ignore-certificate-errors-spki-list", socialtest.Pin(t))
}

// TestBrowsersMeetTheProvidersOfTests holds the pages of the providers to a real
// browser: what it brings back to a site is what a person has chosen.
func TestBrowsersMeetTheProvidersOfTests(t *testing.T) {
	t.Parallel()
	in := socialtest.New(t, time.Now)
	s := startOn(t, in, standard)
	anna := socialtest.Person{Subject: "110169484474386276334", Email: "anna@gmail.test", GivenName: "Anna", FamilyName: "Alba"}
	way := s.newsURL + "/assets/back"
	in.Register(socialtest.Google, socialtest.Client{ID: "c", Secret: "s", RedirectURIs: []string{way}})
	in.RegisterApple(t, "c", way)
	in.Add(socialtest.Google, anna)
	in.Add(socialtest.Apple, anna)
	b := s.chromium(t)

	google := "https://accounts.google.com/o/oauth2/v2/auth?" + url.Values{
		"client_id": {"c"}, "redirect_uri": {way}, "response_type": {"code"}, "scope": {"openid email"}, "state": {"1"},
	}.Encode()
	b.open(google)
	b.click(socialtest.Button(anna))
	if at := b.at(); !strings.HasPrefix(at, way+"?") || !strings.Contains(at, "code=") || !strings.Contains(at, "state=1") {
		t.Errorf("who agrees comes back to %s", at)
	}
	b.open(google)
	b.click(socialtest.Button(socialtest.Person{}))
	if at := b.at(); !strings.HasPrefix(at, way+"?error=access_denied") {
		t.Errorf("who cancels comes back to %s", at)
	}

	b.open("https://appleid.apple.com/auth/authorize?" + url.Values{
		"client_id": {"c"}, "redirect_uri": {way}, "response_type": {"code"}, "scope": {"name email"}, "response_mode": {"form_post"}, "state": {"2"},
	}.Encode())
	b.click(socialtest.Button(anna))
	if at := b.at(); at != way {
		t.Errorf("Apple's form is at %s", at)
	}
	if back := s.news.at("/assets/back"); len(back) != 1 || back[0].Method != "POST" || back[0].Header.Get("Sec-Fetch-Site") != "cross-site" {
		t.Errorf("Apple's form arrives as %+v", back)
	}
}
