// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// tries is how often each kind of login is timed: odd, for the median, and
	// fewer than the tries of an account.
	tries = 9

	// rounds is how often the timing may be repeated with other accounts. A
	// difference that is there shows in each; what else a busy machine does, in
	// one.
	rounds = 3
)

func TestUnknownAddressAndWrongPasswordLookAlike(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	ways := map[string]func(email string) answer{
		"API": func(email string) answer { return s.post(t, "/auths", credentials(email, "wrong-password-1")) },
		"page": func(email string) answer {
			return s.visitor(t).submit(s.hub+"/login", url.Values{"email": {email}, "password": {"wrong-password-1"}})
		},
	}
	for way, try := range ways {
		for round := 1; ; round++ {
			name := way + strconv.Itoa(round)
			known, unknown := s.register(t, name+"-known").email, name+"-other@viewer.test"
			fast, slow := compare(t, known, unknown, try)
			t.Logf("%s: wrong password %s, unknown address %s", way, fast, slow)
			if max(fast, slow) <= 2*min(fast, slow) {
				break
			}
			if round == rounds {
				t.Errorf("the %s takes %s for a wrong password and %s for an unknown address", way, fast, slow)
				break
			}
		}
	}
}

// compare tries to log in with a wrong password, as a customer and as nobody,
// checks that the answers are the same, and returns the median times.
func compare(t *testing.T, known, unknown string, try func(email string) answer) (forKnown, forUnknown time.Duration) {
	t.Helper()
	emails := [2]string{known, unknown}
	var times [2][]time.Duration
	for i := range tries {
		// In turn, and each first as often as second, so that whatever else the
		// machine does falls on both alike.
		var a [2]answer
		for _, k := range [2]int{i % 2, 1 - i%2} {
			begun := time.Now()
			a[k] = try(emails[k])
			times[k] = append(times[k], time.Since(begun))
		}
		a[0].says(t, 401)
		hide := func(a answer) string { return strings.NewReplacer(known, "…", unknown, "…").Replace(a.body) }
		if a[1].status != 401 || hide(a[0]) != hide(a[1]) {
			t.Fatalf("an unknown address is told from a wrong password: %d and\n%s\nor %d and\n%s", a[0].status, hide(a[0]), a[1].status, hide(a[1]))
		}
		if h0, h1 := steady(a[0], known), steady(a[1], unknown); !maps.EqualFunc(h0, h1, slices.Equal) {
			t.Fatalf("the headers differ: %v or %v", h0, h1)
		}
	}
	return median(times[0]), median(times[1])
}

// steady returns the headers of an answer that should be the same each time.
func steady(a answer, email string) map[string][]string {
	h := a.header.Clone()
	h.Del("Date")
	if h.Get("Content-Length") != "" {
		h.Set("Content-Length", "less the address "+strconv.Itoa(len(a.body)-strings.Count(a.body, email)*len(email)))
	}
	return h
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// foreign are the headers of a POST that no page of ours has sent.
var foreign = map[string][]string{
	"a form of another site":       {"Sec-Fetch-Site: cross-site", "Origin: http://evil.test"},
	"a form of a sister host":      {"Sec-Fetch-Site: same-site", "Origin: http://evil.localhost"},
	"a frame without an origin":    {"Sec-Fetch-Site: cross-site", "Origin: null"},
	"an old browser, another site": {"Origin: http://evil.test", "Referer: http://evil.test/"},
	"an old browser, no origin":    {"Origin: null"},
	"an empty origin":              {"Origin:"},
	"another port":                 {"Origin: http://news.localhost:1"},
	"another scheme":               {"Origin: https://news.localhost"},
	"a longer name":                {"Origin: http://news.localhost.evil.test"},
	"nothing said":                 {"X-A: b"},
	"a bookmark":                   {"Sec-Fetch-Site: none"},
	"own origin, but cross-site":   {"Sec-Fetch-Site: cross-site", "Origin: {site}"},
	"a referrer only":              {"Referer: {site}/"},
}

func TestFormsOfOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	v, viewer := s.signedInAtBoth(t, "forgotten")
	login := url.Values{"email": {viewer.email}, "password": {password}}.Encode()
	forms := map[string]struct{ site, path, body string }{
		"sign-out at a site":  {s.newsURL, "/.usher/logout", ""},
		"sign-out at the hub": {s.hub, "/logout", ""},
		"login":               {s.hub, "/login", login},
		"registration":        {s.hub, "/register", "email=csrf%40viewer.test&password=" + password},
		"consents":            {s.hub, "/consents", ""},
	}
	for what, form := range forms {
		for from, lines := range foreign {
			for who, w := range map[string]*visitor{"viewer": v, "stranger": s.visitor(t)} {
				headers := []string{"Content-Type: application/x-www-form-urlencoded", "Accept: text/html"}
				for _, line := range lines {
					headers = append(headers, strings.Replace(line, "{site}", form.site, 1))
				}
				a := w.send("POST", form.site+form.path, form.body, headers...)
				if own := strings.Contains(strings.Join(headers, "\n"), "\nOrigin: "+form.site) && !strings.Contains(from, "cross"); own {
					continue // what an old browser says of our own page
				}
				if a.status != 403 || len(a.header.Values("Set-Cookie")) > 0 || a.header.Get("Location") != "" {
					t.Errorf("%s by %s, from %s: status %d, cookies %q, Location %q; want 403 and nothing else", what, who, from,
						a.status, a.header.Values("Set-Cookie"), a.header.Get("Location"))
				}
			}
		}
	}
	if !v.signedIn(s.newsURL) || !v.signedIn(s.sportsURL) || !v.knows() {
		t.Error("a form of another site has signed the viewer out")
	}
	if a := s.post(t, "/auths", credentials("csrf@viewer.test", password)); a.status != 401 {
		t.Errorf("a form of another site has made an account: login says %d", a.status)
	}
}

func TestSessionFromBeforeTheLoginDoesNotSurviveIt(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	attacker, victim := s.register(t, "attacker"), s.register(t, "victim")
	planted := s.visitor(t)
	planted.signIn(s.newsURL+"/", attacker.email)
	theirs := planted.twin()

	// The attacker has put cookies of a session of theirs into the victim's browser.
	v := planted.twin()
	v.submit(s.hub+"/login", url.Values{"email": {victim.email}, "password": {password}}).says(t, 303)
	before, after := theirs.cookies(s.hub)["usher-hub"], v.cookies(s.hub)["usher-hub"]
	if after == "" || after == before || strings.Contains(after, before) {
		t.Errorf("the session's secret is the same after the login")
	}
	if id, _, _ := strings.Cut(before, "."); strings.Contains(after, id) {
		t.Errorf("the session's id is the same after the login")
	}
	if theirs.knows() || theirs.signedIn(s.newsURL) {
		t.Error("the session from before the login is alive")
	}
	if a := v.open(s.hub+"/").says(t, 200); !strings.Contains(a.body, victim.email) {
		t.Error("the victim is not signed in")
	}

	// Made-up values are worth nothing before, and are replaced.
	w := s.visitor(t)
	for _, made := range []string{"chosen", "a.b", "~~~", strings.Repeat("x.y~", 100), before + "~" + before} {
		w.keep(s.hub, map[string]string{"usher-hub": made})
		if w.knows() {
			t.Errorf("the made-up cookie %.20q signs in", made)
		}
		w.submit(s.hub+"/login", url.Values{"email": {victim.email}, "password": {password}}).says(t, 303)
		if got := w.cookies(s.hub)["usher-hub"]; got == made || strings.Contains(got, made) {
			t.Errorf("the made-up cookie %.20q survived the login as %.40q", made, got)
		}
	}
}

func TestRegisteringReplacesTheSessionToo(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	first := s.register(t, "first")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", first.email)
	before := v.twin()
	v.submit(s.hub+"/register", url.Values{"email": {"second@viewer.test"}, "password": {password}}).says(t, 303)
	if before.knows() || before.signedIn(s.newsURL) {
		t.Error("the session from before the registration is alive")
	}
	if a := v.open(s.hub+"/").says(t, 200); !strings.Contains(a.body, "second@viewer.test") {
		t.Error("the new customer is not signed in")
	}
}
