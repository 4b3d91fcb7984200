// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"strings"
)

// scenarios lists what can be measured, in the order in which it is.
var scenarios = []struct {
	name string
	run  func(*stage) error
}{
	{"gate", func(s *stage) error {
		return s.gate("gate", "A page of 1 KiB, by site cookie, in the closed loop.", nil)
	}},
	{"unlogged", func(s *stage) error {
		s.logging = unlogged
		defer func() { s.logging = "" }()
		return s.gate("unlogged", "The same, in all variants with `exclude http.handlers.reverse_proxy` in the log's block.", nil)
	}},
	{"algorithms", (*stage).algorithms},
	{"browser", func(s *stage) error {
		return s.gate("browser", fmt.Sprintf("The same, with %d more headers that a browser sends.", len(browser)), browser)
	}},
	{"renewals", (*stage).renewals},
	{"flood", (*stage).flood},
	{"streams", (*stage).streams},
	{"websockets", (*stage).websockets},
	{"memory", (*stage).memory},
}

// bare returns the two variants that others are compared with. They get the
// headers that a gated one gets.
func (s *stage) bare(like load) ([]*variant, error) {
	stock := &variant{name: "stock-bare", base: true}
	usher := &variant{name: "usher-bare", base: true}
	var err error
	if stock.proxy, err = s.proxy(kind{}); err != nil {
		return nil, err
	}
	usher.proxy, err = s.proxy(kind{usher: true})
	for _, v := range []*variant{stock, usher} {
		v.load = like
		v.load.Limit, v.load.Every = 0, 0
	}
	return []*variant{stock, usher}, err
}

// gated returns a gated variant that many viewers visit by cookie.
func (s *stage) gated(name string, registered int, options ...string) (*variant, error) {
	p, err := s.proxy(kind{usher: true, algorithm: "ES256", viewers: registered, options: strings.Join(options, "\n\t\t")})
	if err != nil {
		return nil, err
	}
	lines := p.file("cookies")
	return &variant{name: name, proxy: p, load: s.page(lines)}, p.mint.cookies(lines, 0, s.tokens)
}

// gate is the gate by cookie, with one viewer and with many.
func (s *stage) gate(name, about string, headers []string) error {
	one, err := s.gated("gated, 1 token", 0)
	if err != nil {
		return err
	}
	many, err := s.gated(fmt.Sprintf("gated, %d tokens", s.tokens), 0)
	if err != nil {
		return err
	}
	short, err := s.gated(fmt.Sprintf("gated, %d tokens, header token off", s.tokens), 0, "header token off")
	if err != nil {
		return err
	}
	one.load.Headers, many.load.Headers, short.load.Headers = headers, headers, headers
	one.load.Limit = 1
	variants, err := s.bare(many.load)
	if err != nil {
		return err
	}
	return s.measure(&scenario{name: name, about: about, unit: "request", variants: append(variants, one, many, short)})
}

// algorithms is the gate by bearer token, with either kind of signature.
func (s *stage) algorithms() error {
	var variants []*variant
	for _, algorithm := range []string{"ES256", "RS256"} {
		for _, n := range []int{1, s.tokens} {
			p, err := s.proxy(kind{usher: true, algorithm: algorithm})
			if err != nil {
				return err
			}
			lines := p.file("bearers")
			if err := p.mint.bearers(lines, n); err != nil {
				return err
			}
			variants = append(variants, &variant{name: fmt.Sprintf("%s, tokens: %d", algorithm, n), proxy: p, load: s.page(lines)})
		}
	}
	bare, err := s.bare(variants[1].load)
	if err != nil {
		return err
	}
	about := "By bearer token, as apps and players send it. The bare ones get those of ES256."
	return s.measure(&scenario{name: "algorithms", about: about, unit: "request", variants: append(bare, variants...)})
}

const (
	// renewEvery makes 5 % of the requests renewals.
	renewEvery = 20

	// renewalsPerSecond is how many viewers are made ready for a second of load.
	// A slice that uses them up ends early.
	renewalsPerSecond = 600

	// maxViewers keeps the preparation of long runs within a minute or so.
	maxViewers = 200_000
)

// renewals is the gate where some cookies' tokens have expired.
func (s *stage) renewals() error {
	none, err := s.gated("gated", 0)
	if err != nil {
		return err
	}
	slices := s.rounds*(1+retries) + 1 // with the warming up
	viewers := min(int(float64(slices)*s.seconds*renewalsPerSecond), maxViewers)
	some, err := s.gated("gated, 5 % renewals", viewers)
	if err != nil {
		return err
	}
	none.base = true
	some.load.Rare, some.load.Every = some.proxy.file("expired"), renewEvery
	variants, err := s.bare(none.load)
	if err != nil {
		return err
	}
	about := "Every twentieth request has a cookie whose token has expired, each of another session; the gate renews it in the course of the request."
	return s.measure(&scenario{name: "renewals", about: about, unit: "request", variants: append(variants, none, some)})
}

// floodConns is the number of connections of the good traffic, and of the bad.
const floodConns = 32

// floodAccounts is how many accounts of their own the attackers have.
const floodAccounts = 10

// flood is good traffic at a fixed rate, quiet and beside forged tokens.
func (s *stage) flood() error {
	quiet, err := s.gated("quiet", 0)
	if err != nil {
		return err
	}
	quiet.base = true
	quiet.load.Conns, quiet.load.Rate = floodConns, s.rate
	beside, forged := *quiet, quiet.proxy.file("bearers")
	if err := quiet.proxy.mint.bearers(forged, floodAccounts); err != nil {
		return err
	}
	bad := s.page(forged)
	bad.Conns, bad.Rate, bad.Forge, bad.Status = floodConns, s.flooding, true, http.StatusUnauthorized
	beside.name, beside.base, beside.beside = "beside a flood", false, &bad
	elsewhere, harmless := *quiet, bad
	elsewhere.name, elsewhere.base, elsewhere.beside = "beside another proxy", false, &harmless
	if elsewhere.there, err = s.proxy(kind{}); err != nil {
		return err
	}
	harmless.Status = http.StatusOK
	about := fmt.Sprintf("%.0f requests/s of signed-in viewers in the open loop, alone and beside %.0f/s with forged bearer tokens, each another: by turns with claims made up, and with those of %d accounts under another signature. CPU is that of all requests for each good one. At last beside the same requests to another process, stock Caddy's bare proxy, which shares nothing but the machine.", s.rate, s.flooding, floodAccounts)
	return s.measure(&scenario{name: "flood", about: about, unit: "request", tellRounds: true, variants: []*variant{quiet, &beside, &elsewhere}})
}

// streamConns and socketConns are how many viewers watch, and talk, at once.
const (
	streamConns = 256
	socketConns = 200
)

// streams is many responses that go on.
func (s *stage) streams() error {
	v, err := s.gated("gated", 0)
	if err != nil {
		return err
	}
	v.load.Kind, v.load.Path, v.load.Conns = streamKind, "/stream", streamConns
	variants, err := s.bare(v.load)
	if err != nil {
		return err
	}
	about := fmt.Sprintf("%d streams at once, each %d KiB every %v. CPU is for each MiB.", streamConns, chunkSize>>10, beat)
	return s.measure(&scenario{name: "streams", about: about, unit: "MiB", variants: append(variants, v)})
}

// websockets is many connections with messages that are echoed.
func (s *stage) websockets() error {
	v, err := s.gated("gated", 0)
	if err != nil {
		return err
	}
	v.load.Kind, v.load.Path, v.load.Conns, v.load.Status = socketKind, "/ws", socketConns, http.StatusSwitchingProtocols
	v.load.Headers = upgrade
	variants, err := s.bare(v.load)
	if err != nil {
		return err
	}
	about := fmt.Sprintf("%d WebSockets, each with a message of %d bytes and its echo in the closed loop.", socketConns, len(message))
	return s.measure(&scenario{name: "websockets", about: about, unit: "message", variants: append(variants, v)})
}
