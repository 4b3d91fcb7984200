// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// audience returns whom the token that a site's app is given is for.
func (v *visitor) audience(site string) string {
	v.t.Helper()
	var e echo
	v.fetch(site+"/account").says(v.t, 200).json(v.t, &e)
	b, err := b64.DecodeString(strings.Split(e.Header.Get("X-Usher-Token"), ".")[1])
	var claims struct{ Aud string }
	if err == nil {
		err = json.Unmarshal(b, &claims)
	}
	if err != nil {
		v.t.Fatalf("the token at %s: %v", site, err)
	}
	return claims.Aud
}

// TestEverySiteHasACookieOfItsOwn: so do two names under one pattern, and sites
// of one registrable domain.
func TestEverySiteHasACookieOfItsOwn(t *testing.T) {
	t.Parallel()
	s := startEstate(t)
	v := s.visitor(t)
	v.signUp(s.newsURL+"/", "reader@viewer.test", accepted...)
	thief := &visitor{t: t, s: s, client: s.client()}
	cookies := map[string]string{}
	for _, site := range s.ownSites() {
		v.visit(site + "/")
		cookies[site] = v.cookies(site)["__Host-usher"]
		if got := v.audience(site); got != site {
			t.Errorf("the token at %s is for %s", site, got)
		}
	}
	for of, cookie := range cookies {
		_, rest, _ := strings.Cut(cookie, "~")
		for at, own := range cookies {
			a := thief.fetch(at+"/account", "Cookie: __Host-usher="+cookie)
			if in := a.status == 200; in != (of == at) {
				t.Errorf("the cookie of %s at %s: status %d", of, at, a.status)
			}
			// One site's secret does not renew another's token, nor lend it validity.
			_, token, _ := strings.Cut(rest, "~")
			mixed := own[:strings.LastIndex(own, "~")+1] + token
			if a := thief.fetch(at+"/account", "Cookie: __Host-usher="+mixed); a.status == 200 && of != at {
				t.Errorf("the token of %s with the secret of %s: status %d", of, at, a.status)
			}
		}
	}

	patternIsNoSite(t, v)
	v.submit(s.at("united.clubs.example")+"/.usher/logout", nil).says(t, 303)
	for site, cookie := range cookies {
		thief.fetch(site+"/account", "Cookie: __Host-usher="+cookie).says(t, 401)
	}
}

// patternIsNoSite checks that a code serves one name under a pattern, and that
// the hub answers no other name than those that fit.
func patternIsNoSite(t *testing.T, v *visitor) {
	t.Helper()
	s := v.s
	rovers, united := s.at("rovers.clubs.example"), s.at("united.clubs.example")
	back := v.callback(rovers + "/.usher/login")
	w := s.visitor(t)
	w.keep(united, v.cookies(rovers)) // the pending sign-in too
	if a := w.open(strings.Replace(back, rovers, united, 1)); a.status != 400 {
		t.Errorf("a code for one name under a pattern at another: status %d", a.status)
	}
	genuine := v.open(s.at("rovers.clubs.example")+"/.usher/login").says(t, 302).to()
	v.open(genuine).says(t, 302)
	for _, name := range []string{"*.clubs.example", "a.b.clubs.example", "clubs.example", ".clubs.example", "xclubs.example", "rovers.clubs.example.evil.test", "ROVERS.clubs.example", "rovers.clubs.example.", "ro_vers.clubs.example"} {
		if a := v.open(changed(t, genuine, "site", s.at(name))); a.status != 400 || a.to() != "" {
			t.Errorf("the site %s: status %d, %q", name, a.status, a.to())
		}
	}
	if a := v.open(changed(t, genuine, "site", "https://rovers.clubs.example")); a.status != 400 {
		t.Errorf("the site at another port: status %d", a.status)
	}
}

// twoPorts has the sites of two publishers at one host. %[1]s is the port of the
// second.
const twoPorts = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			sites {{.News}}
		}
		publisher 100000002 {
			name "Rival Press"
			sites http://news.localhost:%[1]s {{.Sports}}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	usher_gate
	reverse_proxy {{.NewsApp}}
}
http://news.localhost:%[1]s {
	usher_gate
	reverse_proxy {{.SportsApp}}
}
{{.Sports}} {
	usher_gate
	reverse_proxy {{.SportsApp}}
}
`

// byPort makes a visitor's browser tell ports of a host apart, not only names.
func (v *visitor) byPort() *visitor {
	v.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	return v
}

// TestPortsOfOneHostAreDifferentSites: browsers send cookies to all ports of a
// host, so that each site is shown the other's.
func TestPortsOfOneHostAreDifferentSites(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	s := start(t, fmt.Sprintf(twoPorts, port))
	other := "http://news.localhost:" + port
	own, rival := s.registerAt(t, ownPublisher, "own"), s.registerAt(t, rivalPublisher, "rival")
	v := s.visitor(t).byPort()
	v.signIn(s.newsURL+"/own", own.email)
	if v.audience(s.newsURL) != s.newsURL || v.cookies(other)["usher"] == "" {
		t.Fatalf("the browser sends %v to the other port", v.cookies(other))
	}
	v.fetch(other+"/account", "X-Probe: crossed").says(t, 401)
	v.fetch(other+"/account", "X-Probe: crossed", bearer(own.JWT)).says(t, 401)
	if n := len(s.sports.calls("crossed")); n > 0 {
		t.Error("the other port's app was called")
	}
	w := s.visitor(t).byPort()
	w.signIn(other+"/rival", rival.email)
	if got := w.audience(other); got != other {
		t.Errorf("the token at %s is for %s", other, got)
	}
	w.fetch(s.newsURL+"/account", "X-Probe: crossed").says(t, 401)
	if n := len(s.news.calls("crossed")); n > 0 {
		t.Error("the other port's app was called")
	}
	if hops := w.visit(s.sportsURL + "/third"); len(hops) != 4 || hops[3].at.String() != s.sportsURL+"/third" {
		t.Errorf("the second publisher's other host takes %v", places(hops))
	}
}

// twoGates has one host with two gates, each for a part of its paths, and one
// whose gate asks nothing but before a part.
const twoGates = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	handle /shop/* {
		usher_gate {
			optional /shop/*
		}
		reverse_proxy {{.NewsApp}}
	}
	handle {
		usher_gate {
			public /assets/*
		}
		reverse_proxy {{.NewsApp}}
	}
}
{{.Sports}} {
	@others not path /members/*
	usher_gate {
		public /members/free/* @others
	}
	reverse_proxy {{.SportsApp}}
}
`

func TestOneHostMayHaveTwoGates(t *testing.T) {
	t.Parallel()
	s := start(t, twoGates)
	viewer := s.register(t, "gates")
	stranger := s.visitor(t)
	for target, status := range map[string]int{
		s.newsURL + "/shop/x": 200, s.newsURL + "/assets/x": 200, s.newsURL + "/account": 401, s.newsURL + "/shop": 401, s.newsURL + "/": 401,
		s.sportsURL + "/table": 200, s.sportsURL + "/members/free/x": 200, s.sportsURL + "/members/x": 401,
		s.newsURL + "/.usher/session": 200, s.sportsURL + "/.usher/session": 200, s.newsURL + "/.usher/x": 404, s.sportsURL + "/.usher/x": 404,
	} {
		a := stranger.fetch(target)
		if a.status != status || strings.Contains(target, "/.usher/session") && !strings.Contains(a.body, `"signedIn":false`) {
			t.Errorf("%s to a stranger: status %d, want %d\n%s", target, a.status, status, a.body)
		}
	}
	for _, target := range []string{
		"/shop/../account", "/shop/%2e%2e/account", "/shop/..%2faccount", "/shop//../../account", "/shop/./../account", `/shop/..\account`,
		"/assets/../account", "/assets/%2e%2e/account", "/SHOP/../account", "//shop/../account", "/shop/..;/account",
	} {
		a := s.raw(t, "GET "+target+" HTTP/1.1", "Host: news.localhost", "X-Probe: odd")
		for _, e := range s.news.calls("odd") {
			if read := worstReading(e.Target); !strings.HasPrefix(read, "/shop/") && !strings.HasPrefix(read, "/assets/") {
				t.Errorf("%s, status %d: the app saw %s, which may be read as %s", target, a.status, e.Target, read)
			}
		}
	}

	// Both gates know who has signed in at either, and each keeps to its policy.
	v := s.visitor(t)
	v.signIn(s.newsURL+"/account?x=1", viewer.email)
	for _, path := range []string{"/account", "/shop/x"} {
		var seen echo
		v.fetch(s.newsURL+path).says(t, 200).json(t, &seen)
		checkIdentity(t, seen, viewer)
	}
	back := s.hubOnly(t, viewer.email)
	back.arrive(back.open(s.newsURL+"/shop/page?y=2", "Referer: "+s.sportsURL+"/"), s.newsURL+"/shop/page?y=2")
	if !back.signedIn(s.newsURL) {
		t.Error("not signed in after coming to an optional path")
	}
	if hops := v.visit(s.sportsURL + "/members/x"); len(hops) != 4 || hops[3].at.String() != s.sportsURL+"/members/x" {
		t.Errorf("a gate with a matcher takes %v", places(hops))
	}
	v.submit(s.sportsURL+"/.usher/logout", nil).says(t, 303)
	var seen echo
	if v.fetch(s.newsURL+"/shop/x").says(t, 200).json(t, &seen); len(seen.told()) > 0 || v.signedIn(s.newsURL) {
		t.Errorf("after the sign-out the app is told %v", seen.told())
	}
}
