// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff

import (
	"net/netip"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/throttle"
)

// Limits on tries.
var (
	// perAccount stops guessing one password, as for customers.
	perAccount = throttle.Limit{Tries: 10, Window: 15 * time.Minute}

	// perFactor stops guessing codes by somebody who has the password: three of a
	// million are right at any time, and 480 tries a day find one in two years.
	perFactor = throttle.Limit{Tries: 5, Window: 15 * time.Minute}

	// perNetwork stops one sender from trying many accounts. Success gives the
	// try back, so that an office behind one address spends only its mistakes.
	perNetwork = throttle.Limit{Tries: 100, Window: 15 * time.Minute}
)

// limits counts tries.
type limits struct{ throttle *throttle.Throttle }

// take uses up a try of each key, or returns a *customer.LimitError.
func (l limits) take(keys ...throttle.Key) error {
	if wait, ok := l.throttle.Take(keys...); !ok {
		return &customer.LimitError{RetryAfter: wait}
	}
	return nil
}

func networkKey(ip string) throttle.Key {
	addr, _ := netip.ParseAddr(ip) // no address is a network of its own
	return throttle.Key{Name: "staff/network/" + throttle.Prefix(addr), Limit: perNetwork}
}

// A browser in which a member has completed a sign-in keeps a token, which reads
// <id>.<mark>. It proves nothing but that, and gives the browser counters of its
// own: strangers who use up an account's tries do not lock its owner out.

// passwordKey returns the counter of tries of an account's password.
func (s *Service) passwordKey(d Device, emailKey string) throttle.Key {
	if id := s.knownDevice(d.Known, emailKey); id != "" {
		return throttle.Key{Name: "staff/password/device/" + id, Limit: perAccount}
	}
	return throttle.Key{Name: "staff/password/account/" + emailKey, Limit: perAccount}
}

// codeKey returns the counter of tries of an account's second factor. A new
// sign-in does not restart it.
func (s *Service) codeKey(d Device, emailKey string) throttle.Key {
	if id := s.knownDevice(d.Known, emailKey); id != "" {
		return throttle.Key{Name: "staff/code/device/" + id, Limit: perFactor}
	}
	return throttle.Key{Name: "staff/code/account/" + emailKey, Limit: perFactor}
}

// knownDevice returns the id in a token of a browser that has signed in to the
// account before, or "".
func (s *Service) knownDevice(token, emailKey string) string {
	id, mark, _ := strings.Cut(token, ".")
	if id == "" || !s.devices.Check(id+"/"+emailKey, mark) {
		return ""
	}
	return id
}

// deviceToken returns the token for a browser: the one it has, or a new one.
func (s *Service) deviceToken(d Device, emailKey string) string {
	if s.knownDevice(d.Known, emailKey) != "" {
		return d.Known
	}
	id := secret.NewID()
	return id + "." + s.devices.Mark(id+"/"+emailKey)
}
