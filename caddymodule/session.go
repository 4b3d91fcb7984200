// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
)

// Session is when a publisher's sessions end by time: at the hub, at all sites and
// in the API at once, so that refresh tokens and cookies are worth nothing
// afterwards. Other ends, such as signing out, come when they come.
//
// A change holds for sessions that exist, from the reload on. A lower limit ends
// those that are beyond it, at the latest when an access token that they have
// already needs renewal; a greater one does not bring back what was over.
type Session struct {
	// How long a session lives without use, such as 30m or 30d; at least 15m, the
	// usual life of an access token, because use is seen when one is renewed. Access
	// tokens live a fifth of it at most. Counted from the last click, a session ends
	// up to a quarter of the limit early, a token's life and 5 minutes at most, but
	// never late. Default: 100d, or absolute if that is shorter.
	Idle caddy.Duration `json:"idle,omitempty"`

	// How long a session lives at all, whatever its owner does, such as 12h or
	// 90d; at least as long as idle, and at most 400d, because browsers keep no
	// cookie longer. Cookies live as long. Default: 400d.
	Absolute caddy.Duration `json:"absolute,omitempty"`
}

// limits judges the configured limits. Errors say what to write instead.
func (s *Session) limits() (authstore.SessionLimits, error) {
	if s == nil {
		return authstore.SessionLimits{}, nil
	}
	l := authstore.SessionLimits{Idle: time.Duration(s.Idle), Absolute: time.Duration(s.Absolute)}
	return l, session.CheckLimits(l)
}

// parseSession reads
//
//	session {
//		idle     <duration>
//		absolute <duration>
//	}
func parseSession(d *caddyfile.Dispenser) (*Session, error) {
	if d.NextArg() {
		return nil, d.Errf("session takes no arguments; remove %q, or write it in the block", d.Val())
	}
	head := *d
	var s Session
	for level := d.Nesting(); d.NextBlock(level); {
		var err error
		switch name := d.Val(); name {
		case "idle":
			err = parseLimit(d, &s.Idle, "30d")
		case "absolute":
			err = parseLimit(d, &s.Absolute, "90d")
		default:
			err = d.Errf("unknown option %q of session; known are idle and absolute", name)
		}
		if err != nil {
			return nil, err
		}
	}
	if s == (Session{}) {
		return nil, head.Err("session needs idle, absolute or both; leave it out for the defaults")
	}
	if _, err := s.limits(); err != nil {
		return nil, head.WrapErr(err)
	}
	return &s, nil
}

func parseLimit(d *caddyfile.Dispenser, limit *caddy.Duration, example string) error {
	name := d.Val()
	if *limit != 0 {
		return d.Errf("%s is given twice; remove one", name)
	}
	text, err := one(d, "a duration, such as "+example)
	if err != nil {
		return err
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return d.Errf("%s %q is no duration above zero; write one such as %s", name, text, example)
	}
	*limit = caddy.Duration(duration)
	return end(d)
}
