// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"testing"
)

var b64 = base64.RawURLEncoding

// twoPublishers has a site for each of two publishers.
const twoPublishers = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			sites {{.News}}
		}
		publisher 100000002 {
			name "Rival Media"
			sites {{.Sports}}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	usher_gate
	reverse_proxy {{.NewsApp}}
}
{{.Sports}} {
	usher_gate
	reverse_proxy {{.SportsApp}}
}
`

// forge is a workshop for tokens that are not the server's.
type forge struct {
	t       testing.TB
	genuine string
	header  map[string]any
	claims  map[string]any
	key     *ecdsa.PrivateKey // not the server's
	jwk     map[string]string // the server's public key
	public  []byte            // the same in PKIX
}

func newForge(t testing.TB, s *server, genuine string) *forge {
	t.Helper()
	f := &forge{t: t, genuine: genuine}
	parts := strings.Split(genuine, ".")
	for i, into := range []*map[string]any{&f.header, &f.claims} {
		b, err := b64.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var set struct{ Keys []map[string]string }
	s.visitor(t).send("GET", s.hub+"/.well-known/jwks.json", "").says(t, 200).json(t, &set)
	if len(set.Keys) == 0 || set.Keys[0]["kid"] != f.header["kid"] || set.Keys[0]["d"] != "" {
		t.Fatalf("published keys are %v, the token's header %v", set.Keys, f.header)
	}
	f.jwk = set.Keys[0]
	x, _ := b64.DecodeString(f.jwk["x"])
	y, _ := b64.DecodeString(f.jwk["y"])
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err == nil {
		f.public, err = x509.MarshalPKIXPublicKey(public)
	}
	if err == nil {
		f.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// with returns a copy of m with changes; a nil value removes.
func with(m map[string]any, changes map[string]any) map[string]any {
	c := maps.Clone(m)
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func (f *forge) unsigned(header, claims any) string {
	encode := func(v any) string {
		text, ok := v.(string)
		if !ok {
			b, err := json.Marshal(v)
			if err != nil {
				f.t.Fatal(err)
			}
			text = string(b)
		}
		return b64.EncodeToString([]byte(text))
	}
	return encode(header) + "." + encode(claims)
}

// signed signs with the forger's own key.
func (f *forge) signed(header, claims any) string {
	body := f.unsigned(header, claims)
	digest := sha256.Sum256([]byte(body))
	r, s, err := ecdsa.Sign(rand.Reader, f.key, digest[:])
	if err != nil {
		f.t.Fatal(err)
	}
	return body + "." + b64.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func (f *forge) hmac(secret []byte) string {
	body := f.unsigned(with(f.header, map[string]any{"alg": "HS256"}), f.claims)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(body))
	return body + "." + b64.EncodeToString(h.Sum(nil))
}

// tampered keeps the genuine signature under other claims or another header.
func (f *forge) tampered(header, claims any) string {
	return f.unsigned(header, claims) + f.genuine[strings.LastIndex(f.genuine, "."):]
}

// forgeries returns tokens that must be worth nothing anywhere.
func (f *forge) forgeries() map[string]string {
	genuine, parts := f.genuine, strings.Split(f.genuine, ".")
	x, _ := b64.DecodeString(f.jwk["x"])
	y, _ := b64.DecodeString(f.jwk["y"])
	jwkText, _ := json.Marshal(f.jwk)
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: f.public})
	h := func(changes map[string]any) map[string]any { return with(f.header, changes) }
	c := func(changes map[string]any) map[string]any { return with(f.claims, changes) }
	all := map[string]string{
		"empty": "", "dots": "..", "words": "not a token", "a number": "1", "an object": "{}",
		"no signature": parts[0] + "." + parts[1] + ".", "two parts": parts[0] + "." + parts[1], "four parts": genuine + ".x",
		"truncated by one": genuine[:len(genuine)-1], "truncated by half": genuine[:len(genuine)/2], "payload only": parts[1],
		"padded": genuine + "==", "padded parts": parts[0] + "=." + parts[1] + "=." + parts[2] + "=",
		"twice": genuine + genuine, "two of them": genuine + " " + genuine, "space in the middle": parts[0] + " ." + parts[1] + "." + parts[2],
		"standard alphabet": parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+",
		"upper case":        strings.ToUpper(genuine),
		"oversized":         genuine + strings.Repeat("A", 6<<10), "oversized claim": f.tampered(f.header, c(map[string]any{"x": strings.Repeat("a", 6<<10)})),
		"many dots": strings.Repeat(".", 5000),

		"own key under our kid": f.signed(f.header, f.claims), "unknown kid": f.signed(h(map[string]any{"kid": "unknown"}), f.claims),
		"no kid": f.signed(h(map[string]any{"kid": nil}), f.claims), "kid is a path": f.signed(h(map[string]any{"kid": "../../../../dev/null"}), f.claims),
		"kid is SQL": f.signed(h(map[string]any{"kid": "' OR 1=1 --"}), f.claims), "kid is a number": f.signed(h(map[string]any{"kid": 1}), f.claims),
		"kid is a list":        f.signed(h(map[string]any{"kid": []any{f.header["kid"]}}), f.claims),
		"key in jwk":           f.signed(h(map[string]any{"jwk": f.ownJWK()}), f.claims),
		"key at jku":           f.signed(h(map[string]any{"jku": "http://127.0.0.1:1/jwks.json", "kid": "own"}), f.claims),
		"key at x5u":           f.signed(h(map[string]any{"x5u": "http://127.0.0.1:1/x.pem"}), f.claims),
		"critical":             f.tampered(h(map[string]any{"crit": []string{"exp"}}), f.claims),
		"zero signature":       parts[0] + "." + parts[1] + "." + b64.EncodeToString(make([]byte, 64)),
		"HS256 with the point": f.hmac(append(append([]byte{4}, x...), y...)), "HS256 with the coordinates": f.hmac(append(x, y...)),
		"HS256 with DER": f.hmac(f.public), "HS256 with PEM": f.hmac(pemText), "HS256 with the JWK": f.hmac(jwkText),
		"HS256 with nothing": f.hmac(nil), "HS256 with the kid": f.hmac([]byte(fmt.Sprint(f.header["kid"]))),

		"later expiry":        f.tampered(f.header, c(map[string]any{"exp": f.claims["exp"].(float64) + 1e6})),
		"expired":             f.tampered(f.header, c(map[string]any{"exp": 1})),
		"another customer":    f.tampered(f.header, c(map[string]any{"customerId": "100000001", "sub": "100000001"})),
		"another publisher":   f.tampered(f.header, c(map[string]any{"publisherId": 100000002, "aud": "100000002"})),
		"another session":     f.tampered(f.header, c(map[string]any{"sid": "x"})),
		"another issuer":      f.tampered(f.header, c(map[string]any{"iss": "http://evil.test"})),
		"a member twice":      f.tampered(f.header, strings.Replace(f.text(f.claims), "{", `{"customerId":"100000001",`, 1)),
		"an algorithm twice":  f.tampered(strings.Replace(f.text(f.header), "{", `{"alg":"none",`, 1), f.claims),
		"claims are a list":   f.signed(f.header, "[]"),
		"claims are null":     f.signed(f.header, "null"),
		"deep claims":         f.signed(f.header, strings.Repeat("[", 1000)+strings.Repeat("]", 1000)),
		"deep header":         f.signed(strings.Repeat("[", 1000)+strings.Repeat("]", 1000), f.claims),
		"claims are not JSON": f.signed(f.header, "{"),
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "HS256", "ES384", "RS256", "EdDSA", "es256"} {
		body := f.unsigned(h(map[string]any{"alg": alg}), f.claims)
		all["algorithm "+alg] = body + "."
		all["algorithm "+alg+" with our signature"] = body + "." + parts[2]
	}
	return all
}

func (f *forge) text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

func (f *forge) ownJWK() map[string]string {
	point, err := f.key.PublicKey.Bytes()
	if err != nil {
		f.t.Fatal(err)
	}
	return map[string]string{"kty": "EC", "crv": "P-256", "x": b64.EncodeToString(point[1:33]), "y": b64.EncodeToString(point[33:])}
}
