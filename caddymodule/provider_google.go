// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/social"
)

// GoogleProvider is sign-in with Google.
//
//	login google {
//		client_id     1234-abc.apps.googleusercontent.com
//		client_secret {env.GOOGLE_CLIENT_SECRET}
//	}
//
// Google says whether an address is verified, which counts: a new viewer whose address
// is need not prove it by a mail. Viewers choose their Google account each time,
// because the last one at a shared screen may be somebody else.
type GoogleProvider struct {
	Login

	// The ids of your apps, whose users have signed in with Google on the device:
	// tokens for them are taken by the API too. Default: none.
	NativeClientIDs []string `json:"native_client_ids,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*GoogleProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.providers.google", New: func() caddy.Module { return new(GoogleProvider) }}
}

// NewProvider returns the provider.
func (g *GoogleProvider) NewProvider() (*Provider, error) {
	o, err := g.Options("google")
	if err != nil {
		return nil, err
	}
	o.NativeClientIDs = eachFilled(g.NativeClientIDs)
	return social.Google(o), nil
}

// UnmarshalCaddyfile reads
//
//	google [<name>] {
//		<options of Login>
//		native_client_ids <id…>
//	}
func (g *GoogleProvider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return g.ReadCaddyfile(d, map[string]LoginOption{"native_client_ids": nativeIDs(&g.NativeClientIDs)})
}

// nativeIDs reads the ids of apps.
func nativeIDs(into *[]string) LoginOption {
	return texts(into, "at least one id that the provider has given to an app")
}

// Interface guards
var (
	_ ProviderModule        = (*GoogleProvider)(nil)
	_ caddyfile.Unmarshaler = (*GoogleProvider)(nil)
)
