// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"net/http"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/twitch"
)

// Twitch returns sign-in with Twitch
// (https://dev.twitch.tv/docs/authentication/getting-tokens-oauth).
func Twitch(o Options) *Provider {
	return Further(o, "twitch", "https://id.twitch.tv/oauth2", func(o Options, callback string, client *http.Client) goth.Provider {
		theirs := twitch.New(o.ClientID, o.ClientSecret, callback, append([]string{"user:read:email"}, o.Scopes...)...)
		theirs.HTTPClient = client
		return theirs
	})
}
