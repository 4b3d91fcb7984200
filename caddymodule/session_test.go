// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// given lets a browser note for how long it is given cookies, by name.
func (b *browser) given() map[string]time.Duration {
	lives := map[string]time.Duration{}
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		for _, c := range r.Response.Cookies() {
			lives[c.Name] = time.Duration(c.MaxAge) * time.Second
		}
		return nil
	}
	return lives
}

// registerAt creates an account with a publisher of several.
func (b *browser) registerAt(publisher, email string) {
	b.t.Helper()
	form := url.Values{"email": {email}, "password": {password}}
	a := b.send("POST", "hub", "/register?publisher="+publisher, form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, email) {
		b.t.Fatalf("registering %s: %s", email, a.Status)
	}
}

func TestCookiesLiveAsLongAsTheSessionsTheyProve(t *testing.T) {
	s := newServer(t)
	publishers := func(first object) object {
		return object{"publishers": []object{
			{"id": 100000001, "sites": []string{s.origin("news")}, "session": first},
			{"id": 100000002, "session": object{"absolute": "48h"}},
		}}
	}
	s.start(t, publishers(object{"idle": "1h", "absolute": "12h"}))
	b := s.browser(t)
	lives := b.given()
	want := func(cookie string, life time.Duration) {
		t.Helper()
		if got, ok := lives[cookie]; !ok || got != life {
			t.Errorf("%s lives %v, given %t; want %v", cookie, got, ok, life)
		}
	}
	b.registerAt("100000001", "anna@example.com")
	want("usher-hub", 12*time.Hour)
	b.signedIn("news", "/live", "anna@example.com")
	want("usher", 12*time.Hour)

	// The hub's cookie proves the sessions of all publishers.
	b.registerAt("100000002", "anna@example.com")
	want("usher-hub", 48*time.Hour)
	b.registerAt("100000001", "bob@example.com")
	want("usher-hub", 48*time.Hour)

	s.start(t, publishers(object{}))
	other := s.browser(t)
	lives = other.given()
	other.registerAt("100000001", "carol@example.com")
	want("usher-hub", 400*24*time.Hour)
	b.signedIn("news", "/live", "bob@example.com") // the reload drops nobody
}

func TestSessionLimitsInJSONAreJudged(t *testing.T) {
	s := newServer(t)
	for name, tt := range map[string]struct {
		session   object
		complaint string // "" for none
	}{
		"none":                 {object{}, ""},
		"both":                 {object{"idle": "30m", "absolute": "12h"}, ""},
		"days":                 {object{"idle": "30d", "absolute": "90d"}, ""},
		"absolute alone":       {object{"absolute": "7d"}, ""},
		"idle too short":       {object{"idle": "5m"}, "publisher 100000001: session: idle 5m0s is shorter"},
		"negative":             {object{"absolute": -1}, "session: absolute -1ns is shorter"},
		"idle beyond absolute": {object{"idle": "30d", "absolute": "7d"}, "session: idle 30d is longer than absolute 7d"},
		"absolute too long":    {object{"absolute": "401d"}, "session: absolute 401d is longer"},
		"unknown":              {object{"timeout": "1h"}, "unknown field"},
	} {
		err := validate(t, s.config(t, object{"publishers": []object{{"id": 100000001, "session": tt.session}}}))
		if tt.complaint == "" && err != nil || tt.complaint != "" && (err == nil || !strings.Contains(err.Error(), tt.complaint)) {
			t.Errorf("%s: %v, want %q", name, err, tt.complaint)
		}
	}
}
