// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/mail"
)

// Message is one mail to one recipient.
type Message = mail.Message

// Mailer is what a guest in the namespace usher.mailers implements.
type Mailer = mail.Mailer

// OutboxMailer writes each mail as an .eml file into a directory and sends
// nothing. It is for development and for trying things out.
//
//	mail outbox [<directory>]
type OutboxMailer struct {
	// The directory, private to the server (mode 0700). A relative path starts
	// where the server was started. Default: usher/outbox in Caddy's data
	// directory.
	Directory string `json:"directory,omitempty"`

	mail.Mailer `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*OutboxMailer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.mailers.outbox", New: func() caddy.Module { return new(OutboxMailer) }}
}

// Provision finds the directory. It is made when the first mail is written.
func (m *OutboxMailer) Provision(caddy.Context) error {
	dir := caddy.NewReplacer().ReplaceKnown(m.Directory, "")
	if dir == "" {
		dir = filepath.Join(caddy.AppDataDir(), "usher", "outbox")
	}
	m.Mailer = mail.NewOutbox(dir)
	return nil
}

// UnmarshalCaddyfile reads
//
//	outbox [<directory>]
func (m *OutboxMailer) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the module's name
	if d.NextArg() {
		m.Directory = d.Val()
	}
	return endOfModule(d, "mail outbox takes one directory at most")
}

// Interface guards
var (
	_ Mailer                = (*OutboxMailer)(nil)
	_ caddy.Provisioner     = (*OutboxMailer)(nil)
	_ caddyfile.Unmarshaler = (*OutboxMailer)(nil)
)
