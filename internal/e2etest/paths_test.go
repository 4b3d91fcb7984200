// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// oddTargets are request targets that some server reads as something other
// than what they look like.
var oddTargets = []string{
	"/assets/../account", "/assets/./../account", "/assets/x/../../account", "/assets/..", "/assets/../",
	"/assets/%2e%2e/account", "/assets/%2E%2E/account", "/assets/.%2e/account", "/assets/%2e./account",
	"/assets/..%2faccount", "/assets/..%2Faccount", "/assets/%2e%2e%2faccount", "/assets/x%2f..%2f..%2faccount",
	"/assets%2f..%2faccount", "/assets%2faccount", "/assets%2F%2e%2e%2Faccount",
	"/assets/%252e%252e/account", "/assets/%252e%252e%252faccount", "/assets/..%252faccount", "/assets/%25252e%25252e/account",
	"//assets/../account", "/assets//../account", "/assets/..//account", "//account", "///account", "/assets///..///account", "/.//account",
	`/assets/..\account`, `/assets\..\account`, `\account`, `/\account`, `/assets/..%5caccount`, `/assets%5c..%5caccount`, `/%5caccount`, "/assets/..%255caccount",
	"/assets/..;/account", "/assets/..;x=1/account", "/assets/.;/../account", "/assets;/../account", "/assets/;/../account", "/assets/..%3b/account",
	"/assets;x/logo", "/assets/x;/../../account", "/account;/assets/x", "/account;.css", "/account%3b/assets/",
	"/assets/..%00/account", "/assets/%00/../account", "/account%00/assets/x", "/account%00.css", "/assets/%00", "/assets/x%00/../../account",
	"/assets/..%0a/account", "/assets/..%0d%0a/account", "/assets/%09../account", "/assets/..%20/account", "/assets/.. /account",
	"/ASSETS/../account", "/Assets/logo", "/assets/%u002e%u002e/account", "/assets/%c0%ae%c0%ae/account", "/assets/%e0%80%ae%e0%80%ae/account",
	"/assets", "/assets%20/account", "/assets/*/../account", "/%61ssets/../account", "/assets/#/../../account", "/assets/x?/../../account",
	"assets/x", "*", "/", "", "/account/assets/x", "/x/assets/y", "/account?/assets/x", "/account#/assets/x", "/account/%2e%2e/assets/x", "/account/..%2fassets%2fx",
	"http://news.localhost/assets/../account", "http://news.localhost/account", "http://news.localhost//assets/..//account", "http://evil.test/assets/x",
	"/robots.txt/../account", "/robots.txt/account", "/robots.txt%2f..%2faccount", "/robots.txt;/account", "/robots.txt%00",
	"/%", "/%2", "/%zz", "/assets/%zz/../account", "/assets/" + strings.Repeat("../", 40) + "account", "/" + strings.Repeat("assets/../", 200) + "account",
}

// worstReading is how the most careless server reads a target: it decodes as
// long as there is something to decode, takes backslashes for slashes, forgets
// parameters and what follows a NUL, and then resolves dots.
func worstReading(target string) string {
	p, _, _ := strings.Cut(target, "?")
	if _, rest, ok := strings.Cut(p, "://"); ok {
		_, p, _ = strings.Cut(rest, "/")
		p = "/" + p
	}
	for range 4 {
		if decoded, err := url.PathUnescape(p); err == nil {
			p = decoded
		}
	}
	p, _, _ = strings.Cut(p, "\x00")
	p = strings.NewReplacer(`\`, "/", "\n", "", "\r", "", "\t", "").Replace(p)
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return path.Clean("/" + strings.Join(segments, "/"))
}

func TestNoSpellingOpensAProtectedPath(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	for _, method := range []string{"GET", "POST", "HEAD"} {
		for _, target := range oddTargets {
			probe := method + " " + url.QueryEscape(target)
			a := s.raw(t, method+" "+target+" HTTP/1.1", "Host: news.localhost", "X-Probe: "+probe)
			for _, e := range s.news.calls(probe) {
				read := worstReading(e.Target)
				if read != "/robots.txt" && !strings.HasPrefix(read, "/assets/") && read != "/assets" {
					t.Errorf("%s %q was open to strangers: the app saw %q, which may be read as %q", method, target, e.Target, read)
				}
				if len(e.told()) > 0 {
					t.Errorf("%s %q: the app was told of an identity", method, target)
				}
			}
			if a.status >= 500 {
				t.Errorf("%s %q: status %d", method, target, a.status)
			}
		}
	}
	if n := len(s.sports.all()); n > 0 {
		t.Errorf("the other site's app was called %d times", n)
	}
}

// reservedTargets are spellings of the gate's own paths.
var reservedTargets = []string{
	"/.usher", "/.usher/", "/.usher/x", "/.usher/session", "/.usher/callback", "/.usher/assets/../x", "/.usher/login/x",
	"/.USHER/session", "/.Usher/x", "/.uSHER/logout", "/.usher//session", "//.usher/session", "///.usher/session", "/./.usher/session",
	"/%2eusher/session", "/%2Eusher/x", "/.%75sher/session", "/.usher%2fsession", "/.usher%2Fx", "/%2e%75%73%68%65%72/x", "/%2f.usher/session",
	"/%252eusher/session", "/.usher%252fsession", "/.usher%00", "/.usher%00/session", "/.usher;/session", "/.usher;x=1/session", "/;/.usher/session",
	"/.usher/;x", "/.usher/session;x", `/.usher\session`, `/\.usher\session`, `/.usher%5csession`, `/%5c.usher/session`,
	"/assets/../.usher/session", "/assets/..%2f.usher/session", "/x/../.usher/session", "/.usher/../.usher/session", "/.usher/./session", "/.usher/.",
	"/.usher/%2e%2e/.usher/x", "/.usher/x?y", "/.usher?x", "/.usher%3fx", "/.usher%23x", "/.usher/%00", "/.usher%20/x", "/.usher/%0a",
	"http://news.localhost/.usher/x", "http://news.localhost//.usher/x", "/.\u212Asher/x",
}

func TestReservedPrefixIsNeverProxied(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "reserved")
	for who, lines := range map[string][]string{"stranger": nil, "viewer": {bearer(viewer.JWT)}} {
		for _, method := range []string{"GET", "POST", "PUT", "OPTIONS"} {
			for _, target := range reservedTargets {
				probe := who + method + url.QueryEscape(target)
				request := []string{method + " " + target + " HTTP/1.1", "Host: news.localhost", "X-Probe: " + probe}
				a := s.raw(t, append(request, lines...)...)
				if a.status >= 500 {
					t.Errorf("%s %q: status %d", method, target, a.status)
				}
				for _, e := range s.news.calls(probe) {
					if read := strings.ToLower(worstReading(e.Target)); read == "/.usher" || strings.HasPrefix(read, "/.usher/") {
						t.Errorf("%s %q of a %s reached the app as %q", method, target, who, e.Target)
					}
				}
			}
		}
	}
}

// TestAccessIsOfThePathThatTheAppSees: rewrites come before the gate, and what
// they make of an open path may be a protected one.
func TestAccessIsOfThePathThatTheAppSees(t *testing.T) {
	t.Parallel()
	s := start(t, edit(t, standard, "header X-Config \"{{.Version}}\"", strings.Join([]string{
		"rewrite /assets/mine /account", "rewrite /promo /assets/promo.html", "rewrite /.usher/session /assets/x", "uri strip_prefix /v1",
	}, "\n\t")))
	viewer := s.register(t, "rewriter")
	tests := []struct {
		target           string
		stranger, viewer int
		at               string
	}{
		{"/assets/mine", 401, 200, "/account"},
		{"/promo", 200, 200, "/assets/promo.html"},
		{"/v1/assets/x", 200, 200, "/assets/x"},
		{"/v1/account", 401, 200, "/account"},
		{"/v1/v1/assets/x", 401, 200, "/v1/assets/x"},
		{"/.usher/session", 200, 200, ""},
		{"/v1/.usher/session", 200, 200, ""},
		{"/v1/.usher/x", 404, 404, ""},
	}
	for _, tt := range tests {
		for who, want := range map[string]int{"stranger": tt.stranger, "viewer": tt.viewer} {
			lines := []string{"GET " + tt.target + " HTTP/1.1", "Host: news.localhost", "X-Probe: " + who + tt.target}
			if who == "viewer" {
				lines = append(lines, bearer(viewer.JWT))
			}
			a := s.raw(t, lines...)
			calls := s.news.calls(who + tt.target)
			if a.status != want {
				t.Errorf("%s at %s: status %d, want %d\n%s", who, tt.target, a.status, want, a.body)
			}
			if called := want == 200 && tt.at != ""; len(calls) > 0 != called || called && calls[0].Target != tt.at {
				t.Errorf("%s at %s: the app was called %d times, want it at %q", who, tt.target, len(calls), tt.at)
			}
		}
	}
	// Back from the hub, the viewer is where they asked to be, not where the
	// rewrite led.
	s.visitor(t).signIn(s.newsURL+"/v1/account?x=1", viewer.email)
}
