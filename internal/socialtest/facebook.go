// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// facebookIssuer is in the id_tokens of both logins; the keys are at two places.
const facebookIssuer = "https://www.facebook.com"

// facebookLife is how long an access token is good: about sixty days.
const facebookLife = 5183944 * time.Second

// facebook opens Facebook's hosts.
func (in *Internet) facebook() {
	for _, host := range []string{"graph.facebook.com", "limited.facebook.com"} {
		in.names[host] = Facebook
	}
	in.at(desk{
		provider: Facebook, name: "Facebook", hosts: []string{"www.facebook.com"},
		paths:    []string{"/dialog/oauth", "/{version}/dialog/oauth"},
		granted:  func(_ question, code string) url.Values { return url.Values{"code": {code}} },
		denied:   url.Values{"error": {"access_denied"}, "error_code": {"200"}, "error_description": {"Permissions error"}, "error_reason": {"user_denied"}},
		fragment: "_=_",
	})
	for _, host := range []string{"www.facebook.com", "limited.facebook.com"} {
		in.serve(Facebook, Discovery, "GET "+host+"/.well-known/openid-configuration/{$}", func(*http.Request) answer {
			return ok(map[string]any{
				"issuer": facebookIssuer, "authorization_endpoint": "https://facebook.com/dialog/oauth/",
				"jwks_uri":                 "https://" + host + "/.well-known/oauth/openid/jwks/",
				"response_types_supported": []string{"id_token", "token id_token"}, "subject_types_supported": []string{"pairwise"},
				"id_token_signing_alg_values_supported": []string{"RS256"},
				"claims_supported":                      []string{"iss", "aud", "sub", "iat", "exp", "jti", "nonce", "at_hash", "name", "given_name", "family_name", "email", "picture"},
			})
		})
		in.serve(Facebook, Keys, "GET "+host+"/.well-known/oauth/openid/jwks/{$}", func(*http.Request) answer { return ok(keySet(Facebook)) })
	}
	for _, prefix := range []string{"graph.facebook.com", "graph.facebook.com/{version}"} {
		in.serve(Facebook, Tokens, "GET "+prefix+"/oauth/access_token", in.facebookToken)
		in.serve(Facebook, Tokens, "POST "+prefix+"/oauth/access_token", in.facebookToken)
		in.serve(Facebook, Profile, "GET "+prefix+"/me", in.facebookProfile)
		in.serve(Facebook, Debug, "GET "+prefix+"/debug_token", in.facebookDebug)
	}
}

// graphError is an error of the Graph API.
func graphError(kind string, code, subcode int, message string) answer {
	e := map[string]any{"message": message, "type": kind, "code": code, "fbtrace_id": "A" + random()[:22]}
	if subcode != 0 {
		e["error_subcode"] = subcode
	}
	return answer{http.StatusBadRequest, map[string]any{"error": e}}
}

func facebookProblem(p problem) answer {
	const kind = "OAuthException"
	switch p {
	case noClient:
		return graphError(kind, 101, 0, "Error validating application. Cannot get application info due to a system error.")
	case wrongSecret:
		return graphError(kind, 1, 0, "Error validating client secret.")
	case wrongCode:
		return graphError(kind, 100, 0, "Invalid verification code format.")
	case usedCode:
		return graphError(kind, 100, 36009, "This authorization code has been used.")
	case wrongRedirect:
		return graphError(kind, 100, 36008, "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request")
	}
	return graphError(kind, 1, 0, "Error validating code verifier.")
}

func (in *Internet) facebookToken(r *http.Request) answer {
	id := r.Form.Get("client_id")
	if id == "" { // credentials in a header are not looked at
		return graphError("OAuthException", 101, 0, "Missing client_id parameter.")
	}
	g, wrong := in.exchange(Facebook, r, id, r.Form.Get("client_secret"))
	if wrong != none {
		return facebookProblem(wrong)
	}
	s := in.providers[Facebook]
	token := in.facebookGrant(g)
	body := map[string]any{"access_token": token, "token_type": "bearer", "expires_in": int(facebookLife.Seconds())}
	if g.allows("openid") {
		t := in.facebookIDToken(g)
		t.Claims["at_hash"] = halfHash(token)
		body["id_token"] = t.write(s.lies)
	}
	return ok(body)
}

func (in *Internet) facebookGrant(g *grant) string {
	g.ends = in.now().Add(facebookLife)
	return in.providers[Facebook].tokenFor(g, "EAAG")
}

// facebookIDToken returns what Facebook says of a person; the caller holds mu.
func (in *Internet) facebookIDToken(g *grant) *IDToken {
	t := in.idToken(Facebook, facebookIssuer, g.client.ID, g.person)
	t.Claims["jti"] = random()
	t.say(g.person.profile())
	t.say(map[string]string{"nonce": g.nonce, "email": g.facebookEmail()})
	return t
}

// facebookEmail is the address, which Facebook does not call verified.
func (g *grant) facebookEmail() string {
	if g.allows("email") {
		return g.person.Email
	}
	return ""
}

func (in *Internet) facebookProfile(r *http.Request) answer {
	token := bearer(r)
	g := in.providers[Facebook].tokens[token]
	if g == nil || in.now().After(g.ends) {
		return graphError("OAuthException", 190, 0, "Invalid OAuth access token - Cannot parse access token")
	}
	switch proof := r.Form.Get("appsecret_proof"); proof {
	case hex.EncodeToString(mac([]byte(g.client.Secret), token)):
	case "":
		return graphError("GraphMethodException", 100, 0, "API calls from the server require an appsecret_proof argument")
	default:
		return graphError("GraphMethodException", 100, 0, "Invalid appsecret_proof provided in the API argument")
	}
	fields := r.Form.Get("fields")
	if fields == "" {
		fields = "id,name"
	}
	// What is not known, or needs permissions that were not asked for, is left out.
	known := map[string]string{
		"id": g.person.Subject, "name": g.person.Name, "first_name": g.person.GivenName, "last_name": g.person.FamilyName, "email": g.facebookEmail(),
	}
	body := map[string]any{"id": g.person.Subject}
	for field := range strings.SplitSeq(fields, ",") {
		field, _, _ = strings.Cut(field, "{")
		if known[field] != "" {
			body[field] = known[field]
		}
		if field == "picture" && g.person.Picture != "" {
			body[field] = map[string]any{"data": map[string]any{"height": 50, "width": 50, "is_silhouette": false, "url": g.person.Picture}}
		}
	}
	return ok(body)
}

// facebookDebug tells an app about a token of its own.
func (in *Internet) facebookDebug(r *http.Request) answer {
	s := in.providers[Facebook]
	id, secret, _ := strings.Cut(bearer(r), "|")
	if asking, known := s.clients[id]; !known || !asking.proves(secret, in.now()) {
		return graphError("OAuthException", 190, 0, "Invalid OAuth access token signature.")
	}
	invalid := func(code int, message string) answer {
		return ok(map[string]any{"data": map[string]any{
			"error": map[string]any{"code": code, "message": message}, "is_valid": false, "scopes": []string{},
		}})
	}
	g := s.tokens[r.Form.Get("input_token")]
	switch {
	case g == nil:
		return invalid(190, "Invalid OAuth access token.")
	case g.client.ID != id:
		return invalid(100, "(#100) The App_id in the input_token did not match the Viewing App")
	}
	data := map[string]any{
		"app_id": g.client.ID, "type": "USER", "application": "App " + g.client.ID, "user_id": g.person.Subject,
		"issued_at": g.ends.Add(-facebookLife).Unix(), "expires_at": g.ends.Unix(), "data_access_expires_at": g.ends.Unix(),
		"is_valid": in.now().Before(g.ends), "scopes": append([]string{"public_profile"}, g.scope...),
	}
	if data["is_valid"] == false {
		data["error"] = map[string]any{"code": 190, "subcode": 463, "message": "Error validating access token: Session has expired."}
	}
	return ok(map[string]any{"data": data})
}

// FacebookToken is an access token that an app on a phone has got for a person.
func (in *Internet) FacebookToken(clientID string, person Person) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.facebookGrant(in.nativeGrant(Facebook, clientID, person, ""))
}

// SignedRequest is what Facebook posts to a client when a person wants their data
// deleted.
func (in *Internet) SignedRequest(clientID string, person Person) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return SignedRequest(in.providers[Facebook].clients[clientID].Secret, map[string]any{
		"user_id": person.Subject, "algorithm": "HMAC-SHA256", "issued_at": in.now().Unix(),
	})
}

// SignedRequest signs what Facebook might post by a secret.
func SignedRequest(secret string, says map[string]any) string {
	payload := part(says)
	return encode(mac([]byte(secret), payload)) + "." + payload
}
