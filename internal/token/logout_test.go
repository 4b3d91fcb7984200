// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/token"
)

// logout returns what a logout token of the tests says.
func (r *ring) logout(audience string) token.Logout {
	now := r.clock.Now()
	return token.Logout{
		ID: "end-id", SessionID: "session-id", CustomerID: 123_456_789, Audience: audience, IssuedAt: now, Expires: now.Add(2 * time.Minute),
	}
}

func mustSignLogout(t *testing.T, k *token.Keyring, l token.Logout) string {
	t.Helper()
	raw, err := k.SignLogout(l)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// OpenID Connect Back-Channel Logout 1.0, section 2.4.
func TestLogoutTokenSaysWhatTheStandardNames(t *testing.T) {
	for _, algorithm := range token.Algorithms {
		t.Run(algorithm, func(t *testing.T) {
			clock := authstoretest.NewClock()
			store := authstore.New(authstoretest.NewMemory(), clock.Now)
			r := &ring{mustOpen(t, store, algorithm), store, clock}
			raw := mustSignLogout(t, r.Keyring, r.logout("radio"))
			now := float64(clock.Now().Unix())
			want := map[string]any{
				"iss": issuer, "sub": "123456789", "aud": "radio", "iat": now, "exp": now + 120, "jti": "end-id", "sid": "session-id",
				"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
			}
			if got := part(t, raw, 1); !reflect.DeepEqual(got, want) {
				t.Errorf("claims %v, want %v", got, want)
			}
			kid := signingKeys(t, store)[0].ID
			want = map[string]any{"alg": algorithm, "typ": "logout+jwt", "kid": kid}
			if got := part(t, raw, 0); !reflect.DeepEqual(got, want) {
				t.Errorf("header %v, want %v", got, want)
			}
			if err := verifyWith(publicKeys(t, r.JWKS())[kid], raw); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLogoutTokenIsNoAccessToken(t *testing.T) {
	r := newRing(t)
	for _, audience := range []string{site, "100000001", ""} {
		raw := mustSignLogout(t, r.Keyring, r.logout(audience))
		r.wantInvalid(t, "for "+audience, raw)
		r.clock.Add(3 * time.Minute)
		r.wantInvalid(t, "expired, for "+audience, raw) // not merely expired: renewal would follow
	}
	// Were a logout token to say everything that an access token says, its type
	// would still tell.
	header, claims, key := r.genuine(t)
	for _, typ := range []string{"logout+jwt", "application/logout+jwt", "LOGOUT+JWT"} {
		header["typ"] = typ
		r.wantInvalid(t, "access token of type "+typ, mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
	}
	// Nor do header and claims of one serve with the signature of the other.
	access, logout := strings.Split(mustSign(t, r.Keyring, r.claims()), "."), strings.Split(mustSignLogout(t, r.Keyring, r.logout(site)), ".")
	r.wantInvalid(t, "header exchanged", access[0]+"."+logout[1]+"."+logout[2])
	r.wantInvalid(t, "claims exchanged", access[0]+"."+access[1]+"."+logout[2])
}
