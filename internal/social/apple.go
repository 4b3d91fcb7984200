// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/apple"
	"github.com/markbates/goth/providers/openidConnect"
)

// AppleKey is what Apple wants signed in place of a secret
// (https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret).
type AppleKey struct {
	TeamID, KeyID string
	PrivateKey    string // PKCS #8 in PEM, as Apple's .p8 files have it
}

// secret returns a client secret that is good for some minutes.
func (k AppleKey) secret(clientID string) (string, error) {
	now := time.Now()
	s, err := apple.MakeSecret(apple.SecretParams{
		PKCS8PrivateKey: k.PrivateKey, TeamId: k.TeamID, KeyId: k.KeyID, ClientId: clientID,
		Iat: int(now.Unix()), Exp: int(now.Add(10 * time.Minute).Unix()),
	})
	if err != nil {
		return "", fmt.Errorf("signing with the private key %s: %w", k.KeyID, err)
	}
	return *s, nil
}

// Apple returns sign-in with Apple
// (https://developer.apple.com/documentation/signinwithapple/signinwithapplerestapi).
// It speaks OpenID Connect, so goth's provider for that serves: the one for Apple asks
// for tokens with a client that never gives up. Errors: a key that does not sign.
func Apple(o Options, k AppleKey) (*Provider, error) {
	if _, err := k.secret(o.ClientID); err != nil {
		return nil, err
	}
	p := &Provider{
		Options: o, brand: "apple", issuer: "https://appleid.apple.com", client: newClient(o),
		byPost: true, asked: url.Values{"response_mode": {"form_post"}}, read: standard,
	}
	p.verifier = keys(p, p.issuer, "https://appleid.apple.com/auth/keys")
	p.adopt = func(_ context.Context, callback string, client *http.Client) (goth.Provider, error) {
		secret, err := k.secret(o.ClientID)
		if err != nil {
			return nil, err
		}
		theirs, err := openidConnect.NewCustomisedURL(o.ClientID, secret, callback, p.issuer+"/auth/authorize", p.issuer+"/auth/token",
			p.issuer, "", "", append([]string{"openid", "name", "email"}, o.Scopes...)...)
		if err != nil {
			return nil, err
		}
		theirs.HTTPClient = client
		return theirs, nil
	}
	return p, nil
}

// appleName reads the name that Apple tells with the first answer only, beside the
// token and unsigned: it is worth as much as one that somebody types.
func appleName(who *Person, user string) {
	var told struct {
		Name struct {
			FirstName string `json:"firstName"`
			LastName  string `json:"lastName"`
		} `json:"name"`
	}
	if len(user) > maxKept || json.Unmarshal([]byte(user), &told) != nil {
		return
	}
	who.FirstName, who.LastName = told.Name.FirstName, told.Name.LastName
}
