// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"net/http"

	"github.com/markbates/goth"
)

// Adopter returns goth's provider for one sign-in. It must send its requests by client,
// and have the provider answer at callback.
type Adopter func(o Options, callback string, client *http.Client) goth.Provider

// Further makes any other provider of goth's one of ours. brand is its word, and
// issuer its URL, both for good: the issuer is in the keys of identities. Addresses
// that goth reports count as unverified, and what apps bring is not judged.
func Further(o Options, brand, issuer string, adopt Adopter) *Provider {
	return &Provider{
		Options: o, brand: brand, issuer: issuer, client: newClient(o),
		adopt: func(_ context.Context, callback string, client *http.Client) (goth.Provider, error) {
			return adopt(o, callback, client), nil
		},
		read: func(u goth.User, _ map[string]any) (Person, error) {
			return Person{Subject: u.UserID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName}, nil
		},
	}
}
