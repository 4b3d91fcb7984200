// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
)

// StoreModule is what a guest in the namespace usher.stores implements. It only
// translates configuration; what is opened is an authstore.Backend, for which
// authstoretest.RunBackend is the judge.
type StoreModule interface {
	caddy.Module

	// StoreKey names what is opened, not how: two configurations with the
	// same key share one open backend.
	StoreKey() string

	// OpenStore opens the backend. It is called when the store is first
	// needed, never while a configuration is only validated.
	OpenStore(ctx context.Context) (authstore.Backend, error)
}

// BoltStore keeps everything in one file on this machine. The file is private
// to the server (mode 0600) and used by one process at a time.
//
//	store bolt [<path>]
type BoltStore struct {
	// The file. A relative path starts where the server was started.
	// Default: usher/usher.db in Caddy's data directory.
	Path string `json:"path,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*BoltStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.stores.bolt", New: func() caddy.Module { return new(BoltStore) }}
}

// Provision finds the file's absolute path, by which reloads know it again.
func (s *BoltStore) Provision(caddy.Context) error {
	path := caddy.NewReplacer().ReplaceKnown(s.Path, "")
	if path == "" {
		path = filepath.Join(caddy.AppDataDir(), "usher", "usher.db")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("finding the absolute path of %s: %w", path, err)
	}
	s.Path = absolute
	return nil
}

// StoreKey returns the file's absolute path.
func (s *BoltStore) StoreKey() string { return s.Path }

// OpenStore opens the file.
func (s *BoltStore) OpenStore(context.Context) (authstore.Backend, error) {
	return bolt.Open(s.Path, bolt.Options{})
}

// UnmarshalCaddyfile reads
//
//	bolt [<path>]
func (s *BoltStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the module's name
	if d.NextArg() {
		s.Path = d.Val()
	}
	return endOfModule(d, "store bolt takes one path at most")
}

// endOfModule refuses what follows a guest that takes no block.
func endOfModule(d *caddyfile.Dispenser, tooMany string) error {
	if d.NextArg() {
		return d.Errf("%s; remove %q", tooMany, d.Val())
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("no options are known here; remove %q", d.Val())
	}
	return nil
}

// Interface guards
var (
	_ StoreModule           = (*BoltStore)(nil)
	_ caddy.Provisioner     = (*BoltStore)(nil)
	_ caddyfile.Unmarshaler = (*BoltStore)(nil)
)
