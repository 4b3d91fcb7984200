// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/caddymodule"
)

// Other tests list the stores that there are, so that this one is known only in
// a process of its own.
const inItsOwnProcess = "USHER_TEST_BREAKABLE_STORE"

func init() {
	if os.Getenv(inItsOwnProcess) != "" {
		caddy.RegisterModule(new(breakable))
	}
}

// breakable is a store in memory that fails while it is down.
type breakable struct {
	authstore.Backend
}

// down tells whether breakable stores fail.
var down atomic.Bool

var errDown = errors.New("the disk is gone")

func (*breakable) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.stores.breakable", New: func() caddy.Module { return new(breakable) }}
}

func (*breakable) StoreKey() string { return "breakable" }

func (*breakable) OpenStore(context.Context) (authstore.Backend, error) {
	return &breakable{authstoretest.NewMemory()}, nil
}

func (b *breakable) View(ctx context.Context, fn func(authstore.Tx) error) error {
	if down.Load() {
		return errDown
	}
	return b.Backend.View(ctx, fn)
}

func (b *breakable) Update(ctx context.Context, fn func(authstore.Tx) error) error {
	if down.Load() {
		return errDown
	}
	return b.Backend.Update(ctx, fn)
}

var _ caddymodule.StoreModule = (*breakable)(nil)

func TestStoreThatFailsLeavesLiveTokensAndOpenPaths(t *testing.T) {
	if os.Getenv(inItsOwnProcess) == "" {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), inItsOwnProcess+"=1")
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	s := newServer(t)
	s.usher["store"] = object{"module": "breakable"}
	s.start(t, nil)
	t.Cleanup(func() { down.Store(false) })
	b, stranger := s.browser(t), s.browser(t)
	b.register("anna@example.com")
	b.signedIn("news", "/live", "anna@example.com")
	down.Store(true)
	for range 3 {
		b.signedIn("news", "/live", "anna@example.com")
		b.signedIn("news", "/articles/1", "anna@example.com")
	}
	for _, path := range []string{"/about", "/articles/1"} {
		if a := stranger.get("news", path); a.StatusCode != http.StatusOK || a.told()["id"] != "" {
			t.Errorf("%s: %s, told %v", path, a.Status, a.told())
		}
	}
	site, err := url.Parse(s.origin("news"))
	if err != nil {
		t.Fatal(err)
	}
	cookies := b.Jar.Cookies(site)
	forged := strings.Replace(cookies[0].Value, "~", "x~", 1)
	if a := stranger.get("news", "/live", "Cookie", cookies[0].Name+"="+forged, "Accept", "*/*"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged cookie: %s", a.Status)
	}
	down.Store(false)
	b.signedIn("news", "/live", "anna@example.com")
}

func TestOpenPathsNeedNoStore(t *testing.T) {
	s := newServer(t)
	if err := os.MkdirAll(s.store, 0o700); err != nil { // no file can be opened there
		t.Fatal(err)
	}
	h := s.beforeStart(t, nil)
	for path, want := range map[string]int{
		"/about": http.StatusOK, "/articles/1": http.StatusOK, "/live": http.StatusServiceUnavailable,
		"/.usher/login": http.StatusServiceUnavailable, "/about/../live": http.StatusServiceUnavailable, "//about": http.StatusServiceUnavailable,
	} {
		a := s.ask(h, "GET", "news", path, "text/html")
		if a.Code != want {
			t.Errorf("%s: %d, want %d", path, a.Code, want)
		}
		if want == http.StatusOK && !strings.Contains(a.Body.String(), " id= ") {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
}

// toldByOtherNames is an app that answers with the headers by other names.
var toldByOtherNames = object{
	"handler": "static_response",
	"body": "user={http.request.header.Remote-User} mail={http.request.header.Remote-Email} own={http.request.header.X-Usher-Customer-Id} " +
		"own-mail={http.request.header.X-Usher-Email} token={http.request.header.X-Usher-Token} cookie={http.request.header.Cookie} " +
		"placeholder={http.auth.user.email}",
}

func TestHeadersByOtherNames(t *testing.T) {
	s := newServer(t)
	gate := s.gate("news")
	gate["headers"] = object{"customer_id": []string{"Remote-User", "X-Usher-Customer-Id"}, "email": []string{"Remote-Email"}, "token": []string{}}
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), s.route("news", gate, toldByOtherNames)}
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	lies := []string{
		"remote-user", "boss", "REMOTE-EMAIL", "boss@example.com", "Remote.User", "boss", "X-Usher-Email", "boss@example.com", "x-usher-token", "x",
		"Connection", "Remote-User, X-Usher-Customer-Id", "Cookie", "theme=dark; usher=x",
	}
	told := b.get("news", "/live", lies...).told()
	if len(told["user"]) != 9 || told["own"] != told["user"] || told["mail"] != "anna@example.com" || told["placeholder"] != told["mail"] ||
		told["own-mail"] != "" || told["token"] != "" {
		t.Errorf("told %v", told)
	}
	for _, path := range []string{"/about", "/articles/1"} {
		for name, value := range s.browser(t).get("news", path, lies...).told() {
			if name != "cookie" && value != "" {
				t.Errorf("%s: a stranger is %s %q", path, name, value)
			}
		}
	}
}

// A handler may change a header in place; the gate's memory must not change with
// it.
func TestHeaderThatIsChangedOnTheWayStaysWhatItIs(t *testing.T) {
	s := newServer(t)
	double := object{"handler": "headers", "request": object{"replace": object{"X-Usher-Email": []object{{"search": "anna", "replace": "annaanna"}}}}}
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), s.route("news", s.gate("news"), double, tell)}
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	for range 3 {
		if told := b.get("news", "/live").told(); told["header-email"] != "annaanna@example.com" || told["email"] != "anna@example.com" {
			t.Fatalf("told %v", told)
		}
	}
}

func TestMatchersComposeWithTheGate(t *testing.T) {
	s := newServer(t)
	gate := s.gate("news")
	gate["open"] = []object{
		{"access": "public", "match": []object{{"header": object{"X-Feed": []string{"1"}}}}},
		{"access": "optional", "match": []object{{"query": object{"preview": []string{"*"}}}}},
	}
	gate["require"] = []object{{"paths": []string{"/comments/*"}, "match": []object{{"method": []string{"POST"}}}, "verified_email": true}}
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), s.route("news", gate, tell)}
	s.start(t, nil)
	b, stranger := s.browser(t), s.browser(t)
	stranger.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.register("anna@example.com")
	b.signedIn("news", "/live", "anna@example.com")
	for _, tt := range []struct {
		visitor *browser
		method  string
		path    string
		headers []string
		status  int
		id      bool
	}{
		{stranger, "GET", "/live", nil, http.StatusFound, false},
		{stranger, "GET", "/live", []string{"X-Feed", "1"}, http.StatusOK, false},
		{b, "GET", "/live", []string{"X-Feed", "1"}, http.StatusOK, false},
		{stranger, "GET", "/live?preview=1", nil, http.StatusOK, false},
		{b, "GET", "/live?preview=1", nil, http.StatusOK, true},
		{b, "GET", "/comments/1", nil, http.StatusOK, true},
		{b, "POST", "/comments/1", []string{"Accept", "*/*"}, http.StatusUnauthorized, false},
		{b, "POST", "/live", []string{"Accept", "*/*"}, http.StatusOK, true},
		{b, "POST", "/comments;x/1", []string{"Accept", "*/*"}, http.StatusBadRequest, false},
		{b, "POST", "//comments/1", []string{"Accept", "*/*"}, http.StatusBadRequest, false},
		{b, "GET", "//live", []string{"X-Feed", "1"}, http.StatusBadRequest, false},
	} {
		a := tt.visitor.send(tt.method, "news", tt.path, "", tt.headers...)
		if a.StatusCode != tt.status || tt.status == http.StatusOK && (a.told()["id"] != "") != tt.id {
			t.Errorf("%s %s %v: %s %.80s", tt.method, tt.path, tt.headers, a.Status, a.body)
		}
	}
}
