// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"net/http"
	"net/url"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/google"
)

// Google returns sign-in with Google
// (https://developers.google.com/identity/openid-connect/openid-connect). Its word
// that an address is verified counts.
func Google(o Options) *Provider {
	p := &Provider{
		Options: o, brand: "google", issuer: "https://accounts.google.com", client: newClient(o), pkce: true,
		asked: url.Values{"prompt": {"select_account"}}, // on a shared screen, the last viewer's account is not the next one's
		read:  standard,
	}
	p.verifier = keys(p, p.issuer, "https://www.googleapis.com/oauth2/v3/certs")
	p.adopt = func(_ context.Context, callback string, client *http.Client) (goth.Provider, error) {
		theirs := google.New(o.ClientID, o.ClientSecret, callback, append([]string{"openid", "email", "profile"}, o.Scopes...)...)
		theirs.HTTPClient = client
		theirs.SetAccessType("online") // nothing is done in anybody's name later
		return theirs, nil
	}
	return p
}
