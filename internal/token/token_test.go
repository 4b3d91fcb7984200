// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/token"
)

const (
	issuer = "https://id.example.com"
	site   = "https://news.example"
)

// ring is a keyring under test with its store and clock.
type ring struct {
	*token.Keyring
	store *authstore.Store
	clock *authstoretest.Clock
}

func newRing(t testing.TB) *ring {
	t.Helper()
	clock := authstoretest.NewClock()
	store := authstoretest.NewStore(t, clock)
	return &ring{mustOpen(t, store, "ES256"), store, clock}
}

func mustOpen(t testing.TB, store *authstore.Store, algorithm string) *token.Keyring {
	t.Helper()
	k, err := token.OpenKeyring(t.Context(), store, issuer, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// claims returns what a token of the tests says, for 15 minutes from now.
func (r *ring) claims() token.Claims {
	now := r.clock.Now()
	return token.Claims{
		ID: "token-id", SessionID: "session-id", CustomerID: 123_456_789, PublisherID: 100_000_001, OfferID: "S100000001_US",
		Audience: site, Email: "ann@example.com", Consents: []string{"terms"},
		IssuedAt: now, Expires: now.Add(15 * time.Minute), SignedInAt: now.Add(-time.Hour),
	}
}

func mustSign(t testing.TB, k *token.Keyring, c token.Claims) string {
	t.Helper()
	raw, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// signingKeys returns the stored keys but the root.
func signingKeys(t testing.TB, store *authstore.Store) (keys []authstore.Key) {
	t.Helper()
	all, err := store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if k.ID != authstore.RootKeyID {
			keys = append(keys, k)
		}
	}
	return keys
}

func privateKey(t testing.TB, k authstore.Key) crypto.Signer {
	t.Helper()
	private, err := x509.ParsePKCS8PrivateKey(k.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return private.(crypto.Signer)
}

var b64 = base64.RawURLEncoding

// mint signs any header and claims, as only the holder of the key can, without
// the code under test. Claims that are an object get an id with its mark.
func mint(t testing.TB, private crypto.Signer, header, claims string) string {
	t.Helper()
	if before, ok := strings.CutSuffix(claims, "}"); ok {
		before += `,"jti":"token-id`
		claims = before + markOf(t, private, before) + `"}`
	}
	return signAs(t, private, header, claims)
}

// markOf returns the mark of what is before it in the claims of a token.
func markOf(t testing.TB, private crypto.Signer, before string) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return secret.NewMarker(secret.Root(sha256.Sum256(der)), "token mark").Mark(before)
}

// signAs signs header and claims as they are.
func signAs(t testing.TB, private crypto.Signer, header, claims string) string {
	t.Helper()
	input := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		r, s, e := ecdsa.Sign(rand.Reader, key, sum[:])
		if err = e; err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(input))
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64.EncodeToString(signature)
}

// part decodes one part of a token.
func part(t testing.TB, raw string, i int) map[string]any {
	t.Helper()
	b, err := b64.DecodeString(strings.Split(raw, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// inSeconds is what remains of claims in a token.
func inSeconds(c token.Claims) token.Claims {
	for _, at := range []*time.Time{&c.IssuedAt, &c.Expires, &c.SignedInAt} {
		*at = time.Unix(at.Unix(), 0)
	}
	return c
}

func TestTokenSaysWhatTheContractNames(t *testing.T) {
	r := newRing(t)
	c := r.claims()
	raw := mustSign(t, r.Keyring, c)
	want := map[string]any{
		"iss": issuer, "sub": "123456789", "aud": site, "exp": float64(c.Expires.Unix()), "iat": float64(c.IssuedAt.Unix()),
		"auth_time": float64(c.SignedInAt.Unix()), "jti": "token-id", "sid": "session-id",
		"customerId": "123456789", "publisherId": float64(100_000_001), "offerId": "S100000001_US",
		"email": "ann@example.com", "email_verified": false, "consents": []any{"terms"},
	}
	got := part(t, raw, 1)
	if jti, _ := got["jti"].(string); len(jti) == len("token-id")+22 {
		got["jti"] = strings.TrimSuffix(jti, jti[len("token-id"):]) // without the mark
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("claims %v, want %v", got, want)
	}
	want = map[string]any{"alg": "ES256", "typ": "JWT", "kid": signingKeys(t, r.store)[0].ID}
	if got := part(t, raw, 0); !reflect.DeepEqual(got, want) {
		t.Errorf("header %v, want %v", got, want)
	}
	c.OfferID, c.Email, c.Consents = "", "", nil
	for _, absent := range []string{"offerId", "email", "consents"} {
		if v, there := part(t, mustSign(t, r.Keyring, c), 1)[absent]; there {
			t.Errorf("%s is %v, want it left out", absent, v)
		}
	}
}

func TestVerifyReturnsWhatWasSigned(t *testing.T) {
	r := newRing(t)
	r.clock.Add(123 * time.Millisecond)
	raw := mustSign(t, r.Keyring, r.claims())
	got, err := r.Verify(raw, site)
	if err != nil || !reflect.DeepEqual(got, inSeconds(r.claims())) {
		t.Errorf("got %+v, %v; want %+v", got, err, inSeconds(r.claims()))
	}
}

func TestTokenServesItsAudienceAlone(t *testing.T) {
	r := newRing(t)
	forSite, forAPI, crossed := r.claims(), r.claims(), r.claims()
	forAPI.Audience = token.PublisherAudience(forAPI.PublisherID)
	crossed.Audience = token.PublisherAudience(100_000_002)
	tests := []struct {
		name     string
		claims   token.Claims
		verify   func(string) error
		accepted bool
	}{
		{"site at itself", forSite, r.at(site), true},
		{"site at another", forSite, r.at("https://sports.example"), false},
		{"site over http", forSite, r.at("http://news.example"), false},
		{"site below itself", forSite, r.at("https://www.news.example"), false},
		{"site at no audience", forSite, r.at(""), false},
		{"site at the API", forSite, r.atAPI, false},
		{"API at itself", forAPI, r.atAPI, true},
		{"API at a site", forAPI, r.at(site), false},
		{"another publisher's audience at the API", crossed, r.atAPI, false},
	}
	for _, tt := range tests {
		err := tt.verify(mustSign(t, r.Keyring, tt.claims))
		if tt.accepted && err != nil || !tt.accepted && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v, want accepted: %t", tt.name, err, tt.accepted)
		}
	}
}

// at returns a function that verifies for an audience.
func (r *ring) at(audience string) func(string) error {
	return func(raw string) error {
		_, err := r.Verify(raw, audience)
		return err
	}
}

func (r *ring) atAPI(raw string) error {
	_, err := r.VerifyForPublisher(raw)
	return err
}

func TestTokenExpires(t *testing.T) {
	r := newRing(t)
	c := r.claims()
	raw := mustSign(t, r.Keyring, c)
	r.clock.Add(15*time.Minute - time.Millisecond)
	if err := r.at(site)(raw); err != nil {
		t.Errorf("just before: %v", err)
	}
	r.clock.Add(time.Millisecond)
	got, err := r.Verify(raw, site)
	if !errors.Is(err, token.ErrExpired) || got.SessionID != c.SessionID {
		t.Errorf("at its end: %+v, %v; want the claims and ErrExpired", got, err)
	}
	if err := r.at("https://sports.example")(raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("expired, at another site: %v, want ErrInvalid", err)
	}
}

func TestKeyringNeedsAnAlgorithmItKnows(t *testing.T) {
	store := authstoretest.NewStore(t, authstoretest.NewClock())
	for _, algorithm := range []string{"", "none", "HS256", "es256", "ES512", "PS256"} {
		if _, err := token.OpenKeyring(t.Context(), store, issuer, algorithm); err == nil {
			t.Errorf("%q was accepted", algorithm)
		}
	}
	if keys := signingKeys(t, store); len(keys) != 0 {
		t.Errorf("keys were made: %v", keys)
	}
}
