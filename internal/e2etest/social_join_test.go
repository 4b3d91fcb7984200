// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Attacks on joining, and on how customers manage their ways to sign in. That a proof
// gets old, and a token too, is tested in internal/social and pages.

// oddAddresses are none, whatever a provider says of them.
var oddAddresses = []string{
	"", "   ", "nobody", "@viewer.test", "anna@", strings.Repeat("a", 300) + "@viewer.test", strings.Repeat("a", 2000), "anna@viewer.test, bob@viewer.test",
	`"anna bob"@viewer.test`, "anna@viewer.test\r\nBcc: bob@viewer.test", "anna\x00@viewer.test", "anna@viewer.test\u2028x",
	"<script>alert(1)</script>@viewer.test", `"><img src=x onerror=alert(1)>`, "Anna <anna@viewer.test>", "an\u202ena@viewer.test",
}

func TestOddAddressOfAProviderIsAskedForAnew(t *testing.T) {
	t.Parallel()
	s := land(t)
	victim := s.register(t, "anna")
	for i, odd := range oddAddresses {
		at := []string{"google", "facebook", "corporate"}[i%3]
		v := s.stranger(t)
		a := s.comes(v, s.newsURL+"/page", s.somebody(at, strconv.Itoa(100+i), odd))
		if a.status != 200 || a.at.Path != "/join" || v.isIn() {
			t.Errorf("%.40q of %s: status %d at %s", odd, at, a.status, a.at)
			continue
		}
		if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") || a.header.Get("Bcc") != "" {
			t.Errorf("%.40q stands in the page as it is:\n%s", odd, a.body)
		}
		if again := v.joins(a, "/join", url.Values{"email": {odd}}); again.status != 422 {
			t.Errorf("%.40q, typed: status %d", odd, again.status)
		}
		good := fmt.Sprintf("odd-%d@viewer.test", i)
		v.arrive(v.joins(a, "/join", url.Values{"email": {good}}), s.newsURL+"/page")
		var e echo
		v.fetch(s.newsURL+"/open/x").says(t, 200).json(t, &e)
		if got := e.Header.Get("X-Usher-Email"); got != good {
			t.Errorf("%.40q: the app is told of %q", odd, got)
		}
	}
	for i, like := range []string{"ANNA@VIEWER.TEST", "\u0430nna@viewer.test", "anna@\uff56iewer.test", "anna@viewer.test.", "anna+x@viewer.test", "anna@viewer\u3002test"} {
		v := s.stranger(t)
		if a := s.comes(v, s.newsURL+"/page", s.somebody("google", strconv.Itoa(200+i), like)); a.status != 200 || v.customerAt(s.newsURL) == victim.id {
			t.Errorf("%q: status %d at %s", like, a.status, a.at)
		}
	}
}

func TestJoinTokenIsForOneBrowserAndOneUse(t *testing.T) {
	t.Parallel()
	s := land(t)
	v := s.stranger(t)
	form := s.comes(v, s.newsURL+"/page", s.somebody("facebook", "1", "")).says(t, 200)
	token := v.cookies(s.hub)["usher-join"]
	email := url.Values{"email": {"once@join.test"}}
	for what, value := range map[string]string{"none": "", "guessed": "AAAAAAAAAAAAAAAAAAAAAA", "cut short": token[1:], "longer": token + "A", "huge": strings.Repeat("A", 3000)} {
		w := s.stranger(t)
		w.keep(s.hub, map[string]string{"usher-join": value})
		if a := w.joins(form, "/join", email); a.status != 410 || w.isIn() {
			t.Errorf("%s: status %d", what, a.status)
		}
	}
	for _, path := range []string{"/join", "/join/code"} {
		w := v.twin()
		a := w.submit(s.hub+path+"?publisher="+rivalPublisher, url.Values{"email": {"once@join.test"}, "code": {"AAAA-AAAA"}})
		if a.status != 410 || w.isIn() {
			t.Errorf("%s at another publisher: status %d", path, a.status)
		}
	}
	for from, lines := range foreign {
		for _, path := range []string{"/join", "/join/code", "/join/cancel"} {
			to := *form.at
			to.Path = path
			headers := append([]string{"Content-Type: application/x-www-form-urlencoded"}, eachReplaced(lines, "{site}", s.hub)...)
			if a := v.send("POST", to.String(), email.Encode(), headers...); a.status != 403 || v.isIn() {
				t.Errorf("%s from %s: status %d", path, from, a.status)
			}
		}
	}
	copied := v.twin()
	v.arrive(v.joins(form, "/join", email), s.newsURL+"/page")
	if a := copied.joins(form, "/join", url.Values{"email": {"twice@join.test"}}); a.status != 410 || copied.isIn() {
		t.Errorf("used again: status %d", a.status)
	}
	if v.cookies(s.hub)["usher-join"] != "" {
		t.Error("the cookie is left")
	}
}

func eachReplaced(lines []string, from, to string) (all []string) {
	for _, line := range lines {
		all = append(all, strings.ReplaceAll(line, from, to))
	}
	return all
}

func TestOneIdentityJoiningTwiceIsOneCustomer(t *testing.T) {
	t.Parallel()
	s := land(t)
	for round := range 3 {
		p := s.somebody("facebook", strconv.Itoa(7000+round), "")
		type tab struct {
			*visitor
			form answer
		}
		var tabs []tab
		for range 6 {
			v := s.stranger(t)
			tabs = append(tabs, tab{v, s.comes(v, s.newsURL+"/page", p).says(t, 200)})
		}
		var crowd sync.WaitGroup
		for i, tab := range tabs {
			crowd.Go(func() {
				tab.follow(tab.joins(tab.form, "/join", url.Values{"email": {fmt.Sprintf("twin-%d-%d@join.test", round, i)}}))
			})
		}
		crowd.Wait()
		ids := map[string]bool{}
		for _, tab := range tabs {
			if tab.signedIn(s.newsURL) {
				ids[tab.customerAt(s.newsURL)] = true
			}
		}
		if len(ids) != 1 {
			t.Errorf("the customers are %v, want one", ids)
		}
	}
}

func TestMailedCodeOfJoiningIsForOneAndAFewTries(t *testing.T) {
	t.Parallel()
	s := land(t)
	s.register(t, "coded")
	s.register(t, "other")
	wait := func(subject, email string) (*visitor, answer) {
		v := s.stranger(t)
		a := s.comes(v, s.newsURL+"/page", s.somebody("google", subject, email)).says(t, 200)
		v.joins(a, "/join/code", nil).says(t, 303)
		return v, a
	}
	v, form := wait("1", "coded@viewer.test")
	code := s.joinCode(t, "coded@viewer.test", 1)
	w, others := wait("2", "other@viewer.test")
	s.joinCode(t, "other@viewer.test", 1)
	if a := w.joins(others, "/join", url.Values{"code": {code}}); a.status != 422 || w.isIn() {
		t.Errorf("another's code: status %d", a.status)
	}
	for range 5 {
		v.joins(form, "/join", url.Values{"code": {"AAAA-AAAA"}}).says(t, 422)
	}
	if a := v.joins(form, "/join", url.Values{"code": {code}}); a.status < 400 || v.isIn() {
		t.Errorf("the right code after five wrong ones: status %d", a.status)
	}
	v.joins(form, "/join/code", nil)
	if a := v.joins(form, "/join", url.Values{"code": {code}}); a.status < 400 || v.isIn() {
		t.Errorf("the code of before: status %d", a.status)
	}
	// One address gets no more than a few of them, whoever asks.
	sent := 0
	for i := range 8 {
		x := s.stranger(t)
		a := s.comes(x, s.newsURL+"/page", s.somebody("google", strconv.Itoa(50+i), "coded@viewer.test")).says(t, 200)
		if x.joins(a, "/join/code", nil).status == 303 {
			sent++
		}
	}
	if sent > 4 {
		t.Errorf("%d more mails were sent", sent)
	}
}

func TestWaysToSignInAreTheCustomersOwn(t *testing.T) {
	t.Parallel()
	s := land(t)
	p := s.pair()
	anna, bob := s.stranger(t), s.stranger(t)
	s.enters(anna, s.newsURL+"/page", p.anna["google"])
	s.enters(bob, s.newsURL+"/page", p.bob["google"])
	add := func(v *visitor, at string, who person) answer {
		hops := v.follow(v.open(s.answers(t, v.leaves(v.signinPage(), at), who)))
		return hops[len(hops)-1]
	}
	if ids := anna.removable(); len(ids) > 0 {
		t.Errorf("the last way can be removed: %q", ids)
	}
	add(anna, "facebook", p.anna["facebook"]).says(t, 200)
	add(bob, "facebook", p.bob["facebook"]).says(t, 200)
	ids, others := anna.removable(), bob.removable()
	if len(ids) != 2 || len(others) != 2 {
		t.Fatalf("%q and %q can be removed", ids, others)
	}

	// Others' ways, and what no page of ours has sent.
	page := s.hub + "/account/signin?site=" + url.QueryEscape(s.newsURL)
	for _, id := range append(others, "", "x", "password", strings.Repeat("A", 5000)) {
		anna.submit(page, url.Values{"remove": {id}})
	}
	for from, lines := range foreign {
		headers := append([]string{"Content-Type: application/x-www-form-urlencoded"}, eachReplaced(lines, "{site}", s.hub)...)
		if a := anna.send("POST", page, "remove="+url.QueryEscape(ids[0]), headers...); a.status != 403 {
			t.Errorf("removing, from %s: status %d", from, a.status)
		}
		for _, intent := range []string{"link", "confirm"} {
			begun := anna.open(s.hub+"/login/corporate?publisher=100000001&intent="+intent, eachReplaced(lines, "{site}", "http://evil.test")...)
			if strings.HasPrefix(begun.to(), s.mocks["corporate"].Issuer) && !slices.Contains(lines, "Sec-Fetch-Site: none") {
				t.Errorf("%s begins from %s", intent, from)
			}
		}
	}
	if got, gots := anna.waysIn(), bob.waysIn(); len(got) != 2 || len(gots) != 2 {
		t.Errorf("the ways are %q and %q", got, gots)
	}

	// Somebody else's account does not become hers, nor proves who she is.
	anna.submit(page, url.Values{"remove": {ids[1]}}).says(t, 303)
	last := anna.removable()
	if len(anna.waysIn()) != 1 || len(last) != 0 {
		t.Errorf("left are %q, removable %q", anna.waysIn(), last)
	}
	for _, id := range ids {
		anna.submit(page, url.Values{"remove": {id}})
	}
	if left := anna.waysIn(); len(left) != 1 {
		t.Errorf("the last way is gone: %q", left)
	}
	own := anna.waysIn()[0]
	if free := map[string]string{"Google": "facebook", "Facebook": "google"}[own]; add(anna, free, p.bob[free]).status != 409 {
		t.Error("bob's account becomes anna's")
	}
	confirm := s.hub + "/login/" + strings.ToLower(own) + "?publisher=100000001&intent=confirm"
	question := anna.open(confirm, "Sec-Fetch-Site: same-origin").says(t, 302).to()
	if a := anna.open(s.answers(t, question, p.bob[strings.ToLower(own)])); a.status != 409 {
		t.Errorf("bob's account proves who anna is: status %d, to %s", a.status, a.to())
	}
	// Nor in a browser where somebody else is signed in meanwhile.
	question = anna.leaves(anna.signinPage(), "corporate")
	mixed := bob.twin()
	for name, value := range anna.attempts() {
		mixed.keep(s.hub, map[string]string{name: value})
	}
	if a := mixed.open(s.answers(t, question, p.anna["corporate"])); a.status < 400 {
		t.Errorf("anna's sign-in links an account to bob: status %d, to %s", a.status, a.to())
	}
	if len(bob.waysIn()) != 2 || len(anna.waysIn()) != 1 {
		t.Errorf("the ways are %q and %q", anna.waysIn(), bob.waysIn())
	}
}
