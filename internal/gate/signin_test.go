// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
)

// grant answers a site's question for a viewer and returns the way back.
func (w *world) grant(t testing.TB, site publisher.Origin, path string, v viewer) (back string, pending []*http.Cookie) {
	t.Helper()
	asked, pending := w.ask(t, site, path)
	back, err := w.sso.Grant(context.Background(), asked, v.session)
	must(t, err)
	return back, pending
}

// with returns a URL with one parameter of its query replaced; "" removes it.
func with(t testing.TB, target, name, value string) string {
	t.Helper()
	u, err := url.Parse(target)
	must(t, err)
	q := u.Query()
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func TestSignInComesBackToThePageThatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	back, pending := w.grant(t, news, "/live?channel=1&q=a%20b", w.mustViewer(t, ours))
	a := w.get(back, pending...)
	status(t, a, http.StatusSeeOther)
	ownAnswer(t, a)
	if got := a.Header().Get("Location"); got != "https://news.example.com/live?channel=1&q=a%20b" {
		t.Errorf("Location %q", got)
	}
	if got := a.Header().Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy %q, want no-referrer, because the address holds a code", got)
	}
	if c, ok := a.cookie(pending[0].Name); !ok || c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("the pending sign-in is not forgotten: %+v", c)
	}
	c, ok := a.cookie("__Host-usher")
	if !ok || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %+v", c)
	}
	if !w.get(string(news)+"/live", c).passed {
		t.Error("the viewer is not signed in")
	}
}

func TestCallbackThatDoesNotFitIsRefusedAndNeverRedirects(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, w *world, back string, pending []*http.Cookie) (string, []*http.Cookie)
		want   gate.ProblemKind
	}{
		"no cookie, as when cookies are blocked": {func(_ *testing.T, _ *world, back string, _ []*http.Cookie) (string, []*http.Cookie) {
			return back, nil
		}, gate.ProblemCookies},
		"no cookie but others of ours, as when it was used": {func(_ *testing.T, _ *world, back string, _ []*http.Cookie) (string, []*http.Cookie) {
			return back, []*http.Cookie{{Name: "__Host-usher-ok", Value: "1"}}
		}, gate.ProblemExpired},
		"begun by a clock that is ahead": {func(_ *testing.T, w *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			w.clock.Add(-time.Minute - time.Millisecond)
			return back, pending
		}, gate.ProblemClock},
		"cookie of another sign-in": {func(t *testing.T, w *world, back string, _ []*http.Cookie) (string, []*http.Cookie) {
			_, other := w.ask(t, news, "/")
			return back, other
		}, gate.ProblemExpired},
		"cookie under another name": {func(t *testing.T, w *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			_, other := w.ask(t, news, "/")
			other[0].Name = pending[0].Name
			return back, other
		}, gate.ProblemExpired},
		"no state": {func(t *testing.T, _ *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			return with(t, back, "state", ""), pending
		}, gate.ProblemExpired},
		"state cut short": {func(t *testing.T, _ *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			u, _ := url.Parse(back)
			return with(t, back, "state", u.Query().Get("state")[:9]), pending
		}, gate.ProblemExpired},
		"no issuer": {func(t *testing.T, _ *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			return with(t, back, "iss", ""), pending
		}, gate.ProblemExpired},
		"another issuer": {func(t *testing.T, _ *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			return with(t, back, "iss", "https://id.evil.example"), pending
		}, gate.ProblemExpired},
		"too late": {func(_ *testing.T, w *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			w.clock.Add(10 * time.Minute)
			return back, pending
		}, gate.ProblemExpired},
		"no code": {func(t *testing.T, _ *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			return with(t, back, "code", ""), pending
		}, gate.ProblemCode},
		"made-up code": {func(t *testing.T, _ *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			return with(t, back, "code", strings.Repeat("A", 43)), pending
		}, gate.ProblemCode},
		"code half a minute old": {func(_ *testing.T, w *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			w.clock.Add(30 * time.Second)
			return back, pending
		}, gate.ProblemCode},
		"code of another browser": {func(t *testing.T, w *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			other, _ := w.grant(t, news, "/", w.mustViewer(t, ours))
			u, _ := url.Parse(other)
			return with(t, back, "code", u.Query().Get("code")), pending
		}, gate.ProblemCode},
		"code of a sister site": {func(t *testing.T, w *world, back string, pending []*http.Cookie) (string, []*http.Cookie) {
			other, _ := w.grant(t, sports, "/", w.mustViewer(t, ours))
			u, _ := url.Parse(other)
			return with(t, back, "code", u.Query().Get("code")), pending
		}, gate.ProblemCode},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			back, pending := w.grant(t, news, "/live", w.mustViewer(t, ours))
			target, cookies := test.change(t, w, back, pending)
			a := w.get(target, cookies...)
			status(t, a, http.StatusBadRequest)
			ownAnswer(t, a)
			if w.pages.kind != test.want || a.Header().Get("Location") != "" {
				t.Errorf("shown %q, Location %q; want %q", w.pages.kind, a.Header().Get("Location"), test.want)
			}
			if c, set := a.cookie("__Host-usher"); set {
				t.Errorf("signed in by %+v", c)
			}
		})
	}
}

// A code that is used again was seen by somebody else.
func TestSecondUseOfACodeEndsTheSession(t *testing.T) {
	w := newWorld(t)
	back, pending := w.grant(t, news, "/live", w.mustViewer(t, ours))
	c, ok := w.get(back, pending...).cookie("__Host-usher")
	if !ok || !w.get(string(news)+"/live", c).passed {
		t.Fatal("the first use is refused")
	}
	a := w.get(back, pending...)
	status(t, a, http.StatusBadRequest)
	if _, set := a.cookie("__Host-usher"); set || w.pages.kind != gate.ProblemCode {
		t.Errorf("the second use sets a cookie: %v; shown %q", set, w.pages.kind)
	}
	if w.get(string(news)+"/live", c).passed {
		t.Error("the session lives on")
	}
}

func TestHubThatSaysNoBringsTheVisitorBackUnsigned(t *testing.T) {
	w := newWorld(t)
	asked, pending := w.ask(t, news, "/live?x=1")
	for _, reason := range []string{"login_required", "interaction_required", "<script>"} {
		a := w.get(w.sso.Deny(asked, reason), pending...)
		status(t, a, http.StatusSeeOther)
		if got := a.Header().Get("Location"); got != string(news)+"/live?x=1" {
			t.Errorf("%s: Location %q", reason, got)
		}
		if _, set := a.cookie("__Host-usher"); set {
			t.Errorf("%s: signed in", reason)
		}
	}
}

func TestNoReturnPathLeavesTheSite(t *testing.T) {
	for _, path := range []string{"//evil.example/x", `/\evil.example`, "/%5cevil.example", "/" + strings.Repeat("a", 2100)} {
		w := newWorld(t)
		v := w.mustViewer(t, ours)
		a := w.send(request("GET", string(news)+"/.usher/login", map[string]string{"Referer": string(news) + path}))
		to, err := url.Parse(a.Header().Get("Location"))
		must(t, err)
		asked, _, err := w.sso.ParseRequest(to.Query())
		must(t, err)
		back, err := w.sso.Grant(context.Background(), asked, v.session)
		must(t, err)
		location := w.get(back, a.Result().Cookies()...).Header().Get("Location")
		if u, err := url.Parse(location); err != nil || u.Host != "news.example.com" || strings.HasPrefix(u.EscapedPath(), "//") {
			t.Errorf("%q leads to %q", path, location)
		}
	}
}

func TestSignInWhileTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	back, pending := w.grant(t, news, "/live", w.mustViewer(t, ours))
	w.faulty.FailUpdate(errDown)
	a := w.get(back, pending...)
	if !errors.Is(a.err, gate.ErrUnavailable) || !errors.Is(a.err, errDown) || a.passed || a.Body.Len() > 0 {
		t.Errorf("%v, passed %v, body %q; want ErrUnavailable and nothing answered", a.err, a.passed, a.Body)
	}
}

func TestOneBrowserHasFivePendingSignInsAtMost(t *testing.T) {
	w := newWorld(t)
	jar := map[string]*http.Cookie{}
	for range 8 {
		var all []*http.Cookie
		for _, c := range jar {
			all = append(all, c)
		}
		for _, c := range w.get(string(news)+"/live", all...).Result().Cookies() {
			if c.MaxAge < 0 {
				delete(jar, c.Name)
			} else {
				jar[c.Name] = c
			}
		}
		w.clock.Add(time.Second)
		if len(jar) > 5 {
			t.Fatalf("%d cookies for pending sign-ins, want 5 at most", len(jar))
		}
	}
	if len(jar) != 5 {
		t.Errorf("%d cookies, want 5", len(jar))
	}
}
