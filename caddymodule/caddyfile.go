// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/token"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("usher", parseGlobal)
	httpcaddyfile.RegisterHandlerDirective("usher", parseHub)
	httpcaddyfile.RegisterHandlerDirective("usher_api", parseAPI)
	httpcaddyfile.RegisterDirective("usher_gate", parseGate)
	httpcaddyfile.RegisterDirective("usher_verify", parseVerify)

	// The gate runs after rewrites and before everything that shows content,
	// the API before the gate; the hub and what other proxies ask answer before
	// everything that could answer in their place.
	httpcaddyfile.RegisterDirectiveOrder("usher_api", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirectiveOrder("usher_gate", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirectiveOrder("usher", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("usher_verify", httpcaddyfile.Before, "respond")
}

// parseGlobal reads the global option:
//
//	usher [<hub>] {
//		hub               <origin>
//		store             <module> [<arguments…>]
//		mail              <module> [<arguments…>]
//		signing_algorithm ES256|EdDSA|RS256
//		locale            { … }
//		templates         <folder>
//		publisher         <id> { … }
//	}
//
// The hub is given once, in the first line or in the block.
func parseGlobal(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // usher
	if existing != nil {
		return nil, d.Err("usher is configured twice; merge the two blocks")
	}
	p := globalParser{d: d, seen: map[string]bool{}, sites: map[publisher.Origin]int64{}, offers: map[string]int64{}}
	if d.NextArg() {
		if err := p.hub(); err != nil {
			return nil, err
		}
	}
	if d.NextArg() {
		return nil, d.Errf("usher takes one hub; remove %q", d.Val())
	}
	head := *d // publishers are read last, because their sites depend on the hub
	for d.NextBlock(0) {
		if err := p.option(); err != nil {
			return nil, err
		}
	}
	if p.app.Hub == "" {
		return nil, head.Err("the hub's origin is missing; write it like this: usher https://id.example.com")
	}
	for _, later := range p.later {
		if err := later(); err != nil {
			return nil, err
		}
	}
	value, err := json.Marshal(&p.app)
	if err != nil {
		return nil, d.WrapErr(err)
	}
	return httpcaddyfile.App{Name: "usher", Value: value}, nil
}

// globalParser reads the global option into an App.
type globalParser struct {
	d      *caddyfile.Dispenser
	app    App
	origin publisher.Origin
	seen   map[string]bool
	later  []func() error
	logins []loginAt // of the publisher that is read

	// who claimed what, to refuse it to a second publisher
	sites    map[publisher.Origin]int64
	offers   map[string]int64
	unlisted int64 // the publisher that lists no sites
}

func (p *globalParser) option() error {
	name := p.d.Val()
	if name == "publisher" {
		own := p.d.NewFromNextSegment()
		p.later = append(p.later, func() error { return p.publisher(own) })
		return nil
	}
	if p.seen[name] {
		return p.d.Errf("%s is given twice; remove one", name)
	}
	p.seen[name] = true
	switch name {
	case "hub":
		if !p.d.NextArg() {
			return p.d.Err("hub needs an origin, such as https://id.example.com")
		}
		if err := p.hub(); err != nil {
			return err
		}
		return end(p.d)
	case "store":
		return p.guest("store", "usher.stores", &p.app.StoreRaw)
	case "mail":
		return p.guest("mail", "usher.mailers", &p.app.MailerRaw)
	case "signing_algorithm":
		return p.algorithm()
	case "templates":
		folder, err := parseTemplates(p.d)
		p.app.Templates = folder
		return err
	case "locale":
		l, err := parseLocale(p.d)
		p.app.Locale = l
		return err
	}
	return p.d.Errf("unknown option %q; known are hub, store, mail, signing_algorithm, locale, templates and publisher", name)
}

// hub reads the origin that the dispenser stands on.
func (p *globalParser) hub() error {
	if p.app.Hub != "" {
		return p.d.Errf("the hub is given twice; remove %q", p.d.Val())
	}
	origin, err := publisher.ParseOrigin(p.d.Val())
	if err != nil {
		return p.d.WrapErr(err)
	}
	if origin.Pattern() {
		return p.d.Errf("%q is a pattern; the hub has one name", p.d.Val())
	}
	p.origin, p.app.Hub = origin, string(origin)
	return nil
}

func (p *globalParser) algorithm() error {
	if !p.d.NextArg() {
		return p.d.Errf("signing_algorithm needs one of %s", strings.Join(token.Algorithms, ", "))
	}
	for _, known := range token.Algorithms {
		if p.d.Val() == known {
			p.app.SigningAlgorithm = known
			return end(p.d)
		}
	}
	return p.d.Errf("unknown signing_algorithm %q; use one of %s", p.d.Val(), strings.Join(token.Algorithms, ", "))
}

// guest reads a guest module that is named by its first argument.
func (p *globalParser) guest(option, namespace string, into *json.RawMessage) error {
	if !p.d.NextArg() {
		return p.d.Errf("%s needs a module; known are %s", option, strings.Join(names(namespace), ", "))
	}
	name := p.d.Val()
	if _, err := caddy.GetModule(namespace + "." + name); err != nil {
		return p.d.Errf("unknown %s %q; known are %s", option, name, strings.Join(names(namespace), ", "))
	}
	module, err := caddyfile.UnmarshalModule(p.d, namespace+"."+name)
	if err != nil {
		return err
	}
	*into = caddyconfig.JSONModuleObject(module, "module", name, nil)
	return nil
}

// names returns the names of the modules in a namespace.
func names(namespace string) []string {
	var list []string
	for _, m := range caddy.GetModules(namespace) {
		list = append(list, m.ID.Name())
	}
	return list
}

// end refuses arguments and blocks after an option that is complete.
func end(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("too many arguments; remove %q", d.Val())
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("this option takes no block; remove %q", d.Val())
	}
	return nil
}

// one reads the single argument of an option.
func one(d *caddyfile.Dispenser, what string) (string, error) {
	name := d.Val()
	if !d.NextArg() {
		return "", d.Errf("%s needs %s", name, what)
	}
	return d.Val(), nil
}
