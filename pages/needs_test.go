// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/pages"
)

const news publisher.Origin = "https://news.example.com"

// question returns the query of what a site asks the hub about a visitor.
func (w *world) question(site publisher.Origin, n sso.Needs) string {
	r := httptest.NewRequest("GET", string(site)+"/bets", nil)
	return query(w.sso.Begin(httptest.NewRecorder(), r, site, sso.Ask{Return: "/bets", Needs: n}))
}

// changed returns a query with another value of one parameter.
func changed(t *testing.T, query, name, value string) string {
	t.Helper()
	v, err := url.ParseQuery(query)
	must(t, err)
	v.Set(name, value)
	return v.Encode()
}

// leads returns the path at the hub that an answer leads to, or "the site".
func leads(a *httptest.ResponseRecorder) string {
	to := a.Header().Get("Location")
	if strings.HasPrefix(to, "https://") {
		return "the site"
	}
	path, _, _ := strings.Cut(to, "?")
	return path
}

// What no site of ours sealed for itself asks nothing of anybody.
func TestOnlyNeedsThatTheSiteSealedCount(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	needs := sso.Needs{VerifiedEmail: true}
	good := w.question(news, needs)
	sealed := w.sso.SealNeeds(needs, news)
	for name, tt := range map[string]struct{ query, want string }{
		"the site's own":    {good, "/verify"},
		"another's":         {changed(t, good, "needs", w.sso.SealNeeds(needs, "https://sports.test")), "the site"},
		"for another":       {changed(t, good, "site", "https://sports.test"), "the site"},
		"changed":           {changed(t, good, "needs", sealed[:len(sealed)-2]+"AA"), "the site"},
		"cut":               {changed(t, good, "needs", sealed[:len(sealed)/2]), "the site"},
		"in plain words":    {changed(t, good, "needs", needs.String()), "the site"},
		"something else's":  {changed(t, good, "needs", w.sso.SealPage("/bets", news)), "the site"},
		"nothing":           {changed(t, good, "needs", ""), "the site"},
		"one after another": {good + "&needs=" + sealed, ""},
	} {
		if got := leads(w.page("/authorize?"+tt.query, cookie)); got != tt.want {
			t.Errorf("%s: leads to %q, want %q", name, got, tt.want)
		}
	}
	for _, step := range []string{"/verify", "/reauthenticate", "/consents", "/capture"} {
		if got := leads(w.page(step+"?"+changed(t, good, "needs", needs.String()), cookie)); got != "/authorize" {
			t.Errorf("%s: leads to %q", step, got)
		}
	}
}

// Whatever a page needs, or does not, what the publisher demands comes first.
func TestNeedsTakeNothingBackThatThePublisherDemands(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	w.configure(t, "everything")
	for _, n := range []sso.Needs{{}, {Consents: []string{"none"}}, {Captured: true}, {MaxAge: time.Hour}, {VerifiedEmail: true}} {
		q := w.question(news, n)
		if got := leads(w.page("/authorize?"+q, cookie)); got != "/verify" {
			t.Errorf("%s: leads to %q", n, got)
		}
		for _, step := range []string{"/verify", "/consents", "/capture"} {
			a := w.page(step+"?"+q, cookie)
			if a.Code != http.StatusOK || strings.Contains(a.Body.String(), "needed") {
				t.Errorf("%s at %s: status %d, or the page is said to need it", n, step, a.Code)
			}
		}
	}
}

// A session's secret is a new one when its owner has proved again who they are:
// whoever had the old one has nothing.
func TestCookieBeforeAConfirmationIsWorthless(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "two")
	south := cookieOfHub(t, w.form("/register?publisher=100000002", nil, "email", "anna@example.com", "password", password))
	stolen := cookieOfHub(t, w.form("/register?publisher=100000001", nil, "email", "anna@example.com", "password", password))
	w.clock.Add(time.Hour)
	q := w.question(news, sso.Needs{MaxAge: 10 * time.Minute})
	a := w.form("/reauthenticate?"+q, map[string]string{"__Host-usher-hub": stolen + "~" + south}, "current", password)
	own, kept, _ := strings.Cut(cookieOfHub(t, a), "~")
	if leads(a) != "/authorize" || own == stolen || kept != south {
		t.Errorf("leads to %q; own %q, before %q; the other publisher's %q, before %q", leads(a), own, stolen, kept, south)
	}
	if got := leads(w.page("/authorize?"+q, stolen)); got != "/login" {
		t.Errorf("the old cookie leads to %q", got)
	}
	if a := w.page("/account?publisher=100000001", stolen); strings.Contains(a.Body.String(), "anna@") {
		t.Error("the old cookie still shows the account")
	}
	if got := leads(w.page("/authorize?"+q, own)); got != "the site" {
		t.Errorf("the new cookie leads to %q", got)
	}
	if id, was := strings.Split(own, ".")[0], strings.Split(stolen, ".")[0]; id != was {
		t.Errorf("the session is %s, was %s", id, was)
	}
}

// Of two forms at once one is taken, and neither leads nowhere.
func TestConfirmationInTwoTabsIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	w.clock.Add(time.Hour)
	q := w.question(news, sso.Needs{MaxAge: 10 * time.Minute})
	var answers [4]*httptest.ResponseRecorder
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = w.form("/reauthenticate?"+q, map[string]string{"__Host-usher-hub": cookie}, "current", password)
		})
	}
	all.Wait()
	given := 0
	for _, a := range answers {
		given += len(a.Result().Cookies())
		if to := leads(a); to != "/authorize" && to != "/login" {
			t.Errorf("status %d, leads to %q", a.Code, to)
		}
	}
	if given != 1 {
		t.Errorf("%d cookies were given", given)
	}
}

// Who came by the publisher's own login is led to a password.
func TestWithoutPasswordNobodyIsConfirmed(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	_, i, err := w.store.CustomerByIdentity(w.ctx, 100000001, authstore.ProviderPassword, "anna@example.com")
	must(t, err)
	if done, err := w.store.SetPassword(w.ctx, i, i.Password, ""); err != nil || !done {
		t.Fatal(done, err)
	}
	w.clock.Add(time.Hour)
	at := "/reauthenticate?" + w.question(news, sso.Needs{MaxAge: 10 * time.Minute})
	page := w.page(at, cookie).Body.String()
	for want, has := range map[string]bool{`href="/forgot?`: true, `name="current"`: false, "anna@example.com": true, `action="/logout?`: true, `href="https://news.example.com/"`: true} {
		if strings.Contains(page, want) != has {
			t.Errorf("%s is there: %t, want %t in %s", want, !has, has, page)
		}
	}
	for _, given := range []string{"", password} {
		a := w.form(at, map[string]string{"__Host-usher-hub": cookie}, "current", given)
		if a.Code != http.StatusUnprocessableEntity || len(a.Result().Cookies()) > 0 {
			t.Errorf("%q: status %d, cookies %v", given, a.Code, a.Result().Cookies())
		}
	}
}

// A confirmation that cannot be stored confirms nothing, and costs no session.
func TestConfirmationThatFailsChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	w.clock.Add(time.Hour)
	q := w.question(news, sso.Needs{MaxAge: 10 * time.Minute})
	w.faulty.FailUpdate(errDown)
	a := w.form("/reauthenticate?"+q, map[string]string{"__Host-usher-hub": cookie}, "current", password)
	if a.Code != http.StatusInternalServerError || len(a.Result().Cookies()) > 0 {
		t.Errorf("status %d, cookies %v", a.Code, a.Result().Cookies())
	}
	if got := leads(w.page("/authorize?"+q, cookie)); got != "/reauthenticate" {
		t.Errorf("leads to %q", got)
	}
}

// Nobody opens a page ahead of time, and opening the step writes nothing.
func TestOpeningTheConfirmationWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	w.clock.Add(time.Hour)
	q := w.question(news, sso.Needs{MaxAge: 10 * time.Minute})
	w.faulty.FailUpdate(errDown)
	if got := leads(w.page("/authorize?"+q, cookie)); got != "/reauthenticate" {
		t.Errorf("leads to %q", got)
	}
	if a := w.page("/reauthenticate?"+q, cookie); a.Code != http.StatusOK {
		t.Errorf("status %d", a.Code)
	}
}

// Somebody whom a page is not for is led to one that is.
func TestForbiddenPageLeadsToTheFront(t *testing.T) {
	catalog, err := i18n.Load()
	must(t, err)
	renderer, err := pages.NewRenderer(catalog)
	must(t, err)
	directory, err := publisher.NewDirectory(configs["plain"])
	must(t, err)
	shown := pages.SitePages{Hub: hub, Renderer: renderer, Directory: directory}
	for language, want := range map[string]string{"en": "Go to the front page", "de": "Zur Startseite"} {
		r := httptest.NewRequest("GET", string(news)+"/staff", nil)
		r.Header.Set("Accept-Language", language)
		a := httptest.NewRecorder()
		shown.Problem(a, r, gate.Problem{Kind: gate.ProblemForbidden, Status: http.StatusForbidden, Site: news, Return: "/"})
		action := `<a class="button primary" href="/">` + want + "</a>"
		if a.Code != http.StatusForbidden || !strings.Contains(a.Body.String(), action) || a.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: status %d, %s", language, a.Code, a.Body)
		}
	}
}
