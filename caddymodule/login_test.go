// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/usher-sso/usher/caddymodule"
)

// at configures the one publisher.
func at(publisher object) object {
	return object{"publishers": []object{merged(object{"id": 100000001}, publisher)}}
}

// unreachable is a provider at a port that nobody listens on.
func unreachable(t *testing.T, name string) object {
	return object{
		"provider": "openid", "name": name, "client_id": "usher", "client_secret": "correct horse",
		"issuer": "http://127.0.0.1:" + freePort(t),
	}
}

// configured returns the names of the providers of the configuration that runs.
func configured(t *testing.T) []string {
	t.Helper()
	app, err := caddy.ActiveContext().AppIfConfigured("usher")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*caddymodule.App).Logins(100000001)
}

func TestProviderThatCannotBeReachedKeepsNobodyFromStartingOrReloading(t *testing.T) {
	s := newServer(t)
	first := at(object{"login": []object{unreachable(t, "corporate")}})
	if err := validate(t, s.config(t, first)); err != nil {
		t.Error(err)
	}
	s.start(t, first)
	b := s.browser(t)
	b.register("anna@example.com")
	b.signedIn("news", "/live", "anna@example.com")
	s.start(t, at(object{"login": []object{unreachable(t, "corporate"), unreachable(t, "club")}}))
	b.signedIn("news", "/live", "anna@example.com")
	s.browser(t).register("bob@example.com")
}

func TestReloadBringsTheProvidersThatAreConfiguredInTheirOrder(t *testing.T) {
	s := newServer(t)
	for _, want := range [][]string{{"corporate"}, {"club", "corporate"}, nil, {"corporate", "club"}} {
		var login []object
		for _, name := range want {
			login = append(login, unreachable(t, name))
		}
		s.start(t, at(object{"login": login}))
		if got := configured(t); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestReloadWithALoginThatCannotWorkKeepsTheOldOnes(t *testing.T) {
	s := newServer(t)
	s.start(t, at(object{"login": []object{unreachable(t, "corporate")}}))
	bad := unreachable(t, "club")
	bad["issuer"] = "http://login.example.com"
	if err := caddy.Load(s.config(t, at(object{"login": []object{bad}})), true); err == nil {
		t.Error("the configuration is taken")
	}
	if got := configured(t); !slices.Equal(got, []string{"corporate"}) {
		t.Errorf("after a failed reload there are %v", got)
	}
}

// What JSON or a placeholder can be wrong in shows when the configuration is read.
// The messages help, and hold no secret.
func TestLoginThatCannotWorkIsRefused(t *testing.T) {
	const secret = "correct-horse-battery"
	key, err := os.ReadFile("testdata/rsa.p8")
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.p8")
	if err := os.WriteFile(wrong, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("USHER_TEST_RSA_KEY", string(key))
	t.Setenv("USHER_TEST_EMPTY", "")
	t.Setenv("USHER_TEST_ISSUER", "http://login.example.com")
	google := object{"provider": "google", "client_id": "some-app", "client_secret": secret}
	openid := object{"provider": "openid", "name": "corporate", "issuer": "https://login.example.com", "client_id": "some-app", "client_secret": secret}
	apple := object{"provider": "apple", "client_id": "com.example.web", "team_id": "ABCDE12345", "key_id": "FGHIJ67890", "private_key": "{file.testdata/apple.p8}"}
	s := newServer(t)
	for name, tt := range map[string]struct {
		publisher object
		says      []string
	}{
		"no provider":             {object{"login": []object{{"client_id": "some-app", "client_secret": secret}}}, []string{"loading login", "provider"}},
		"an unknown provider":     {object{"login": []object{merged(google, object{"provider": "myspace"})}}, []string{"loading login", "usher.providers.myspace"}},
		"an unknown field":        {object{"login": []object{merged(google, object{"trusted": true})}}, []string{"google", "trusted"}},
		"a secret of numbers":     {object{"login": []object{merged(google, object{"client_secret": 271828})}}, []string{"client_secret"}},
		"no client_id":            {object{"login": []object{merged(google, object{"client_id": ""})}}, []string{"login google", "client_id", "write"}},
		"unset client_id":         {object{"login": []object{merged(google, object{"client_id": "{env.USHER_TEST_UNSET}"})}}, []string{"login google", "client_id", "write"}},
		"no secret":               {object{"login": []object{merged(google, object{"client_secret": ""})}}, []string{"login google", "client_secret", "write"}},
		"unset secret":            {object{"login": []object{merged(google, object{"client_secret": "{env.USHER_TEST_UNSET}"})}}, []string{"login google", "client_secret", "placeholder"}},
		"empty secret":            {object{"login": []object{merged(google, object{"client_secret": "{env.USHER_TEST_EMPTY}"})}}, []string{"login google", "client_secret"}},
		"no file with the secret": {object{"login": []object{merged(google, object{"client_secret": "{file.testdata/none}"})}}, []string{"login google", "client_secret", "file"}},
		"unset app":               {object{"login": []object{merged(google, object{"native_client_ids": []string{"{env.USHER_TEST_UNSET}"}})}}, []string{"native_client_ids", "remove"}},
		"the same name":           {object{"login": []object{google, merged(openid, object{"name": "google"})}}, []string{"login google", "twice"}},
		"a wrong name":            {object{"login": []object{merged(google, object{"name": "Google"})}}, []string{`"Google"`, "small letters"}},
		"no name":                 {object{"login": []object{merged(openid, object{"name": ""})}}, []string{"name", "use one"}},
		"two automatic ones":      {object{"login": []object{merged(google, object{"automatic": true}), merged(openid, object{"automatic": true})}}, []string{"google and corporate", "only one"}},
		"an unknown claim":        {object{"login": []object{merged(openid, object{"claims": object{"shoeSize": "shoe"}})}}, []string{"shoeSize", "use firstName"}},
		"a claim not asked for":   {object{"capture": object{}, "login": []object{merged(openid, object{"claims": object{"companyName": "org"}})}}, []string{"companyName", "capture"}},
		"trusted without a claim": {object{"login": []object{merged(openid, object{"trusted": true})}}, []string{"trusted needs", "externalId"}},
		"no issuer":               {object{"login": []object{merged(openid, object{"issuer": ""})}}, []string{"login corporate", "issuer is missing", "write"}},
		"issuer in the clear":     {object{"login": []object{merged(openid, object{"issuer": "{env.USHER_TEST_ISSUER}"})}}, []string{"http://login.example.com", "not https", "write"}},
		"issuer with a password":  {object{"login": []object{merged(openid, object{"issuer": "https://me:" + secret + "@login.example.com"})}}, []string{"a user", "write"}},
		"secret for Apple":        {object{"login": []object{merged(apple, object{"client_secret": secret})}}, []string{"login apple", "no client_secret", "private_key"}},
		"no team":                 {object{"login": []object{merged(apple, object{"team_id": ""})}}, []string{"login apple", "team_id", "write"}},
		"no file with the key":    {object{"login": []object{merged(apple, object{"private_key": "{file.testdata/none.p8}"})}}, []string{"login apple", "private_key", "file"}},
		"a file without a key":    {object{"login": []object{merged(apple, object{"private_key": "{file." + wrong + "}"})}}, []string{"login apple", "invalid private key", ".p8"}},
		"a key of another kind":   {object{"login": []object{merged(apple, object{"private_key": "{env.USHER_TEST_RSA_KEY}"})}}, []string{"login apple", "FGHIJ67890", ".p8"}},
		"an app of anybody":       {object{"app_redirect": []string{"myapp:/signed-in"}}, []string{"app_redirect", "myapp", "write it like"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := validate(t, s.config(t, at(tt.publisher)))
			if err == nil {
				t.Fatal("the configuration is taken")
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
			lines := strings.Split(string(key), "\n")
			for _, hidden := range []string{secret, "271828", lines[1]} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("error %q shows a secret", err)
				}
			}
		})
	}
}
