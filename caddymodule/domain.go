// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/adminapi"
	"github.com/usher-sso/usher/internal/backchannel"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/token"
	"github.com/usher-sso/usher/pages"
	dashboard "github.com/usher-sso/usher/pages/admin"
)

// domain is usher at work under one configuration.
type domain struct {
	hub    http.Handler
	api    *http.ServeMux
	gate   func(sites []publisher.Origin, policy *gate.Policy, headers *gate.Headers) *gate.Gate
	rotate func(context.Context) error
	mails  *notice.Worker
	ends   *backchannel.Worker // tells apps of ended sessions
	acts   *admin.Service
	set    *publisher.Watcher // keeps publishers in step with what staff set
	counts *recounter         // keeps the numbers of answers in step with the questions
}

var errStopped = errors.New("this configuration is no longer in use")

// retryOpen is how soon a store that could not be opened is tried again;
// without it every request would wait for the lock.
const retryOpen = time.Second

// wired returns the domain, opening the store at the first call: apps are
// started in random order, so a request may come before Start.
func (a *App) wired(ctx context.Context) (*domain, error) {
	if d := a.domain.Load(); d != nil {
		return d, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.domain.Load(); d != nil {
		return d, nil
	}
	if a.closed {
		return nil, errStopped
	}
	if a.failed != nil && time.Since(a.failedAt) < retryOpen {
		return nil, a.failed
	}
	d, err := a.wireLocked(context.WithoutCancel(ctx))
	if err != nil {
		a.failed, a.failedAt = err, time.Now()
		return nil, err
	}
	a.domain.Store(d)
	go a.rotateKeys(d)
	working, stop := context.WithCancel(a.ctx)
	a.stopWork = stop
	a.working.Go(func() { d.mails.Deliver(working) })
	a.working.Go(func() { d.ends.Deliver(working) })
	a.working.Go(func() { d.set.Watch(working) })
	a.working.Go(func() { d.counts.work(working) })
	return d, nil
}

// wireLocked opens the store and wires the domain over it. a.mu is held.
func (a *App) wireLocked(ctx context.Context) (*domain, error) {
	if a.node == nil {
		shared, _, err := nodes.LoadOrNew(a.store.StoreKey(), func() (caddy.Destructor, error) {
			return openNode(ctx, a.store, a.log)
		})
		if err != nil {
			return nil, fmt.Errorf("opening the store: %w", err)
		}
		a.node = shared.(*node)
	}
	return a.wire(ctx, a.node)
}

func (a *App) wire(ctx context.Context, n *node) (*domain, error) {
	counts := newRecounter(n, a.log)
	directory, set, err := a.declare(ctx, n, counts)
	if err != nil {
		return nil, err
	}
	keys, err := token.OpenKeyring(ctx, n.store, string(a.hub), a.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	sessions := session.NewManager(n.store, n.memory, keys, directory, n.root)
	notices := notice.NewSender(n.store, n.throttle)
	customers := customer.NewService(n.store, sessions, n.hasher, n.limits, notices, n.root)
	elsewhere := a.elsewhere(n, customers, sessions, notices)
	dispatcher := flow.NewDispatcher(n.store)
	signIn := sso.NewService(a.hub, n.store, sessions, directory, n.root)
	sitePages := pages.SitePages{Hub: a.hub, Renderer: a.renderer, Directory: directory}

	hub := pages.NewHub(pages.Config{
		Origin: a.hub, Renderer: a.renderer, Store: n.store, Directory: directory, Customers: customers,
		Sessions: sessions, SSO: signIn, Social: elsewhere, Flow: dispatcher,
		Notices: notices, Locale: a.resolver, Report: a.report,
	})
	description, err := adminapi.Describe(mediastore.Description())
	if err != nil {
		return nil, err
	}
	api := mediastore.New(mediastore.Config{
		Hub: a.hub, Store: n.store, Directory: directory, Customers: customers, Sessions: sessions, Social: elsewhere, Keys: keys,
		Notices: notices, Locale: a.resolver, Description: description, Report: a.report,
	})
	mails := notice.NewWorker(notices, notice.WorkerConfig{
		Hub: a.hub, Store: n.store, MailerFor: a.mailerFor, Catalog: a.catalog, Links: customers.Links(a.hub),
		Report: func(err error) { a.log.Error("telling customers by mail", zap.Error(err)) },
	})
	acts := a.acts(n, set, customers, sessions)
	desk, err := a.desk(acts, hub)
	if err != nil {
		return nil, err
	}
	return &domain{
		set: set, counts: counts, hub: hubMux(hub, api, adminapi.New(acts, a.report), desk), api: apiMux(api), rotate: keys.Rotate, mails: mails,
		ends: backchannel.NewWorker(backchannel.Config{Store: n.store, Keys: keys, Report: a.announcements}),
		acts: acts,
		gate: func(sites []publisher.Origin, policy *gate.Policy, headers *gate.Headers) *gate.Gate {
			return gate.New(gate.Config{
				Sites: sites, Policy: policy, Hub: a.hub, Sessions: sessions, Keys: keys,
				SSO: signIn, Directory: directory, Tokens: n.tokens, Headers: headers, Pages: sitePages, Memory: n.judged,
			})
		},
	}, nil
}

// declare stores what the configuration says of publishers, and returns them as they
// are in force from now on.
func (a *App) declare(ctx context.Context, n *node, counts *recounter) (*publisher.Directory, *publisher.Watcher, error) {
	// What was used until now was so under the limits until now.
	if err := n.memory.Flush(ctx, n.store); err != nil {
		return nil, nil, fmt.Errorf("noting the use of sessions: %w", err)
	}
	if err := n.store.DeclarePublishers(ctx, a.publishers); err != nil {
		return nil, nil, fmt.Errorf("declaring publishers: %w", err)
	}
	return a.follow(ctx, n.store, counts)
}

// hubMux routes the hub's pages and the APIs.
func hubMux(hub *pages.Hub, api *mediastore.API, acts *adminapi.API, desk *dashboard.Desk) http.Handler {
	mux := http.NewServeMux()
	hub.Mount(mux)
	api.Mount(mux)
	api.MountCallbacks(mux)
	acts.Mount(mux)
	desk.Mount(mux)
	notFound := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && pages.WantsPage(r) {
			hub.NotFound(w, r)
			return
		}
		api.NotFound(w, r)
	}
	mux.HandleFunc(everything, notFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !clean(r.URL.Path) { // a mux would redirect, which clients of the API cannot read
			notFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// clean tells whether a path has no empty and no dot segments.
func clean(p string) bool {
	return path.Clean(p) == p || path.Clean(p)+"/" == p
}

// apiMux routes the API alone.
func apiMux(api *mediastore.API) *http.ServeMux {
	mux := http.NewServeMux()
	api.Mount(mux)
	mux.HandleFunc(everything, api.NotFound)
	return mux
}

// everything is the pattern of what no other matches.
const everything = "/"

// shape has the API's routes and nothing behind them.
var shape = apiMux(new(mediastore.API))

// isAPI tells whether the API has the path of a request, under any method.
func isAPI(r *http.Request) bool {
	probe := *r
	for _, method := range []string{r.Method, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe.Method = method
		if _, pattern := shape.Handler(&probe); pattern != everything && pattern != "" {
			return true
		}
	}
	return false
}

// report logs what a client was only told to be an internal error. What providers of
// sign-in do is no error of ours, and anybody can have them refuse something.
func (a *App) report(r *http.Request, err error) {
	if errors.Is(err, social.ErrUnavailable) || errors.Is(err, social.ErrRefused) {
		a.log.Warn("signing somebody in elsewhere", zap.String("route", r.Pattern), zap.Error(err))
		return
	}
	a.log.Error("answering a request", zap.String("method", r.Method), zap.String("route", r.Pattern), zap.Error(err))
}

// rotateEvery is how often signing keys are looked after.
const rotateEvery = time.Hour

// rotateKeys looks after the signing keys until the configuration is unloaded.
func (a *App) rotateKeys(d *domain) {
	tick := time.NewTicker(rotateEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-tick.C:
			if err := d.rotate(a.ctx); err != nil {
				a.log.Error("rotating signing keys", zap.Error(err))
			}
		}
	}
}
