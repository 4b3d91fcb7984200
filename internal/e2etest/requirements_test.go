// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// requiring has a site whose pages ask for more than a session, and one whose app
// is told by other names.
const requiring = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			consent marketing {
				label "Send me news."
			}
			capture {
				field companyName required
			}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	@writes method POST PUT
	@feed header X-Feed 1
	usher_gate {
		public /assets/* /robots.txt @feed
		require /comments/* @writes verified_email
		require /offers/* consent marketing
		require /offers/* capture
		require /payments/* max_age 10m
		require /newsroom/* claim email *@newsroom.test
		require /account /account/* verified_email
	}
	reverse_proxy {{.NewsApp}}
}
{{.Sports}} {
	usher_gate {
		public /assets/*
		optional /open/*
		header customer_id Remote-User X-Usher-Customer-Id
		header email Remote-Email
		header token off
		header session_id off
	}
	reverse_proxy {{.SportsApp}}
}
`

// wants is what a program is told that lacks something.
func (v *visitor) wants(t testing.TB, method, target string, status int) (challenge string, told struct{ Error, LoginURL string }) {
	t.Helper()
	a := v.send(method, target, "", asScript...).says(t, status)
	a.json(t, &told)
	return a.header.Get("WWW-Authenticate"), told
}

// enter signs a viewer in who has not answered the publisher's question yet.
func (v *visitor) enter(target, email string) {
	v.t.Helper()
	hops := v.visit(target)
	hops = v.follow(v.fill(hops[len(hops)-1], "email", email, "password", password))
	v.arrive(v.fill(hops[len(hops)-1].says(v.t, 200), "companyName", "Reed & Sons"), target)
}

func TestPagesAskForWhatTheyRequire(t *testing.T) {
	t.Parallel()
	s := borrow(t, requiring)
	viewer := s.register(t, "reader")
	v := s.visitor(t)
	// Whoever registered by the API was not asked on the way.
	s.visitor(t).fetch(s.newsURL+"/welcome", bearer(viewer.JWT)).says(t, 200)
	s.visitor(t).fetch(s.newsURL+"/offers/1", bearer(viewer.JWT)).says(t, 401)
	v.enter(s.newsURL+"/welcome", viewer.email)

	if _, told := v.wants(t, "GET", s.newsURL+"/offers/1", 401); told.Error != "interaction_required" || !strings.Contains(told.LoginURL, "?needs=") {
		t.Errorf("a program is told %+v", told)
	}
	hops := v.visit(s.newsURL + "/offers/1?a=b")
	consents := hops[len(hops)-1].says(t, 200)
	if consents.at.Path != "/consents" {
		t.Fatalf("led to %s", consents.at)
	}
	if !strings.Contains(consents.body, `href="`+s.newsURL+`/"`) {
		t.Error("no way back to the rest of the site, which stays open")
	}
	v.fetch(s.newsURL+"/welcome").says(t, 200)
	if a := v.fill(consents); a.status != 422 {
		t.Errorf("what a page needs can be left out: %d", a.status)
	}
	v.arrive(v.fill(consents, "consent.marketing", "1"), s.newsURL+"/offers/1?a=b")
	v.fetch(s.newsURL+"/offers/2").says(t, 200)

	// Only what changes something, by a matcher.
	v.fetch(s.newsURL+"/comments/1").says(t, 200)
	v.wants(t, "POST", s.newsURL+"/comments/1", 401)
	before := len(s.news.all())
	hops = v.visit(s.newsURL + "/account/mail")
	verify := hops[len(hops)-1].says(t, 200)
	code := s.awaitLetter(t, viewer.email, "Confirm", 1).code(t)
	v.arrive(v.fill(verify, "code", code), s.newsURL+"/account/mail")
	v.send("POST", s.newsURL+"/comments/1", "", asScript...).says(t, 200)
	if n := len(s.news.all()) - before; n != 2 {
		t.Errorf("the app was called %d times, want twice", n)
	}

	// What nothing can be done about.
	challenge, told := v.wants(t, "GET", s.newsURL+"/newsroom/1", 403)
	if told.Error != "forbidden" || challenge != `Bearer error="insufficient_scope"` {
		t.Errorf("a program is told %+v, %s", told, challenge)
	}
	if a := v.open(s.newsURL+"/newsroom/1").says(t, 403); !strings.Contains(a.body, "<h1") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a person is shown %v\n%s", a.header, a.body)
	}

	// By token, too: the API's says what was true when it was made.
	s.visitor(t).fetch(s.newsURL+"/account", bearer(viewer.JWT)).says(t, 401)
	s.visitor(t).fetch(s.newsURL+"/account", bearer(s.login(t, viewer.email).JWT)).says(t, 200)
}

// A sign-in that is too old for a page is proved again at the hub; one that is
// only told so by a site's token is not.
func TestSignInThatLooksOldIsJudgedAtTheHub(t *testing.T) {
	t.Parallel()
	s := borrow(t, requiring)
	viewer := s.register(t, "payer")
	v := s.visitor(t)
	v.enter(s.newsURL+"/payments/1", viewer.email)
	cookie := v.cookies(s.newsURL)["usher"]
	at := strings.LastIndex(cookie, "~") + 1
	id, _, _ := strings.Cut(cookie, "~")
	tokens := s.siteTokens(t)
	claims, err := tokens.Judge(cookie[at:], s.newsURL, id)
	if err != nil {
		t.Fatal(err)
	}
	claims.SignedInAt = time.Now().Add(-time.Hour)
	v.keep(s.newsURL, map[string]string{"usher": cookie[:at] + tokens.Make(claims)})
	challenge, told := v.wants(t, "GET", s.newsURL+"/payments/1", 401)
	if challenge != `Bearer error="insufficient_user_authentication", max_age="600"` || told.Error != "interaction_required" {
		t.Errorf("a program is told %+v, %s", told, challenge)
	}
	v.fetch(s.newsURL+"/welcome").says(t, 200)
	hops := v.visit(s.newsURL + "/payments/1")
	if last := hops[len(hops)-1].says(t, 200); last.at.String() != s.newsURL+"/payments/1" || len(hops) != 4 {
		t.Errorf("led by %v", places(hops))
	}
}

func TestNoSpellingGetsAroundARequirement(t *testing.T) {
	t.Parallel()
	s := borrow(t, requiring)
	viewer := s.register(t, "around")
	for _, feed := range []string{"X-Nothing: 1", "X-Feed: 1"} {
		for _, target := range oddTargets {
			probe := feed + url.QueryEscape(target)
			proof := bearer(viewer.JWT)
			if feed == "X-Feed: 1" {
				proof = "X-No: proof"
			}
			a := s.raw(t, "GET "+target+" HTTP/1.1", "Host: news.localhost", "X-Probe: "+probe, proof, feed)
			for _, e := range s.news.calls(probe) {
				if read := worstReading(e.Target); feed != "X-Feed: 1" && (read == "/account" || strings.HasPrefix(read, "/account/")) {
					t.Errorf("%q: the app saw %q, which may be read as %q", target, e.Target, read)
				}
				if feed == "X-Feed: 1" && (len(e.told()) > 0 || strings.Contains(e.Target, "//") || strings.Contains(e.Target, ";")) {
					t.Errorf("%q was opened by a matcher: the app saw %q and was told %v", target, e.Target, e.told())
				}
			}
			if a.status >= 500 {
				t.Errorf("%q: status %d", target, a.status)
			}
		}
	}
}

func TestNeedsThatNobodySealedAskForNothing(t *testing.T) {
	t.Parallel()
	s := borrow(t, requiring)
	viewer := s.register(t, "asked")
	v := s.visitor(t)
	v.enter(s.newsURL+"/welcome", viewer.email)
	_, told := v.wants(t, "GET", s.newsURL+"/offers/1", 401)
	sealed := member(t, told.LoginURL, "needs")
	for what, needs := range map[string]string{
		"in clear": "consent:marketing", "cut short": sealed[:len(sealed)-2], "twice": sealed + sealed, "of another site": "", "long": strings.Repeat("A", 8000),
	} {
		login := s.newsURL + "/.usher/login?needs=" + url.QueryEscape(needs)
		if what == "of another site" {
			login = s.sportsURL + "/.usher/login?needs=" + url.QueryEscape(sealed)
		}
		hops := v.visit(login)
		if last := hops[len(hops)-1]; last.at.Path != "/" || last.status != 200 || strings.HasPrefix(last.at.String(), s.hub) {
			t.Errorf("%s: led to %s, %d", what, last.at, last.status)
		}
	}
	hops := v.visit(told.LoginURL)
	if last := hops[len(hops)-1]; last.at.Path != "/consents" {
		t.Errorf("the site's own lead to %s", last.at)
	}
}

// otherNames are header lines with which a client tries to speak about identity
// where the app is told by other names.
var otherNames = map[string][]string{
	"plain":          {"Remote-User: 999999999", "Remote-Email: root@evil.test"},
	"lower case":     {"remote-user: 999999999", "remote-email: root@evil.test"},
	"odd case":       {"rEMOTE-uSER: 999999999"},
	"underscores":    {"Remote_User: 999999999", "remote_email: root@evil.test"},
	"dots":           {"Remote.User: 999999999"},
	"other letters":  {"Remote!User: 999999999", "Remote~Email: root@evil.test"},
	"twice":          {"Remote-User: 999999999", "Remote-User: 999999998"},
	"own names":      {"X-Usher-Email: root@evil.test", "X-Usher-Session-Id: x", "X-Usher-Token: a.b.c", "X_Usher_Consents: all"},
	"hop by hop":     {"Connection: Remote-User, X-Usher-Customer-Id", "Connection: remote-email"},
	"hop by hop set": {"Connection: Remote-User", "Remote-User: 999999999"},
	"empty":          {"Remote-User:"},
	"trailer":        {"Trailer: Remote-User", "TE: trailers"},
}

func TestNoSpellingOfARenamedHeaderReachesTheApp(t *testing.T) {
	t.Parallel()
	s := borrow(t, requiring)
	viewer := s.register(t, "renamed")
	for what, lines := range otherNames {
		for who, proof := range map[string]string{"nobody": "X-No: proof", "viewer": bearer(viewer.JWT)} {
			for access, path := range map[string]string{"protected": "/account", "optional": "/open/page", "public": "/assets/logo.svg"} {
				probe := what + "/" + who + "/" + access
				request := append([]string{"GET " + path + " HTTP/1.1", "Host: sports.localhost", "X-Probe: " + probe, proof}, lines...)
				a := s.raw(t, request...)
				told := who == "viewer" && access != "public"
				calls := s.sports.calls(probe)
				if wantCall := told || access != "protected"; len(calls) == 1 != wantCall || wantCall && a.status != 200 {
					t.Errorf("%s: %d calls, status %d", probe, len(calls), a.status)
					continue
				}
				for _, e := range calls {
					checkRenamed(t, probe, e, told, viewer)
				}
			}
		}
	}
}

// checkRenamed checks that the app was told who the viewer is by the names that it
// was to be told by, and by no other.
func checkRenamed(t *testing.T, probe string, e echo, told bool, viewer account) {
	t.Helper()
	want := map[string]string{}
	if told {
		want = map[string]string{
			"remote-user": viewer.id, "x-usher-customer-id": viewer.id, "remote-email": viewer.email, "x-usher-publisher-id": publisherID,
		}
	}
	speaks := regexp.MustCompile(`^(remote.(user|email)|x.usher.*)$`)
	for name, values := range e.Header {
		folded := strings.ToLower(name)
		if !speaks.MatchString(folded) {
			continue
		}
		if value, ok := want[folded]; !ok || !slices.Equal(values, []string{value}) {
			text, _ := json.Marshal(values)
			t.Errorf("%s: the app was told %s = %s", probe, name, text)
		}
		delete(want, folded)
	}
	if len(want) > 0 {
		t.Errorf("%s: the app was not told %v", probe, want)
	}
}
