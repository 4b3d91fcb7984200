// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// scenario is variants that are measured in turns.
type scenario struct {
	name, about string
	unit        string // what there is a rate of, and CPU for each
	variants    []*variant
	tellRounds  bool // the second variant's p99 is told beside the first's, round by round
}

// variant is a proxy under a load.
type variant struct {
	name    string
	base    bool // those after it are compared with it
	proxy   *proxy
	load    load
	beside  *load  // a second load that is not measured
	there   *proxy // the proxy of that; nil for this variant's
	samples []sample
}

// sample is one slice of a variant.
type sample struct {
	rate      float64 // per second
	p50, p99  float64 // µs
	cpu       float64 // of the proxy, µs for each unit
	rss, peak float64 // MiB
	noise     float64 // share of the machine that others had, %
}

// retries is how often a slice that others have disturbed is taken again.
const retries = 2

// measure runs all rounds of a scenario, each variant once in a round, in an order
// that rotates, and writes the tables.
func (s *stage) measure(sc *scenario) error {
	for _, v := range sc.variants {
		if err := s.warm(v); err != nil {
			return fmt.Errorf("%s, warming up: %w", v.name, err)
		}
	}
	for round := range s.rounds {
		turn := round % len(sc.variants)
		for _, v := range slices.Concat(sc.variants[turn:], sc.variants[:turn]) {
			taken, err := s.slice(v)
			for try := 0; err == nil && taken.noise > s.quiet && try < retries; try++ {
				taken, err = s.slice(v)
			}
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", v.name, round+1, err)
			}
			v.samples = append(v.samples, taken)
		}
		s.progress(sc, round)
	}
	report(s.out, sc)
	return nil
}

// warm has a variant see every token once, because a gate judges a token in full
// when it is new to it, and is measured by those that it knows.
func (s *stage) warm(v *variant) error {
	if _, err := s.slice(v); err != nil || v.load.Kind != "" || v.load.Lines == "" {
		return err
	}
	all := v.load
	all.Once, all.Every, all.Rate = true, 0, 0
	_, _, err := s.generate(s.ctx, v.proxy, all, maxSeconds)
	return err
}

// progress tells on the standard error how a round went.
func (s *stage) progress(sc *scenario, round int) {
	var parts []string
	for _, v := range sc.variants {
		last := v.samples[round]
		parts = append(parts, fmt.Sprintf("%s %.0f/s %.1f µs p99 %.0f", v.name, last.rate, last.cpu, last.p99))
	}
	fmt.Fprintf(os.Stderr, "%s, round %d of %d: %s\n", sc.name, round+1, s.rounds, strings.Join(parts, "; "))
}

// pause lets the proxies finish what they do after a slice.
const pause = 200 * time.Millisecond

// slice measures a variant once.
func (s *stage) slice(v *variant) (sample, error) {
	time.Sleep(pause)
	hush := s.disturb(v)
	before, err1 := s.read(v.proxy)
	o, used, err2 := s.generate(s.ctx, v.proxy, v.load, s.seconds)
	after, err3 := s.read(v.proxy)
	rss, peak, err4 := memoryOf(v.proxy.pid)
	besides, err5 := hush()
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return sample{}, err
	}
	v.load.From += o.Rare
	units := float64(o.N)
	if v.load.Kind == streamKind {
		units = float64(o.Bytes) / (1 << 20)
	}
	cpu := after.proxy - before.proxy
	others := max(0, after.used-before.used-cpu-(after.app-before.app)-used-besides) + after.stolen - before.stolen
	return sample{
		rate: units / o.Seconds, p50: o.P50, p99: o.P99, cpu: cpu / units * 1e6, rss: rss, peak: peak,
		noise: 100 * others / max(0.01, after.all-before.all),
	}, nil
}

// reading is how much CPU has been used so far, in seconds.
type reading struct {
	proxy, app float64
	account
}

func (s *stage) read(p *proxy) (r reading, err error) {
	var errs [3]error
	r.proxy, errs[0] = cpuOf(p.pid)
	r.app, errs[1] = cpuOf(s.appPID)
	r.account, errs[2] = machine()
	return r, errors.Join(errs[:]...)
}

// lead is how long a load beside the measured one begins before it, and goes on
// after it.
const lead = 300 * time.Millisecond

// disturb starts the load that a variant has beside the measured one, if any. The
// function waits for its end and returns the CPU that making it took.
func (s *stage) disturb(v *variant) func() (float64, error) {
	if v.beside == nil {
		return func() (float64, error) { return 0, nil }
	}
	at := v.there
	if at == nil {
		at = v.proxy
	}
	var used float64
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, used, err = s.generate(s.ctx, at, *v.beside, s.seconds+2*lead.Seconds())
	}()
	time.Sleep(lead)
	return func() (float64, error) {
		<-done
		return used, err
	}
}
