// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"strconv"
	"time"

	"github.com/usher-sso/usher/internal/throttle"
)

// Limits on tries. They stop guessing; a busy hasher stops floods.
var (
	// perAccount stops guessing one customer's password. Ten at once forgive
	// a forgetful owner; afterwards one a minute and a half is 960 a day.
	perAccount = throttle.Limit{Tries: 10, Window: 15 * time.Minute}

	// perNetwork stops one sender from trying many accounts. Many customers
	// share an address behind a carrier, and success gives the try back, so
	// only failures count.
	perNetwork = throttle.Limit{Tries: 300, Window: 15 * time.Minute}

	// registrationsPerNetwork stops the making of accounts by the thousand.
	registrationsPerNetwork = throttle.Limit{Tries: 200, Window: time.Hour}

	// tokensPerNetwork stops one sender from having providers asked about
	// tokens that are worth nothing: as with passwords, only failures count.
	tokensPerNetwork = throttle.Limit{Tries: 300, Window: 15 * time.Minute}
)

// Limits counts the tries of a process to register and to log in.
type Limits struct {
	// Failures are the tries to log in that failed, for the publishers' numbers.
	Failures Failures

	throttle *throttle.Throttle
}

// NewLimits returns Limits over a throttle.
func NewLimits(t *throttle.Throttle) *Limits { return &Limits{throttle: t} }

func accountKey(publisher int64, email string) throttle.Key {
	return throttle.Key{Name: "login/account/" + accountName(publisher, email), Limit: perAccount}
}

func accountName(publisher int64, email string) string {
	return strconv.FormatInt(publisher, 10) + "/" + email
}

func networkKey(what, ip string, limit throttle.Limit) throttle.Key {
	return throttle.Key{Name: what + "/network/" + network(ip), Limit: limit}
}

// login takes one try to log in, or returns a *LimitError. who is the account,
// or a device that the account knows.
func (l *Limits) login(who throttle.Key, ip string) error {
	return l.take(who, networkKey("login", ip, perNetwork))
}

// succeeded gives back what a successful login took.
func (l *Limits) succeeded(who throttle.Key, ip string) {
	l.throttle.Forgive(who)
	l.throttle.Refund(networkKey("login", ip, perNetwork))
}

// registration takes one try to register, or returns a *LimitError.
func (l *Limits) registration(ip string) error {
	return l.take(networkKey("register", ip, registrationsPerNetwork))
}

// LimitTokens takes one try to sign in with a provider's token, which GoodToken gives
// back. Errors: *LimitError.
func (s *Service) LimitTokens(ip string) error {
	return s.limits.take(networkKey("token", ip, tokensPerNetwork))
}

// GoodToken gives back what LimitTokens took.
func (s *Service) GoodToken(ip string) {
	s.limits.throttle.Refund(networkKey("token", ip, tokensPerNetwork))
}

func (l *Limits) take(keys ...throttle.Key) error {
	if wait, ok := l.throttle.Take(keys...); !ok {
		return &LimitError{RetryAfter: wait}
	}
	return nil
}
