// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// twitch opens Twitch's hosts: a provider with OAuth alone, as most are.
func (in *Internet) twitch() {
	in.names["api.twitch.tv"] = Twitch
	in.at(desk{
		provider: Twitch, name: "Twitch", hosts: []string{"id.twitch.tv"}, paths: []string{"/oauth2/authorize"},
		granted: func(q question, code string) url.Values {
			return url.Values{"code": {code}, "scope": {strings.Join(q.grant.scope, " ")}}
		},
		denied: url.Values{"error": {"access_denied"}, "error_description": {"The user denied you access"}},
	})
	in.serve(Twitch, Tokens, "POST id.twitch.tv/oauth2/token", in.twitchToken)
	in.serve(Twitch, Profile, "GET api.twitch.tv/helix/users", in.twitchProfile)
}

func twitchError(status int, message string) answer {
	return answer{status, map[string]any{"status": status, "message": message}}
}

func (in *Internet) twitchToken(r *http.Request) answer {
	if r.Form.Get("client_id") == "" { // credentials in a header are not looked at
		return twitchError(http.StatusBadRequest, "missing client id")
	}
	g, wrong := in.exchange(Twitch, r, r.Form.Get("client_id"), r.Form.Get("client_secret"))
	switch wrong {
	case none:
	case noClient:
		return twitchError(http.StatusBadRequest, "invalid client")
	case wrongSecret:
		return twitchError(http.StatusForbidden, "invalid client secret")
	case wrongRedirect:
		return twitchError(http.StatusBadRequest, "Parameter redirect_uri does not match registered URI")
	default:
		return twitchError(http.StatusBadRequest, "Invalid authorization code")
	}
	return ok(map[string]any{
		"access_token": in.providers[Twitch].tokenFor(g, ""), "refresh_token": random(), "expires_in": 14124, "scope": g.scope, "token_type": "bearer",
	})
}

func (in *Internet) twitchProfile(r *http.Request) answer {
	g := in.providers[Twitch].tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if g == nil || r.Header.Get("Client-Id") != g.client.ID {
		return answer{http.StatusUnauthorized, map[string]any{"error": "Unauthorized", "status": 401, "message": "Invalid OAuth token"}}
	}
	user := map[string]any{
		"id": g.person.Subject, "login": strings.ToLower(g.person.GivenName), "display_name": g.person.GivenName, "type": "", "broadcaster_type": "",
		"description": "", "profile_image_url": g.person.Picture, "offline_image_url": "", "view_count": 0,
		"created_at": time.Date(2016, 12, 14, 20, 32, 28, 0, time.UTC).Format(time.RFC3339),
	}
	// Twitch gives verified addresses away and no others.
	if g.allows("user:read:email") && g.person.Email != "" && !g.person.Unverified {
		user["email"] = g.person.Email
	}
	return ok(map[string]any{"data": []any{user}})
}
