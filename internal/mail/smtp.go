// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Encryption is how the way to a mail server is protected.
type Encryption string

const (
	StartTLS Encryption = "starttls" // begins in the clear, and goes on with TLS or not at all
	Implicit Encryption = "implicit" // TLS from the first byte
	NoTLS    Encryption = "none"     // for servers on this machine
)

// Encryptions lists the ways, the default first.
var Encryptions = []Encryption{StartTLS, Implicit, NoTLS}

// defaultTimeout is how long a server may take for one message.
const defaultTimeout = 15 * time.Second

// SMTPConfig is how a mail server is reached.
type SMTPConfig struct {
	Host       string        // name or IP address; names are checked against the server's certificate
	Port       int           // 0 means 587, or 465 for Implicit
	Encryption Encryption    // "" means StartTLS
	Username   string        // "" means that the server asks for none
	Password   string        // of Username
	From       string        // bare address of the sender; "" leaves it to whoever sends
	Hello      string        // name to introduce ourselves with; "" means this machine's
	Timeout    time.Duration // for one message; 0 means 15 seconds
}

// SMTP is a Mailer that hands messages to a mail server (RFC 5321, RFC 6409).
// Make one with NewSMTP.
type SMTP struct {
	c     SMTPConfig
	roots *x509.CertPool // nil means the system's
}

// NewSMTP returns an SMTP, or an error that says what is wrong with c and what
// helps. It does not speak to the server.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	c.Encryption = cmp.Or(c.Encryption, StartTLS)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.Port == 0 {
		c.Port = 587
		if c.Encryption == Implicit {
			c.Port = 465
		}
	}
	if c.Hello == "" {
		c.Hello, _ = os.Hostname()
		c.Hello = cmp.Or(c.Hello, "localhost")
	}
	return &SMTP{c: c}, c.check()
}

func (c SMTPConfig) check() error {
	switch {
	case c.Host == "":
		return errors.New("the mail server's name is missing; write one, such as smtp.example.com")
	case strings.ContainsFunc(c.Host, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '@' }):
		return fmt.Errorf("%q is no name of a mail server; write one such as smtp.example.com", c.Host)
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("port %d does not exist; use 587, or 465 with tls implicit", c.Port)
	case !slices.Contains(Encryptions, c.Encryption):
		return fmt.Errorf("unknown tls %q; use one of starttls, implicit, none", c.Encryption)
	case c.Encryption == NoTLS && !loopback(c.Host):
		return fmt.Errorf("tls none would send mails and links that sign people in across the network in the clear; "+
			"use tls starttls or implicit for %s; none is for servers on this machine only", c.Host)
	case c.Username == "" && c.Password != "":
		return errors.New("there is a password without a username; add the username, or remove the password")
	case c.Username != "" && c.Password == "":
		return errors.New("there is a username without a password; add the password, for example {$SMTP_PASSWORD}, and see that the variable is set")
	case c.Timeout < 0:
		return errors.New("the timeout is negative; write one such as 15s")
	}
	if c.From != "" {
		if fault := addressFault(c.From); fault != "" {
			return fmt.Errorf("the sender %q %s; write a bare address, such as no-reply@example.com", c.From, fault)
		}
	}
	if strings.ContainsFunc(c.Hello, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("hello %q is no host name; write this machine's, such as id.example.com", c.Hello)
	}
	return nil
}

// loopback tells whether a host is this machine, whatever a resolver says.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// Sender returns the sender's address, or "" when there is none configured.
func (s *SMTP) Sender() string { return s.c.From }

// Send hands m to the server over a connection of its own. See Mailer for the
// meaning of errors; a recipient that the server knows not to exist is
// ErrInvalid, everything else may pass.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := compose(m, time.Now())
	if err != nil {
		return err
	}
	deadline := time.Now().Add(s.c.Timeout)
	timed, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err = s.deliver(timed, msg)
	switch {
	case msg.IsDelivered(): // whatever went wrong afterwards
		return nil
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case timed.Err() != nil, !time.Now().Before(deadline): // a dial may end before its context tells
		return fmt.Errorf("mail server %s did not take the message within %s", s.address(), s.c.Timeout)
	}
	return err
}

func (s *SMTP) address() string { return net.JoinHostPort(s.c.Host, strconv.Itoa(s.c.Port)) }

// deliver speaks to the server until the context ends.
func (s *SMTP) deliver(ctx context.Context, msg *gomail.Msg) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return s.explainDial(err)
	}
	defer conn.Close()
	// The library heeds the context only while it dials.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	client, err := gomail.NewClient(s.c.Host, s.options(conn)...)
	if err != nil {
		return fmt.Errorf("preparing to speak to mail server %s: %w", s.address(), err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return s.explainDial(err)
	}
	defer client.CloseWithSMTPClient(session)
	if err := client.SendWithSMTPClient(session, msg); err != nil {
		return s.explainSend(err)
	}
	return nil
}

func (s *SMTP) tls() *tls.Config {
	return &tls.Config{ServerName: s.c.Host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	if s.c.Encryption == Implicit {
		return (&tls.Dialer{Config: s.tls()}).DialContext(ctx, "tcp", s.address())
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.address())
}

// options makes a client that speaks over conn.
func (s *SMTP) options(conn net.Conn) []gomail.Option {
	list := []gomail.Option{
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
		gomail.WithPort(s.c.Port), gomail.WithHELO(s.c.Hello), gomail.WithTLSConfig(s.tls()),
		gomail.WithTimeout(2 * s.c.Timeout),        // the context ends first
		gomail.WithoutNoop(), gomail.WithoutRset(), // one message a connection
	}
	switch s.c.Encryption {
	case StartTLS:
		list = append(list, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Implicit:
		list = append(list, gomail.WithSSL())
	case NoTLS:
		list = append(list, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.c.Username != "" {
		// The library gives the password away over TLS only, or on this machine.
		list = append(list, gomail.WithUsername(s.c.Username), gomail.WithPassword(s.c.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthSCRAMSHA256))
	}
	return list
}

// explainDial says why there is no session with the server, and what helps. The
// server's own words stay out: they may repeat a user name.
func (s *SMTP) explainDial(err error) error {
	var said *textproto.Error
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &said) && strings.HasPrefix(err.Error(), "SMTP AUTH"):
		return fmt.Errorf("mail server %s refuses username or password (code %d); check both", s.address(), said.Code)
	case errors.As(err, &said):
		return fmt.Errorf("mail server %s refuses to talk to us (code %d); ask its operator, or check hello", s.address(), said.Code)
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate of mail server %s is not trusted; use the name that it is for, or make its CA known to this machine: %w", s.address(), untrusted)
	case strings.Contains(err.Error(), "STARTTLS"):
		return fmt.Errorf("mail server %s offers no STARTTLS; use tls implicit with its other port, mostly 465", s.address())
	case strings.Contains(err.Error(), "SMTP AUTH"):
		return fmt.Errorf("mail server %s asks for no username and password; remove them", s.address())
	}
	return fmt.Errorf("reaching mail server %s: %w", s.address(), err)
}

// unknownMailbox are the enhanced codes (RFC 3463, section 3.2) by which a server
// says that the recipient's address does not exist. Other refusals may be about
// us, and pass.
var unknownMailbox = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"}

// explainSend says at which step the server refused a message. The library's own
// text names the recipient.
func (s *SMTP) explainSend(err error) error {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return fmt.Errorf("mail server %s did not take the message", s.address())
	}
	code, enhanced := failed.ErrorCode(), failed.EnhancedStatusCode()
	switch {
	case code == 0:
		return fmt.Errorf("the connection to mail server %s broke: %s", s.address(), failed.Reason)
	case failed.Reason == gomail.ErrSMTPRcptTo && slices.Contains(unknownMailbox, enhanced):
		return fmt.Errorf("%w: mail server %s knows no such recipient (code %d %s)", ErrInvalid, s.address(), code, enhanced)
	case failed.Reason == gomail.ErrSMTPMailFrom && code >= 500:
		return fmt.Errorf("mail server %s refuses our sender (code %d %s); set from to an address that it may send for", s.address(), code, enhanced)
	}
	return fmt.Errorf("mail server %s refuses the message (code %d %s): %s", s.address(), code, enhanced, failed.Reason)
}

// Interface guards.
var (
	_ Mailer    = (*SMTP)(nil)
	_ Addressed = (*SMTP)(nil)
)
