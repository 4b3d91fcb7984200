// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/token"
)

// limit reloads the configuration with other limits of our sessions.
func (w *world) limit(t testing.TB, idle, absolute time.Duration) {
	t.Helper()
	p := asking(terms("1"))
	p.Session = authstore.SessionLimits{Idle: idle, Absolute: absolute}
	must(t, w.store.DeclarePublishers(context.Background(), []authstore.Publisher{p}))
	w.reload(t, p)
}

// visits is a viewer's browser at one site: it keeps the cookie.
type visits struct {
	w      *world
	cookie *http.Cookie
}

// after opens a page after a while, in which the node does its chores, and tells
// whether the viewer was let in.
func (v *visits) after(t testing.TB, while time.Duration) bool {
	t.Helper()
	v.w.clock.Add(while)
	a := v.w.get(string(news)+"/live", v.cookie)
	if c, ok := a.cookie("__Host-usher"); ok && c.MaxAge > 0 {
		v.cookie = c
	}
	must(t, v.w.ended.Flush(context.Background(), v.w.store))
	return a.passed
}

func TestViewerStaysSignedInAsLongAsTheLimitsAllow(t *testing.T) {
	const idle, absolute = 30 * time.Minute, 8 * time.Hour
	w := newWorld(t)
	w.limit(t, idle, absolute)
	v := visits{w, w.signIn(t, news, w.mustViewer(t, ours))}
	const step = 10 * time.Minute
	for at := step; at < absolute; at += step {
		if !v.after(t, step) {
			t.Fatalf("refused after %v", at)
		}
	}
	if v.after(t, step) {
		t.Error("let in beyond the absolute limit")
	}

	v.cookie = w.signIn(t, news, w.mustViewer(t, ours))
	if !v.after(t, idle-time.Second) {
		t.Error("refused before the idle limit")
	}
	if v.after(t, idle) {
		t.Error("let in at the idle limit")
	}
}

// What is remembered of a renewal answers for the older cookie for a minute, but
// not for a session that is over.
func TestRenewalJustBeforeTheEndDoesNotLastBeyondIt(t *testing.T) {
	const absolute = time.Hour
	w := newWorld(t)
	w.limit(t, 0, absolute)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	w.clock.Add(absolute - 10*time.Second)
	if !w.get(string(news)+"/live", cookie).passed {
		t.Fatal("refused before the end")
	}
	w.clock.Add(10 * time.Second)
	if w.get(string(news)+"/live", cookie).passed {
		t.Error("let in at the end")
	}
}

func TestBearerTokenDoesNotOutliveItsSession(t *testing.T) {
	const absolute = time.Hour
	w := newWorld(t)
	w.limit(t, 0, absolute)
	v := w.mustViewer(t, ours)
	w.clock.Add(absolute - time.Minute)
	bearer, _, err := w.sessions.AccessToken(context.Background(), v.session, token.PublisherAudience(ours))
	must(t, err)
	send := func() bool {
		return w.send(request("GET", string(news)+"/", map[string]string{"Authorization": "Bearer " + bearer})).passed
	}
	if !send() {
		t.Fatal("refused before the end")
	}
	w.clock.Add(time.Minute)
	if send() {
		t.Error("let in at the end")
	}
}

func TestReloadedLimitsHoldForSessionsThatExist(t *testing.T) {
	w := newWorld(t)
	v := visits{w, w.signIn(t, news, w.mustViewer(t, ours))}
	if !v.after(t, 2*time.Hour) {
		t.Fatal("refused with the defaults")
	}
	w.limit(t, 24*time.Hour, 3*time.Hour)
	if !v.after(t, 30*time.Minute) {
		t.Error("refused below the new limits")
	}
	w.limit(t, 2*time.Hour, 2*time.Hour)
	if v.after(t, session.TokenLife) { // of the token from before
		t.Error("let in beyond the new absolute limit")
	}
	w.limit(t, 0, 0)
	if v.after(t, time.Minute) {
		t.Error("a greater limit brought the session back")
	}
}

func TestSiteCookieIsKeptForTheAbsoluteLimit(t *testing.T) {
	w := newWorld(t)
	for _, absolute := range []time.Duration{0, 12 * time.Hour} {
		w.limit(t, 0, absolute)
		want := absolute
		if absolute == 0 {
			want = session.Longest
		}
		cookie := w.signIn(t, news, w.mustViewer(t, ours))
		w.clock.Add(expired)
		renewed, ok := w.get(string(news)+"/live", cookie).cookie("__Host-usher")
		if !ok || cookie.MaxAge != int(want/time.Second) || renewed.MaxAge != cookie.MaxAge {
			t.Errorf("kept for %d s, renewed %+v; want %v", cookie.MaxAge, renewed, want)
		}
	}
}

func TestLimitsCostTheGateNoStoreAccess(t *testing.T) {
	reads := func(limited bool) (n int) {
		w := newWorld(t)
		if limited {
			w.limit(t, time.Hour, 8*time.Hour)
		}
		cookie := w.signIn(t, news, w.mustViewer(t, ours))
		w.counted.views = func() { n++ }
		w.faulty.FailUpdate(errDown) // nothing is written
		w.clock.Add(expired)
		if !w.get(string(news)+"/live", cookie).passed {
			t.Fatal("refused")
		}
		return n
	}
	if with, without := reads(true), reads(false); with != without {
		t.Errorf("a renewal reads %d times with limits, %d times without", with, without)
	}
}
