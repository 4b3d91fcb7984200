// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
)

// Mock is an OpenID provider of a library for tests: it shows no page, believes
// every redirect URI, and takes whoever is next. What it leaves open, OpenID and
// Internet are strict about.
type Mock struct {
	Issuer string

	server *mockoidc.MockOIDC
	turn   sync.Mutex // held from the choice of a person until it is made
}

// StartMock starts a provider where the client is registered. It ends with its
// test.
func StartMock(t testing.TB, client Client) *Mock {
	t.Helper()
	server, err := mockoidc.NewServer(keyOf("mock"))
	if err != nil {
		t.Fatal(err)
	}
	server.ClientID, server.ClientSecret = client.ID, client.Secret
	var one sync.Mutex // the library keeps sessions in a map without one
	err = server.AddMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			one.Lock()
			defer one.Unlock()
			next.ServeHTTP(w, r)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(listener, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Server.Close() })
	return &Mock{Issuer: server.Issuer(), server: server}
}

// Next has the next authorization requests be those of these people, in turn.
func (m *Mock) Next(people ...Person) {
	for _, p := range people {
		m.server.QueueUser(mockUser{p})
	}
}

// Consent does what a person's browser does that opens an authorization request.
func (m *Mock) Consent(authURL string, person Person) (Callback, error) {
	m.turn.Lock()
	defer m.turn.Unlock()
	m.Next(person)
	c := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Get(authURL)
	if err != nil {
		return Callback{}, err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		return Callback{}, fmt.Errorf("%s: status %d", authURL, res.StatusCode)
	}
	return Callback{URL: res.Header.Get("Location")}, nil
}

// mockUser is a person as the library wants one. Its own leaves the subject out of
// userinfo, which OpenID demands.
type mockUser struct{ Person }

func (u mockUser) ID() string { return u.Subject }

func (u mockUser) Userinfo(scope []string) ([]byte, error) {
	claims := u.claims(scope)
	claims["sub"] = u.Subject
	return json.Marshal(claims)
}

func (u mockUser) Claims(scope []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	claims := jwt.MapClaims(u.claims(scope))
	claims["iss"], claims["aud"], claims["sub"] = base.Issuer, base.Audience, base.Subject
	claims["iat"], claims["exp"] = base.IssuedAt.Unix(), base.ExpiresAt.Unix()
	if base.Nonce != "" {
		claims["nonce"] = base.Nonce
	}
	return claims, nil
}

func (u mockUser) claims(scope []string) map[string]any {
	g, claims := grant{scope: scope}, map[string]any{}
	if g.allows("email") && u.Email != "" {
		claims["email"], claims["email_verified"] = u.Email, !u.Unverified
	}
	if g.allows("profile") {
		add(claims, u.profile())
	}
	return claims
}
