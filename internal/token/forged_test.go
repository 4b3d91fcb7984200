// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/token"
)

// wantInvalid insists on ErrInvalid from both ways to verify.
func (r *ring) wantInvalid(t *testing.T, name, raw string) {
	t.Helper()
	if c, err := r.Verify(raw, site); !errors.Is(err, token.ErrInvalid) || c.SessionID != "" {
		t.Errorf("%s: Verify returned session %q, %v; want ErrInvalid and nothing", name, c.SessionID, err)
	}
	if _, err := r.VerifyForPublisher(raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("%s: VerifyForPublisher returned %v, want ErrInvalid", name, err)
	}
}

// genuine returns header and claims of a token that is accepted, to be changed
// one thing at a time, and the stored key.
func (r *ring) genuine(t *testing.T) (header, claims map[string]any, key authstore.Key) {
	t.Helper()
	raw := mustSign(t, r.Keyring, r.claims())
	header, claims = part(t, raw, 0), part(t, raw, 1)
	delete(claims, "jti") // mint gives one
	return header, claims, signingKeys(t, r.store)[0]
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandMadeTokenOfTheTestsIsAccepted(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	if err := r.at(site)(mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims))); err != nil {
		t.Error(err)
	}
}

func TestTokenWithoutSignatureIsRefused(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	signed := strings.Split(mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)), ".")
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", nil, 0, []string{"ES256"}} {
		header["alg"] = alg
		unsigned := b64.EncodeToString([]byte(mustJSON(t, header))) + "." + signed[1] + "."
		r.wantInvalid(t, fmt.Sprintf("alg %v", alg), unsigned)
		r.wantInvalid(t, fmt.Sprintf("alg %v with a signature", alg), unsigned+signed[2])
	}
	delete(header, "alg")
	r.wantInvalid(t, "no alg", b64.EncodeToString([]byte(mustJSON(t, header)))+"."+signed[1]+".")
}

// The oldest trick: the public key, which everybody has, as an HMAC secret.
func TestPublicKeyIsNoSharedSecret(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	public := privateKey(t, key).Public()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	point, err := public.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	root, err := r.store.RootKey(t.Context(), []byte("the root of the installation ..."))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "point": point, "coordinates": point[1:],
		"key set": r.JWKS(), "kid": []byte(key.ID), "nothing": {}, "root": root.Secret,
	}
	for name, secret := range secrets {
		for _, kid := range []string{key.ID, authstore.RootKeyID} {
			header["alg"], header["kid"] = "HS256", kid
			input := b64.EncodeToString([]byte(mustJSON(t, header))) + "." + b64.EncodeToString([]byte(mustJSON(t, claims)))
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			r.wantInvalid(t, name+" with kid "+kid, input+"."+b64.EncodeToString(mac.Sum(nil)))
		}
	}
}

func TestTokenOfAnotherKeyIsRefused(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, kid := range []any{key.ID, "unknown", authstore.RootKeyID, "", nil, 7, []string{key.ID}, "../" + key.ID, key.ID + "\x00"} {
		header["kid"] = kid
		r.wantInvalid(t, fmt.Sprintf("kid %v", kid), mint(t, other, mustJSON(t, header), mustJSON(t, claims)))
		if kid != key.ID {
			r.wantInvalid(t, fmt.Sprintf("kid %v, our key", kid), mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
		}
	}
	delete(header, "kid")
	r.wantInvalid(t, "no kid, our key", mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
	header["kid"] = key.ID
	for _, alg := range []string{"EdDSA", "RS256", "ES384", "ES512", "PS256", "RS512", "es256"} {
		header["alg"] = alg
		r.wantInvalid(t, "our key under "+alg, mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
		r.wantInvalid(t, "another's under "+alg, mint(t, edwards, mustJSON(t, header), mustJSON(t, claims)))
	}
}

func TestKeyringFetchesAndBelievesNoKeyThatATokenNames(t *testing.T) {
	r := newRing(t)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	header, claims, key := r.genuine(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := other.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	header["jku"], header["x5u"] = server.URL+"/jwks.json", server.URL+"/cert.pem"
	header["jwk"] = map[string]string{
		"kty": "EC", "crv": "P-256", "x": b64.EncodeToString(point[1:33]), "y": b64.EncodeToString(point[33:]), "kid": key.ID,
	}
	header["x5c"] = []string{"MIIB"}
	r.wantInvalid(t, "key inside, our kid", mint(t, other, mustJSON(t, header), mustJSON(t, claims)))
	r.wantInvalid(t, "key inside, our key", mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
	header["kid"] = server.URL + "/jwks.json"
	r.wantInvalid(t, "kid is an address", mint(t, other, mustJSON(t, header), mustJSON(t, claims)))
	if asked.Load() != 0 {
		t.Errorf("%d requests were made", asked.Load())
	}
}

// Sign writes no other member, and one that we do not understand may be meant
// to change what the token says (RFC 7515, section 4.1.11).
func TestTokenWithAnotherHeaderThanOursIsRefused(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	for member, value := range map[string]any{"crit": []string{"b64"}, "b64": false, "cty": "JWT", "zip": "DEF", "x": 1} {
		header[member] = value
		r.wantInvalid(t, member, mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
		delete(header, member)
	}
}

func TestTokenOfAnotherTypeIsRefused(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	for _, typ := range []any{"logout+jwt", "at+jwt", "jwt", "JOSE", "", nil, 1} {
		header["typ"] = typ
		r.wantInvalid(t, fmt.Sprintf("typ %v", typ), mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
	}
	delete(header, "typ")
	r.wantInvalid(t, "no typ", mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
}
