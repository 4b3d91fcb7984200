// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"context"

	"go.uber.org/zap"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/staff"
	"github.com/usher-sso/usher/pages"
	dashboard "github.com/usher-sso/usher/pages/admin"
)

// acts returns what staff can do under this configuration.
func (a *App) acts(n *node, set *publisher.Watcher, customers *customer.Service, sessions *session.Manager) *admin.Service {
	return admin.NewService(admin.Config{
		Hub: a.hub, Store: n.store, Directory: set.Directory, Customers: customers, Sessions: sessions, Locale: a.resolver,
		Staff: staff.NewService(staff.Config{
			Store: n.store, Hasher: n.hasher, Throttle: n.throttle, Root: n.root, Issuer: a.hub.Host(),
		}),
		Languages: a.catalog.Tags(), Declared: a.declared, Refresh: set.Refresh,
		CheckColor: pages.CheckColor,
		CheckPicture: func(content []byte) error {
			_, err := pages.NewImage(content)
			return err
		},
	})
}

// declared returns what this configuration says of a publisher.
func (a *App) declared(id int64) (authstore.Publisher, bool) {
	for _, p := range a.publishers {
		if p.ID == id {
			return p, true
		}
	}
	return authstore.Publisher{}, false
}

// index enters customers into the dashboard's lists who were stored before there
// were any.
func (n *node) index(ctx context.Context, log *zap.Logger) {
	for done := false; !done && ctx.Err() == nil; {
		var err error
		if done, err = n.store.IndexCustomers(ctx); err != nil {
			if ctx.Err() == nil {
				log.Error("listing customers from before; their lists are not complete until the next start", zap.Error(err))
			}
			return
		}
		if done {
			close(n.listed)
		}
	}
}

// desk returns the dashboard's pages.
func (a *App) desk(acts *admin.Service, viewers *pages.Hub) (*dashboard.Desk, error) {
	renderer, err := dashboard.NewRenderer()
	if err != nil {
		return nil, err
	}
	renderer.OnError = func(page string, err error) {
		a.log.Error("rendering a page of the dashboard", zap.String("page", page), zap.Error(err))
	}
	return dashboard.NewDesk(dashboard.Config{Service: acts, Renderer: renderer, Preview: viewers, Report: a.report}), nil
}
