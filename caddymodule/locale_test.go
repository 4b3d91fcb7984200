// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/locale/localetest"
	"github.com/usher-sso/usher/internal/secret"
)

// Viewers at 192.0.2.7 are in Austria by the operator's database.
const (
	viewer = "192.0.2.7"
	header = "Cf-Ipcountry"
)

// newLocaleServer describes a server behind a CDN, with a database, and the API
// on a site of its own too.
func newLocaleServer(t *testing.T) *server {
	t.Helper()
	database := filepath.Join(t.TempDir(), "countries.mmdb")
	if err := localetest.Write(database, map[string]string{"192.0.2.0/24": "AT", "127.0.0.0/8": "SE"}); err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.usher["locale"] = object{"country_header": "CF-IPCountry", "database": database}
	s.http["routes"] = []object{s.route("hub", object{"handler": "usher"}), s.route("api", object{"handler": "usher_api"})}
	s.http["trusted_proxies"] = object{"source": "static", "ranges": []string{"127.0.0.1/32"}}
	return s
}

// data returns the responseData of an answer of the API.
func (a answer) data(t *testing.T) map[string]any {
	t.Helper()
	var envelope struct {
		Data map[string]any `json:"responseData"`
	}
	if err := json.Unmarshal([]byte(a.body), &envelope); err != nil || envelope.Data == nil {
		t.Fatalf("%s %s: %v", a.Status, a.body, err)
	}
	return envelope.Data
}

func TestCountryHeaderOfATrustedProxyIsBelieved(t *testing.T) {
	s := newLocaleServer(t)
	s.start(t, nil)
	b := s.browser(t)
	tests := []struct {
		name, target string
		headers      []string
		want         string
	}{
		{"header", "/locales", []string{header, "PL"}, "PL"},
		{"header in small letters", "/locales", []string{header, "pl"}, "PL"},
		{"no header: database", "/locales", nil, "AT"},
		{"another header", "/locales", []string{"Cloudfront-Viewer-Country", "PL"}, "AT"},
		{"not known to the CDN", "/locales", []string{header, "XX"}, "AT"},
		{"Tor", "/locales", []string{header, "T1"}, "AT"},
		{"empty", "/locales", []string{header, ""}, "AT"},
		{"sent twice: whose is whose?", "/locales", []string{header, "PL", header, "FR"}, "AT"},
		{"joined", "/locales", []string{header, "PL, FR"}, "AT"},
		{"another address is asked for", "/locales?customerIP=193.99.144.80", []string{header, "PL"}, "DE"},
	}
	for _, host := range []string{"hub", "api"} {
		for _, tt := range tests {
			a := b.get(host, tt.target, append([]string{"X-Forwarded-For", viewer}, tt.headers...)...)
			if got := a.data(t)["country"]; got != tt.want {
				t.Errorf("%s, %s: %v, want %s", host, tt.name, got, tt.want)
			}
		}
	}
}

func TestCountryHeaderOfOthersIsIgnored(t *testing.T) {
	for name, proxies := range map[string]object{
		"no proxies are trusted": nil,
		"another one is trusted": {"source": "static", "ranges": []string{"198.51.100.0/24"}},
	} {
		s := newLocaleServer(t)
		delete(s.http, "trusted_proxies")
		if proxies != nil {
			s.http["trusted_proxies"] = proxies
		}
		s.start(t, nil)
		for _, host := range []string{"hub", "api"} {
			a := s.browser(t).get(host, "/locales", "X-Forwarded-For", viewer, header, "PL")
			if got := a.data(t)["country"]; got != "SE" {
				t.Errorf("%s, %s: %v, want SE, the country of the peer", name, host, got)
			}
		}
	}
}

func TestCountryHeaderCountsOnlyWhenItIsConfigured(t *testing.T) {
	s := newLocaleServer(t)
	s.start(t, object{"locale": object{}})
	a := s.browser(t).get("hub", "/locales", "X-Forwarded-For", viewer, header, "PL")
	if got := a.data(t)["country"]; got != "US" {
		t.Errorf("%v, want US", got)
	}
}

// countryOf returns the country of the account that a token belongs to.
func (b *browser) countryOf(jwt any) any {
	b.t.Helper()
	parts := strings.Split(fmt.Sprint(jwt), ".")
	if len(parts) != 3 {
		b.t.Fatalf("no token: %v", jwt)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		b.t.Fatal(err)
	}
	var claims struct {
		ID json.Number `json:"customerId"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		b.t.Fatal(err)
	}
	return b.get("hub", "/customers/"+claims.ID.String(), "Authorization", "Bearer "+fmt.Sprint(jwt)).data(b.t)["country"]
}

func TestAccountsGetTheCountryOfTheirOwner(t *testing.T) {
	const serverSecret = "0123456789abcdef0123456789abcdef"
	s := newLocaleServer(t)
	s.usher["publishers"] = []object{{"id": 100000001, "api_token_digest": secret.Digest(serverSecret)}}
	s.start(t, nil)
	b := s.browser(t)
	cdn := []string{"X-Forwarded-For", viewer, header, "PL"}

	// By the API.
	body := `{"email": "anna@example.com", "password": "` + password + `", "publisherId": "100000001"}`
	a := b.send("POST", "hub", "/customers", body, cdn...)
	if got := b.countryOf(a.data(t)["jwt"]); got != "PL" {
		t.Errorf("registered by the API: %v, want PL", got)
	}

	// By the page.
	form := "email=ben%40example.com&password=" + strings.ReplaceAll(password, " ", "+")
	a = b.send("POST", "hub", "/register", form, append(cdn, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")...)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("registering on the page: %s", a.Status)
	}
	a = b.send("POST", "hub", "/auths", strings.ReplaceAll(body, "anna", "ben"))
	if got := b.countryOf(a.data(t)["jwt"]); got != "PL" {
		t.Errorf("registered on the page: %v, want PL", got)
	}

	// By the publisher's server, which is elsewhere.
	body = `{"customerEmail": "carl@example.com", "customerIP": "193.99.144.80"}`
	a = b.send("POST", "hub", "/sso/auths", body, append(cdn, "X-Publisher-Token", serverSecret)...)
	if got := b.countryOf(a.data(t)["jwt"]); got != "DE" {
		t.Errorf("made by the publisher's server: %v, want DE", got)
	}
}

func TestUnusableLocaleIsRefusedWithARemedy(t *testing.T) {
	dir := t.TempDir()
	missing, text := filepath.Join(dir, "missing.mmdb"), filepath.Join(dir, "text.mmdb")
	if err := os.WriteFile(text, []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	for wrong, locale := range map[string]object{
		missing:         {"database": missing},
		text:            {"database": text},
		"CF IPCountry":  {"country_header": "CF IPCountry"},
		"CF-IPCountry:": {"country_header": "CF-IPCountry:"},
		"{env.HEADER}":  {"country_header": "{env.HEADER}"},
	} {
		err := validate(t, s.config(t, object{"locale": locale}))
		if err == nil {
			t.Errorf("%v is accepted", locale)
			continue
		}
		_, message, _ := strings.Cut(err.Error(), "provision usher: locale: ") // Caddy says where, we say what
		if !strings.Contains(message, wrong) || strings.Contains(err.Error(), "needs the app") {
			t.Errorf("%v: %v", locale, err)
		}
		helps(t, message)
	}
}
