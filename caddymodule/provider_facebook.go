// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/social"
)

// FacebookProvider is sign-in with Facebook.
//
//	login facebook {
//		client_id     1234567890
//		client_secret {env.FACEBOOK_APP_SECRET}
//	}
//
// client_id is the app's id, client_secret its secret. Facebook may tell no address,
// because viewers may decline or have none, and does not say that one is verified: who
// comes by Facebook is asked for what is missing. The secret also verifies the signed
// requests by which Facebook has data of a person deleted.
type FacebookProvider struct {
	Login

	// The ids of other Facebook apps of yours whose Limited Login tokens the API takes.
	// Default: none but client_id.
	NativeClientIDs []string `json:"native_client_ids,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*FacebookProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.providers.facebook", New: func() caddy.Module { return new(FacebookProvider) }}
}

// NewProvider returns the provider.
func (f *FacebookProvider) NewProvider() (*Provider, error) {
	o, err := f.Options("facebook")
	if err != nil {
		return nil, err
	}
	o.NativeClientIDs = eachFilled(f.NativeClientIDs)
	return social.Facebook(o), nil
}

// UnmarshalCaddyfile reads
//
//	facebook [<name>] {
//		<options of Login>
//		native_client_ids <id…>
//	}
func (f *FacebookProvider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return f.ReadCaddyfile(d, map[string]LoginOption{"native_client_ids": nativeIDs(&f.NativeClientIDs)})
}

// Interface guards
var (
	_ ProviderModule        = (*FacebookProvider)(nil)
	_ caddyfile.Unmarshaler = (*FacebookProvider)(nil)
)
