// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/backchannel"
)

// BackchannelLogout is an app that is told when a session ends (OpenID Connect
// Back-Channel Logout 1.0): by sign-out, a new password, a stolen refresh token,
// erasure or a withdrawn consent, but not by time alone. It gets a POST with a
// logout token, which it verifies with the hub's /.well-known/jwks.json; `sid` is
// the X-Usher-Session-Id that it saw, `sub` the X-Usher-Customer-Id.
//
// Status 200 says that it has heard. Status 400 says that it never will; anything
// else, or no answer within five seconds, is tried again with growing pauses for
// a day. What waits is in the store, so that a restart loses nothing; no visitor
// waits for it. An app may be told twice, with the same `jti`.
type BackchannelLogout struct {
	// Where the app takes logout tokens, such as
	// https://app.example.com/backchannel-logout. It must be https, except for
	// loopback names, and has no user name and no fragment. Required.
	URL string `json:"url"`

	// What the app expects in the token's `aud`. Default: the origin of the URL.
	Audience string `json:"audience,omitempty"`
}

// receivers judges the configured apps and turns them into what is stored.
func receivers(configured []BackchannelLogout) (list []authstore.Receiver, err error) {
	for _, c := range configured {
		r, err := backchannel.ParseReceiver(c.URL, c.Audience)
		if err != nil {
			return nil, err
		}
		if list, err = backchannel.AddReceiver(list, r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// parseBackchannelLogout reads
//
//	backchannel_logout <url> [<audience>]
func parseBackchannelLogout(d *caddyfile.Dispenser, own *Publisher) error {
	address, err := one(d, "the address of an app, such as https://app.example.com/backchannel-logout")
	if err != nil {
		return err
	}
	app := BackchannelLogout{URL: address}
	if d.NextArg() {
		if app.Audience = d.Val(); app.Audience == "" {
			return d.Err("the audience is empty; leave it out for the origin of the address")
		}
	}
	own.BackchannelLogout = append(own.BackchannelLogout, app)
	if _, err := receivers(own.BackchannelLogout); err != nil {
		return d.WrapErr(err)
	}
	return end(d)
}

// announcements logs what apps were not told: as an error when they never will
// be.
func (a *App) announcements(err error) {
	if errors.Is(err, backchannel.ErrDropped) {
		a.log.Error("telling an app of a sign-out", zap.Error(err))
		return
	}
	a.log.Warn("telling an app of a sign-out", zap.Error(err))
}
