// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"
)

// Tokens are signed by hand here: libraries refuse to sign what they would refuse
// to read.

// IDToken is an id_token before it is signed.
type IDToken struct {
	Header, Claims map[string]any

	key    *rsa.PrivateKey // of the provider
	secret string          // of the client
	sign   func(input string) []byte
}

// Lie is a change to the id_tokens that a provider signs.
type Lie func(*IDToken)

// Says makes a token say something else, or nothing of it if value is nil.
func Says(claim string, value any) Lie {
	return func(t *IDToken) {
		if t.Claims[claim] = value; value == nil {
			delete(t.Claims, claim)
		}
	}
}

// Expired is true of a token that was good until an hour ago.
func Expired(t *IDToken) {
	t.Claims["iat"] = t.Claims["iat"].(int64) - int64(2*time.Hour/time.Second)
	t.Claims["exp"] = t.Claims["iat"].(int64) + int64(time.Hour/time.Second)
}

// NotSigned leaves the signature out, and says so: alg none.
func NotSigned(t *IDToken) {
	t.Header["alg"] = "none"
	t.sign = func(string) []byte { return nil }
}

// SignedWithSecret signs by the client's secret, which others than the provider
// may know: alg HS256.
func SignedWithSecret(t *IDToken) { t.signWith([]byte(t.secret)) }

// SignedWithPublicKey signs by what everybody knows, as if it were a secret: alg
// HS256.
func SignedWithPublicKey(t *IDToken) {
	der, err := x509.MarshalPKIXPublicKey(&t.key.PublicKey)
	if err != nil {
		panic(err) // of a key that we made
	}
	t.signWith(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (t *IDToken) signWith(secret []byte) {
	t.Header["alg"] = "HS256"
	t.sign = func(input string) []byte { return mac(secret, input) }
}

// SignedByStranger names the provider's key, but is signed by another.
func SignedByStranger(t *IDToken) {
	t.key = keyOf("a stranger")
	t.signRS256()
}

// UnknownKey is signed by a key, and names it, that the provider does not have.
func UnknownKey(t *IDToken) {
	SignedByStranger(t)
	t.Header["kid"] = keyID(t.key)
}

func (t *IDToken) signRS256() {
	key := t.key
	t.sign = func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			panic(err) // of a key that we made
		}
		return signature
	}
}

// write returns the token as it is sent.
func (t *IDToken) write(lies []Lie) string {
	t.signRS256()
	for _, lie := range lies {
		lie(t)
	}
	input := part(t.Header) + "." + part(t.Claims)
	return input + "." + encode(t.sign(input))
}

func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of a test that says what is no JSON
	}
	return encode(b)
}

func mac(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// idToken returns what p says of a person to a client, without what only some
// say; the caller holds mu.
func (in *Internet) idToken(p Provider, issuer, audience string, person Person) *IDToken {
	key, now := keyOf(string(p)), in.now().Unix()
	t := &IDToken{
		Header: map[string]any{"alg": "RS256", "typ": "JWT", "kid": keyID(key)},
		Claims: map[string]any{"iss": issuer, "aud": audience, "sub": person.Subject, "iat": now, "exp": now + 3600},
		key:    key,
		secret: in.providers[p].clients[audience].Secret,
	}
	return t
}

// say adds claims that are not empty.
func (t *IDToken) say(claims map[string]string) {
	for name, value := range claims {
		if value != "" {
			t.Claims[name] = value
		}
	}
}

// halfHash is what at_hash says of an access token.
func halfHash(accessToken string) string {
	digest := sha256.Sum256([]byte(accessToken))
	return encode(digest[:len(digest)/2])
}

// keys are made once in a process: that takes long.
var keys struct {
	mu   sync.Mutex
	made map[string]*rsa.PrivateKey // guarded by mu
}

func keyOf(owner string) *rsa.PrivateKey {
	keys.mu.Lock()
	defer keys.mu.Unlock()
	if keys.made == nil {
		keys.made = map[string]*rsa.PrivateKey{}
	}
	if keys.made[owner] == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err) // no randomness
		}
		keys.made[owner] = key
	}
	return keys.made[owner]
}

func keyID(key *rsa.PrivateKey) string {
	digest := sha256.Sum256(key.N.Bytes())
	return hex.EncodeToString(digest[:20])
}

// keySet is the JWKS of a provider.
func keySet(p Provider) map[string]any {
	key := keyOf(string(p))
	return map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID(key),
		"n": encode(key.N.Bytes()),
		"e": encode(big.NewInt(int64(key.E)).Bytes()),
	}}}
}

// verifyES256 returns header and claims of a token that the key has signed.
func verifyES256(token string, key *ecdsa.PublicKey) (header, claims map[string]any, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, errors.New("not three parts")
	}
	var raw [3][]byte
	for i := range parts {
		if raw[i], err = base64.RawURLEncoding.DecodeString(parts[i]); err != nil {
			return nil, nil, err
		}
	}
	if err := errors.Join(json.Unmarshal(raw[0], &header), json.Unmarshal(raw[1], &claims)); err != nil {
		return nil, nil, err
	}
	digest, half := sha256.Sum256([]byte(parts[0]+"."+parts[1])), len(raw[2])/2
	r, s := new(big.Int).SetBytes(raw[2][:half]), new(big.Int).SetBytes(raw[2][half:])
	if header["alg"] != "ES256" || len(raw[2]) != 64 || !ecdsa.Verify(key, digest[:], r, s) {
		return nil, nil, errors.New("not signed by the key")
	}
	return header, claims, nil
}
