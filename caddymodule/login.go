// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
)

// How a publisher's customers may sign in elsewhere.

// providers is the namespace of ProviderModule.
const providers = "usher.providers"

// readLogins makes the providers of all publishers.
func (a *App) readLogins(ctx caddy.Context) error {
	a.logins, a.redirects = map[int64][]*social.Provider{}, map[int64][]string{}
	for i := range a.Publishers {
		p := &a.Publishers[i]
		list, err := p.readLogins(ctx)
		if err == nil {
			err = checkAppRedirects(p.AppRedirects)
		}
		if err != nil {
			return fmt.Errorf("publisher %d: %w", p.ID, err)
		}
		a.logins[p.ID], a.redirects[p.ID] = list, p.AppRedirects
	}
	return nil
}

func (p *Publisher) readLogins(ctx caddy.Context) (list []*social.Provider, err error) {
	if len(p.LoginRaw) == 0 {
		return nil, nil
	}
	if err := checkNamed("provider", providers, p.LoginRaw...); err != nil {
		return nil, fmt.Errorf("loading login: %w", err)
	}
	guests, err := ctx.LoadModule(p, "LoginRaw")
	if err != nil {
		return nil, fmt.Errorf("loading login: %w", err)
	}
	var options []social.Options
	for _, guest := range guests.([]any) {
		g, ok := guest.(ProviderModule)
		if !ok {
			return nil, fmt.Errorf("loading login: %T is no provider", guest)
		}
		provider, err := g.NewProvider()
		if err != nil {
			return nil, err
		}
		list, options = append(list, provider), append(options, provider.Options)
	}
	questions, err := p.questions()
	if err != nil {
		return nil, err
	}
	return list, social.CheckOptions(options, questions)
}

// questions returns the names of the answers that the publisher may ask for. Without
// capture in the configuration, staff may ask for any.
func (p *Publisher) questions() (map[string]bool, error) {
	asked := authstore.Capture{Enabled: true}
	if p.Capture != nil {
		var err error
		if asked.Fields, err = p.Capture.fields(); err != nil {
			return nil, err
		}
	} else {
		for _, key := range capture.AllKeys() {
			asked.Fields = append(asked.Fields, authstore.CaptureField{Key: key})
		}
	}
	return capture.Enabled(asked), nil
}

// elsewhere returns what signs customers in by accounts elsewhere.
func (a *App) elsewhere(n *node, customers *customer.Service, sessions *session.Manager, notices *notice.Sender) *social.Service {
	return social.NewService(social.Config{
		Hub: a.hub, Store: n.store, Customers: customers, Sessions: sessions, Notices: notices, Root: n.root,
		Providers: a.logins, Redirects: a.redirects,
	})
}

func checkAppRedirects(list []string) error {
	if err := social.CheckRedirects(list); err != nil {
		return fmt.Errorf("app_redirect: %w", err)
	}
	return nil
}

// loginAt is what a Caddyfile says of a provider, with where it is written.
type loginAt struct {
	*Login
	provider string
	at       caddyfile.Dispenser
}

// login reads
//
//	login <provider> [<name>] { … }
func (p *globalParser) login(d *caddyfile.Dispenser, own *Publisher) error {
	head := *d
	if !d.NextArg() {
		return d.Errf("login needs a provider; known are %s", strings.Join(names(providers), ", "))
	}
	name := d.Val()
	if _, err := caddy.GetModule(providers + "." + name); err != nil {
		return d.Errf("unknown provider %q; known are %s", name, strings.Join(names(providers), ", "))
	}
	module, err := caddyfile.UnmarshalModule(d, providers+"."+name)
	if err != nil {
		return err
	}
	own.LoginRaw = append(own.LoginRaw, caddyconfig.JSONModuleObject(module, "provider", name, nil))
	if guest, ok := module.(interface{ login() *Login }); ok {
		p.logins = append(p.logins, loginAt{guest.login(), name, head})
	}
	return nil
}

// checkLogins refuses early, where the line is known, what Provision would refuse.
func (p *globalParser) checkLogins(own *Publisher) error {
	questions, err := own.questions()
	if err != nil {
		return err
	}
	var list []social.Options
	for _, l := range p.logins {
		list = append(list, l.options(l.provider, func(s string) string { return s }))
		if err := social.CheckOptions(list, questions); err != nil {
			return l.at.WrapErr(err)
		}
	}
	return nil
}

// parseAppRedirects reads
//
//	app_redirect <uri…>
func parseAppRedirects(d *caddyfile.Dispenser, own *Publisher) error {
	own.AppRedirects = d.RemainingArgs()
	if len(own.AppRedirects) == 0 {
		return d.Err("app_redirect needs at least one address, such as com.example.app:/signed-in")
	}
	if err := checkAppRedirects(own.AppRedirects); err != nil {
		return d.WrapErr(err)
	}
	return end(d)
}
