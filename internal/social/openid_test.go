// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
)

func newCorporate(t *testing.T, issuer string) (*social.Service, *social.Provider) {
	t.Helper()
	p := social.OpenID(social.Options{Name: "corporate", ClientID: clientID, ClientSecret: secretOf, Timeout: time.Minute}, issuer)
	s := social.NewService(social.Config{
		Hub: hub, Store: authstore.New(authstoretest.NewMemory(), time.Now), Root: secret.NewRoot(),
		Providers: map[int64][]*social.Provider{1: {p}},
	})
	return s, p
}

func TestOpenIDProviderIsFoundByItsIssuer(t *testing.T) {
	theirs := socialtest.StartMock(t, socialtest.Client{ID: clientID, Secret: secretOf})
	s, p := newCorporate(t, theirs.Issuer)
	for range 2 { // the second time by what is known
		a := s.NewAttempt("corporate", 1, "", social.Enter, "")
		address, err := p.Begin(t.Context(), a, s.Callback("corporate"), "")
		if err != nil {
			t.Fatal(err)
		}
		back, err := theirs.Consent(address, anna)
		if err != nil {
			t.Fatal(err)
		}
		who, err := p.Finish(t.Context(), a, s.Callback("corporate"), parameters(t, back))
		if err != nil || who.Issuer != theirs.Issuer || who.Subject != anna.Subject || who.Email != anna.Email || !who.Verified {
			t.Errorf("%+v, %v", who, err)
		}
	}
}

// discoverable is a provider of which only the document is there that describes it.
type discoverable struct {
	*httptest.Server
	change atomic.Pointer[func(map[string]any)] // of the document; nil for one that is good
	down   atomic.Bool
	asked  atomic.Int32
}

func newDiscoverable(t *testing.T) *discoverable {
	t.Helper()
	d := &discoverable{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked.Add(1)
		if d.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		document := map[string]any{
			"issuer": d.URL, "authorization_endpoint": d.URL + "/authorize", "token_endpoint": d.URL + "/token", "jwks_uri": d.URL + "/keys",
		}
		if change := d.change.Load(); change != nil {
			(*change)(document)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(document)
	}))
	t.Cleanup(d.Close)
	return d
}

func TestOpenIDProviderThatSaysOtherwiseIsRefused(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another issuer":           func(m map[string]any) { m["issuer"] = "https://evil.test" },
		"no issuer":                func(m map[string]any) { delete(m, "issuer") },
		"the issuer and a slash":   func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" },
		"no authorization":         func(m map[string]any) { delete(m, "authorization_endpoint") },
		"authorization by http":    func(m map[string]any) { m["authorization_endpoint"] = "http://evil.test/authorize" },
		"authorization by script":  func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" },
		"a token endpoint by http": func(m map[string]any) { m["token_endpoint"] = "http://evil.test/token" },
	} {
		d := newDiscoverable(t)
		d.change.Store(&change)
		s, p := newCorporate(t, d.URL)
		address, err := p.Begin(t.Context(), s.NewAttempt("corporate", 1, "", social.Enter, ""), s.Callback("corporate"), "")
		if !errors.Is(err, social.ErrUnavailable) {
			t.Errorf("%s: %s, %v", name, address, err)
		}
	}
}

func TestOpenIDProviderThatIsDownIsNotAskedAllTheTime(t *testing.T) {
	d := newDiscoverable(t)
	d.down.Store(true)
	s, p := newCorporate(t, d.URL)
	for range 5 {
		_, err := p.Begin(t.Context(), s.NewAttempt("corporate", 1, "", social.Enter, ""), s.Callback("corporate"), "")
		if !errors.Is(err, social.ErrUnavailable) || !strings.Contains(err.Error(), "503") {
			t.Errorf("%v, want ErrUnavailable and the status", err)
		}
	}
	if n := d.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times, want once", n)
	}
}

func TestIssuersAreAddressesThatCanBeTrusted(t *testing.T) {
	for issuer, good := range map[string]bool{
		"https://id.nova.test": true, "https://id.nova.test/realms/one": true, "https://id.nova.test:8443": true,
		"http://localhost:5556/dex": true, "http://127.0.0.1:5556": true,
		"http://id.nova.test": false, "http://localhost.evil.test": false, "https://": false, "id.nova.test": false, "": false,
		"https://id.nova.test?x=1": false, "https://id.nova.test#x": false, "https://me:secret@id.nova.test": false, "ftp://id.nova.test": false,
	} {
		if err := social.CheckIssuer(issuer); (err == nil) != good {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}
