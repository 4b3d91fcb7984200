// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/pages"
)

// How what staff set in the store comes in force under a configuration.

// follow returns the directory of the publishers as they are in force, and what
// keeps it so.
func (a *App) follow(ctx context.Context, store *authstore.Store, answers *recounter) (*publisher.Directory, *publisher.Watcher, error) {
	directory, err := publisher.NewDirectory(a.publishers)
	if err != nil {
		return nil, nil, err
	}
	dress := a.dresser(store)
	w := &publisher.Watcher{
		Declared: a.publishers, Store: store, Directory: directory,
		Changed: func(ctx context.Context, publishers []authstore.Publisher, set map[int64]authstore.Settings) error {
			answers.changed(publishers)
			return dress(ctx, publishers, set)
		},
		Report: func(err error) { a.log.Error("following what staff set", zap.Error(err)) },
	}
	return directory, w, w.Refresh(ctx)
}

// dresser returns what gives publishers the looks that staff have set, unless the
// configuration declares them. It is not safe for concurrent use.
func (a *App) dresser(store *authstore.Store) func(context.Context, []authstore.Publisher, map[int64]authstore.Settings) error {
	worn := map[int64]*authstore.Brand{}
	return func(ctx context.Context, publishers []authstore.Publisher, set map[int64]authstore.Settings) error {
		for _, p := range publishers {
			brand := set[p.ID].Brand
			if p.Branded || reflect.DeepEqual(worn[p.ID], brand) {
				continue
			}
			look, err := a.look(ctx, store, p.ID, brand)
			if err != nil {
				return fmt.Errorf("the look of publisher %d: %w", p.ID, err)
			}
			if err := a.renderer.SetBrand(p.ID, look); err != nil {
				return fmt.Errorf("the look of publisher %d: %w", p.ID, err)
			}
			worn[p.ID] = brand
		}
		return nil
	}
}

// look returns a look that staff have set. What cannot be shown is left out and
// logged: a picture must not keep the rest from viewers. Errors are the store's.
func (a *App) look(ctx context.Context, store *authstore.Store, id int64, b *authstore.Brand) (look pages.Brand, err error) {
	if b == nil {
		return look, nil
	}
	if look.Logo, err = a.storedPicture(ctx, store, id, b.Logo); err != nil {
		return look, err
	}
	if look.Favicon, err = a.storedPicture(ctx, store, id, b.Favicon); err != nil {
		return look, err
	}
	if b.Color != "" {
		if err := pages.CheckColor(b.Color); err != nil {
			a.log.Error("colour of a publisher", zap.Int64("publisher", id), zap.Error(err))
		} else {
			look.Color = b.Color
		}
	}
	for _, l := range b.Links {
		own := pages.Link{Text: l.Name, URL: l.URL}
		if slices.Contains(pages.LinkKinds, l.Name) {
			own.Kind = l.Name
		}
		look.Links = append(look.Links, own)
	}
	return look, nil
}

// storedPicture returns a picture from the store; nil is none.
func (a *App) storedPicture(ctx context.Context, store *authstore.Store, publisher int64, id string) (*pages.Image, error) {
	if id == "" {
		return nil, nil
	}
	content, err := store.Picture(ctx, publisher, id)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return nil, err
	}
	var picture *pages.Image
	if err == nil {
		picture, err = pages.NewImage(content)
	}
	if err != nil {
		a.log.Error("picture of a publisher", zap.Int64("publisher", publisher), zap.String("id", id), zap.Error(err))
	}
	return picture, nil
}

// mailerFor returns who sends the mails of a publisher. Those of a sandbox become
// files, unless it is told to send them.
func (a *App) mailerFor(p authstore.Publisher) mail.Mailer {
	if !p.Sandbox || p.SendMail {
		return a.mailer
	}
	if outbox, ok := a.mailer.(*OutboxMailer); ok {
		return outbox
	}
	return mail.NewOutbox(filepath.Join(caddy.AppDataDir(), "usher", "outbox", strconv.FormatInt(p.ID, 10)))
}
