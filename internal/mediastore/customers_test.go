// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/token"
)

func TestCustomer(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{
		Email: "Anna@example.com", FirstName: "Anna", LastName: "Łącka", Country: "AT", Locale: "de_AT", Currency: "EUR",
		ExternalID: "crm-1", ExternalData: `{"a":[1]}`,
	})
	a := w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+jwt)
	want := map[string]any{
		"id": id, "email": "Anna@example.com", "firstName": "Anna", "lastName": "Łącka", "country": "AT", "locale": "de_AT", "currency": "EUR",
		"regDate": "2026-03-01 12:00:00", "lastLoginDate": "2026-03-01 12:00:00", "lastUserIp": client,
		"externalId": "crm-1", "externalData": map[string]any{"a": []any{1.0}},
	}
	if !reflect.DeepEqual(a.data, want) {
		t.Errorf("%v, want %v", a.data, want)
	}
}

// Clients read these without a check.
func TestUnsetFieldsOfACustomerAreEmptyAndNeverAbsent(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	a := w.call(t, "GET", "/customers/"+id, "", "Authorization", "bearer "+jwt)
	for _, name := range []string{"firstName", "lastName", "externalId"} {
		if got := a.text(t, name); got != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got, there := a.data["externalData"]; !there || got != nil {
		t.Errorf("externalData is %v, %v, want null", got, there)
	}
}

func TestCustomerNeedsItsOwnToken(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	jwt, id, s := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	foreign, _, _ := w.mustCustomer(t, authstore.Customer{Email: "bert@example.com"})
	abroad, _, _ := w.mustCustomer(t, authstore.Customer{Email: "carl@example.com", PublisherID: theirs})
	atSite, _, err := w.sessions.AccessToken(ctx, s, "https://news.example.com")
	must(t, err)
	otherKeys := newWorld(t)
	forged, err := otherKeys.keys.Sign(token.Claims{
		SessionID: s.ID, CustomerID: s.CustomerID, PublisherID: ours, Audience: token.PublisherAudience(ours),
		IssuedAt: w.clock.Now(), Expires: w.clock.Now().Add(time.Hour),
	})
	must(t, err)
	parts := strings.Split(jwt, ".")
	for name, test := range map[string]struct {
		header  []string
		code    string
		message string
	}{
		"no header":                  {nil, "AUTH0001", "Missing required JWT"},
		"empty header":               {[]string{""}, "AUTH0001", "Missing required JWT"},
		"no scheme":                  {[]string{jwt}, "AUTH0002", "Invalid JWT token"},
		"other scheme":               {[]string{"Basic " + jwt}, "AUTH0002", "Invalid JWT token"},
		"scheme of the same length":  {[]string{"Digest " + jwt}, "AUTH0002", "Invalid JWT token"},
		"scheme alone":               {[]string{"Bearer"}, "AUTH0002", "Invalid JWT token"},
		"no token":                   {[]string{"Bearer "}, "AUTH0002", "Invalid JWT token"},
		"the word undefined":         {[]string{"Bearer undefined"}, "AUTH0002", "Invalid JWT token"},
		"garbage":                    {[]string{"Bearer a.b.c"}, "AUTH0002", "Invalid JWT token"},
		"no signature":               {[]string{"Bearer " + parts[0] + "." + parts[1] + "."}, "AUTH0002", "Invalid JWT token"},
		"huge":                       {[]string{"Bearer " + strings.Repeat("a", 100_000)}, "AUTH0002", "Invalid JWT token"},
		"another customer's":         {[]string{"Bearer " + foreign}, "AUTH0002", "Invalid JWT token"},
		"another publisher's":        {[]string{"Bearer " + abroad}, "AUTH0002", "Invalid JWT token"},
		"of a site cookie":           {[]string{"Bearer " + atSite}, "AUTH0002", "Invalid JWT token"},
		"signed by another server":   {[]string{"Bearer " + forged}, "AUTH0002", "Invalid JWT token"},
		"two headers, the good last": {[]string{"Bearer " + foreign, "Bearer " + jwt}, "AUTH0002", "Invalid JWT token"},
	} {
		var headers []string
		for _, value := range test.header {
			headers = append(headers, "Authorization", value)
		}
		a := w.call(t, "GET", "/customers/"+id, "", headers...)
		a.refused(t, 401, test.code, test.message)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if a := w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+jwt); a.status != http.StatusOK {
		t.Errorf("its own: %d %s", a.status, a.body)
	}
}

func TestTokenDiesWithItsTimeItsSessionAndItsCustomer(t *testing.T) {
	ctx := context.Background()
	for name, test := range map[string]struct {
		end           func(w *world, s authstore.Session) error
		code, message string
	}{
		"expired": {func(w *world, _ authstore.Session) error { w.clock.Add(session.TokenLife); return nil }, "AUTH0003", "token expired"},
		"ended":   {func(w *world, s authstore.Session) error { return w.sessions.End(ctx, s.ID) }, "AUTH0002", "Invalid JWT token"},
		"all ended": {func(w *world, s authstore.Session) error {
			return w.sessions.EndAll(ctx, s.CustomerID, "")
		}, "AUTH0002", "Invalid JWT token"},
		"disabled": {func(w *world, s authstore.Session) error {
			return w.sessions.EndByDisabling(ctx, s.CustomerID)
		}, "AUTH0002", "Invalid JWT token"},
		"disabled elsewhere": {func(w *world, s authstore.Session) error {
			_, err := w.store.DisableCustomer(ctx, s.CustomerID, time.Hour) // another node did
			return err
		}, "AUTH0002", "Invalid JWT token"},
	} {
		w := newWorld(t)
		jwt, id, s := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
		must(t, test.end(w, s))
		w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+jwt).refused(t, 401, test.code, test.message)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestCustomerIDsThatDoNotParse(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	for _, bad := range []string{
		"x", "12", "99999999", "1000000000", "-" + id, "+" + id, "0" + id, id + ".0", "1e8", "0x7735940", id + "%20", "%20" + id, id + "%00",
		"٣٣٣٣٣٣٣٣٣", "undefined", "null",
	} {
		a := w.call(t, "GET", "/customers/"+strings.ReplaceAll(bad, "+", "%2B"), "", "Authorization", "Bearer "+jwt)
		a.refused(t, 400, "REQ0003", "Invalid path parameters")
		if t.Failed() {
			t.Fatal(bad)
		}
	}
}

func TestCustomerWhileTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	w.faulty.FailView(errDown)
	w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+jwt).refused(t, 500, "S0001", "Internal Server Error")
	if len(w.reported) != 1 {
		t.Errorf("reported %v", w.reported)
	}
	w.faulty.FailView(context.Canceled)
	w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+jwt).refused(t, 500, "S0001", "Internal Server Error")
	if len(w.reported) != 1 {
		t.Errorf("a client that left is reported: %v", w.reported)
	}
}

func TestLocales(t *testing.T) {
	w := newWorld(t)
	for target, want := range map[string]map[string]any{
		"/locales":                        {"country": "US", "currency": "USD", "locale": "en_US", "ipAddress": client},
		"/locales?customerIP=":            {"country": "US", "currency": "USD", "locale": "en_US", "ipAddress": client},
		"/locales?customerIP=8.8.8.8":     {"country": "US", "currency": "USD", "locale": "en_US", "ipAddress": "8.8.8.8"},
		"/locales?customerIP=192.168.1.1": {"country": "US", "currency": "USD", "locale": "en_US", "ipAddress": "192.168.1.1"},
	} {
		if a := w.call(t, "GET", target, ""); !reflect.DeepEqual(a.data, want) {
			t.Errorf("%s: %v, want %v", target, a.data, want)
		}
	}
	a := w.call(t, "GET", "/locales?customerIP=192.168.1.1", "", "Accept-Language", "de-AT,en;q=0.5", "Authorization", "")
	if want := map[string]any{"country": "AT", "currency": "EUR", "locale": "de_AT", "ipAddress": "192.168.1.1"}; !reflect.DeepEqual(a.data, want) {
		t.Errorf("%v, want %v", a.data, want)
	}
	for _, bad := range []string{"x", "1.2.3", "1.2.3.4.5", "300.1.1.1", "fe80::1%25eth0", "8.8.8.8:80", "%00", "example.com"} {
		w.call(t, "GET", "/locales?customerIP="+bad, "").refused(t, 400, "REQ0002", "Invalid param customerIP")
	}
}

func TestConsentsOfAPublisher(t *testing.T) {
	w := newWorld(t)
	a := w.call(t, "GET", "/publishers/100000001/consents", "", "Authorization", "", "Content-Type", "application/json")
	want := map[string]any{"consents": []any{
		map[string]any{
			"name": "terms", "version": "2", "value": "https://example.com/terms?a=1&b=2", "required": true, "enabledByDefault": false,
			"broadcasterId": 100000001.0, "placeholder": "",
			"label": `I accept the <a href="https://example.com/terms?a=1&amp;b=2" target="_blank" rel="noopener">terms &amp; &#34;conditions&#34;</a> &lt;now&gt;.`,
		},
		map[string]any{
			"name": "marketing", "version": "1", "value": "", "required": false, "enabledByDefault": true,
			"broadcasterId": 100000001.0, "placeholder": "", "label": "Send me &lt;b&gt;news&lt;/b&gt;.",
		},
	}}
	if !reflect.DeepEqual(a.data, want) {
		t.Errorf("%v, want %v", a.data, want)
	}
	if a := w.call(t, "GET", "/publishers/"+strconv.Itoa(bare)+"/consents", ""); !strings.Contains(a.body, `{"consents":[]}`) {
		t.Errorf("none: %s", a.body)
	}
	for _, bad := range []string{"x", "12", "100000009", "+100000001", "0100000001", "100000001.0", "1e8", "%20100000001", "100000001%00", "undefined"} {
		a := w.call(t, "GET", "/publishers/"+bad+"/consents", "")
		a.refused(t, 400, "REQ0003", "Invalid param publisherId")
		if t.Failed() {
			t.Fatal(bad)
		}
	}
}

func TestJWKSPublishesPublicKeysOnly(t *testing.T) {
	w := newWorld(t)
	a := w.call(t, "GET", "/.well-known/jwks.json", "")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jwk-set+json" || !strings.HasPrefix(a.header.Get("Cache-Control"), "public, max-age=") {
		t.Errorf("%d %v", a.status, a.header)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	must(t, json.Unmarshal([]byte(a.body), &set))
	jwt, _, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	header, _, _ := strings.Cut(jwt, ".")
	if len(set.Keys) == 0 || header == "" {
		t.Fatalf("keys %v", set.Keys)
	}
	for _, k := range set.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
			if _, there := k[private]; there {
				t.Errorf("the private member %s is published", private)
			}
		}
		if k["kty"] != "EC" || k["crv"] != "P-256" || k["use"] != "sig" || k["alg"] != "ES256" || k["kid"] == "" || len(k["x"]) != 43 || len(k["y"]) != 43 {
			t.Errorf("key %v", k)
		}
	}
}

func TestConsentsFollowThePublisher(t *testing.T) {
	w := newWorld(t)
	p, _ := w.directory.ByID(bare)
	p.Consents = []authstore.ConsentDefinition{{Name: "news", Version: "1", Label: "News", Texts: map[string]authstore.ConsentText{"de": {Label: "Neues"}}}}
	must(t, w.directory.Replace([]authstore.Publisher{p}))
	a := w.call(t, "GET", "/publishers/"+strconv.Itoa(bare)+"/consents", "", "Accept-Language", "de")
	if !strings.Contains(a.body, `"label":"News"`) {
		t.Errorf("answered %s", a.body)
	}
}
