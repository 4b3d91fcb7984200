// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package token owns signed tokens: the claims of access tokens and of logout
// tokens, the keys that sign them, and the judgement whether an access token is
// ours. It refuses tokens that name any other key, algorithm, issuer, audience or
// type, a logout token above all, and it never fetches anything that a token
// points to. It is the only importer of golang-jwt.
package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/usher-sso/usher/internal/secret"
)

var (
	// ErrInvalid says that a token is not one of ours, or not for this use.
	ErrInvalid = errors.New("token is not valid")

	// ErrExpired says that a token was ours, for this use, and has run out.
	ErrExpired = errors.New("token has expired")
)

// maxSize bounds what is parsed at all. Our tokens stay under 1 KiB; a larger
// one would only cost memory.
const maxSize = 4096

// typ is the token type in the header of access tokens.
const typ = "JWT"

// Claims is what an access token says.
type Claims struct {
	ID          string
	SessionID   string
	CustomerID  int64
	PublisherID int64
	OfferID     string // when the sign-in named an offer
	Audience    string // a site's origin, or a publisher's id
	Email       string
	Consents    []string // names accepted at the newest version
	Stamp       string   // the demands that the customer met when it was made; "" if not all

	EmailVerified bool // the customer has proved to read mail at Email
	Captured      bool // nothing that the publisher must know of the customer is missing

	IssuedAt   time.Time
	Expires    time.Time
	SignedInAt time.Time
}

// PublisherAudience returns the audience of tokens that the API hands out.
// Sites' audiences are origins, so the two never meet.
func PublisherAudience(publisher int64) string { return strconv.FormatInt(publisher, 10) }

// wire is the JSON form. Types are strict: a claim of another type makes the
// token invalid. The names customerId and publisherId, and their types, are
// those that MediaStore clients read. ID is last, because it ends in a mark of
// what is before it, see mark.go.
type wire struct {
	Issuer      string   `json:"iss"`
	Subject     string   `json:"sub"`
	Audience    string   `json:"aud"`
	Expires     int64    `json:"exp"`
	IssuedAt    int64    `json:"iat"`
	NotBefore   int64    `json:"nbf,omitempty"` // never set by us, heeded all the same
	SignedInAt  int64    `json:"auth_time"`
	SessionID   string   `json:"sid"`
	CustomerID  string   `json:"customerId"`
	PublisherID int64    `json:"publisherId"`
	OfferID     string   `json:"offerId,omitempty"`
	Email       string   `json:"email,omitempty"`
	Consents    []string `json:"consents,omitempty"`
	Stamp       string   `json:"stamp,omitempty"`

	EmailVerified bool `json:"email_verified"`
	Captured      bool `json:"captureComplete,omitempty"`

	ID string `json:"jti"`
}

func (w *wire) GetExpirationTime() (*jwt.NumericDate, error) {
	if w.Expires == 0 {
		return nil, nil
	}
	return jwt.NewNumericDate(time.Unix(w.Expires, 0)), nil
}

func (w *wire) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(w.IssuedAt, 0)), nil
}

func (w *wire) GetNotBefore() (*jwt.NumericDate, error) {
	if w.NotBefore == 0 {
		return nil, nil
	}
	return jwt.NewNumericDate(time.Unix(w.NotBefore, 0)), nil
}

func (w *wire) GetIssuer() (string, error)             { return w.Issuer, nil }
func (w *wire) GetSubject() (string, error)            { return w.Subject, nil }
func (w *wire) GetAudience() (jwt.ClaimStrings, error) { return jwt.ClaimStrings{w.Audience}, nil }

// UnmarshalJSON refuses an object that names a member twice, in whatever case:
// readers differ in which of the two they take.
func (w *wire) UnmarshalJSON(b []byte) error {
	type plain wire // without this method
	if err := json.Unmarshal(b, (*plain)(w)); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ErrInvalid
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string)
		if name = strings.ToLower(strings.ToUpper(name)); err != nil || seen[name] {
			return ErrInvalid
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// Sign returns c as a signed token.
func (k *Keyring) Sign(c Claims) (string, error) {
	key, err := k.signing()
	if err != nil {
		return "", err
	}
	customer := strconv.FormatInt(c.CustomerID, 10)
	w := &wire{
		Issuer: k.issuer, Subject: customer, Audience: c.Audience,
		Expires: c.Expires.Unix(), IssuedAt: c.IssuedAt.Unix(), SignedInAt: c.SignedInAt.Unix(),
		ID: c.ID, SessionID: c.SessionID, CustomerID: customer, PublisherID: c.PublisherID,
		OfferID: c.OfferID, Email: c.Email, Consents: c.Consents, Stamp: c.Stamp,
		EmailVerified: c.EmailVerified, Captured: c.Captured,
	}
	if err := key.markID(w); err != nil {
		return "", err
	}
	return key.sign(jwt.NewWithClaims(key.method, w), typ)
}

// sign returns t as a token of a type.
func (k key) sign(t *jwt.Token, typ string) (string, error) {
	t.Header["typ"], t.Header["kid"] = typ, k.id
	return t.SignedString(k.private)
}

// Verify returns the claims of a token that we signed for the given audience
// and that has not expired. Errors: ErrInvalid, ErrExpired. It looks at
// signature and claims only; whether the session lives on is the caller's
// question.
func (k *Keyring) Verify(raw, audience string) (Claims, error) {
	return k.verify(raw, func(Claims) string { return audience })
}

// VerifyForPublisher is Verify for tokens of the API, whose audience is the
// publisher that they name.
func (k *Keyring) VerifyForPublisher(raw string) (Claims, error) {
	return k.verify(raw, func(c Claims) string { return PublisherAudience(c.PublisherID) })
}

func (k *Keyring) verify(raw string, audience func(Claims) string) (Claims, error) {
	if len(raw) > maxSize || strings.ContainsAny(raw, "\r\n") || !k.plausible(raw) { // base64 would pass over line breaks
		return Claims{}, ErrInvalid
	}
	var w wire
	_, err := k.parser.ParseWithClaims(raw, &w, k.keyFor)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && w.Issuer == k.issuer:
		err = ErrExpired
	case err != nil:
		if errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			k.wrongSignature(raw)
		}
		return Claims{}, ErrInvalid
	}
	c, ok := w.claims()
	if !ok || c.Audience != audience(c) {
		return Claims{}, ErrInvalid
	}
	return c, err
}

func (w *wire) claims() (Claims, bool) {
	customer, err := strconv.ParseInt(w.CustomerID, 10, 64)
	return Claims{
		ID: w.ID[:max(0, len(w.ID)-markLength)], SessionID: w.SessionID, CustomerID: customer, PublisherID: w.PublisherID,
		OfferID: w.OfferID, Audience: w.Audience, Email: w.Email, Consents: w.Consents, Stamp: w.Stamp,
		EmailVerified: w.EmailVerified, Captured: w.Captured,
		IssuedAt: time.Unix(w.IssuedAt, 0), Expires: time.Unix(w.Expires, 0), SignedInAt: time.Unix(w.SignedInAt, 0),
	}, err == nil && w.SessionID != "" && w.Subject == w.CustomerID
}

// keyFor finds the key that a token names by kid, and insists on the header
// that Sign gives it, to the letter: the key's own algorithm, our type, and
// nothing that points anywhere else.
func (k *Keyring) keyFor(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	key, ok := k.keys.Load().byID[kid]
	if !ok || !strings.HasPrefix(t.Raw, key.header) || !key.verifies(k.now()) {
		return nil, ErrInvalid
	}
	return key.private.Public(), nil
}

// headerOf returns the encoded header of access tokens that a key signs, and the
// dot behind it.
func headerOf(kid string, method jwt.SigningMethod) string {
	b, err := json.Marshal(map[string]string{"alg": method.Alg(), "kid": kid, "typ": typ})
	if err != nil {
		panic("encoding a token's header: " + err.Error()) // strings always encode
	}
	return secret.Encoding.EncodeToString(b) + "."
}
