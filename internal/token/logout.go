// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// logoutTyp is the token type of logout tokens (OpenID Connect Back-Channel
// Logout 1.0, section 2.4). It keeps them from being taken for access tokens,
// by us and by others.
const logoutTyp = "logout+jwt"

// logoutEvent is the member of events that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout is what a logout token says: that a session has ended.
type Logout struct {
	ID         string // the same at every try, so that receivers know it again
	SessionID  string
	CustomerID int64
	Audience   string // who the receiver is to itself
	IssuedAt   time.Time
	Expires    time.Time
}

// SignLogout returns l as a signed logout token.
func (k *Keyring) SignLogout(l Logout) (string, error) {
	key, err := k.signing()
	if err != nil {
		return "", err
	}
	// No nonce: the standard forbids it, so that nobody takes this for an ID token.
	return key.sign(jwt.NewWithClaims(key.method, jwt.MapClaims{
		"iss": k.issuer, "sub": strconv.FormatInt(l.CustomerID, 10), "aud": l.Audience,
		"iat": l.IssuedAt.Unix(), "exp": l.Expires.Unix(), "jti": l.ID, "sid": l.SessionID,
		"events": map[string]any{logoutEvent: struct{}{}},
	}), logoutTyp)
}
