// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/social"
)

// TwitchProvider is sign-in with Twitch.
//
//	login twitch {
//		client_id     abcdef
//		client_secret {env.TWITCH_CLIENT_SECRET}
//	}
//
// It shows how little another provider of goth's needs. Twitch's addresses count as
// unverified.
type TwitchProvider struct{ Login }

// CaddyModule returns the Caddy module information.
func (*TwitchProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.providers.twitch", New: func() caddy.Module { return new(TwitchProvider) }}
}

// NewProvider returns the provider.
func (t *TwitchProvider) NewProvider() (*Provider, error) {
	o, err := t.Options("twitch")
	if err != nil {
		return nil, err
	}
	return social.Twitch(o), nil
}

// Interface guards
var (
	_ ProviderModule        = (*TwitchProvider)(nil)
	_ caddyfile.Unmarshaler = (*TwitchProvider)(nil)
)
