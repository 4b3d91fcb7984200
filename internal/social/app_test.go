// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
)

const verifier = "a-verifier-of-an-app-that-has-at-least-43-characters"

var challenge = oauth2.S256ChallengeFromVerifier(verifier)

const appURI = "com.nova.app:/oauth2redirect"

var inApp = customer.Arrival{Device: session.Device{IP: "192.0.2.7", UserAgent: "app"}, Start: session.ByAPI}

func TestAppsAreLedToWhereTheirPublisherSaysOnly(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		redirect string
		want     error
	}{
		{appURI, nil},
		{"https://nova.example", nil},
		{"https://nova.example/done?x=1", nil},
		{"http://127.0.0.1/done", nil},
		{"http://127.0.0.1:51004/done", nil},

		{"", social.ErrRedirect},
		{"/done", social.ErrRedirect},
		{"com.nova.app:/oauth2redirect2", social.ErrRedirect},
		{"com.nova.app:/", social.ErrRedirect},
		{"com.nova.app:/oauth2redirect?x=1", social.ErrRedirect},
		{"com.nova.app2:/oauth2redirect", social.ErrRedirect},
		{"COM.NOVA.APP:/oauth2redirect", social.ErrRedirect},
		{"http://nova.example/", social.ErrRedirect},
		{"https://nova.example:8443/", social.ErrRedirect},
		{"https://nova.example.evil.example/", social.ErrRedirect},
		{"https://evil.example/https://nova.example", social.ErrRedirect},
		{"https://nova.example@evil.example/", social.ErrRedirect},
		{"https://evil.example\\@nova.example/", social.ErrRedirect},
		{"https://nova.example/#x", social.ErrRedirect},
		{"https://nova.example/\r\nx", social.ErrRedirect},
		{"https://orbit.example/", social.ErrRedirect},
		{"https:nova.example", social.ErrRedirect},
		{"//nova.example/", social.ErrRedirect},
		{"http://127.0.0.1:51004/other", social.ErrRedirect},
		{"http://127.0.0.1:51004/done?x=1", social.ErrRedirect},
		{"http://127.0.0.1:x/done", social.ErrRedirect},
		{"https://127.0.0.1:51004/done", social.ErrRedirect},
		{"http://127.0.0.2:51004/done", social.ErrRedirect},
		{"http://localhost:51004/done", social.ErrRedirect},
		{"javascript:alert(1)", social.ErrRedirect}, // whatever is configured
		{"JavaScript:alert(1)", social.ErrRedirect},
		{"data:text/html,x", social.ErrRedirect},
		{"https://nova.example/" + strings.Repeat("x", 2000), social.ErrRedirect},
	} {
		if err := w.CheckApp(nova, social.AppRequest{Redirect: tt.redirect, Challenge: challenge}); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.redirect, err, tt.want)
		}
	}
	for redirect, want := range map[string]error{
		"https://a.clubs.example/": nil, "https://clubs.example/": social.ErrRedirect, "https://a.b.clubs.example/": social.ErrRedirect, "https://*.clubs.example/": social.ErrRedirect,
		appURI: social.ErrRedirect,
	} {
		if err := w.CheckApp(orbit, social.AppRequest{Redirect: redirect, Challenge: challenge}); !errors.Is(err, want) {
			t.Errorf("at another publisher, %q: %v, want %v", redirect, err, want)
		}
	}
	for _, r := range []social.AppRequest{
		{Redirect: appURI}, {Redirect: appURI, Challenge: challenge + "x"}, {Redirect: appURI, Challenge: strings.Repeat("=", 43)},
		{Redirect: appURI, Challenge: challenge, State: strings.Repeat("x", 501)},
	} {
		if err := w.CheckApp(nova, r); !errors.Is(err, social.ErrRefused) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestSealedRequestIsOfItsPublisherAndUnchanged(t *testing.T) {
	w := newWorld(t)
	r := social.AppRequest{Redirect: appURI, State: "x&y", Challenge: challenge}
	sealed := w.SealApp(nova, r)
	if got, err := w.OpenApp(nova, sealed); err != nil || got != r {
		t.Errorf("%+v, %v", got, err)
	}
	for _, s := range []string{"", "x", sealed + "x", w.SealApp(orbit, r), w.Seal(social.Attempt{State: "x"}), w.SealApp(nova, social.AppRequest{Redirect: "https://evil.example/", Challenge: challenge})} {
		if got, err := w.OpenApp(nova, s); !errors.Is(err, social.ErrRefused) {
			t.Errorf("%.20s: %+v, %v", s, got, err)
		}
	}
}

// mustGrant returns the code that an app is sent.
func (w *world) mustGrant(t *testing.T, e customer.Entry) string {
	t.Helper()
	to, err := w.GrantApp(t.Context(), nova, e.Session, social.AppRequest{Redirect: appURI, State: "a&b", Challenge: challenge})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, appURI+"?") || u.Query().Get("state") != "a&b" || len(u.Query().Get("code")) != 43 {
		t.Fatalf("led to %s, %v", to, err)
	}
	return u.Query().Get("code")
}

func TestAppRedeemsItsCodeOnce(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, nova, byGoogle("1", "ann@example.com"))
	w.clock.Add(time.Hour)
	code := w.mustGrant(t, e)
	if strings.Contains(w.records(), code) {
		t.Error("the code is stored")
	}
	for name, redeem := range map[string]func() (customer.Entry, error){
		"another verifier": func() (customer.Entry, error) {
			return w.RedeemApp(t.Context(), nova, code, verifier+"x", appURI, inApp)
		},
		"no verifier":   func() (customer.Entry, error) { return w.RedeemApp(t.Context(), nova, code, "", appURI, inApp) },
		"the challenge": func() (customer.Entry, error) { return w.RedeemApp(t.Context(), nova, code, challenge, appURI, inApp) },
		"another redirect": func() (customer.Entry, error) {
			return w.RedeemApp(t.Context(), nova, code, verifier, "https://nova.example", inApp)
		},
		"another publisher": func() (customer.Entry, error) { return w.RedeemApp(t.Context(), orbit, code, verifier, appURI, inApp) },
		"another code": func() (customer.Entry, error) {
			return w.RedeemApp(t.Context(), nova, code+"x", verifier, appURI, inApp)
		},
	} {
		if got, err := redeem(); !errors.Is(err, social.ErrCode) || got.Secrets != (session.Secrets{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	got, err := w.RedeemApp(t.Context(), nova, code, verifier, appURI, inApp)
	if err != nil || got.Customer.ID != e.Customer.ID || got.Secrets.Refresh == "" || got.Session.ID == e.Session.ID || !w.alive(got) {
		t.Fatalf("%+v, %v", got, err)
	}
	if w.IsFresh(got.Session) || !got.Session.SignedIn().Equal(e.Session.SignedIn()) {
		t.Error("a session that comes from another counts as a new proof")
	}
	if _, err := w.RedeemApp(t.Context(), nova, code, verifier, appURI, inApp); !errors.Is(err, social.ErrCode) {
		t.Errorf("again: %v", err)
	}
}

func TestAppCodeDiesWithTimeItsSessionAndItsCustomer(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, nova, byGoogle("1", "ann@example.com"))
	for name, tt := range map[string]struct {
		before func()
		want   error
	}{
		"too late":         {func() { w.clock.Add(social.AppCodeLife) }, social.ErrCode},
		"session is over":  {func() { _ = w.sessions.End(t.Context(), e.Session.ID) }, social.ErrCode},
		"over in between":  {func() { id := e.Session.ID; w.between.do = func() { _ = w.sessions.End(t.Context(), id) } }, social.ErrCode},
		"customer is off":  {func() { _ = w.sessions.EndByDisabling(t.Context(), e.Customer.ID) }, social.ErrClosed},
		"customer is gone": {func() { _ = w.customers.Erase(t.Context(), e.Customer.ID) }, social.ErrClosed},
	} {
		e = w.mustEnter(t, nova, byGoogle(name, strings.ReplaceAll(name, " ", ".")+"@example.com"))
		code := w.mustGrant(t, e)
		tt.before()
		if _, err := w.RedeemApp(t.Context(), nova, code, verifier, appURI, inApp); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if _, err := w.GrantApp(t.Context(), nova, w.mustEnter(t, strict, byGoogle("1", "ann@example.com")).Session, social.AppRequest{Redirect: appURI, Challenge: challenge}); !errors.Is(err, social.ErrRefused) {
		t.Errorf("for a session with another publisher: %v", err)
	}
}

func TestAppCodeThatIsRedeemedManyTimesAtOnceCountsOnce(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		code := w.mustGrant(t, w.mustEnter(t, nova, byGoogle("1", "ann@example.com")))
		errs := make([]error, 20)
		parallel(len(errs), func(i int) { _, errs[i] = w.RedeemApp(t.Context(), nova, code, verifier, appURI, inApp) })
		n := 0
		for _, err := range errs {
			if err == nil {
				n++
			} else if !errors.Is(err, social.ErrCode) {
				t.Error(err)
			}
		}
		if n != 1 {
			t.Errorf("%d sessions, want one", n)
		}
	})
}
