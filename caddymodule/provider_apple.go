// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/social"
)

// AppleProvider is sign-in with Apple.
//
//	login apple {
//		client_id   com.example.web
//		team_id     ABCDE12345
//		key_id      FGHIJ67890
//		private_key {file./etc/usher/AuthKey_FGHIJ67890.p8}
//	}
//
// client_id is the Services ID. Apple wants its secrets signed anew all the time, so
// there is a key in place of a client_secret; one that does not sign is refused when
// the configuration is read. Viewers may hide their address: mail to the one that
// Apple makes up arrives only from senders that you have registered with Apple.
type AppleProvider struct {
	Login

	// The team that the app belongs to. Required.
	TeamID string `json:"team_id"`

	// The id of the key. Required.
	KeyID string `json:"key_id"`

	// The key itself, as Apple's .p8 file has it. Write a placeholder such as
	// {file./etc/usher/AuthKey_FGHIJ67890.p8}. Required.
	PrivateKey string `json:"private_key"`

	// The bundle ids of your apps, whose users have signed in with Apple on the
	// device: tokens for them are taken by the API too. Default: none.
	NativeClientIDs []string `json:"native_client_ids,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*AppleProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.providers.apple", New: func() caddy.Module { return new(AppleProvider) }}
}

var errAppleSecret = errors.New("apple takes no client_secret; write team_id, key_id and private_key, which sign one")

// NewProvider returns the provider.
func (a *AppleProvider) NewProvider() (*Provider, error) { return a.open(filled) }

// open judges the key; read fills in placeholders.
func (a *AppleProvider) open(read func(string) string) (*Provider, error) {
	o := a.options("apple", read)
	o.NativeClientIDs = eachFilled(a.NativeClientIDs)
	if o.ClientSecret != "" {
		return nil, fmt.Errorf("login %s: %w", o.Name, errAppleSecret)
	}
	key := social.AppleKey{TeamID: read(a.TeamID), KeyID: read(a.KeyID), PrivateKey: read(a.PrivateKey)}
	if key.TeamID == "" || key.KeyID == "" || key.PrivateKey == "" {
		return nil, fmt.Errorf("login %s: team_id, key_id or private_key is missing or empty; write them, or see that the placeholder's variable or file is there", o.Name)
	}
	p, err := social.Apple(o, key)
	if err != nil {
		return nil, fmt.Errorf("login %s: %w; write the content of Apple's .p8 file, such as {file./etc/usher/AuthKey.p8}", o.Name, err)
	}
	return p, nil
}

// UnmarshalCaddyfile reads
//
//	apple [<name>] {
//		<options of Login but client_secret>
//		team_id           <id>
//		key_id            <id>
//		private_key       <key>
//		native_client_ids <id…>
//	}
func (a *AppleProvider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	line := *d
	line.Next()
	err := a.ReadCaddyfile(d, map[string]LoginOption{
		"client_secret":     func(d *caddyfile.Dispenser) error { return d.WrapErr(errAppleSecret) },
		"team_id":           text(&a.TeamID, "the id of your team at Apple, such as ABCDE12345"),
		"key_id":            text(&a.KeyID, "the id of the key, such as FGHIJ67890"),
		"private_key":       text(&a.PrivateKey, "the content of Apple's .p8 file, such as {file./etc/usher/AuthKey.p8}"),
		"native_client_ids": nativeIDs(&a.NativeClientIDs),
	}, "team_id", "key_id", "private_key")
	if err != nil || !plain(a.TeamID) || !plain(a.KeyID) || !plain(a.PrivateKey) {
		return err
	}
	if _, err := a.open(func(s string) string { return s }); err != nil {
		return line.WrapErr(err)
	}
	return nil
}

// Interface guards
var (
	_ ProviderModule        = (*AppleProvider)(nil)
	_ caddyfile.Unmarshaler = (*AppleProvider)(nil)
)
