// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// beforeStart returns the HTTP server as it is when requests arrive before the
// apps have started, as they can during a reload.
func (s *server) beforeStart(t *testing.T, change object) http.Handler {
	t.Helper()
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(s.config(t, change), &cfg); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*caddyhttp.App).Servers["main"]
}

// ask sends a request to a host of a server that listens nowhere.
func (s *server) ask(h http.Handler, method, name, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, s.origin(name)+path, nil)
	r.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder
}

// enveloped holds an answer to a failure of the API, headers included.
func enveloped(t *testing.T, what string, status int, header http.Header, got, want string) {
	t.Helper()
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*",
	} {
		if header.Get(name) != value {
			t.Errorf("%s: %s %q, want %q", what, name, header.Get(name), value)
		}
	}
	if got != want {
		t.Errorf("%s: %d %s, want %s", what, status, got, want)
	}
}

const browserAccepts = "text/html,application/xhtml+xml,*/*;q=0.8"

func TestStoreThatCannotBeOpenedIsToldInTheWayOfTheClient(t *testing.T) {
	s := newServer(t)
	if err := os.MkdirAll(filepath.Join(s.store, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.http["routes"] = []object{
		s.route("hub", object{"handler": "usher"}), s.route("app", object{"handler": "usher_api"}, tell), s.route("news", s.gate("news"), tell),
	}
	h := s.beforeStart(t, nil)
	const want = `{"code":"S0003","errors":["Service is not available, try again in a moment"]}`
	for _, name := range []string{"hub", "app"} {
		for _, request := range []string{"GET /locales", "POST /auths", "PUT /customers/passwords", "GET /.well-known/jwks.json", "GET /nothing"} {
			if name == "app" && strings.HasSuffix(request, "/nothing") {
				continue // not the API's, see below
			}
			for _, accept := range []string{"application/json", "*/*", ""} {
				method, path, _ := strings.Cut(request, " ")
				a := s.ask(h, method, name, path, accept)
				what := name + " " + request + " " + accept
				if a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") != "5" ||
					a.Header().Get("Access-Control-Expose-Headers") != "Retry-After" {
					t.Errorf("%s: %d %v", what, a.Code, a.Header())
				}
				enveloped(t, what, a.Code, a.Header(), a.Body.String(), want)
			}
		}
	}
	for _, to := range []struct{ name, path, accept string }{
		{"hub", "/login", browserAccepts}, {"hub", "/locales", browserAccepts}, {"app", "/auths", browserAccepts},
		{"news", "/live", browserAccepts}, {"news", "/live", "application/json"},
	} {
		a := s.ask(h, "GET", to.name, to.path, to.accept)
		if a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") != "5" || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %v", to, a.Code, a.Header())
		}
		if a.Body.Len() > 0 || a.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v: not Caddy's own error: %v %s", to, a.Header(), a.Body)
		}
	}
}

// Without leave to go on, a page of another origin never sees the answer above.
func TestPreflightNeedsNoStore(t *testing.T) {
	s := newServer(t)
	if err := os.MkdirAll(s.store, 0o700); err != nil {
		t.Fatal(err)
	}
	a := s.ask(s.beforeStart(t, nil), "OPTIONS", "hub", "/auths", "*/*")
	if a.Code != http.StatusNoContent || a.Header().Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
}

// A site that serves the API keeps its other paths while the store is down.
func TestSiteWithTheAPIKeepsItsOwnPaths(t *testing.T) {
	s := newServer(t)
	if err := os.MkdirAll(s.store, 0o700); err != nil {
		t.Fatal(err)
	}
	s.http["routes"] = append(s.http["routes"].([]object), s.route("front", object{"handler": "usher_api"}, object{"handler": "static_response", "body": "front end"}))
	h := s.beforeStart(t, nil)
	if a := s.ask(h, "GET", "front", "/app.js", "*/*"); a.Body.String() != "front end" {
		t.Errorf("%d %q", a.Code, a.Body)
	}
}

// Operators may have a page of their own for Caddy's errors.
func TestPageForAnUnavailableStoreIsTheOperators(t *testing.T) {
	s := newServer(t)
	if err := os.MkdirAll(s.store, 0o700); err != nil {
		t.Fatal(err)
	}
	s.http["errors"] = object{"routes": []object{{"handle": []object{{"handler": "static_response", "body": "{http.error.status_code} of ours"}}}}}
	a := s.ask(s.beforeStart(t, nil), "GET", "hub", "/login", browserAccepts)
	if got := a.Body.String(); got != "503 of ours" {
		t.Errorf("%d %q", a.Code, got)
	}
}

func TestForeignHostIsToldInTheWayOfTheClient(t *testing.T) {
	s := newServer(t)
	s.http["routes"] = []object{{"handle": []object{{"handler": "usher"}}}}
	s.start(t, nil)
	b := s.browser(t)
	for _, accept := range []string{"application/json", "*/*"} {
		for _, request := range []string{"GET /locales", "POST /auths", "GET /nothing"} {
			method, path, _ := strings.Cut(request, " ")
			a := b.send(method, "hub", path, "", "Host", "evil.example", "Accept", accept)
			if a.StatusCode != http.StatusMisdirectedRequest || a.Header.Get("Retry-After") != "" {
				t.Errorf("%s: %s", request, a.Status)
			}
			enveloped(t, request+" "+accept, a.StatusCode, a.Header, a.body, `{"code":"REQ0421","errors":["This host is not the hub"]}`)
		}
	}
	if a := b.get("hub", "/locales", "Host", "evil.example", "Accept", browserAccepts); a.StatusCode != http.StatusMisdirectedRequest || a.body != "" {
		t.Errorf("a browser: %s %s", a.Status, a.body)
	}
}
