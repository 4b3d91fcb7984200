// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/token"
)

// split returns the parts of a token, decoded but for the signature.
func split(t testing.TB, raw string) (header, claims, signature string) {
	t.Helper()
	parts := strings.Split(raw, ".")
	h, err := b64.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := b64.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(h), string(c), parts[2]
}

// The mark keeps what was made up from being verified; what it lets through is
// verified all the same.
func TestMarkIsNoSignature(t *testing.T) {
	r := newRing(t)
	raw := mustSign(t, r.Keyring, r.claims())
	header, claims, signature := split(t, raw)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	another, cut := r.claims(), strings.LastIndexByte(raw, '.')+1
	another.ID = "another"
	for name, forged := range map[string]string{
		"another key's":     signAs(t, other, header, claims),
		"none":              raw[:cut],
		"zeros":             raw[:cut] + strings.Repeat("A", len(signature)),
		"another letter":    raw[:cut+5] + other64(raw[cut+5]) + raw[cut+6:],
		"of another token":  raw[:cut] + strings.Split(mustSign(t, r.Keyring, another), ".")[2],
		"twice as long":     raw + signature,
		"half as long":      raw[:cut+len(signature)/2],
		"of the older part": raw[:cut] + strings.Split(raw, ".")[1],
	} {
		r.clock.Add(time.Minute) // each is looked at
		if c, err := r.Verify(forged, site); !errors.Is(err, token.ErrInvalid) || c.SessionID != "" {
			t.Errorf("%s: %+v, %v; want ErrInvalid", name, c, err)
		}
	}
}

// other64 returns another letter than c.
func other64(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestChangedClaimLosesItsMark(t *testing.T) {
	r := newRing(t)
	_, _, key := r.genuine(t)
	private := privateKey(t, key)
	header, claims, _ := split(t, mustSign(t, r.Keyring, r.claims()))
	if err := r.at(site)(signAs(t, private, header, claims)); err != nil {
		t.Fatalf("as it was: %v", err)
	}
	for name, changed := range map[string]string{
		"customer":           strings.ReplaceAll(claims, "123456789", "123456780"),
		"audience":           strings.Replace(claims, site, "https://sport.example", 1),
		"blank":              strings.Replace(claims, ":", ": ", 1),
		"blank behind":       claims + " ",
		"id":                 strings.Replace(claims, "token-id", "token-ie", 1),
		"member behind":      strings.TrimSuffix(claims, "}") + `,"x":"1"}`,
		"no mark":            claims[:len(claims)-24] + `"}`,
		"mark cut short":     claims[:len(claims)-3] + `"}`,
		"mark of nothing":    claims[:len(claims)-24] + markOf(t, private, "") + `"}`,
		"mark of everything": claims[:len(claims)-24] + markOf(t, private, claims) + `"}`,
		"no id":              `{}`,
		"nothing":            ``,
	} {
		r.wantInvalid(t, name, signAs(t, private, header, changed))
	}
}

func TestMarkIsTheKeysOwn(t *testing.T) {
	ours, theirs := newRing(t), newRing(t)
	header, claims, _ := split(t, mustSign(t, theirs.Keyring, theirs.claims()))
	_, _, key := ours.genuine(t)
	ourHeader, _, _ := split(t, mustSign(t, ours.Keyring, ours.claims()))
	ours.wantInvalid(t, "their claims under our header and key", signAs(t, privateKey(t, key), ourHeader, claims))
	ours.wantInvalid(t, "their header, too", signAs(t, privateKey(t, key), header, claims))
}

// Whoever has a token can have us look at wrong signatures under its claims, but
// not for ever.
func TestFewWrongSignaturesAreLookedAt(t *testing.T) {
	r := newRing(t)
	raw := mustSign(t, r.Keyring, r.claims())
	wrong := func() {
		t.Helper()
		_, _, signature := split(t, raw)
		forged := strings.TrimSuffix(raw, signature) + other64(signature[0]) + signature[1:]
		if _, err := r.Verify(forged, site); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("a wrong signature: %v", err)
		}
	}
	for range 2 {
		wrong()
		if err := r.at(site)(raw); err != nil {
			t.Errorf("the right one between wrong ones: %v", err)
		}
	}
	wrong()
	if err := r.at(site)(raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("after three: %v, want ErrInvalid without a look", err)
	}
	other := r.claims()
	other.ID = "another"
	if err := r.at(site)(mustSign(t, r.Keyring, other)); err != nil {
		t.Errorf("another token of the same customer: %v", err)
	}
	r.clock.Add(time.Second)
	if err := r.at(site)(raw); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

// Nothing but base64 of a bounded size is decoded of what was made up.
func TestImplausibleTokenIsNotParsed(t *testing.T) {
	r := newRing(t)
	raw := mustSign(t, r.Keyring, r.claims())
	header, claims, signature := split(t, raw)
	forged := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(strings.Replace(claims, "ann@", "bob@", 1))) + "." + signature
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Verify(forged, site) }); n > 14 {
		t.Errorf("%v allocations for a token without its mark", n)
	}
	foreign := "a" + raw
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Verify(foreign, site) }); n > 0 {
		t.Errorf("%v allocations for a token of no key of ours", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range token.Algorithms {
		r := newRing(b)
		keys := mustOpen(b, r.store, algorithm)
		raw := mustSign(b, keys, r.claims())
		header, claims, signature := split(b, raw)
		forged := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(strings.Replace(claims, "ann@", "bob@", 1))) + "." + signature
		b.Run(algorithm+"/good", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.Verify(raw, site); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(algorithm+"/made_up", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.Verify(forged, site); err == nil {
					b.Fatal("accepted")
				}
			}
		})
		b.Run(algorithm+"/sign", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustSign(b, keys, r.claims())
			}
		})
	}
}
