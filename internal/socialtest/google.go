// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const googleIssuer = "https://accounts.google.com"

// Scopes as Google writes them in its answers, by what clients may write.
var googleScopes = map[string]string{
	"email":   "https://www.googleapis.com/auth/userinfo.email",
	"profile": "https://www.googleapis.com/auth/userinfo.profile",
}

// google opens Google's hosts.
func (in *Internet) google() {
	for _, host := range []string{"oauth2.googleapis.com", "www.googleapis.com", "openidconnect.googleapis.com"} {
		in.names[host] = Google
	}
	in.at(desk{
		provider: Google, name: "Google", hosts: []string{"accounts.google.com"},
		paths: []string{"/o/oauth2/auth", "/o/oauth2/v2/auth"},
		posts: true,
		granted: func(q question, code string) url.Values {
			// iss has come since 2026, though the discovery document does not announce it.
			return url.Values{
				"code": {code}, "scope": {strings.Join(q.grant.googleScope(), " ")}, "authuser": {"0"}, "prompt": {"consent"}, "iss": {googleIssuer},
			}
		},
		denied: url.Values{"error": {"access_denied"}, "iss": {googleIssuer}},
	})
	in.serve(Google, Discovery, "GET accounts.google.com/.well-known/openid-configuration", func(*http.Request) answer { return ok(googleDiscovery()) })
	in.serve(Google, Keys, "GET www.googleapis.com/oauth2/v3/certs", func(*http.Request) answer { return ok(keySet(Google)) })
	in.serve(Google, Tokens, "POST oauth2.googleapis.com/token", in.googleToken)
	in.serve(Google, Profile, "GET www.googleapis.com/oauth2/v2/userinfo", in.googleProfile)
	in.serve(Google, Profile, "GET openidconnect.googleapis.com/v1/userinfo", in.googleUserinfo)
	in.serve(Google, Profile, "GET www.googleapis.com/oauth2/v3/userinfo", in.googleUserinfo)
}

func googleDiscovery() map[string]any {
	return map[string]any{
		"issuer":                                googleIssuer,
		"authorization_endpoint":                "https://accounts.google.com/o/oauth2/v2/auth",
		"token_endpoint":                        "https://oauth2.googleapis.com/token",
		"userinfo_endpoint":                     "https://openidconnect.googleapis.com/v1/userinfo",
		"jwks_uri":                              "https://www.googleapis.com/oauth2/v3/certs",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "email", "profile"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"claims_supported":                      []string{"aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "picture", "sub"},
		"code_challenge_methods_supported":      []string{"plain", "S256"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
	}
}

// googleScope is the scope that Google writes: whoever asks for an address or a
// profile gets an id_token too.
func (g *grant) googleScope() []string {
	var all []string
	for _, s := range g.scope {
		if long := googleScopes[s]; long != "" {
			all = append(all, s, long)
		} else {
			all = append(all, s)
		}
	}
	if g.allows("email", "profile") && !g.allows("openid") {
		all = append(all, "openid")
	}
	slices.Sort(all)
	return all
}

func googleProblem(p problem) answer {
	switch p {
	case noClient:
		return googleError(http.StatusUnauthorized, "invalid_client", "The OAuth client was not found.")
	case wrongSecret:
		return googleError(http.StatusUnauthorized, "invalid_client", "The provided client secret is invalid.")
	case wrongCode:
		return googleError(http.StatusBadRequest, "invalid_grant", "Malformed auth code.")
	case wrongRedirect:
		return googleError(http.StatusBadRequest, "redirect_uri_mismatch", "Bad Request")
	case noVerifier:
		return googleError(http.StatusBadRequest, "invalid_grant", "Missing code verifier.")
	case wrongVerifier:
		return googleError(http.StatusBadRequest, "invalid_grant", "Invalid code verifier.")
	}
	return googleError(http.StatusBadRequest, "invalid_grant", "Bad Request")
}

func googleError(status int, code, description string) answer {
	return answer{status, map[string]any{"error": code, "error_description": description}}
}

func (in *Internet) googleToken(r *http.Request) answer {
	if r.Form.Get("grant_type") != "authorization_code" {
		return googleError(http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: "+r.Form.Get("grant_type"))
	}
	id, secret := r.Form.Get("client_id"), r.Form.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic {
		id, secret = unescaped(user), unescaped(password)
	}
	g, wrong := in.exchange(Google, r, id, secret)
	if wrong != none {
		return googleProblem(wrong)
	}
	s := in.providers[Google]
	token := s.tokenFor(g, "ya29.a0")
	body := map[string]any{"access_token": token, "expires_in": 3599, "scope": strings.Join(g.googleScope(), " "), "token_type": "Bearer"}
	if g.offline && g.first {
		body["refresh_token"] = "1//0" + random()
	}
	if g.allows("openid", "email", "profile") {
		t := in.googleIDToken(g, id)
		t.Claims["at_hash"] = halfHash(token)
		body["id_token"] = t.write(s.lies)
	}
	return ok(body)
}

// googleIDToken returns what Google says in a token for an audience; the caller
// holds mu.
func (in *Internet) googleIDToken(g *grant, audience string) *IDToken {
	t := in.idToken(Google, googleIssuer, audience, g.person)
	t.Claims["azp"] = g.client.ID
	t.say(map[string]string{"nonce": g.nonce})
	if g.allows("email") && g.person.Email != "" {
		t.Claims["email"], t.Claims["email_verified"] = g.person.Email, !g.person.Unverified
	}
	if g.allows("profile") {
		t.say(g.person.profile())
	}
	return t
}

// profile is what OpenID calls the profile of a person.
func (p Person) profile() map[string]string {
	return map[string]string{"name": p.Name, "given_name": p.GivenName, "family_name": p.FamilyName, "picture": p.Picture}
}

func add(to map[string]any, more map[string]string) {
	for name, value := range more {
		if value != "" {
			to[name] = value
		}
	}
}

// googleProfile is the older of the two descriptions of people.
func (in *Internet) googleProfile(r *http.Request) answer {
	g := in.providers[Google].tokens[bearer(r)]
	if g == nil {
		return answer{http.StatusUnauthorized, map[string]any{"error": map[string]any{
			"code": 401, "status": "UNAUTHENTICATED",
			"message": "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
		}}}
	}
	body := map[string]any{"id": g.person.Subject}
	if g.allows("email") && g.person.Email != "" {
		body["email"], body["verified_email"] = g.person.Email, !g.person.Unverified
	}
	if g.allows("profile") {
		add(body, g.person.profile())
	}
	return ok(body)
}

func (in *Internet) googleUserinfo(r *http.Request) answer {
	g := in.providers[Google].tokens[bearer(r)]
	if g == nil {
		return answer{http.StatusUnauthorized, map[string]any{"error": "invalid_request", "error_description": "Invalid Credentials"}}
	}
	body := map[string]any{"sub": g.person.Subject}
	if g.allows("email") && g.person.Email != "" {
		body["email"], body["email_verified"] = g.person.Email, !g.person.Unverified
	}
	if g.allows("profile") {
		add(body, g.person.profile())
	}
	return ok(body)
}

// unescaped undoes what clients do to names and secrets in Basic credentials.
func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
