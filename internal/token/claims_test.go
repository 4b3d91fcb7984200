// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/token"
)

// Our own signature does not make a claim of another type or value right.
func TestClaimThatIsNotExactlyOursIsRefused(t *testing.T) {
	r := newRing(t)
	now := r.clock.Now()
	changes := []struct {
		claim string
		value any // nil removes it
	}{
		{"iss", "https://evil.example"}, {"iss", issuer + "/"}, {"iss", strings.ToUpper(issuer)}, {"iss", ""}, {"iss", nil}, {"iss", []string{issuer}}, {"iss", 7},
		{"aud", "https://sports.example"}, {"aud", []string{site}}, {"aud", []string{site, "https://sports.example"}}, {"aud", ""}, {"aud", nil}, {"aud", 100_000_001},
		{"exp", nil}, {"exp", fmt.Sprint(now.Add(time.Hour).Unix())}, {"exp", 0}, {"exp", 1.5e300}, {"exp", true}, {"exp", []int64{now.Unix() + 60}},
		{"exp", float64(now.Unix()) + 60.5}, {"exp", "never"},
		{"iat", "yesterday"},
		{"nbf", now.Add(time.Minute).Unix()}, {"nbf", "soon"},
		{"sid", nil}, {"sid", ""}, {"sid", 7}, {"jti", 7},
		{"sub", "999999999"}, {"sub", nil}, {"sub", 123_456_789},
		{"customerId", "999999999"}, {"customerId", 123_456_789}, {"customerId", "ann"}, {"customerId", nil},
		{"publisherId", "100000001"}, {"publisherId", 1.5}, {"consents", "terms"}, {"email", []string{"ann@example.com"}},
	}
	for _, change := range changes {
		header, claims, key := r.genuine(t)
		claims[change.claim] = change.value
		if change.value == nil {
			delete(claims, change.claim)
		}
		raw := mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims))
		r.wantInvalid(t, fmt.Sprintf("%s %v", change.claim, change.value), raw)
	}
}

func TestExpiredTokenThatWasNeverOursIsInvalid(t *testing.T) {
	r := newRing(t)
	for claim, value := range map[string]any{
		"iss": "https://evil.example", "aud": "https://sports.example", "sid": "", "sub": "1", "no iss": nil,
	} {
		header, claims, key := r.genuine(t)
		claims["exp"] = r.clock.Now().Add(-time.Second).Unix()
		if value == nil {
			delete(claims, "iss")
		} else {
			claims[claim] = value
		}
		r.wantInvalid(t, claim, mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
	}
}

func TestOddExpiryIsNoLongLife(t *testing.T) {
	r := newRing(t)
	for _, exp := range []int64{-1, math.MinInt64, 1} {
		header, claims, key := r.genuine(t)
		claims["exp"] = exp
		raw := mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims))
		if err := r.at(site)(raw); !errors.Is(err, token.ErrExpired) && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("exp %d: %v", exp, err)
		}
	}
}

// Readers differ in which of two members they take, so a token must not have
// two.
func TestTokenWithAMemberGivenTwiceIsRefused(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	private := privateKey(t, key)
	h, c := mustJSON(t, header), mustJSON(t, claims)
	twice := func(object, member string) string { return "{" + member + "," + object[1:] }
	for name, parts := range map[string][2]string{
		"alg": {twice(h, `"alg":"none"`), c}, "kid": {twice(h, `"kid":"other"`), c}, "typ": {twice(h, `"typ":"logout+jwt"`), c},
		"aud": {h, twice(c, `"aud":"https://sports.example"`)}, "exp": {h, twice(c, `"exp":1`)}, "sub": {h, twice(c, `"sub":"1"`)},
		"sid": {h, twice(c, `"sid":"other"`)}, "same value": {h, twice(c, `"aud":"`+site+`"`)},
		"another case": {h, twice(c, `"AUD":"https://sports.example"`)}, "escaped": {h, twice(c, `"\u0061ud":"https://sports.example"`)},
		"a letter that Go takes for s": {h, twice(c, `"ſub":"1"`)},
	} {
		r.wantInvalid(t, name, mint(t, private, parts[0], parts[1]))
	}
}

func TestTokenInAnotherSpellingIsRefused(t *testing.T) {
	r := newRing(t)
	raw := mustSign(t, r.Keyring, r.claims())
	parts := strings.Split(raw, ".")
	header, claims, key := r.genuine(t)
	private := privateKey(t, key)
	join := func(p ...string) string { return strings.Join(p, ".") }
	tests := map[string]string{
		"empty": "", "dots": "..", "one part": parts[0], "two parts": join(parts[0], parts[1]), "four parts": raw + ".", "five parts": raw + ".a.b",
		"no signature": join(parts[0], parts[1], ""), "no claims": join(parts[0], "", parts[2]), "no header": join("", parts[1], parts[2]),
		"truncated by one": raw[:len(raw)-1], "truncated signature": raw[:len(raw)-4], "doubled signature": raw + parts[2], "swapped parts": join(parts[1], parts[0], parts[2]),
		"padded signature": raw + "==", "padded header": join(parts[0]+"=", parts[1], parts[2]), "padded claims": join(parts[0], parts[1]+"==", parts[2]),
		"space before": " " + raw, "space behind": raw + " ", "line break behind": raw + "\n", "line break inside": join(parts[0]+"\n", parts[1], parts[2]),
		"NUL": raw + "\x00", "with scheme": "Bearer " + raw, "array": mint(t, private, mustJSON(t, header), "["+mustJSON(t, claims)+"]"),
		"null": mint(t, private, mustJSON(t, header), "null"), "null header": mint(t, private, "null", mustJSON(t, claims)),
		"two documents": mint(t, private, mustJSON(t, header), mustJSON(t, claims)+"{}"), "not JSON": mint(t, private, mustJSON(t, header), "claims"),
		"spare bits": spareBits(t, raw),
	}
	for name, forged := range tests {
		r.wantInvalid(t, name, forged)
	}
}

// spareBits sets a bit of the last character that says nothing of the
// signature.
func spareBits(t *testing.T, raw string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	forged := raw[:len(raw)-1] + string(alphabet[last|1])
	if forged == raw {
		t.Fatal("the last character has no spare bits")
	}
	return forged
}

func TestOversizedTokenIsRefusedWithoutReadingIt(t *testing.T) {
	r := newRing(t)
	header, claims, key := r.genuine(t)
	claims["email"] = strings.Repeat("a", 4096)
	r.wantInvalid(t, "signed", mint(t, privateKey(t, key), mustJSON(t, header), mustJSON(t, claims)))
	huge := strings.Repeat("a", 1<<20) + "." + strings.Repeat("a.", 1<<20)
	r.wantInvalid(t, "huge", huge)
	if n := testing.AllocsPerRun(10, func() { _, _ = r.Verify(huge, site) }); n > 0 {
		t.Errorf("%v allocations for a huge token", n)
	}
	deep := mint(t, privateKey(t, key), mustJSON(t, header), `{"x":`+strings.Repeat("[", 2500))
	r.wantInvalid(t, "deep", deep)
}

// The longest address, with what JSON escapes, and more consents than a
// publisher will ask for.
func TestLargestTokenThatIsSignedIsAccepted(t *testing.T) {
	r := newRing(t)
	c := r.claims()
	c.Email = strings.Repeat("&", 241) + "@example.com"
	for i := range 16 {
		c.Consents = append(c.Consents, fmt.Sprintf("consent_with_a_long_name_%02d", i))
	}
	if err := r.at(site)(mustSign(t, r.Keyring, c)); err != nil {
		t.Error(err)
	}
}
