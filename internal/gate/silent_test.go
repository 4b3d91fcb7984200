// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/sso"
)

// from opens an optional page of news by a link on another page.
func (w *world) from(referer string, cookies ...*http.Cookie) answer {
	r := request("GET", string(news)+"/articles/1?x=1", page, cookies...)
	r.Header.Set("Referer", referer)
	return w.send(r)
}

// silently returns what the hub is asked.
func (w *world) silently(t *testing.T, a answer) sso.Request {
	t.Helper()
	to, err := url.Parse(a.Header().Get("Location"))
	must(t, err)
	asked, _, err := w.sso.ParseRequest(to.Query())
	if err != nil || !asked.Silent || a.passed {
		t.Fatalf("passed %v, status %d, Location %q: %v", a.passed, a.Code, to, err)
	}
	return asked
}

func TestSilentSignInComesBackToThePage(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	a := w.from(string(sports) + "/")
	back, err := w.sso.Grant(context.Background(), w.silently(t, a), v.session)
	must(t, err)
	landed := w.get(back, append(a.Result().Cookies(), &http.Cookie{Name: "__Host-usher-no", Value: "1"})...)
	status(t, landed, http.StatusSeeOther)
	c, ok := landed.cookie("__Host-usher")
	if got := landed.Header().Get("Location"); !ok || got != string(news)+"/articles/1?x=1" {
		t.Fatalf("signed in %v, Location %q", ok, got)
	}
	if no, _ := landed.cookie("__Host-usher-no"); no == nil || no.MaxAge >= 0 {
		t.Errorf("the marker of strangers is %v, want it removed", no)
	}
	if a := w.from(string(sports)+"/", c); !a.passed || a.identity == nil {
		t.Error("the app is not told who it is")
	}
}

func TestNobodyIsAskedAboutTwice(t *testing.T) {
	w := newWorld(t)
	for _, reason := range []string{sso.LoginRequired, sso.InteractionRequired} {
		a := w.from(string(sports) + "/")
		landed := w.get(w.sso.Deny(w.silently(t, a), reason), a.Result().Cookies()...)
		status(t, landed, http.StatusSeeOther)
		if got := landed.Header().Get("Location"); got != string(news)+"/articles/1?x=1" {
			t.Errorf("Location %q", got)
		}
		no, ok := landed.cookie("__Host-usher-no")
		if !ok || no.MaxAge != 30*60 || !no.Secure || !no.HttpOnly || no.Path != "/" || no.SameSite != http.SameSiteLaxMode {
			t.Fatalf("marker %+v, want one for half an hour", no)
		}
		if a := w.from(string(sports)+"/", no); !a.passed || len(a.Header()) > 0 {
			t.Errorf("asked again: %v", a.Header())
		}
		if a := w.get(string(news)+"/live", no); a.passed || a.Code != http.StatusFound || strings.Contains(a.Header().Get("Location"), "prompt=none") {
			t.Errorf("a protected page: status %d, Location %q", a.Code, a.Header().Get("Location"))
		}
	}
}

func TestOnlyVisitorsFromSisterSitesAndTheHubAreAskedAbout(t *testing.T) {
	for referer, asked := range map[string]bool{
		string(sports) + "/": true, string(rovers) + "/x": true, string(hub) + "/": true,
		string(news) + "/": false, string(other) + "/": false, "https://search.example/?q=x": false, "": false, "about:blank": false,
		"https://sports.test.evil.example/": false, "https://evil.example/https://sports.test/": false, "http://sports.test/": false,
		"//sports.test/": false, "https://sports.test:8443/": false, "https://sports.test@evil.example/": false, "%zz": false,
	} {
		w := newWorld(t)
		if a := w.from(referer); a.passed == asked {
			t.Errorf("from %q: passed %v", referer, a.passed)
		}
	}
}

// A browser that does not keep the cookie ends at its page, as anonymous and
// without a page of ours.
func TestSilentSignInWithoutCookiesEndsAtThePage(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	asked := w.silently(t, w.from(string(sports)+"/"))
	granted, err := w.sso.Grant(context.Background(), asked, v.session)
	must(t, err)
	for _, back := range []string{granted, w.sso.Deny(asked, sso.LoginRequired)} {
		a := w.get(back)
		status(t, a, http.StatusSeeOther)
		if got := a.Header().Get("Location"); got != string(news)+"/articles/1?x=1" {
			t.Errorf("Location %q", got)
		}
		if got := a.Header().Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("Referrer-Policy %q: the sister site would be told again, and the hub asked again", got)
		}
		if len(a.Result().Cookies()) > 0 {
			t.Errorf("cookies %v", a.Result().Cookies())
		}
	}
}

// Nothing that somebody else wrote into the answer leads anywhere.
func TestPageInAnAnswerIsOneThatWasSealedForTheSite(t *testing.T) {
	w := newWorld(t)
	back := w.sso.Deny(w.silently(t, w.from(string(sports)+"/")), sso.LoginRequired)
	elsewhere, err := url.Parse(back)
	must(t, err)
	for _, page := range []string{"AAAA", strings.Repeat("A", 80), elsewhere.Query().Get("state")} {
		if got := w.get(with(t, back, "page", page)).Header().Get("Location"); got != string(news)+"/" {
			t.Errorf("%q leads to %q", page, got)
		}
	}
	if got := w.get(strings.Replace(back, string(news), string(sports), 1)).Header().Get("Location"); got != string(sports)+"/" {
		t.Errorf("another site's page leads to %q", got)
	}
}

func TestHubThatDoesNotAnswerIsNotAskedAgain(t *testing.T) {
	w := newWorld(t)
	pending := w.from(string(sports) + "/").Result().Cookies()
	if w.from(string(sports)+"/", pending...).passed {
		t.Error("a second tab is not asked about")
	}
	w.clock.Add(15 * time.Second)
	if !w.from(string(sports)+"/", pending...).passed {
		t.Error("asked again, although the hub has not answered")
	}
}

func TestEagerSitesAskAboutBrowsersThatKeepCookies(t *testing.T) {
	w := newWorld(t)
	w.policy.Silent = gate.SilentEager
	a := w.get(string(news) + "/articles/1")
	kept, ok := a.cookie("__Host-usher-ok")
	if !a.passed || !ok {
		t.Fatalf("first page: passed %v, cookies %v", a.passed, a.Result().Cookies())
	}
	if a := w.get(string(news)+"/articles/1", kept); a.passed {
		t.Error("second page: not asked about")
	}
	for name, cookies := range map[string][]*http.Cookie{
		"no cookies": nil, "cookies of the app": {{Name: "session", Value: "1"}},
		"asked before": {kept, {Name: "__Host-usher-no", Value: "1"}},
	} {
		if a := w.get(string(news)+"/articles/1", cookies...); !a.passed {
			t.Errorf("%s: asked about", name)
		}
	}
}

func TestSitesMayAskAboutNobody(t *testing.T) {
	w := newWorld(t)
	w.policy.Silent = gate.SilentOff
	if a := w.from(string(sports) + "/"); !a.passed || len(a.Header()) > 0 {
		t.Errorf("asked: %v", a.Header())
	}
}

// A customer who has something to do first is known, but asked nothing on an
// optional path.
func TestOptionalPathsAskNothingOfCustomersWithSomethingToDo(t *testing.T) {
	w := newWorld(t)
	c := w.signIn(t, news, w.mustViewer(t, ours))
	w.reload(t, asking(terms("2")))
	if a := w.from(string(sports)+"/", c); !a.passed || a.identity != nil {
		t.Errorf("passed %v as %v", a.passed, a.identity)
	}
}

// A browser that comes back from the hub signed in, and is a stranger all the
// same, is told so: it would be sent back and forth for ever.
func TestSignInThatDoesNotHoldIsToldAndNotBegunAgain(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	back, pending := w.grant(t, news, "/live?x=1", v)
	landed := w.get(back, pending...)
	arrived, ok := landed.cookie("__Host-usher-in")
	if !ok || arrived.MaxAge != 30 {
		t.Fatalf("marker %+v", arrived)
	}
	site, _ := landed.cookie("__Host-usher")
	broken := *site
	broken.Value = "x"
	for name, cookies := range map[string][]*http.Cookie{"cookie not kept": {arrived}, "cookie broken": {arrived, &broken}} {
		a := w.get(string(news)+"/live?x=1", cookies...)
		status(t, a, http.StatusUnauthorized)
		ownAnswer(t, a)
		want := gate.Problem{Kind: gate.ProblemLoop, Status: 401, Site: news, Return: "/live?x=1"}
		if w.pages.problem != want || a.Header().Get("Location") != "" {
			t.Errorf("%s: shown %+v, Location %q", name, w.pages.problem, a.Header().Get("Location"))
		}
		if c, ok := a.cookie("__Host-usher-in"); !ok || c.MaxAge >= 0 {
			t.Errorf("%s: the marker stays, so that trying again would be in vain", name)
		}
	}
	if !w.get(string(news)+"/live", arrived, site).passed {
		t.Error("the marker stops who is signed in")
	}
	must(t, w.sessions.End(context.Background(), v.session.ID))
	if a := w.get(string(news)+"/live", arrived, site); a.Code != http.StatusFound {
		t.Errorf("after a sign-out elsewhere: status %d, want the way to the hub", a.Code)
	}
}

// Whoever decides to try again, or signs out, starts afresh.
func TestMarkOfASignInIsForgotten(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	back, pending := w.grant(t, news, "/live", v)
	landed := w.get(back, pending...)
	arrived, _ := landed.cookie("__Host-usher-in")
	site, _ := landed.cookie("__Host-usher")
	for name, a := range map[string]answer{
		"login":  w.get(string(news)+"/.usher/login", arrived),
		"logout": w.logout(map[string]string{"Sec-Fetch-Site": "same-origin", "Accept": html}, site, arrived),
	} {
		if c, ok := a.cookie("__Host-usher-in"); !ok || c.MaxAge >= 0 {
			t.Errorf("%s: cookies %v", name, a.Result().Cookies())
		}
	}
	elsewhere := *arrived
	elsewhere.Value = string(news) + ":8443" // cookies know no ports
	if a := w.get(string(news)+"/live", &elsewhere); a.Code != http.StatusFound {
		t.Errorf("the mark of another port stops a sign-in: status %d", a.Code)
	}
}

func TestHubIsToldThatASessionHasEnded(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	c := w.signIn(t, news, v)
	asked := func(cookies ...*http.Cookie) string {
		to, err := url.Parse(w.get(string(news)+"/live", cookies...).Header().Get("Location"))
		must(t, err)
		return to.Query().Get("notice")
	}
	if got := asked(); got != "" {
		t.Errorf("a stranger is told %q", got)
	}
	must(t, w.sessions.End(context.Background(), v.session.ID))
	if got := asked(c); got != "ended" {
		t.Errorf("notice %q, want ended", got)
	}
}

// A form that met the gate is lost. Its sender comes back to the page that it is
// on, by way of one that says so.
func TestFormThatMetTheGateHasToBeSentAgain(t *testing.T) {
	for referer, want := range map[string]string{
		string(news) + "/comment?id=1": "/comment?id=1", string(sports) + "/": "/comments", "": "/comments",
	} {
		w := newWorld(t)
		v := w.mustViewer(t, ours)
		headers := map[string]string{"Accept": html, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Referer": referer}
		sent := w.send(request("POST", string(news)+"/comments", headers))
		status(t, sent, http.StatusSeeOther)
		to, err := url.Parse(sent.Header().Get("Location"))
		must(t, err)
		asked, _, err := w.sso.ParseRequest(to.Query())
		must(t, err)
		if asked.Notice != sso.NoticeForm {
			t.Errorf("the hub is told %q", asked.Notice)
		}
		back, err := w.sso.Grant(context.Background(), asked, v.session)
		must(t, err)
		landed := w.get(back, sent.Result().Cookies()...)
		status(t, landed, http.StatusSeeOther)
		a := w.get(landed.Header().Get("Location"))
		status(t, a, http.StatusOK)
		ownAnswer(t, a)
		if problem := (gate.Problem{Kind: gate.ProblemForm, Status: 200, Site: news, Return: want}); w.pages.problem != problem {
			t.Errorf("from %q: shown %+v, want %+v", referer, w.pages.problem, problem)
		}
		if c, ok := landed.cookie("__Host-usher"); !ok || !w.get(string(news)+"/live", c).passed {
			t.Errorf("from %q: not signed in", referer)
		}
	}
}

// Whoever writes an address of the page can lead nowhere with it.
func TestPageForLostFormsLeadsToTheSite(t *testing.T) {
	w := newWorld(t)
	for _, query := range []string{"", "?page=", "?page=AAAA", "?page=https://evil.example/", "?page=//evil.example", "?page=%0d%0a"} {
		status(t, w.get(string(news)+"/.usher/form"+query), http.StatusOK)
		if w.pages.problem.Return != "/" {
			t.Errorf("%q leads to %q", query, w.pages.problem.Return)
		}
	}
}
