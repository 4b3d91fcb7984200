// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// elsewhere are addresses that lead, or that some browser takes to lead, to
// another host than ours.
func (s *server) elsewhere() []string {
	return []string{
		"https://evil.test", "http://evil.test/", "//evil.test", "///evil.test", `/\evil.test`, `\\evil.test`, `/\/evil.test`, "/\t/evil.test", "/\n/evil.test",
		"javascript:alert(1)", "data:text/html,x", "https:evil.test", "http:/evil.test", " https://evil.test", "HTTPS://EVIL.TEST",
		s.newsURL + ".evil.test", s.newsURL + "@evil.test", s.newsURL + "%40evil.test", s.newsURL + "/../../evil.test",
		s.newsURL + "#@evil.test", s.newsURL + "/",
		strings.ToUpper(s.newsURL), "http://news.localhost", "https://news.localhost:" + s.port, "http://news.localhost:1", "http://evil.news.localhost:" + s.port,
		"http://*.localhost:" + s.port, s.hub, s.hub + "/", "null", "*", "", "http://news.localhost%00.evil.test", "http://news。localhost:" + s.port,
	}
}

// parameters are names under which careless servers take a destination.
var parameters = []string{
	"site", "returnTo", "return_to", "return", "redirect", "redirect_uri", "redirect_url", "next", "url", "continue", "target", "rd", "r", "back",
	"loginUrl", "publisher",
}

var link = regexp.MustCompile(`(?:href|action|src)="([^"]*)"|content="\d+;\s*url=([^"]*)"`)

// leadsAway tells where an answer leads that is not ours, by a redirect, a
// link, a form or a cookie's domain.
func (s *server) leadsAway(a answer) []string {
	targets := []string{a.header.Get("Location"), a.header.Get("Refresh"), a.header.Get("Content-Location")}
	for _, m := range link.FindAllStringSubmatch(a.body, -1) {
		targets = append(targets, m[1], m[2])
	}
	var away []string
	for _, target := range targets {
		u, err := a.at.Parse(strings.ReplaceAll(target, "&amp;", "&"))
		if err != nil || target == "" {
			continue
		}
		origin := u.Scheme + "://" + u.Host
		if !slices.Contains([]string{s.hub, s.newsURL, s.sportsURL}, origin) && u.Scheme != "data" {
			away = append(away, target)
		}
	}
	return away
}

func TestNoParameterLeadsElsewhere(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "led")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	genuine, err := url.Parse(s.visitor(t).open(s.newsURL+"/").says(t, 302).to())
	if err != nil {
		t.Fatal(err)
	}
	pages := []string{
		s.hub + "/", s.hub + "/login", s.hub + "/register", s.hub + "/consents", s.hub + "/logout", s.hub + "/signed-out", s.hub + "/authorize",
		s.newsURL + "/.usher/login", s.newsURL + "/.usher/logout", s.newsURL + "/.usher/callback",
	}
	for _, visitor := range []*visitor{v, s.visitor(t)} {
		for _, where := range s.elsewhere() {
			for _, page := range pages {
				q := url.Values{}
				for _, p := range parameters {
					q.Set(p, where)
				}
				a := visitor.open(page + "?" + q.Encode())
				if away := s.leadsAway(a); len(away) > 0 {
					t.Errorf("%s with %q leads to %q", page, where, away)
				}
			}
			a := visitor.open(changed(t, genuine.String(), "site", where))
			if away := s.leadsAway(a); len(away) > 0 || a.status != 400 {
				t.Errorf("/authorize for the site %q: status %d, leads to %q %q", where, a.status, a.to(), away)
			}
		}
	}
}

func TestSignInRequestsThatAreOddAreRefused(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	genuine := s.visitor(t).open(s.newsURL+"/").says(t, 302).to()
	for _, name := range []string{"state", "nonce", "code_challenge", "site"} {
		for _, value := range []string{"", "short", strings.Repeat("x", 129), strings.Repeat("x", 5000), "<script>alert(1)</script>00000000", strings.Repeat("x", 30) + "\n"} {
			if name == "state" && value == "" {
				continue // then it is no request of a site
			}
			a := s.visitor(t).open(changed(t, genuine, name, value))
			if a.status != 400 || strings.Contains(a.body, "<script>") {
				t.Errorf("%s = %.40q: status %d", name, value, a.status)
			}
		}
		twice := s.visitor(t).open(genuine + "&" + name + "=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
		if twice.status != 400 {
			t.Errorf("%s given twice: status %d", name, twice.status)
		}
	}
}

func TestTheWayBackStaysAtTheSite(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "wayback")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	proof := "Cookie: usher-hub=" + v.cookies(s.hub)["usher-hub"]

	for _, target := range []string{
		"//evil.test", "//evil.test/x", `/\evil.test`, "/%2f%2fevil.test", "/%2fevil.test", "/%5cevil.test", "/%09/evil.test", "/.//evil.test", "/;//evil.test",
		"/?//evil.test", "/@evil.test", "/.evil.test", ":1@evil.test/", "http://evil.test/x", "///evil.test",
		"/%0d%0aLocation:%20http://evil.test", "/x%0d%0aSet-Cookie:%20a=b",
	} {
		a := s.raw(t, "GET "+target+" HTTP/1.1", "Host: sports.localhost", "Accept: text/html")
		s.finishRaw(t, target, a, proof)
	}
	own := []string{s.sportsURL + "//evil.test", s.sportsURL + `/\evil.test`, s.sportsURL + "/%09/evil.test", s.sportsURL, s.sportsURL + "?//evil.test"}
	for _, referer := range append(s.elsewhere(), own...) {
		if strings.ContainsAny(referer, "\n\t") {
			continue
		}
		a := s.raw(t, "GET /.usher/login HTTP/1.1", "Host: sports.localhost", "Accept: text/html", "Referer: "+referer)
		s.finishRaw(t, "Referer "+referer, a.says(t, 302), proof)
	}
}

// finishRaw walks through a sign-in that began with an odd request, and checks
// that it ends at the site.
func (s *server) finishRaw(t *testing.T, what string, a answer, proof string) {
	t.Helper()
	if a.status != 302 {
		if a.header.Get("Location") != "" || a.status >= 500 {
			t.Errorf("%q: status %d, Location %q", what, a.status, a.header.Get("Location"))
		}
		return
	}
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	ask := strings.TrimPrefix(a.header.Get("Location"), s.hub)
	grant := s.raw(t, "GET "+ask+" HTTP/1.1", "Host: hub.localhost", "Accept: text/html", proof).says(t, 302)
	back := strings.TrimPrefix(grant.header.Get("Location"), s.sportsURL)
	end := s.raw(t, "GET "+back+" HTTP/1.1", "Host: sports.localhost", "Accept: text/html", "Cookie: "+cookie).says(t, 303)
	location := end.header.Get("Location")
	if u, err := url.Parse(location); err != nil || u.Scheme+"://"+u.Host != s.sportsURL || !strings.HasPrefix(location, s.sportsURL+"/") ||
		strings.HasPrefix(location, s.sportsURL+"//") || strings.ContainsAny(location, "\\\r\n\t") || len(end.header.Values("Set-Cookie")) != 3 {
		t.Errorf("%q ends at %q with cookies %q", what, location, end.header.Values("Set-Cookie"))
	}
}
