// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/facebook"
)

// Facebook returns sign-in with Facebook
// (https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow).
// It may tell no address, and does not say of one that it is verified. Its apps' tokens
// are those of classic and of Limited Login.
func Facebook(o Options) *Provider {
	p := &Provider{
		Options: o, brand: "facebook", issuer: "https://www.facebook.com", client: newClient(o),
		again: url.Values{"auth_type": {"reauthenticate"}},
		read: func(u goth.User, claims map[string]any) (Person, error) {
			if u.UserID == "" { // a token of Limited Login
				who, err := standard(u, claims)
				who.Verified = false
				return who, err
			}
			return Person{Subject: u.UserID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName}, nil
		},
	}
	p.adopt = func(_ context.Context, callback string, client *http.Client) (goth.Provider, error) {
		return adoptFacebook(p, callback, client), nil
	}
	p.native = func(ctx context.Context, token string) (Person, error) { return facebookToken(ctx, p, token) }
	p.apps = keys(p, p.issuer, "https://limited.facebook.com/.well-known/oauth/openid/jwks/")
	return p
}

func adoptFacebook(p *Provider, callback string, client *http.Client) *facebook.Provider {
	theirs := facebook.New(p.ClientID, p.ClientSecret, callback, append([]string{"public_profile"}, p.Scopes...)...)
	theirs.HTTPClient = client
	theirs.Fields = "id,email,first_name,last_name,name" // no more than is used
	return theirs
}

// facebookToken asks Facebook whose a token is, and which app's
// (https://developers.facebook.com/docs/facebook-login/guides/access-tokens/debugging).
func facebookToken(ctx context.Context, p *Provider, token string) (Person, error) {
	if token == "" || len(token) > maxToken {
		return Person{}, fmt.Errorf("%w: it is no access token", ErrRefused)
	}
	query := url.Values{"input_token": {token}, "access_token": {p.ClientID + "|" + p.ClientSecret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://graph.facebook.com/debug_token?"+query.Encode(), nil)
	if err != nil {
		return Person{}, unavailable(p, err)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return Person{}, unavailable(p, err)
	}
	defer answer.Body.Close()
	var told struct {
		Data struct {
			AppID   string `json:"app_id"`
			Type    string `json:"type"`
			UserID  string `json:"user_id"`
			IsValid bool   `json:"is_valid"`
		} `json:"data"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || answer.StatusCode != http.StatusOK {
		return Person{}, unavailable(p, fmt.Errorf("debug_token answers status %d", answer.StatusCode))
	}
	if d := told.Data; !d.IsValid || d.AppID != p.ClientID || d.Type != "USER" || d.UserID == "" {
		return Person{}, fmt.Errorf("%w: the token is not valid, or another app's", ErrRefused)
	}
	u, err := adoptFacebook(p, "", p.client).FetchUser(&facebook.Session{AccessToken: token})
	if err != nil {
		return Person{}, unavailable(p, err)
	}
	if u.UserID != told.Data.UserID {
		return Person{}, fmt.Errorf("%w: the token is of another person than the profile", ErrRefused)
	}
	return p.person(u, u.RawData)
}
