// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// forgetful is a browser's store of cookies that loses some.
type forgetful struct {
	http.CookieJar
	loses func(name string) bool
}

func (j forgetful) Cookies(u *url.URL) []*http.Cookie {
	return slices.DeleteFunc(j.CookieJar.Cookies(u), func(c *http.Cookie) bool { return j.loses(c.Name) })
}

// wander opens a page, coming from another, and follows redirects to the end as
// browsers do: they send the same Referer along until an answer forbids it.
func (v *visitor) wander(target, referer string) []answer {
	v.t.Helper()
	var all []answer
	for target != "" && len(all) <= maxHops {
		var lines []string
		if referer != "" {
			lines = []string{"Referer: " + referer}
		}
		a := v.open(target, lines...)
		if all = append(all, a); a.header.Get("Referrer-Policy") == "no-referrer" {
			referer = ""
		}
		if target = ""; a.redirects() {
			target = a.to()
		}
	}
	return all
}

// losses are browsers by what they lose.
var losses = map[string]func(name string) bool{
	"everything":           func(string) bool { return true },
	"all cookies of sites": func(name string) bool { return name != "usher-hub" && name != "usher-device" },
	"nothing":              func(string) bool { return false },
	"usher":                func(name string) bool { return name == "usher" },
	"usher-tx-":            func(name string) bool { return strings.HasPrefix(name, "usher-tx-") },
	"usher-no":             func(name string) bool { return name == "usher-no" },
	"usher-in":             func(name string) bool { return name == "usher-in" },
	"usher-ok":             func(name string) bool { return name == "usher-ok" },
	"usher-hub":            func(name string) bool { return name == "usher-hub" },
	"usher-device":         func(name string) bool { return name == "usher-device" },
}

// ends checks that a browser that loses cookies comes to a page after a few
// redirects, each time.
func (v *visitor) ends(t *testing.T, loses func(name string) bool, target, referer string) {
	t.Helper()
	w := v.twin()
	w.t, w.client.Jar = t, forgetful{w.client.Jar, loses}
	for range 3 {
		hops := w.wander(target, referer)
		last := hops[len(hops)-1]
		if len(hops) > 6 || last.status != 200 && last.status/100 != 4 {
			t.Errorf("%s from %q: %d answers, the last %d at %s\n%v", target, referer, len(hops), last.status, last.at, places(hops))
		}
	}
}

// TestRedirectsEnd: whatever cookies a browser loses, there is no endless
// redirect.
func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer, _ := s.signedInAtBoth(t, "wanderer")
	starts := []struct{ target, referer string }{
		{s.newsURL + "/account?x=1", ""},
		{s.newsURL + "/open/page?x=1", s.sportsURL + "/table"},
		{s.newsURL + "/open/page?x=1", s.hub + "/"},
		{s.newsURL + "/.usher/login", s.newsURL + "/open/page"},
		{s.newsURL + "/.usher/login", ""},
		{s.sportsURL + "/account?x=1", s.newsURL + "/"},
		{s.hub + "/login", ""},
		{s.hub + "/account", ""},
	}
	for lost, loses := range losses {
		for who, v := range map[string]*visitor{"a viewer": viewer, "a stranger": s.visitor(t)} {
			t.Run(who+" who loses "+lost, func(t *testing.T) {
				for _, at := range starts {
					v.ends(t, loses, at.target, at.referer)
				}
			})
		}
	}
}

func TestRedirectsEndAtSitesThatAreEager(t *testing.T) {
	t.Parallel()
	const open = "public /assets/*\n\t\toptional /open/*"
	s := start(t, edit(t, standard, open, open+"\n\t\tsilent_login eager"))
	viewer, _ := s.signedInAtBoth(t, "eager")
	for lost, loses := range losses {
		for who, v := range map[string]*visitor{"a viewer": viewer, "a stranger": s.visitor(t)} {
			name := who + " who loses " + lost
			t.Run(name, func(t *testing.T) {
				v.ends(t, loses, s.sportsURL+"/open/page?x=1", "")
			})
		}
	}
}
