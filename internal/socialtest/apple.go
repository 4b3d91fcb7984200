// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const appleIssuer = "https://appleid.apple.com"

// secretLife is the longest that a client may let its secrets live: six months.
const secretLife = 15777000 * time.Second

// AppleKey is what a client of Apple's signs its secrets with.
type AppleKey struct {
	Team, ID string
	PEM      string // PKCS #8, as in the file that Apple hands out
}

// appleKey is what Apple keeps of it.
type appleKey struct {
	team, id string
	public   *ecdsa.PublicKey
}

// RegisterApple makes a client known to Apple, which proves itself by a key of its
// own.
func (in *Internet) RegisterApple(t testing.TB, id string, redirectURIs ...string) AppleKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	made := AppleKey{Team: "TEAM" + random()[:6], ID: random()[:10], PEM: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	in.Register(Apple, Client{ID: id, RedirectURIs: redirectURIs, apple: &appleKey{made.Team, made.ID, &key.PublicKey}})
	return made
}

// signed tells whether the key has signed a secret of the client that is good now.
func (k *appleKey) signed(secret, client string, now time.Time) bool {
	header, claims, err := verifyES256(secret, k.public)
	if err != nil {
		return false
	}
	at, ends := seconds(claims["iat"]), seconds(claims["exp"])
	return header["kid"] == k.id && claims["iss"] == k.team && claims["sub"] == client && claims["aud"] == appleIssuer &&
		!at.After(now.Add(time.Minute)) && ends.After(now) && !ends.After(at.Add(secretLife))
}

func seconds(claim any) time.Time {
	n, _ := claim.(float64) // what is none was long ago
	return time.Unix(int64(n), 0)
}

// apple opens Apple's host.
func (in *Internet) apple() {
	in.at(desk{
		provider: Apple, name: "Apple", hosts: []string{"appleid.apple.com"}, paths: []string{"/auth/authorize"},
		posts: true,
		more: func(q url.Values) error {
			scope := strings.Fields(q.Get("scope"))
			if (slices.Contains(scope, "name") || slices.Contains(scope, "email")) && q.Get("response_mode") != "form_post" {
				return errors.New("invalid_request: response_mode must be form_post when name or email scope is requested")
			}
			return nil
		},
		granted: func(q question, code string) url.Values {
			back := url.Values{"code": {code}}
			if user := q.grant.appleUser(); user != "" {
				back.Set("user", user)
			}
			return back
		},
		denied: url.Values{"error": {"user_cancelled_authorize"}},
	})
	in.serve(Apple, Discovery, "GET appleid.apple.com/.well-known/openid-configuration", func(*http.Request) answer {
		return ok(map[string]any{
			"issuer": appleIssuer, "authorization_endpoint": appleIssuer + "/auth/authorize", "token_endpoint": appleIssuer + "/auth/token",
			"jwks_uri": appleIssuer + "/auth/keys", "response_types_supported": []string{"code"},
			"response_modes_supported": []string{"query", "fragment", "form_post"}, "subject_types_supported": []string{"pairwise"},
			"id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid", "email", "name"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
			"claims_supported":                      []string{"aud", "email", "email_verified", "exp", "iat", "is_private_email", "iss", "nonce", "nonce_supported", "real_user_status", "sub", "transfer_sub"},
		})
	})
	in.serve(Apple, Keys, "GET appleid.apple.com/auth/keys", func(*http.Request) answer { return ok(keySet(Apple)) })
	in.serve(Apple, Tokens, "POST appleid.apple.com/auth/token", in.appleToken)
}

// appleUser is what Apple says of a person the first time, and never again.
func (g *grant) appleUser() string {
	if !g.first || !g.allows("name", "email") {
		return ""
	}
	user := map[string]any{}
	if g.allows("name") {
		user["name"] = map[string]string{"firstName": g.person.GivenName, "lastName": g.person.FamilyName}
	}
	if g.allows("email") && g.person.Email != "" {
		user["email"] = g.person.Email
	}
	b, err := json.Marshal(user)
	if err != nil {
		panic(err) // of texts
	}
	return string(b)
}

func (in *Internet) appleToken(r *http.Request) answer {
	fail := func(code, description string) answer {
		body := map[string]any{"error": code}
		add(body, map[string]string{"error_description": description})
		return answer{http.StatusBadRequest, body}
	}
	if r.Form.Get("grant_type") != "authorization_code" {
		return fail("unsupported_grant_type", "")
	}
	id := r.Form.Get("client_id")
	g, wrong := in.exchange(Apple, r, id, r.Form.Get("client_secret"))
	switch wrong {
	case none:
	case noClient, wrongSecret:
		return fail("invalid_client", "")
	case wrongRedirect:
		return fail("invalid_grant", "The redirect_uri does not match the one of the authorization request.")
	default:
		return fail("invalid_grant", "The code has expired or has been revoked.")
	}
	s := in.providers[Apple]
	token := s.tokenFor(g, "a")
	t := in.appleIDToken(g)
	t.Claims["at_hash"] = halfHash(token)
	return ok(map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r" + random(), "id_token": t.write(s.lies),
	})
}

// appleIDToken returns what Apple says of a person; the caller holds mu.
func (in *Internet) appleIDToken(g *grant) *IDToken {
	t := in.idToken(Apple, appleIssuer, g.client.ID, g.person)
	t.Claims["auth_time"], t.Claims["nonce_supported"] = in.now().Unix(), true
	t.say(map[string]string{"nonce": g.nonce})
	if g.allows("email") && g.person.Email != "" {
		t.Claims["email"], t.Claims["email_verified"] = g.person.Email, !g.person.Unverified
		if g.person.Private {
			t.Claims["is_private_email"] = true
		}
	}
	return t
}
