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

// OpenIDProvider is sign-in with any provider that speaks OpenID Connect, such as the
// publisher's own.
//
//	login openid corporate {
//		issuer        https://login.example.com
//		client_id     usher
//		client_secret {env.CORPORATE_CLIENT_SECRET}
//		label         "Example account"
//	}
//
// Its endpoints and keys are found by its issuer (OpenID Connect Discovery 1.0) when
// they are first needed: a provider that is down keeps no configuration from loading.
//
// The issuer is a part of the key by which accounts are found. With another issuer,
// the same name stands for other people.
type OpenIDProvider struct {
	Login

	// The provider's URL, exactly as it writes `issuer` in
	// <issuer>/.well-known/openid-configuration: https, or plain http on this machine.
	// Required.
	Issuer string `json:"issuer"`

	// Whether the provider is the publisher's own, so that its word on who somebody
	// is counts: the claim that is kept as externalId decides which customer they are,
	// as in the API's POST /sso/auths. Needs that claim. Default: false.
	Trusted bool `json:"trusted,omitempty"`

	// The ids of your apps at the provider: tokens for them are taken by the API too.
	// Default: none.
	NativeClientIDs []string `json:"native_client_ids,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*OpenIDProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.providers.openid", New: func() caddy.Module { return new(OpenIDProvider) }}
}

// NewProvider returns the provider.
func (p *OpenIDProvider) NewProvider() (*Provider, error) {
	o, err := p.Options("")
	if err != nil {
		return nil, err
	}
	issuer := filled(p.Issuer)
	if err := checkIssuer(issuer); err != nil {
		return nil, fmt.Errorf("login %s: %w", o.Name, err)
	}
	o.Trusted, o.NativeClientIDs = p.Trusted, eachFilled(p.NativeClientIDs)
	return social.OpenID(o, issuer), nil
}

func checkIssuer(issuer string) error {
	if issuer == "" {
		return errors.New("issuer is missing or empty; write the provider's URL, such as https://login.example.com")
	}
	if err := social.CheckIssuer(issuer); err != nil {
		return fmt.Errorf("%w; write the provider's URL, such as https://login.example.com", err)
	}
	return nil
}

// UnmarshalCaddyfile reads
//
//	openid <name> {
//		<options of Login>
//		issuer            <url>
//		trusted
//		native_client_ids <id…>
//	}
func (p *OpenIDProvider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	line := *d
	line.Next()
	err := p.ReadCaddyfile(d, map[string]LoginOption{
		"issuer":            p.issuer,
		"trusted":           word(&p.Trusted),
		"native_client_ids": nativeIDs(&p.NativeClientIDs),
	}, "issuer")
	switch {
	case err != nil:
		return err
	case p.Name == "":
		return line.Err("login openid needs a name, such as: login openid corporate")
	case p.Trusted && p.Claims["externalId"] == "":
		return line.Err("trusted needs a claim that tells the customer, such as: claim externalId sub")
	}
	return nil
}

func (p *OpenIDProvider) issuer(d *caddyfile.Dispenser) (err error) {
	if p.Issuer, err = one(d, "the provider's URL, such as https://login.example.com"); err != nil {
		return err
	}
	if plain(p.Issuer) {
		if err := checkIssuer(p.Issuer); err != nil {
			return d.WrapErr(err)
		}
	}
	return end(d)
}

// Interface guards
var (
	_ ProviderModule        = (*OpenIDProvider)(nil)
	_ caddyfile.Unmarshaler = (*OpenIDProvider)(nil)
)
