// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/mail"
)

// SMTPMailer sends mails through a mail server. Each mail waits in the store
// until the server has taken it, for three days at most, so that an outage of
// the server loses nothing and holds up no visitor.
//
//	mail smtp smtp.example.com {
//		from     no-reply@example.com
//		username usher
//		password {$SMTP_PASSWORD}
//	}
//
// The way to the server is encrypted, and its certificate must be trusted by
// this machine; a server that offers no encryption gets nothing. Without
// encryption only servers on this machine are spoken to.
//
// A configuration that is incomplete or contradicts itself is refused when it is
// read; the server is first asked when there is a mail to send. What it refuses
// is in the log, without addresses.
type SMTPMailer struct {
	// The server's name or IP address, with a port unless it is the usual one:
	// 587, or 465 for implicit TLS. Required.
	Server string `json:"server"`

	// The address that mails come from. The server must accept it, and its
	// domain's SPF and DKIM should be in order, or mails end up among spam.
	// Default: no-reply at the hub's host.
	From string `json:"from,omitempty"`

	// The user name at the server. Default: none, for servers that know this
	// machine by its address.
	Username string `json:"username,omitempty"`

	// The password of the user name. Write a placeholder such as
	// {env.SMTP_PASSWORD} or {file./run/secrets/smtp}, so that it is in no file of
	// configuration.
	Password string `json:"password,omitempty"`

	// How the way to the server is encrypted: starttls, implicit (TLS from the
	// first byte) or none, which only servers on this machine may have. Default:
	// starttls.
	TLS string `json:"tls,omitempty"`

	// The name by which this machine introduces itself. Some servers want it to
	// be in DNS. Default: the machine's host name.
	Hello string `json:"hello,omitempty"`

	// How long the server may take for one mail, such as 15s. Default: 15s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	*mail.SMTP `json:"-"`
}

// CaddyModule returns the Caddy module information.
func (*SMTPMailer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.mailers.smtp", New: func() caddy.Module { return new(SMTPMailer) }}
}

// Provision reads the placeholders and judges the configuration.
func (m *SMTPMailer) Provision(caddy.Context) (err error) {
	r := caddy.NewReplacer()
	read := func(s string) string { return r.ReplaceKnown(s, "") }
	if m.SMTP, err = m.open(read); err != nil {
		return fmt.Errorf("mail smtp: %w", err)
	}
	return nil
}

// open judges the configuration; read fills in the placeholders of a value.
func (m *SMTPMailer) open(read func(string) string) (*mail.SMTP, error) {
	host, port, err := splitServer(read(m.Server))
	if err != nil {
		return nil, err
	}
	return mail.NewSMTP(mail.SMTPConfig{
		Host: host, Port: port, Encryption: mail.Encryption(read(m.TLS)), Username: read(m.Username), Password: read(m.Password),
		From: read(m.From), Hello: read(m.Hello), Timeout: time.Duration(m.Timeout),
	})
}

// splitServer reads <host[:port]>; a port of 0 is the usual one.
func splitServer(server string) (host string, port int, err error) {
	if _, err := netip.ParseAddr(server); err == nil || !strings.Contains(server, ":") {
		return server, 0, nil
	}
	host, text, err := net.SplitHostPort(server)
	if err != nil || strings.Contains(server, "/") {
		return "", 0, fmt.Errorf("%q is no mail server; write its name and, if it is an unusual one, its port, such as smtp.example.com:2525", server)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("%q is no port; use a number such as 587, or leave it out", text)
	}
	return host, port, nil
}

// UnmarshalCaddyfile reads
//
//	smtp <host[:port]> {
//		from     <address>
//		username <name>
//		password <password>
//		tls      starttls|implicit|none
//		hello    <name>
//		timeout  <duration>
//	}
func (m *SMTPMailer) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	d.Next() // the module's name
	if m.Server, err = one(d, "the mail server's name, such as smtp.example.com"); err != nil {
		return err
	}
	if d.NextArg() {
		return d.Errf("mail smtp takes one server; remove %q, or write it in the block", d.Val())
	}
	head := *d
	seen := map[string]bool{}
	for level := d.Nesting(); d.NextBlock(level); {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s is given twice; remove one", name)
		}
		seen[name] = true
		if err := m.option(d, name); err != nil {
			return err
		}
	}
	if err := m.judge(); err != nil {
		return head.WrapErr(err)
	}
	return nil
}

func (m *SMTPMailer) option(d *caddyfile.Dispenser, name string) (err error) {
	switch name {
	case "from":
		m.From, err = one(d, "an address, such as no-reply@example.com")
	case "username":
		m.Username, err = one(d, "the user name at the mail server")
	case "password":
		m.Password, err = one(d, "a password, such as {$SMTP_PASSWORD}; see that the variable is set")
		if err == nil && d.NextArg() {
			return d.Err("a password with blanks must be in quotes") // and in no message
		}
	case "tls":
		m.TLS, err = one(d, "one of starttls, implicit, none")
	case "hello":
		m.Hello, err = one(d, "this machine's name, such as id.example.com")
	case "timeout":
		err = m.timeout(d)
	default:
		return d.Errf("unknown option %q of mail smtp; known are from, username, password, tls, hello and timeout", name)
	}
	if err != nil {
		return err
	}
	return end(d)
}

func (m *SMTPMailer) timeout(d *caddyfile.Dispenser) error {
	text, err := one(d, "a duration, such as 15s")
	if err != nil {
		return err
	}
	wait, err := caddy.ParseDuration(text)
	if err != nil || wait <= 0 {
		return d.Errf("%q is no duration; write one such as 15s", text)
	}
	m.Timeout = caddy.Duration(wait)
	return nil
}

// judge refuses early, where the line is known, what Provision would refuse.
// What a placeholder stands for is known only then.
func (m *SMTPMailer) judge() error {
	for _, value := range []string{m.Server, m.TLS, m.Username, m.From, m.Hello} {
		if strings.Contains(value, "{") {
			return nil
		}
	}
	_, err := m.open(func(s string) string { return s })
	return err
}

// Interface guards
var (
	_ Mailer                = (*SMTPMailer)(nil)
	_ mail.Addressed        = (*SMTPMailer)(nil)
	_ caddy.Provisioner     = (*SMTPMailer)(nil)
	_ caddyfile.Unmarshaler = (*SMTPMailer)(nil)
)
