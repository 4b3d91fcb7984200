// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package caddymodule owns everything that knows Caddy: the app and the two
// handlers, their configuration and its Caddyfile form, and the life of what
// they share across reloads. It wires the domain together and decides nothing
// about sign-in itself. Nothing else in the tree imports Caddy.
package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/token"
	"github.com/usher-sso/usher/pages"
)

func init() {
	caddy.RegisterModule(new(App))
	caddy.RegisterModule(new(Hub))
	caddy.RegisterModule(new(Gate))
	caddy.RegisterModule(new(API))
	caddy.RegisterModule(new(Verify))
	caddy.RegisterModule(new(BoltStore))
	caddy.RegisterModule(new(OutboxMailer))
	caddy.RegisterModule(new(SMTPMailer))
	caddy.RegisterModule(new(GoogleProvider))
	caddy.RegisterModule(new(FacebookProvider))
	caddy.RegisterModule(new(AppleProvider))
	caddy.RegisterModule(new(OpenIDProvider))
	caddy.RegisterModule(new(TwitchProvider))
	caddy.RegisterModule(new(adminAPI))
}

// App is the configuration of usher: where the hub is, who the publishers are,
// where accounts and sessions are kept. It serves nothing by itself: put the
// handler `usher` on the hub's host and `usher_gate` on each site.
//
// Only `hub` is needed:
//
//	{
//		"apps": {
//			"usher": {"hub": "https://id.example.com"}
//		}
//	}
//
// A configuration that is refused, by `caddy validate` or by a reload, leaves
// the store untouched. Validating beside a running server is safe: the store
// is opened when the app starts, not when its configuration is read.
type App struct {
	// The origin of the hub: scheme, host and, unless it is the scheme's own,
	// port. Viewers sign in there, tokens name it as their issuer, and every
	// link usher makes begins with it. It must be https, except for loopback
	// names such as http://hub.localhost:8080. Required.
	Hub string `json:"hub"`

	// The tenants. Default: one publisher with the id 100000000 and the hub's
	// host as its name, to which all gated sites belong.
	Publishers []Publisher `json:"publishers,omitempty"`

	// How tokens are signed: ES256, EdDSA or RS256. After a change, tokens
	// signed before stay valid. Default: ES256.
	SigningAlgorithm string `json:"signing_algorithm,omitempty"`

	// How the country of a viewer is found. Default: by the table of addresses
	// that is compiled in.
	Locale *Locale `json:"locale,omitempty"`

	// A folder of templates, in Go's html/template, that replace usher's own of the
	// same names, such as login.html, layout.html or parts.html. They are read
	// when the configuration is loaded, and may need a change with a new version
	// of usher. Default: none.
	Templates string `json:"templates,omitempty"`

	// Where accounts and sessions are kept. Default: bolt.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=usher.stores inline_key=module"`

	// How mail is sent. Default: outbox, which writes files and sends nothing.
	MailerRaw json.RawMessage `json:"mail,omitempty" caddy:"namespace=usher.mailers inline_key=module"`

	store  StoreModule
	mailer mail.Mailer

	hub        publisher.Origin
	resolver   *locale.Resolver      // nil without a database
	publishers []authstore.Publisher // sites grow as gates claim them, until the domain is wired
	catalog    *i18n.Catalog
	renderer   *pages.Renderer
	logins     map[int64][]*social.Provider // by publisher
	redirects  map[int64][]string           // of apps, by publisher
	open       int                          // index of the publisher that takes unlisted sites, or -1

	ctx    caddy.Context
	log    *zap.Logger
	domain atomic.Pointer[domain] // read without mu once it is there

	mu       sync.Mutex
	node     *node     // guarded by mu; a reference in nodes, held from the first use to Cleanup
	closed   bool      // guarded by mu
	failed   error     // guarded by mu; why the store could not be opened
	failedAt time.Time // guarded by mu

	stopWork context.CancelFunc // guarded by mu; nil until the domain is wired
	working  sync.WaitGroup     // the workers that send mails and logout tokens, and the one that follows settings
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher", New: func() caddy.Module { return new(App) }}
}

// Provision reads the configuration and loads the guests. It does not open the
// store, which a running server may hold.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.log = ctx, ctx.Logger()
	if err := a.readHub(); err != nil {
		return err
	}
	if a.SigningAlgorithm == "" {
		a.SigningAlgorithm = token.Algorithms[0]
	}
	if !slices.Contains(token.Algorithms, a.SigningAlgorithm) {
		return fmt.Errorf("signing_algorithm %q is not one of %v", a.SigningAlgorithm, token.Algorithms)
	}
	if err := a.readLocale(); err != nil {
		return err
	}
	if err := a.loadGuests(ctx); err != nil {
		return err
	}
	if err := a.readPublishers(); err != nil {
		return err
	}
	if err := a.readLogins(ctx); err != nil {
		return err
	}
	if err := a.readPages(); err != nil {
		return err
	}
	return a.checkDeclaration(ctx)
}

func (a *App) readHub() error {
	if a.Hub == "" {
		return errors.New("the hub's origin is missing; set it, for example: usher https://id.example.com")
	}
	hub, err := publisher.ParseOrigin(a.Hub)
	if err == nil && hub.Pattern() {
		err = fmt.Errorf("%q is a pattern; the hub has one name", a.Hub)
	}
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	a.hub = hub
	return nil
}

func (a *App) loadGuests(ctx caddy.Context) error {
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"module": "bolt"}`)
	}
	if a.MailerRaw == nil {
		a.MailerRaw = json.RawMessage(`{"module": "outbox"}`)
	}
	if err := checkNamed("module", "usher.stores", a.StoreRaw); err != nil {
		return fmt.Errorf("loading the store: %w", err)
	}
	guest, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading the store: %w", err)
	}
	store, ok := guest.(StoreModule)
	if !ok {
		return fmt.Errorf("loading the store: %T is no store", guest)
	}
	if err := checkNamed("module", "usher.mailers", a.MailerRaw); err != nil {
		return fmt.Errorf("loading the mailer: %w", err)
	}
	guest, err = ctx.LoadModule(a, "MailerRaw")
	if err != nil {
		return fmt.Errorf("loading the mailer: %w", err)
	}
	mailer, ok := guest.(Mailer)
	if !ok {
		return fmt.Errorf("loading the mailer: %T is no mailer", guest)
	}
	a.store, a.mailer = store, mailer
	return nil
}

// checkNamed refuses guests that are not named. Caddy's message would have the whole
// of their configuration, secrets included.
func checkNamed(key, namespace string, guests ...json.RawMessage) error {
	for _, raw := range guests {
		var guest map[string]any
		err := json.Unmarshal(raw, &guest)
		if name, _ := guest[key].(string); err != nil || name == "" {
			return fmt.Errorf("%q is missing; write one of %s", key, strings.Join(names(namespace), ", "))
		}
	}
	return nil
}

// readPublishers turns the configured publishers into records and finds the
// one that takes the sites nobody lists.
func (a *App) readPublishers() error {
	configured := a.Publishers
	if len(configured) == 0 {
		configured = []Publisher{{ID: publisher.DefaultID, Name: a.hub.Host()}}
	}
	a.open = -1
	for i, p := range configured {
		record, err := p.record(a.hub)
		if err != nil {
			return fmt.Errorf("publisher %d: %w", p.ID, err)
		}
		record.Unnamed = record.Unnamed || len(a.Publishers) == 0
		if len(record.Sites) == 0 {
			if a.open >= 0 {
				return fmt.Errorf("publishers %d and %d both list no sites; only one may take all the others", configured[a.open].ID, p.ID)
			}
			a.open = i
		}
		a.publishers = append(a.publishers, record)
	}
	_, err := publisher.NewDirectory(a.publishers)
	return err
}

// checkDeclaration refuses early what the store would refuse at the start, when
// requests may be here already. It can ask a store only that this process has
// open, as it has during a reload.
func (a *App) checkDeclaration(ctx context.Context) error {
	var open *node
	nodes.Range(func(key, value any) bool {
		if key == a.store.StoreKey() {
			open = value.(*node)
		}
		return open == nil
	})
	if open == nil {
		return nil
	}
	if err := open.store.CheckDeclaration(ctx, a.publishers); err != nil {
		return fmt.Errorf("declaring publishers: %w", err)
	}
	return nil
}

// claim makes sure that a gated site has a publisher. Gates call it while the
// configuration is read, before the domain is wired.
func (a *App) claim(site publisher.Origin) error {
	if site == a.hub {
		return fmt.Errorf("%s is the hub, which cannot be behind a gate; move usher_gate to another site", site)
	}
	for _, p := range a.publishers {
		for _, own := range p.Sites {
			if o := publisher.Origin(own); o == site || o.Covers(site) {
				return nil
			}
		}
	}
	if a.open < 0 {
		return fmt.Errorf("%s belongs to no publisher; add it to the sites of one", site)
	}
	p := &a.publishers[a.open]
	p.Sites = append(p.Sites, string(site))
	return nil
}

// Start opens the store and takes up work.
func (a *App) Start() error {
	_, err := a.wired(a.ctx)
	return err
}

// Stop does nothing: requests of this configuration may still be on their way,
// and what they need is released by Cleanup.
func (a *App) Stop() error { return nil }

// Cleanup releases the store if this configuration had opened it. Another
// configuration that uses the same store keeps it open, and for one that is
// replaced it stays open for a while, see departures.
func (a *App) Cleanup() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.stopWork != nil { // what is under way needs the store
		a.stopWork()
		a.working.Wait()
	}
	if a.node == nil {
		return nil
	}
	a.node = nil
	if _, err := caddy.ActiveContext().AppIfConfigured("http"); err != nil { // the last one stops
		return errors.Join(release(a.store.StoreKey()), leaving.now())
	}
	return leaving.later(a.store.StoreKey(), a.log)
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
