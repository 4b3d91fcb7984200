// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
)

const (
	// benchCallers is how many viewers come at the same time.
	benchCallers = 32

	// benchTurn is how long one kind of work is measured in a turn.
	benchTurn = 2 * time.Second
)

// BenchmarkEntry measures registrations and logins a second, on a file with a
// sync at each commit, against hashing alone on as many cores (the pool leaves
// one to the proxy), in turns. One iteration is one turn of each; the figures to
// quote are the medians of the ratios.
func BenchmarkEntry(b *testing.B) {
	s, hasher := newBenchService(b)
	from := func(n int64) customer.Arrival { // each from a network of its own, as limits count
		ip := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
		return customer.Arrival{Device: session.Device{IP: ip.String()}, Start: session.ByAPI}
	}
	works := []struct {
		name string
		work func(ctx context.Context, n int64) error
	}{
		{"hash", func(ctx context.Context, _ int64) error {
			_, err := hasher.Hash(ctx, password)
			return err
		}},
		{"register", func(ctx context.Context, n int64) error {
			_, err := s.Register(ctx, orbit, customer.Registration{Email: fmt.Sprintf("viewer%d@example.com", n), Password: password}, from(n))
			return err
		}},
		{"login", func(ctx context.Context, n int64) error {
			_, err := s.Login(ctx, orbit, fmt.Sprintf("regular%d@example.com", n%benchCallers), password, from(n))
			return err
		}},
	}
	for n := range int64(benchCallers) {
		r := customer.Registration{Email: fmt.Sprintf("regular%d@example.com", n), Password: password}
		if _, err := s.Register(b.Context(), orbit, r, from(n)); err != nil {
			b.Fatal(err)
		}
	}
	ratios := map[string][]float64{}
	var begun atomic.Int64
	for b.Loop() {
		var hashes float64
		for _, w := range works {
			rate := perSecond(b, func() error { return w.work(b.Context(), begun.Add(1)) })
			if w.name == "hash" {
				hashes = rate
				continue
			}
			ratios[w.name] = append(ratios[w.name], rate/hashes)
		}
	}
	for name, all := range ratios {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], name+"/hash")
	}
}

// perSecond returns how often work is done a second while all callers want it.
func perSecond(b *testing.B, work func() error) float64 {
	b.Helper()
	var done atomic.Int64
	var group sync.WaitGroup
	begun := time.Now()
	for range benchCallers {
		group.Go(func() {
			for time.Since(begun) < benchTurn {
				if err := work(); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return float64(done.Load()) / time.Since(begun).Seconds()
}

// newBenchService returns a Service on a file of its own, and its hasher.
func newBenchService(b *testing.B) (*customer.Service, *customer.Hasher) {
	b.Helper()
	backend, err := bolt.Open(filepath.Join(b.TempDir(), "usher.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { backend.Close() })
	store := authstore.New(backend, time.Now)
	directory, err := publisher.NewDirectory([]authstore.Publisher{orbit})
	if err != nil {
		b.Fatal(err)
	}
	keys, err := token.OpenKeyring(b.Context(), store, "https://id.example.com", "ES256")
	if err != nil {
		b.Fatal(err)
	}
	memory, err := session.LoadMemory(b.Context(), store)
	if err != nil {
		b.Fatal(err)
	}
	root, tries, hasher := secret.NewRoot(), throttle.New(time.Now), customer.NewHasher(0, 0)
	sessions := session.NewManager(store, memory, keys, directory, root)
	return customer.NewService(store, sessions, hasher, customer.NewLimits(tries), notice.NewSender(store, tries), root), hasher
}
