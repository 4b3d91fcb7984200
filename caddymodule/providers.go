// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/social"
)

// Provider is a place to sign in elsewhere, as a publisher has it.
type Provider = social.Provider

// ProviderOptions are what the configuration says of a provider, placeholders filled
// in.
type ProviderOptions = social.Options

// Adopter returns goth's provider for one sign-in. It must send its requests by the
// client that it is given, which has time-outs, and have the provider answer at
// callback.
type Adopter = social.Adopter

// FurtherProvider makes a provider of github.com/markbates/goth one of usher's. brand
// is a word for it. issuer is a URL that is the provider's alone; together with the
// provider's id of somebody it is what accounts are found by, so it must never
// change. Addresses of goth's providers count as unverified.
func FurtherProvider(o ProviderOptions, brand, issuer string, adopt Adopter) *Provider {
	return social.Further(o, brand, issuer, adopt)
}

// ProviderModule is what a guest in the namespace usher.providers implements. It only
// translates configuration: a guest embeds Login, which brings what the configuration
// says of any provider, in JSON and in the Caddyfile, and makes a Provider of it.
type ProviderModule interface {
	caddy.Module

	// NewProvider returns the provider. It is called whenever a configuration is read,
	// if only to be validated, so it asks nothing of the network.
	NewProvider() (*Provider, error)
}

// Login is what the configuration says of any provider.
type Login struct {
	// A word for it that is a part of its addresses: providers send viewers back to
	// /login/<name>/callback on the hub, which is the redirect URI to enter in the
	// provider's console. Small letters, digits and hyphens; each name once. Default:
	// the provider's, such as google.
	Name string `json:"name,omitempty"`

	// What the button calls it. Default: the provider's own name.
	Label string `json:"label,omitempty"`

	// The id that the provider has given to your app, or a placeholder. Required.
	ClientID string `json:"client_id"`

	// The secret that belongs to it. Write a placeholder such as
	// {env.GOOGLE_CLIENT_SECRET} or {file./run/secrets/google}, so that it is in no
	// file of configuration. Required, but for apple, which has a key in its place.
	ClientSecret string `json:"client_secret,omitempty"`

	// What to ask the provider for, besides what usher needs. Default: nothing.
	Scopes []string `json:"scopes,omitempty"`

	// What to keep of what the provider tells, when it makes somebody a customer: by
	// firstName, lastName, externalId, or an answer that capture asks for (birthDate,
	// custom_1, …), the name of the provider's claim. Default: the names.
	Claims map[string]string `json:"claims,omitempty"`

	// Whether viewers who have to sign in are sent on to the provider without being
	// asked. Only one provider of a publisher can be that. Default: false.
	Automatic bool `json:"automatic,omitempty"`
}

// Options returns what the configuration says with its placeholders filled in. name is
// the provider's own. Errors: what is missing.
func (l *Login) Options(name string) (ProviderOptions, error) {
	o := l.options(name, filled)
	if o.ClientSecret == "" {
		return o, fmt.Errorf("login %s: client_secret is missing or empty; write it, or see that its placeholder's variable or file is there", o.Name)
	}
	return o, nil
}

// options returns what the configuration says; read fills in placeholders.
func (l *Login) options(name string, read func(string) string) ProviderOptions {
	return ProviderOptions{
		Name: cmp.Or(l.Name, name), Label: read(l.Label), ClientID: read(l.ClientID), ClientSecret: read(l.ClientSecret),
		Scopes: l.Scopes, Claims: l.Claims, Automatic: l.Automatic,
	}
}

// filled fills in the placeholders of a value.
func filled(s string) string { return caddy.NewReplacer().ReplaceKnown(s, "") }

// eachFilled fills in the placeholders of each value.
func eachFilled(list []string) (all []string) {
	for _, s := range list {
		all = append(all, filled(s))
	}
	return all
}

// login lets the parser of publishers look at what guests have read.
func (l *Login) login() *Login { return l }

// UnmarshalCaddyfile reads the line of a guest that has no options of its own.
func (l *Login) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return l.ReadCaddyfile(d, nil) }

// LoginOption reads what follows the name of an option, to the end of its line.
type LoginOption func(d *caddyfile.Dispenser) error

// ReadCaddyfile reads
//
//	<provider> [<name>] {
//		client_id     <id>
//		client_secret <secret>
//		scopes        <scope…>
//		label         <text>
//		claim         <field> <claim>
//		automatic
//		<own options…>
//	}
//
// Only claim may be repeated. An option of a guest's own takes the place of one above
// that has its name. needed are those of its own that must be there.
func (l *Login) ReadCaddyfile(d *caddyfile.Dispenser, own map[string]LoginOption, needed ...string) error {
	d.Next() // the module's name
	provider, head := d.Val(), *d
	if d.NextArg() {
		if l.Name = d.Val(); l.Name == "" {
			return d.Errf("the name of login %s is empty; write one such as corporate", provider)
		}
	}
	if d.NextArg() {
		return d.Errf("login %s takes one name at most; write the rest in its block", provider)
	}
	known := map[string]LoginOption{
		"client_id":     text(&l.ClientID, "the id that the provider shows for your app"),
		"client_secret": text(&l.ClientSecret, "a secret, such as {env.CLIENT_SECRET}; see that the variable is set"),
		"scopes":        texts(&l.Scopes, "at least one scope, as the provider calls them"),
		"label":         text(&l.Label, "the words by which the button calls the provider"),
		"claim":         l.claim,
		"automatic":     word(&l.Automatic),
	}
	maps.Copy(known, own)
	seen := map[string]bool{}
	for level := d.Nesting(); d.NextBlock(level); {
		name := d.Val()
		if seen[name] && name != "claim" {
			return d.Errf("%s is given twice; remove one", name)
		}
		seen[name] = true
		read, ok := known[name]
		if !ok {
			return d.Errf("unknown option %q of login %s; known are %s", name, provider, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := read(d); err != nil {
			return err
		}
	}
	if own["client_secret"] == nil {
		needed = append(needed, "client_secret")
	}
	for _, name := range append([]string{"client_id"}, needed...) {
		if !seen[name] {
			return head.Errf("login %s needs %s; write it in its block", provider, name)
		}
	}
	return nil
}

func (l *Login) claim(d *caddyfile.Dispenser) error {
	field, err := one(d, "where to keep it and the provider's name of it, such as: claim birthDate birthdate")
	if err != nil {
		return err
	}
	if !d.NextArg() || d.Val() == "" {
		return d.Errf("claim %s needs the provider's name of it, such as sub", field)
	}
	if l.Claims[field] != "" {
		return d.Errf("claim %s is given twice; remove one", field)
	}
	if l.Claims == nil {
		l.Claims = map[string]string{}
	}
	l.Claims[field] = d.Val()
	return end(d)
}

// text reads one value, which must be there. It may be a secret, so it is in no
// message.
func text(into *string, what string) LoginOption {
	return func(d *caddyfile.Dispenser) (err error) {
		name := d.Val()
		if *into, err = one(d, what); err != nil {
			return err
		}
		if *into == "" {
			return d.Errf("%s is empty; write %s", name, what)
		}
		if d.NextArg() {
			return d.Errf("%s takes one value; write one with blanks or lines in quotes", name)
		}
		return end(d)
	}
}

// texts reads values, of which there must be one.
func texts(into *[]string, what string) LoginOption {
	return func(d *caddyfile.Dispenser) error {
		name := d.Val()
		if *into = d.RemainingArgs(); len(*into) == 0 || slices.Contains(*into, "") {
			return d.Errf("%s needs %s", name, what)
		}
		return end(d)
	}
}

// word reads a word that stands alone.
func word(into *bool) LoginOption {
	return func(d *caddyfile.Dispenser) error {
		*into = true
		return end(d)
	}
}

// plain tells whether a value is known while a Caddyfile is read: it has no
// placeholder.
func plain(value string) bool { return !strings.Contains(value, "{") }

// Interface guards
var _ caddyfile.Unmarshaler = (*Login)(nil)
