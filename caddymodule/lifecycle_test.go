// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/caddymodule"
)

func TestJSONWorksWithoutACaddyfile(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	b := s.browser(t)
	if a := b.get("news", "/live"); a.Request.URL.Host != "hub.localhost:"+s.port || !strings.Contains(a.body, "Sign in") {
		t.Errorf("a stranger is led to %s: %s", a.Request.URL, a.Status)
	}
	b.register("anna@example.com")
	b.signedIn("news", "/live", "anna@example.com")
}

// Validating must work beside a server that holds the store.
func TestValidateOpensNothing(t *testing.T) {
	s := newServer(t)
	if err := validate(t, s.config(t, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.store); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("validating leaves a store: %v", err)
	}
	s.start(t, nil)
	begun := time.Now()
	if err := validate(t, s.config(t, object{"signing_algorithm": "EdDSA"})); err != nil {
		t.Errorf("beside a running server: %v", err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("validating took %v; it waits for the store", took)
	}
	if n := caddymodule.StoreReferences(s.store); n != 1 {
		t.Errorf("%d references after validating, want that of the server alone", n)
	}
	s.browser(t).register("anna@example.com")
}

func TestReloadKeepsOneStoreAndEveryoneSignedIn(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	b.signedIn("news", "/", "anna@example.com")
	relative, err := filepath.Rel(mustGetwd(t), s.store)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]object{
		"the same":                  nil,
		"another mailer":            {"mail": object{"module": "outbox", "directory": t.TempDir()}},
		"another algorithm":         {"signing_algorithm": "EdDSA"},
		"another name and consents": {"publishers": []object{{"id": 100000000, "name": "Other", "consents": []object{{"name": "news", "label": "News."}}}}},
		"the same path, relative":   {"store": object{"module": "bolt", "path": relative}},
		"the same path, roundabout": {"store": object{"module": "bolt", "path": filepath.Dir(s.store) + "/x/../usher.db"}},
	} {
		s.start(t, change)
		if n := caddymodule.StoreReferences(s.store); n != 1 {
			t.Errorf("%s: %d references, want 1", name, n)
		}
		b.signedIn("news", "/", "anna@example.com")
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A connection that Caddy has not accepted when it swaps its sockets is reset
// by the kernel, without usher as with it; so only answers count here.
func TestReloadUnderLoadRefusesNoRequest(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	b.signedIn("news", "/", "anna@example.com")
	var done atomic.Bool
	finished := make(chan int)
	go func() {
		n := 0
		for ; !done.Load(); n++ {
			r, err := b.Get(s.origin("news") + "/live")
			if err != nil {
				continue
			}
			if r.Body.Close(); r.StatusCode != http.StatusOK || r.Request.URL.Path != "/live" {
				t.Errorf("request %d: %s at %s", n, r.Status, r.Request.URL)
			}
		}
		finished <- n
	}()
	for range 10 {
		s.start(t, nil)
	}
	done.Store(true)
	if n := <-finished; n < 10 {
		t.Errorf("%d requests were sent, too few to tell", n)
	}
}

// The last requests of a configuration may end after Caddy has cleaned it up, and
// connections may still come to it; they find their store open.
func TestReloadToAnotherStoreClosesTheFirstAfterAWhile(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	first, late := s.browser(t), s.browser(t)
	first.register("anna@example.com")
	end := late.registerSlowly("berta@example.com")

	second := filepath.Join(t.TempDir(), "second.db")
	s.start(t, object{"store": object{"module": "bolt", "path": second}})
	if a, b := caddymodule.StoreReferences(s.store), caddymodule.StoreReferences(second); a != 1 || b != 1 {
		t.Errorf("%d and %d references, want one for the last requests and 1", a, b)
	}
	if status := end(); status != http.StatusSeeOther {
		t.Errorf("a request that the first configuration had begun to read is answered %d", status)
	}
	if n, err := caddymodule.EndLingering(); n != 1 || err != nil {
		t.Errorf("%d stores lingered, want 1; closing: %v", n, err)
	}
	if a, b := caddymodule.StoreReferences(s.store), caddymodule.StoreReferences(second); a != 0 || b != 1 {
		t.Errorf("%d and %d references, want none and 1", a, b)
	}
	opens(t, s.store)
}

func TestReloadBackToAStoreThatLingersTakesItOver(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	s.browser(t).register("anna@example.com")
	second := object{"store": object{"module": "bolt", "path": filepath.Join(t.TempDir(), "second.db")}}
	for range 3 {
		s.start(t, second)
		s.start(t, nil)
	}
	if n, err := caddymodule.EndLingering(); n != 2 || err != nil {
		t.Errorf("%d stores lingered, want 2; closing: %v", n, err)
	}
	if n := caddymodule.StoreReferences(s.store); n != 1 {
		t.Errorf("%d references, want 1", n)
	}
	if _, _, err := caddymodule.OpenStore(s.store).CustomerByIdentity(t.Context(), 100000000, authstore.ProviderPassword, "anna@example.com"); err != nil {
		t.Errorf("the customer of the store: %v", err)
	}
}

func TestLastStopClosesStoresThatLinger(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	s.start(t, object{"store": object{"module": "bolt", "path": filepath.Join(t.TempDir(), "second.db")}})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	opens(t, s.store)
}

// opens checks that nobody holds a store.
func opens(t *testing.T, path string) {
	t.Helper()
	backend, err := bolt.Open(path, bolt.Options{LockTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Errorf("the file is still held: %v", err)
		return
	}
	backend.Close()
}

func TestLastStopClosesTheStore(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	s.browser(t).register("anna@example.com")
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := caddymodule.StoreReferences(s.store); n != 0 {
		t.Errorf("%d references after the last stop", n)
	}
	opens(t, s.store)
	s.start(t, nil)
	form := "email=anna@example.com&password=correct+horse+9"
	a := s.browser(t).send("POST", "hub", "/login", form, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	if !strings.Contains(a.body, "You are signed in as") {
		t.Errorf("after a restart the account is gone: %s", a.Status)
	}
}

func TestFailedReloadLeavesTheOldOneServing(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	directory := t.TempDir()
	for name, test := range map[string]struct {
		usher object
		http  object
		want  []string
	}{
		"a gate of no publisher": {
			usher: object{"publishers": []object{{"id": 100000001, "sites": []string{"sports.localhost"}}}},
			want:  []string{"usher_gate", "http://news.localhost:" + s.port, "belongs to no publisher", "add it"},
		},
		"a gate on the hub": {
			http: object{"routes": []object{s.route("hub", s.gate("hub"), object{"handler": "usher"})}},
			want: []string{"usher_gate", "is the hub", "move"},
		},
		"a gate without sites": {
			http: object{"routes": []object{s.route("news", object{"handler": "usher_gate"})}},
			want: []string{"usher_gate", "no site", "name the hosts"},
		},
		"a gate with a wrong path": {
			http: object{"routes": []object{s.route("news", object{"handler": "usher_gate", "sites": []string{"news.localhost"}, "public": []string{"about"}})}},
			want: []string{`"about"`, "write"},
		},
		"two publishers without sites": {
			usher: object{"publishers": []object{{"id": 100000001}, {"id": 100000002}}},
			want:  []string{"100000001", "100000002", "only one"},
		},
		"no hub":               {usher: object{"hub": ""}, want: []string{"hub", "missing", "set it"}},
		"a hub without TLS":    {usher: object{"hub": "http://id.example.com"}, want: []string{"http://id.example.com", "use https"}},
		"an unknown algorithm": {usher: object{"signing_algorithm": "HS256"}, want: []string{"HS256", "ES256"}},
		"an unknown store":     {usher: object{"store": object{"module": "sqlite"}}, want: []string{"loading the store", "usher.stores.sqlite"}},
		"an unknown mailer":    {usher: object{"mail": object{"module": "pigeon"}}, want: []string{"loading the mailer", "usher.mailers.pigeon"}},
		"a store without name": {usher: object{"store": object{"path": "x"}}, want: []string{"loading the store", "module"}},
		"an unknown field":     {usher: object{"hubb": "x"}, want: []string{"hubb"}},
		"a port in use":        {http: object{"listen": []string{taken.Addr().String()}}, want: []string{taken.Addr().String()}},
		"another handler that fails": {
			http: object{"routes": []object{s.route("hub", object{"handler": "usher"}, object{"handler": "rewrite", "uri": "x", "uri_substring": 5})}},
			want: []string{"rewrite"},
		},
		"a store that is a directory": {
			usher: object{"store": object{"module": "bolt", "path": directory}},
			want:  []string{directory, "is a directory", "file"},
		},
		"a store below a file": {
			usher: object{"store": object{"module": "bolt", "path": s.store + "/usher.db"}},
			want:  []string{s.store, "directory"},
		},
		"a consent whose text changed": {
			usher: object{"publishers": []object{{"id": 100000000, "consents": []object{{"name": "terms", "label": "Changed."}}}}},
			want:  []string{"terms", "version 1", "text changed", "give it a new version"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "text changed") {
				s.start(t, object{"publishers": []object{{"id": 100000000, "consents": []object{{"name": "terms", "label": "First."}}}}})
			}
			failing := *s
			if test.http != nil {
				failing.http = merged(s.http, test.http)
			}
			err := caddy.Load(failing.config(t, test.usher), true)
			if err == nil {
				t.Fatal("the configuration is taken")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
			if n := caddymodule.StoreReferences(s.store); n != 1 {
				t.Errorf("%d references, want that of the old configuration", n)
			}
			b.signedIn("news", "/live", "anna@example.com")
		})
	}
}

func merged(a, b object) object {
	c := object{}
	for _, m := range []object{a, b} {
		for k, v := range m {
			c[k] = v
		}
	}
	return c
}

// Two servers by mistake: the second says which file and what to do.
func TestStoreOfAnotherProcessIsToldWithTheRemedy(t *testing.T) {
	s := newServer(t)
	held, err := bolt.Open(s.store, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	err = caddy.Load(s.config(t, nil), true)
	if err == nil {
		t.Fatal("a store that is held is opened")
	}
	for _, part := range []string{s.store, "another process", "reload"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	if n := caddymodule.StoreReferences(s.store); n != 0 {
		t.Errorf("%d references after a failed start", n)
	}
}

func TestCleanupReleasesOnlyWhatWasAcquired(t *testing.T) {
	app := new(caddymodule.App)
	if err := app.Cleanup(); err != nil {
		t.Errorf("an app that was never provisioned: %v", err)
	}
	s := newServer(t)
	s.start(t, nil)
	if err := validate(t, s.config(t, object{"signing_algorithm": "none"})); err == nil {
		t.Error("signing_algorithm none is valid")
	}
	if err := validate(t, s.config(t, object{"publishers": []object{{"id": 1}}})); err == nil {
		t.Error("publisher 1 is valid")
	}
	if n := caddymodule.StoreReferences(s.store); n != 1 {
		t.Errorf("%d references, want 1", n)
	}
	s.browser(t).register("anna@example.com")
}

func TestHandlersNeedTheApp(t *testing.T) {
	for _, handler := range []string{"usher", "usher_gate"} {
		config := `{"apps": {"http": {"servers": {"main": {"routes": [{"handle": [{"handler": "` + handler + `"}]}]}}}}}`
		err := validate(t, []byte(config))
		if err == nil || !strings.Contains(err.Error(), handler+" needs the app") || !strings.Contains(err.Error(), "usher https://id.example.com") {
			t.Errorf("%s without the app: %v", handler, err)
		}
	}
}
