// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/token"
)

// publisherID is the publisher that a Caddyfile without any has.
const publisherID = 100_000_000

// mint makes what viewers of one gated site present. It has opened the site's
// store before the server did, and let go of it.
type mint struct {
	site string
	keys *token.Keyring    // for bearer tokens
	own  *token.SiteTokens // for cookies
}

// openMint makes a store with its keys and with so many customers, each with a
// session at the site, and the file of the cookies that those have: their
// tokens have run out.
func openMint(ctx context.Context, path, hub, site, algorithm string, viewers int, cookies string) (*mint, error) {
	backend, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return nil, err
	}
	store, m := authstore.New(backend, time.Now), &mint{site: site}
	err = m.open(ctx, store, hub, algorithm)
	if err == nil && viewers > 0 {
		err = writeLines(cookies, viewers, func(i int) (string, error) { return m.register(ctx, store, i) })
	}
	return m, errors.Join(err, backend.Close())
}

func (m *mint) open(ctx context.Context, store *authstore.Store, hub, algorithm string) error {
	fresh := secret.NewRoot()
	root, err := store.RootKey(ctx, fresh[:])
	if err != nil {
		return fmt.Errorf("making the root key: %w", err)
	}
	copy(fresh[:], root.Secret)
	m.own = token.NewSiteTokens(fresh, time.Now)
	m.keys, err = token.OpenKeyring(ctx, store, hub, algorithm)
	return err
}

// register stores a viewer who came an hour ago, and returns the line of their
// cookie.
func (m *mint) register(ctx context.Context, store *authstore.Store, i int) (string, error) {
	came := time.Now().Add(-time.Hour)
	c, proof := m.claims(i, came), secret.New()
	customer, err := store.Register(ctx, authstore.Registration{
		Customer: authstore.Customer{PublisherID: publisherID, Email: c.Email},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: c.Email},
		Session: &authstore.Session{
			ID: c.SessionID, PublisherID: publisherID, Created: came, Seen: came, HubDigest: secret.Digest(secret.New()),
			Sites: map[string]authstore.SiteSession{m.site: {Digest: secret.Digest(proof), Since: came}},
		},
	})
	if err != nil {
		return "", fmt.Errorf("registering a viewer: %w", err)
	}
	c.CustomerID, c.Expires = customer.ID, came.Add(15*time.Minute)
	return m.cookieLine(c, proof), nil
}

// claims returns what the token of a viewer says whom the store need not know. It
// lives for longer than any benchmark runs.
func (m *mint) claims(i int, now time.Time) token.Claims {
	return token.Claims{
		ID: secret.NewID(), SessionID: secret.NewID(), CustomerID: 100_000_000 + int64(i)%900_000_000, PublisherID: publisherID,
		Audience: m.site, Email: fmt.Sprintf("viewer%07d@example.com", i), Stamp: flow.Stamp(authstore.Publisher{ID: publisherID}),
		IssuedAt: now, Expires: now.Add(12 * time.Hour), SignedInAt: now,
	}
}

func (m *mint) cookieLine(c token.Claims, proof string) string {
	return "Cookie: usher=" + m.mintCookie(c, proof)
}

// cookies writes a file of so many lines with site cookies, those of the viewers
// from first on.
func (m *mint) cookies(path string, first, n int) error {
	return writeLines(path, n, func(i int) (string, error) {
		return m.cookieLine(m.claims(first+i, time.Now()), secret.New()), nil
	})
}

// bearers writes a file of so many lines with tokens of the API.
func (m *mint) bearers(path string, n int) error {
	return writeLines(path, n, func(i int) (string, error) {
		c := m.claims(i, time.Now())
		c.Audience = token.PublisherAudience(publisherID)
		raw, err := m.keys.Sign(c)
		return "Authorization: Bearer " + raw, err
	})
}

// makers is how many lines are made at once, for each core: registrations wait for
// the disk together.
const makers = 64

// writeLines writes a file of lines that are made side by side.
func writeLines(path string, n int, line func(i int) (string, error)) error {
	lines := make([]string, n)
	var next, failed atomic.Int64
	var group sync.WaitGroup
	var failure error
	var once sync.Once
	for range makers * runtime.NumCPU() {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && failed.Load() == 0; i = next.Add(1) - 1 {
				var err error
				if lines[i], err = line(int(i)); err != nil {
					failed.Add(1)
					once.Do(func() { failure = err })
				}
			}
		})
	}
	group.Wait()
	if failure != nil {
		return failure
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}
