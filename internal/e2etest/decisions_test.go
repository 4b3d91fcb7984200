// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkOurs checks what every answer of the gate itself is sent with.
func checkOurs(t *testing.T, a answer) {
	t.Helper()
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q, want no-store", got)
	}
	vary := strings.ToLower(strings.Join(a.header.Values("Vary"), ","))
	for _, name := range []string{"cookie", "sec-fetch-mode", "sec-fetch-dest"} {
		if !slices.Contains(strings.Split(strings.ReplaceAll(vary, " ", ""), ","), name) {
			t.Errorf("Vary is %q and does not name %s", vary, name)
		}
	}
}

// hearsay is what requests say that only a trusted proxy may.
var hearsay = map[string][]string{
	"forwarded host":    {"X-Forwarded-Host: evil.test"},
	"forwarded scheme":  {"X-Forwarded-Proto: https", "X-Forwarded-Scheme: https", "X-Forwarded-Ssl: on", "Front-End-Https: on"},
	"forwarded port":    {"X-Forwarded-Port: 666"},
	"forwarded server":  {"X-Forwarded-Server: evil.test", "X-Host: evil.test", "X-HTTP-Host-Override: evil.test"},
	"forwarded":         {"Forwarded: for=6.6.6.6;host=evil.test;proto=https"},
	"forwarded prefix":  {"X-Forwarded-Prefix: /evil.test", "X-Forwarded-Path: /assets/x", "X-Script-Name: /evil.test"},
	"forwarded address": {"X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "CF-Connecting-IP: 6.6.6.6"},
	"original address":  {"X-Original-URL: /assets/x", "X-Rewrite-URL: /assets/x", "X-Original-URI: /assets/x", "X-Forwarded-Uri: /assets/x"},
	"another method":    {"X-HTTP-Method-Override: POST", "X-HTTP-Method: POST", "X-Method-Override: POST"},
	"a remote user":     {"Remote-User: root", "X-Remote-User: root", "X-Forwarded-User: root"},
	"another referrer":  {"Referer: http://evil.test/"},
	"another origin":    {"Origin: http://evil.test"},
	"two addresses":     {"X-Forwarded-Host: evil.test", "X-Forwarded-Host: evil.test", "Forwarded: host=evil.test"},
}

// random is what differs between two answers that mean the same.
var random = regexp.MustCompile(`usher-tx-[\w-]{8}=[\w-]+|(state|nonce|code_challenge|page)=[\w.-]+(%[0-9A-F]{2}[\w.-]*)*`)

// plain returns what an answer says, without what is random in it.
func (a answer) plain() string {
	said := []string{a.header.Get("Location"), a.header.Get("Content-Type"), a.header.Get("Strict-Transport-Security")}
	said = append(said, a.header.Values("Set-Cookie")...)
	return random.ReplaceAllString(strings.Join(append(said, a.body), "\n"), "…")
}

func TestWhatHeadersClaimChangesNothing(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	requests := map[string][]string{
		"a page":            {"GET /account HTTP/1.1", "Host: news.localhost", "Accept: text/html"},
		"data":              {"GET /account HTTP/1.1", "Host: news.localhost"},
		"a path of nobody":  {"GET /.usher/x HTTP/1.1", "Host: news.localhost", "Accept: text/html"},
		"sign-in":           {"GET /.usher/login HTTP/1.1", "Host: news.localhost"},
		"the question":      {"GET /.usher/logout HTTP/1.1", "Host: news.localhost", "Accept: text/html"},
		"the session":       {"GET /.usher/session HTTP/1.1", "Host: news.localhost"},
		"the hub":           {"GET / HTTP/1.1", "Host: hub.localhost", "Accept: text/html"},
		"login":             {"GET /login HTTP/1.1", "Host: hub.localhost", "Accept: text/html"},
		"register":          {"GET /register HTTP/1.1", "Host: hub.localhost", "Accept: text/html"},
		"signed out":        {"GET /signed-out HTTP/1.1", "Host: hub.localhost", "Accept: text/html"},
		"a page of nobody":  {"GET /nowhere HTTP/1.1", "Host: hub.localhost", "Accept: text/html"},
		"the API":           {"GET /customers/123456789 HTTP/1.1", "Host: hub.localhost"},
		"where the API is":  {"GET /locales HTTP/1.1", "Host: hub.localhost"},
		"the keys":          {"GET /.well-known/jwks.json HTTP/1.1", "Host: hub.localhost"},
		"a foreign sign-in": {"GET /authorize?site=http://evil.test&state=x HTTP/1.1", "Host: hub.localhost", "Accept: text/html"},
	}
	for what, request := range requests {
		want := s.raw(t, request...)
		for claim, lines := range hearsay {
			a := s.raw(t, append(slices.Clone(request), lines...)...)
			if a.status != want.status || a.plain() != want.plain() {
				t.Errorf("%s with %s: status %d instead of %d, or\n%s\ninstead of\n%s", what, claim, a.status, want.status, a.plain(), want.plain())
			}
			if strings.Contains(a.plain(), "evil.test") && !strings.Contains(want.plain(), "evil.test") || strings.Contains(a.plain(), "6.6.6.6") {
				t.Errorf("%s with %s repeats what was claimed:\n%s", what, claim, a.plain())
			}
		}
	}
	if n := len(s.news.all()); n != 0 {
		t.Errorf("the app was called %d times", n)
	}
}

func TestOverriddenMethodSignsNobodyOut(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	v, viewer := s.signedInAtBoth(t, "overridden")
	for _, target := range []string{s.newsURL + "/.usher/logout", s.hub + "/logout"} {
		for _, line := range hearsay["another method"] {
			v.open(target, line)
			v.open(target+"?_method=POST", line)
		}
		v.send("HEAD", target, "", asPage...)
		v.send("PUT", target, "", asPage...)
	}
	if !v.signedIn(s.newsURL) || !v.signedIn(s.sportsURL) || !v.knows() {
		t.Error("a request that is no POST signed out")
	}
	var told struct{ ResponseData struct{ LastUserIP string } }
	s.post(t, "/auths", credentials(viewer.email, password), hearsay["forwarded address"]...).says(t, 200)
	s.visitor(t).send("GET", s.hub+"/customers/"+viewer.id, "", bearer(viewer.JWT)).says(t, 200).json(t, &told)
	if told.ResponseData.LastUserIP != s.from {
		t.Errorf("the customer's address is %q, as a header claimed", told.ResponseData.LastUserIP)
	}
}

func TestHostDecidesNoLinkAndNoCookie(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	for _, host := range []string{"news.localhost", "news.localhost:1", "NEWS.LOCALHOST", "news.localhost:" + s.port} {
		a := s.raw(t, "GET /account HTTP/1.1", "Host: "+host, "Accept: text/html").says(t, 302)
		if !strings.Contains(a.header.Get("Location"), "site="+strings.NewReplacer(":", "%3A", "/", "%2F").Replace(s.newsURL)+"&") {
			t.Errorf("Host %s leads to %s", host, a.header.Get("Location"))
		}
		if c := a.header.Get("Set-Cookie"); strings.Contains(strings.ToLower(c), "domain=") {
			t.Errorf("Host %s sets the cookie %s", host, c)
		}
	}
	for _, host := range []string{
		"evil.test", "news.localhost.evil.test", "evil-news.localhost", "news.localhost@evil.test", "localhost", "127.0.0.1", "", "hub.localhost.", "[::1]",
	} {
		for _, path := range []string{"/account", "/assets/x", "/login", "/.usher/session"} {
			a := s.raw(t, "GET "+path+" HTTP/1.1", "Host: "+host, "Accept: text/html")
			if a.header.Get("Location") != "" || len(a.header.Values("Set-Cookie")) > 0 || strings.Contains(a.body, "evil") {
				t.Errorf("Host %q at %s: status %d, Location %q, cookies %q\n%s", host, path, a.status,
					a.header.Get("Location"), a.header.Values("Set-Cookie"), a.body)
			}
		}
	}
	if n := len(s.news.all()) + len(s.sports.all()); n != 0 {
		t.Errorf("an app was called %d times for a foreign host", n)
	}
}
