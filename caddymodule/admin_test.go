// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/usher-sso/usher/caddymodule"
)

// startWithAdmin loads the configuration with Caddy's admin API on, and returns
// its address.
func (s *server) startWithAdmin(t *testing.T, change object) (address string) {
	t.Helper()
	address = "127.0.0.1:" + freePort(t)
	var config object
	if err := json.Unmarshal(s.config(t, change), &config); err != nil {
		t.Fatal(err)
	}
	config["admin"] = object{"listen": address, "config": object{"persist": false}}
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(b, true); err != nil {
		t.Fatalf("loading: %v", err)
	}
	return address
}

// ask sends a request to the endpoint for invitations.
func ask(t *testing.T, address, method, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/usher/staff/invitations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

var twoPublishers = object{"publishers": []object{
	{"id": 100000001, "name": "Nova", "sites": []string{"news.localhost"}}, {"id": 100000002, "name": "Orbit"},
}}

func TestAdminAPIAnswersWithAnInvitation(t *testing.T) {
	s := newServer(t)
	address := s.startWithAdmin(t, twoPublishers)
	status, body := ask(t, address, "POST", `{"email": "ann@example.com", "name": "Ann", "publishers": [100000002, 100000001], "role": "owner"}`)
	var made struct {
		Link       string
		Expires    time.Time
		Publishers []int64
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	link := regexp.MustCompile("^" + regexp.QuoteMeta(s.origin("hub")) + `/admin/invite\?token=[\w-]{43}$`)
	if left := time.Until(made.Expires); !link.MatchString(made.Link) || left < 71*time.Hour || left > 72*time.Hour || !slices.Equal(made.Publishers, []int64{100000002, 100000001}) {
		t.Errorf("answered %s", body)
	}
}

func TestAdminAPISaysWhatIsWrongWithAnInvitation(t *testing.T) {
	s := newServer(t)
	address := s.startWithAdmin(t, twoPublishers)
	for _, tt := range []struct {
		name, method, body string
		status             int
		want               []string
	}{
		{"GET", "GET", "", 405, []string{"use POST"}},
		{"no body", "POST", "", 400, []string{"EOF", "write, for example"}},
		{"no object", "POST", `"ann@example.com"`, 400, []string{"write, for example"}},
		{"unknown member", "POST", `{"email": "ann@example.com", "rolle": "owner"}`, 400, []string{"rolle", "write, for example"}},
		{"two objects", "POST", `{"email": "a@b.example", "role": "owner", "publishers": [100000001]} {}`, 400, []string{"send one object"}},
		{"large", "POST", `{"email": "` + strings.Repeat("a", 5000) + `"}`, 400, []string{"too large"}},
		{"no publisher", "POST", `{"email": "ann@example.com", "role": "owner"}`, 400, []string{"several", "100000001 (Nova), 100000002 (Orbit)"}},
		{"unknown publisher", "POST", `{"email": "ann@example.com", "role": "owner", "publishers": [7]}`, 400, []string{"no publisher 7", "100000001 (Nova)"}},
		{"no role", "POST", `{"email": "ann@example.com", "publishers": [100000001]}`, 400, []string{"owner editor support readonly"}},
		{"unknown role", "POST", `{"email": "ann@example.com", "publishers": [100000001], "role": "boss"}`, 400, []string{"boss", "owner editor support readonly"}},
		{"no address", "POST", `{"email": "ann", "publishers": [100000001], "role": "owner"}`, 400, []string{"ann", "not a valid e-mail address"}},
		{"odd name", "POST", `{"email": "ann@example.com", "name": "a\nb", "publishers": [100000001], "role": "owner"}`, 400, []string{"not a valid name", "100 characters"}},
	} {
		status, body := ask(t, address, tt.method, tt.body)
		if status != tt.status {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
		for _, want := range tt.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s lacks %q", tt.name, body, want)
			}
		}
	}
}

func TestAdminAPIHoldsNoStoreOpen(t *testing.T) {
	s := newServer(t)
	address := s.startWithAdmin(t, nil)
	for range 2 {
		if status, body := ask(t, address, "POST", `{"email": "ann@example.com", "role": "owner"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		if n := caddymodule.StoreReferences(s.store); n != 1 {
			t.Errorf("%d references, want that of the app alone", n)
		}
		address = s.startWithAdmin(t, nil)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	opens(t, s.store)
}

func TestAdminAPIWithoutTheApp(t *testing.T) {
	newServer(t) // stops Caddy afterwards
	address := "127.0.0.1:" + freePort(t)
	b, err := json.Marshal(object{
		"admin":   object{"listen": address, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"writer": object{"output": "discard"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(b, true); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(t, address, "POST", `{"email": "ann@example.com", "role": "owner"}`); status != 503 || !strings.Contains(body, "not configured") {
		t.Errorf("%d %s", status, body)
	}
}
