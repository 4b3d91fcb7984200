// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
)

// A device on which a customer has signed in before keeps a token, which reads
// <id>.<mark>. It proves nothing but that, and gives the device a counter of
// its own: strangers who use up an account's tries do not lock its owner out.

// knownDevice returns the counter of a device that has signed in to the account
// before.
func (s *Service) knownDevice(token string, publisher int64, email string) (throttle.Key, bool) {
	id, mark, _ := strings.Cut(token, ".")
	if id == "" || !s.devices.Check(deviceMark(id, publisher, email), mark) {
		return throttle.Key{}, false
	}
	return throttle.Key{Name: "login/device/" + id, Limit: perAccount}, true
}

// deviceToken returns the token for a device that has just signed in: the one
// it has, or a new one.
func (s *Service) deviceToken(token string, publisher int64, email string) string {
	if _, known := s.knownDevice(token, publisher, email); known {
		return token
	}
	id := secret.NewID()
	return id + "." + s.devices.Mark(deviceMark(id, publisher, email))
}

// familiar tells whether a customer need not hear of a sign-in: the device keeps
// the token, or, as clients of the API keep none, a session of theirs was begun
// by the same client in the same network. Customers who never signed in expect
// their first one.
func (s *Service) familiar(ctx context.Context, c authstore.Customer, known bool, d session.Device) (bool, error) {
	if known || c.LastLogin.IsZero() {
		return true, nil
	}
	sessions, err := s.store.CustomerSessions(ctx, c.ID)
	if err != nil {
		return false, fmt.Errorf("reading the sessions of customer %d: %w", c.ID, err)
	}
	return slices.ContainsFunc(sessions, func(before authstore.Session) bool {
		return before.UserAgent == session.CutUserAgent(d.UserAgent) && network(before.IP) == network(d.IP)
	}), nil
}

func network(ip string) string {
	addr, _ := netip.ParseAddr(ip) // no address is a network of its own
	return throttle.Prefix(addr)
}

func deviceMark(id string, publisher int64, email string) string {
	return id + "/" + accountName(publisher, email)
}
