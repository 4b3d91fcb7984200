// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// receiver is an app that is told of sign-outs.
type receiver struct {
	*httptest.Server
	sessions chan string // those whose end it was told of
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{sessions: make(chan string, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		var claims struct{ Sid string }
		parts := strings.Split(q.FormValue("logout_token"), ".")
		if len(parts) == 3 {
			b, err := base64.RawURLEncoding.DecodeString(parts[1])
			if err != nil || json.Unmarshal(b, &claims) != nil {
				t.Errorf("token %q", parts)
			}
		}
		r.sessions <- claims.Sid
	}))
	t.Cleanup(r.Close)
	return r
}

// telling is the configuration of one publisher with the receivers given.
func telling(receivers ...*receiver) object {
	var list []object
	for _, r := range receivers {
		list = append(list, object{"url": r.URL + "/logout"})
	}
	return object{"publishers": []object{{"id": 100000000, "backchannel_logout": list}}}
}

// wantEnd waits until the receiver hears of the end of one session.
func (r *receiver) wantEnd(t *testing.T, session string) {
	t.Helper()
	select {
	case got := <-r.sessions:
		if got != session || session == "" {
			t.Errorf("told of session %q, want %q", got, session)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the app is not told")
	}
}

// comeAndGo registers a viewer, signs them out and returns the session's id.
func (s *server) comeAndGo(t *testing.T, email string) string {
	t.Helper()
	b := s.browser(t)
	b.register(email)
	session := b.get("news", "/").told()["session"]
	b.send("POST", "news", "/.usher/logout", "", "Sec-Fetch-Site", "same-origin")
	return session
}

func TestAppsAreToldOfSignOutsAcrossReloads(t *testing.T) {
	s := newServer(t)
	first, second := newReceiver(t), newReceiver(t)
	s.start(t, telling(first))
	first.wantEnd(t, s.comeAndGo(t, "anna@example.com"))
	s.start(t, telling(first, second))
	session := s.comeAndGo(t, "berta@example.com")
	first.wantEnd(t, session)
	second.wantEnd(t, session)
	s.start(t, telling(second))
	second.wantEnd(t, s.comeAndGo(t, "cora@example.com"))
	s.start(t, nil)
	s.comeAndGo(t, "dora@example.com")
	if err := caddy.Stop(); err != nil { // waits for what is under way
		t.Error(err)
	}
	if a, b := len(first.sessions), len(second.sessions); a+b != 0 {
		t.Errorf("the apps were told %d and %d times more", a, b)
	}
}

// JSON is judged as a Caddyfile is, without the line.
func TestReceiversInJSONAreJudged(t *testing.T) {
	s := newServer(t)
	for name, tt := range map[string]struct {
		given []object
		want  string
	}{
		"no address":   {[]object{{"audience": "radio"}}, "write it like"},
		"plain http":   {[]object{{"url": "http://app.example.com/"}}, "use https"},
		"user name":    {[]object{{"url": "https://u:p@app.example.com/"}}, "remove it"},
		"fragment":     {[]object{{"url": "https://app.example.com/#x"}}, "remove it"},
		"twice":        {[]object{{"url": "https://app.example.com"}, {"url": "https://App.example.com/", "audience": "x"}}, "given twice"},
		"bad audience": {[]object{{"url": "https://app.example.com", "audience": "my radio"}}, "without blanks"},
		"another word": {[]object{{"uri": "https://app.example.com"}}, "uri"},
	} {
		err := validate(t, s.config(t, object{"publishers": []object{{"id": 100000000, "backchannel_logout": tt.given}}}))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
			continue
		}
		if name != "another word" && !strings.Contains(err.Error(), "backchannel_logout") {
			t.Errorf("%s: %v does not name the option", name, err)
		}
	}
}
