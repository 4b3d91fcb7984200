// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestPlaceholdersAndHeadersTellWhoIsSignedIn(t *testing.T) {
	s := newServer(t)
	s.usher["publishers"] = []object{{"id": 100000001, "consents": []object{
		{"name": "terms", "label": "Terms.", "enabled_by_default": true}, {"name": "news", "label": "News."},
	}}}
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	told := b.get("news", "/live").told()
	if len(told["id"]) != 9 || told["id"] != told["header-id"] || told["publisher"] != "100000001" || len(told["session"]) != 22 ||
		told["email"] != "anna@example.com" || told["header-email"] != told["email"] || told["consents"] != "" {
		t.Errorf("told %v", told)
	}
	if again := b.get("news", "/articles/1").told(); again["id"] != told["id"] {
		t.Errorf("optional path: told %v", again)
	}
}

// An operator may write `header_up Remote-User {http.auth.user.email}`. For an
// anonymous visitor that must be nobody, not the placeholder's own text.
func TestPlaceholdersAndHeadersOfAnonymousVisitorsAreEmpty(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	signedIn := s.browser(t)
	signedIn.register("anna@example.com")
	signedIn.signedIn("news", "/live", "anna@example.com")
	for path, visitor := range map[string]*browser{"/articles/1": s.browser(t), "/about": signedIn} {
		a := visitor.get("news", path, "X-Usher-Customer-Id", "1", "x-usher-email", "boss@example.com", "Connection", "X-Usher-Email")
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, a.Status)
		}
		for name, value := range a.told() {
			if name != "path" && value != "" {
				t.Errorf("%s: the app is told %s %q", path, name, value)
			}
		}
	}
}

func TestAccessLogNamesTheCustomer(t *testing.T) {
	s := newServer(t)
	file := filepath.Join(t.TempDir(), "access.log")
	s.http["logs"] = object{}
	s.logs = object{"default": object{
		"writer": object{"output": "file", "filename": file}, "encoder": object{"format": "json"}, "include": []string{"http.log.access"},
	}}
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	id := b.get("news", "/live").told()["id"]
	b.get("news", "/about")
	if err := caddy.Stop(); err != nil { // closes the log
		t.Fatal(err)
	}
	users := map[string]string{}
	for _, entry := range logged(t, file) {
		users[entry.Request.Host+entry.Request.URI] = entry.UserID
	}
	host := "news.localhost:" + s.port
	if got := users[host+"/live"]; got != id || len(id) != 9 {
		t.Errorf("user_id of a signed-in request is %q, want %q", got, id)
	}
	if got, there := users[host+"/about"]; got != "" || !there {
		t.Errorf("user_id of a public path is %q, %v, want none", got, there)
	}
}

type logEntry struct {
	UserID  string `json:"user_id"`
	Request struct {
		Host string `json:"host"`
		URI  string `json:"uri"`
	} `json:"request"`
}

func logged(t *testing.T, file string) []logEntry {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var entries []logEntry
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var entry logEntry
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

func TestVisitorReturnsToTheAddressBeforeARewrite(t *testing.T) {
	s := newServer(t)
	rewrite := object{"handler": "rewrite", "uri": "/index.php?page={http.request.uri.path}"}
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), s.route("news", rewrite, s.gate("news"), tell)}
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	a := b.get("news", "/live?from=mail")
	if a.StatusCode != http.StatusOK || a.Request.URL.String() != s.origin("news")+"/live?from=mail" {
		t.Errorf("comes back to %s: %s", a.Request.URL, a.Status)
	}
	if got := a.told()["path"]; got != "/index.php?page=%2Flive" {
		t.Errorf("the app is asked for %s", got)
	}
	if a := b.get("news", "/.usher/session", "Accept", "application/json"); !strings.Contains(a.body, `"signedIn":true`) {
		t.Errorf("the rewrite swallows the gate's own path: %s", a.body)
	}
}

func TestClientAddressIsTheOneThatCaddyTrusts(t *testing.T) {
	for name, test := range map[string]struct {
		trusted object
		want    string
	}{
		"no proxy is trusted": {nil, "127.0.0.1"},
		"the proxy is":        {object{"source": "static", "ranges": []string{"127.0.0.1/32"}}, "203.0.113.7"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			if test.trusted != nil {
				s.http["trusted_proxies"] = test.trusted
			}
			s.start(t, nil)
			b := s.browser(t)
			body := `{"email":"anna@example.com","password":"` + password + `","publisherId":100000000,"locale":"en_US","country":"US","currency":"USD"}`
			a := b.send("POST", "hub", "/customers", body, "X-Forwarded-For", "203.0.113.7", "X-Real-Ip", "198.51.100.1")
			var made struct {
				ResponseData struct {
					JWT        string
					CustomerID int
				}
			}
			if err := json.Unmarshal([]byte(a.body), &made); err != nil || made.ResponseData.JWT == "" {
				t.Fatalf("%v: %s", err, a.body)
			}
			entries := b.get("hub", "/locales", "X-Forwarded-For", "203.0.113.7")
			if !strings.Contains(entries.body, `"ipAddress":"`+test.want+`"`) {
				t.Errorf("locales: %s, want %s", entries.body, test.want)
			}
			if a := b.get("news", "/live", "Authorization", "Bearer "+made.ResponseData.JWT); a.told()["email"] != "anna@example.com" {
				t.Errorf("the API's token at a site: %s", a.Status)
			}
		})
	}
}

func TestTwoGatesOfOneSiteShareItsSession(t *testing.T) {
	s := newServer(t)
	shop := s.gate("news")
	shop["public"] = []string{"/shop/terms"}
	only := s.route("news", shop, tell)
	only["match"] = []object{{"host": []string{"news.localhost"}, "path": []string{"/shop/*"}}}
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), only, s.route("news", s.gate("news"), tell)}
	s.start(t, nil)
	b := s.browser(t)
	if a := b.get("news", "/shop/terms"); a.told()["path"] != "/shop/terms" {
		t.Errorf("a public path of the inner gate: %s", a.Status)
	}
	b.register("anna@example.com")
	b.signedIn("news", "/shop/cart", "anna@example.com")
	b.signedIn("news", "/live", "anna@example.com")
	a := b.send("POST", "news", "/.usher/logout", "", "Sec-Fetch-Site", "same-origin")
	if !strings.Contains(a.body, "signed out") {
		t.Errorf("signing out: %s", a.Status)
	}
	for _, path := range []string{"/shop/cart", "/live"} {
		if a := b.get("news", path); a.Request.URL.Host == "news.localhost:"+s.port {
			t.Errorf("%s after signing out: %s", path, a.Status)
		}
	}
}

func TestForeignHostsAreMisdirected(t *testing.T) {
	s := newServer(t)
	s.http["routes"] = []object{
		{"match": []object{{"path": []string{"/gated/*"}}}, "handle": []object{s.gate("news"), tell}, "terminal": true},
		{"handle": []object{{"handler": "usher"}}},
	}
	s.start(t, nil)
	b := s.browser(t)
	for _, path := range []string{"/", "/login", "/gated/x"} {
		a := b.get("hub", path, "Host", "evil.example", "X-Forwarded-Host", "hub.localhost")
		if a.StatusCode != http.StatusMisdirectedRequest || strings.Contains(a.body, "evil") {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

// The app behind the gate: what arrives there, and what never does.
func TestUpstreamIsToldByTheGateAlone(t *testing.T) {
	var got *http.Request
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	defer app.Close()
	s := newServer(t)
	proxy := object{"handler": "reverse_proxy", "upstreams": []object{{"dial": app.Listener.Addr().String()}}}
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), s.route("news", s.gate("news"), proxy)}
	s.start(t, nil)
	b := s.browser(t)
	spoof := []string{
		"X-Usher-Customer-Id", "1", "X_Usher_Email", "boss@example.com", "x-usher-token", "x", "X-Usher-Admin", "1",
		"Connection", "X-Usher-Customer-Id, X-Usher-Email", "Connection", "X-Usher-Token",
	}
	for path, passes := range map[string]bool{"/about": true, "/articles/1": true, "/live": false, "/.usher/session": false, "/assets/%2e%2e/live": false} {
		got = nil
		b.get("news", path, append(spoof, "Accept", "application/json")...)
		if (got != nil) != passes {
			t.Errorf("%s: reaches the app %v, want %v", path, got != nil, passes)
		}
		if got != nil {
			for name := range got.Header {
				if strings.Contains(strings.ToLower(name), "usher") {
					t.Errorf("%s: the app is told %s: %s", path, name, got.Header[name])
				}
			}
		}
	}
	b.register("anna@example.com")
	b.get("news", "/live")
	got = nil
	b.get("news", "/live", append(spoof, "Cookie", "lang=de")...)
	if got == nil {
		t.Fatal("a signed-in request does not arrive")
	}
	for name, want := range map[string]bool{"X-Usher-Email": true, "X-Usher-Customer-Id": true, "X-Usher-Token": true, "X-Usher-Admin": false, "X_usher_email": false} {
		if values := got.Header[name]; (len(values) == 1) != want || want && (values[0] == "1" || values[0] == "x") {
			t.Errorf("%s: %q", name, values)
		}
	}
	if cookies := got.Header.Get("Cookie"); cookies != "lang=de" {
		t.Errorf("the app is sent the cookies %q", cookies)
	}
}

// Clients of the API read every answer as JSON, so a path that is not clean
// must not be redirected either.
func TestUncleanPathsAtTheHubAreNotFound(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	b := s.browser(t)
	for _, path := range []string{"//locales", "/publishers//consents", "/./locales", "/x/../locales", "/customers/../locales"} {
		a := b.get("hub", path, "Accept", "application/json")
		if a.StatusCode != http.StatusNotFound || a.Request.Response != nil || a.Header.Get("Access-Control-Allow-Origin") != "*" ||
			a.body != `{"code":"REQ0404","errors":["Not found"]}` {
			t.Errorf("%s: %s from %s: %s", path, a.Status, a.Request.URL, a.body)
		}
	}
}
