// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/token"
)

// publicKeys reads a key set as an app behind the gate would, by RFC 7517,
// RFC 7518 section 6 and RFC 8037.
func publicKeys(t *testing.T, set []byte) map[string]crypto.PublicKey {
	t.Helper()
	var jwks struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(set, &jwks); err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.PublicKey{}
	for _, k := range jwks.Keys {
		for member := range k {
			if !slices.Contains([]string{"kty", "use", "kid", "alg", "crv", "x", "y", "n", "e"}, member) {
				t.Errorf("key %s has a member %q, which is not public or not needed", k["kid"], member)
			}
		}
		if k["use"] != "sig" || k["kid"] == "" {
			t.Errorf("key %v is not named for signatures", k)
		}
		keys[k["kid"]] = publicKey(t, k)
	}
	return keys
}

func publicKey(t *testing.T, k map[string]string) crypto.PublicKey {
	t.Helper()
	bytes := func(member string) []byte {
		b, err := b64.DecodeString(k[member])
		if err != nil || len(b) == 0 {
			t.Fatalf("member %s of %v: %v", member, k, err)
		}
		return b
	}
	switch k["kty"] + " " + k["alg"] + " " + k["crv"] {
	case "EC ES256 P-256":
		if len(bytes("x")) != 32 || len(bytes("y")) != 32 {
			t.Fatalf("coordinates of %d and %d bytes", len(bytes("x")), len(bytes("y")))
		}
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, bytes("x"), bytes("y")))
		if err != nil {
			t.Fatal(err)
		}
		return public
	case "OKP EdDSA Ed25519":
		return ed25519.PublicKey(bytes("x"))
	case "RSA RS256 ":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(bytes("n")), E: int(new(big.Int).SetBytes(bytes("e")).Int64())}
	}
	t.Fatalf("unknown kind of key: %v", k)
	return nil
}

// verifyWith checks a signature with the standard library alone.
func verifyWith(public crypto.PublicKey, raw string) error {
	cut := strings.LastIndexByte(raw, '.')
	signature, err := b64.DecodeString(raw[cut+1:])
	if err != nil {
		return err
	}
	sum, ok := sha256.Sum256([]byte(raw[:cut])), false
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		ok = len(signature) == 64 && ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, []byte(raw[:cut]), signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	if !ok {
		return errors.New("signature does not verify")
	}
	return nil
}

func TestEachAlgorithmIsVerifiedByThePublicSetAlone(t *testing.T) {
	for _, algorithm := range token.Algorithms {
		t.Run(algorithm, func(t *testing.T) {
			clock := authstoretest.NewClock()
			store := authstore.New(authstoretest.NewMemory(), clock.Now) // no second run: RSA keys take long to make
			r := &ring{mustOpen(t, store, algorithm), store, clock}
			raw := mustSign(t, r.Keyring, r.claims())
			header := part(t, raw, 0)
			if header["alg"] != algorithm {
				t.Errorf("header %v", header)
			}
			keys := publicKeys(t, r.JWKS())
			if err := verifyWith(keys[fmt.Sprint(header["kid"])], raw); err != nil || len(keys) != 1 {
				t.Errorf("%d public keys: %v", len(keys), err)
			}
			if err := r.at(site)(raw); err != nil {
				t.Errorf("Verify: %v", err)
			}
			changed := raw[:len(raw)-10] + "AAAAAAAAAA"
			r.wantInvalid(t, "changed signature", changed)
			again := mustOpen(t, store, algorithm)
			if _, err := again.Verify(raw, site); err != nil || len(signingKeys(t, store)) != 1 {
				t.Errorf("after a restart: %v, %d keys", err, len(signingKeys(t, store)))
			}
			for _, k := range signingKeys(t, store) {
				if strings.Contains(string(r.JWKS()), b64.EncodeToString(k.Secret)) {
					t.Error("the public set holds a private key")
				}
			}
		})
	}
}

func TestTokenOfAnotherInstallationIsRefused(t *testing.T) {
	ours, theirs := newRing(t), newRing(t)
	ours.wantInvalid(t, "same issuer, other keys", mustSign(t, theirs.Keyring, theirs.claims()))
	elsewhere, err := token.OpenKeyring(t.Context(), ours.store, "https://other.example", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	ours.wantInvalid(t, "same keys, other issuer", mustSign(t, elsewhere, ours.claims()))
}
