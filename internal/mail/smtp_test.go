// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	smtpUser     = "usher@relay.example"
	smtpPassword = "s3cret words"
)

// received is a message as the server has it.
type received struct{ from, to, text string }

// server is a mail server on this machine.
type server struct {
	port  int
	roots *x509.CertPool // who signed its certificate

	mu    sync.Mutex
	got   []received // guarded by mu
	hello []string   // guarded by mu
	auth  []string   // mechanisms that were used; guarded by mu

	mechanisms []string
	refuse     map[string]error // by command
}

// errClose makes the server hang up.
var errClose = errors.New("close")

// stall makes the server end the client's context, and keep its answer to itself.
type stall struct{ cancel context.CancelFunc }

func (stall) Error() string { return "stall" }

// newServer starts a server. Options change it before it does.
func newServer(t *testing.T, implicit bool, options ...func(*server, *smtp.Server)) *server {
	t.Helper()
	s := &server{refuse: map[string]error{}}
	certificate, roots := testCertificate(t)
	s.roots = roots
	b := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hello = append(s.hello, c.Hostname())
		return &smtpSession{s: s, c: c}, nil
	}))
	b.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	b.ErrorLog = discard{}
	for _, o := range options {
		o(s, b)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if implicit {
		l = tls.NewListener(l, b.TLSConfig)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = b.Serve(l) })
	t.Cleanup(func() {
		b.Close()
		l.Close() // in case it was not served yet
		serving.Wait()
	})
	return s
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

// testCertificate is for localhost, by a CA of its own.
func testCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

type smtpSession struct {
	s *server
	c *smtp.Conn
	m received
}

func (s *smtpSession) AuthMechanisms() []string { return s.s.mechanisms }

func (s *smtpSession) Auth(mech string) (sasl.Server, error) {
	s.s.mu.Lock()
	s.s.auth = append(s.s.auth, mech)
	s.s.mu.Unlock()
	judge := func(user, password string) error {
		if user != smtpUser || password != smtpPassword {
			return smtp.ErrAuthFailed
		}
		return nil
	}
	if mech == sasl.Login {
		return &loginServer{judge: judge}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return judge(user, password) }), nil
}

// loginServer is the server's part of AUTH LOGIN, which has no standard.
type loginServer struct {
	judge func(user, password string) error
	user  *string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case l.user == nil:
		user := string(response)
		l.user = &user
		return []byte("Password:"), false, nil
	}
	return nil, true, l.judge(*l.user, string(response))
}

// step answers a command as the test wants it.
func (s *smtpSession) step(command string) error {
	err := s.s.refuse[command]
	var stalled stall
	switch {
	case errors.As(err, &stalled):
		stalled.cancel()
		io.Copy(io.Discard, s.c.Conn()) // until the client goes
	case errors.Is(err, errClose):
		s.c.Conn().Close()
	}
	return err
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	s.m = received{from: from}
	return s.step("MAIL")
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.m.to = to
	return s.step("RCPT")
}

func (s *smtpSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.step("DATA"); err != nil && !errors.Is(err, errClose) {
		return err
	}
	s.m.text = string(text)
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.got = append(s.s.got, s.m)
	return s.s.refuse["DATA"]
}

func (*smtpSession) Reset()        {}
func (*smtpSession) Logout() error { return nil }

func (s *server) messages() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}

// offers makes a server ask for a user by some mechanisms.
func offers(mechanisms ...string) func(*server, *smtp.Server) {
	return func(s *server, _ *smtp.Server) { s.mechanisms = mechanisms }
}

func refuses(command string, err error) func(*server, *smtp.Server) {
	return func(s *server, _ *smtp.Server) { s.refuse[command] = err }
}

// mustSMTP returns a mailer to the server, which trusts it.
func (s *server) mustSMTP(t *testing.T, c SMTPConfig) *SMTP {
	t.Helper()
	c.Host, c.Port = "localhost", s.port
	m, err := NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	m.roots = s.roots
	return m
}

func TestSMTPDelivers(t *testing.T) {
	credentials := SMTPConfig{Username: smtpUser, Password: smtpPassword}
	for name, tt := range map[string]struct {
		config   SMTPConfig
		implicit bool
		options  []func(*server, *smtp.Server)
		auth     string
	}{
		"STARTTLS":                {},
		"STARTTLS, AUTH PLAIN":    {config: credentials, options: []func(*server, *smtp.Server){offers(sasl.Plain, sasl.Login)}, auth: sasl.Plain},
		"STARTTLS, AUTH LOGIN":    {config: credentials, options: []func(*server, *smtp.Server){offers(sasl.Login)}, auth: sasl.Login},
		"TLS from the first byte": {config: SMTPConfig{Encryption: Implicit}, implicit: true},
		"TLS from the first byte, AUTH PLAIN": {
			config: SMTPConfig{Encryption: Implicit, Username: smtpUser, Password: smtpPassword}, implicit: true,
			options: []func(*server, *smtp.Server){offers(sasl.Plain)}, auth: sasl.Plain,
		},
		"in the clear on this machine": {config: SMTPConfig{Encryption: NoTLS}, options: []func(*server, *smtp.Server){
			func(_ *server, b *smtp.Server) { b.TLSConfig = nil },
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tt.implicit, tt.options...)
			tt.config.Hello = "id.example.com"
			m := valid()
			m.ID, m.HTML = "mail1", "<p>Zażółć</p>"
			if err := s.mustSMTP(t, tt.config).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got := s.messages()
			if len(got) != 1 || got[0].from != m.From || got[0].to != m.To {
				t.Fatalf("the server has %+v", got)
			}
			msg := mustRead(t, got[0].text)
			if id := msg.Header.Get("Message-Id"); id != "<mail1@nova.example>" {
				t.Errorf("Message-ID %s", id)
			}
			if !strings.Contains(got[0].text, "text/plain") || !strings.Contains(got[0].text, "text/html") {
				t.Errorf("parts are missing in\n%s", got[0].text)
			}
			if s.hello[len(s.hello)-1] != "id.example.com" || strings.Join(s.auth, " ") != tt.auth {
				t.Errorf("introduced as %v, authenticated by %v", s.hello, s.auth)
			}
		})
	}
}

func TestSMTPSaysWhatIsWrong(t *testing.T) {
	wrong := SMTPConfig{Username: smtpUser, Password: "wrong"}
	unknown := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<ann@example.com> user unknown"}
	for name, tt := range map[string]struct {
		config   SMTPConfig
		options  []func(*server, *smtp.Server)
		distrust bool
		says     string
		invalid  bool
	}{
		"wrong password":    {config: wrong, options: []func(*server, *smtp.Server){offers(sasl.Plain)}, says: "refuses username or password (code 535); check both"},
		"no user wanted":    {config: wrong, says: "asks for no username and password; remove them"},
		"not trusted":       {distrust: true, says: "is not trusted; use the name that it is for"},
		"no STARTTLS":       {options: []func(*server, *smtp.Server){func(_ *server, b *smtp.Server) { b.TLSConfig = nil }}, says: "offers no STARTTLS; use tls implicit"},
		"sender refused":    {options: []func(*server, *smtp.Server){refuses("MAIL", &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "no"})}, says: "refuses our sender (code 553 5.7.1); set from"},
		"unknown recipient": {options: []func(*server, *smtp.Server){refuses("RCPT", unknown)}, says: "knows no such recipient (code 550 5.1.1)", invalid: true},
		"relay denied":      {options: []func(*server, *smtp.Server){refuses("RCPT", &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "relay denied"})}, says: "refuses the message (code 550 5.7.1)"},
		"full mailbox":      {options: []func(*server, *smtp.Server){refuses("RCPT", &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "full"})}, says: "refuses the message (code 452 4.2.2)"},
		"taken for spam":    {options: []func(*server, *smtp.Server){refuses("DATA", &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "spam"})}, says: "refuses the message (code 554 5.7.0)"},
		"closed after DATA": {options: []func(*server, *smtp.Server){refuses("DATA", errClose)}, says: "broke: closing SMTP DATA writer"},
		"closed before":     {options: []func(*server, *smtp.Server){refuses("MAIL", errClose)}, says: "broke: sending SMTP MAIL FROM command"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, tt.options...)
			m := s.mustSMTP(t, tt.config)
			if tt.distrust {
				m.roots = x509.NewCertPool()
			}
			err := m.Send(t.Context(), valid())
			if err == nil || !strings.Contains(err.Error(), tt.says) || errors.Is(err, ErrInvalid) != tt.invalid {
				t.Fatalf("got %v, want %q, invalid: %t", err, tt.says, tt.invalid)
			}
			for _, private := range []string{"ann", "no-reply", smtpUser, "wrong\"", "Reset", "ticket"} {
				if strings.Contains(err.Error(), private) {
					t.Errorf("%q is in %v", private, err)
				}
			}
		})
	}
}

// A server that stalls holds its sender for no longer than the context.
func TestSMTPEndsWithItsContext(t *testing.T) {
	for _, command := range []string{"MAIL", "RCPT", "DATA"} {
		ctx, cancel := context.WithCancel(t.Context())
		s := newServer(t, false, refuses(command, stall{cancel}))
		if err := s.mustSMTP(t, SMTPConfig{}).Send(ctx, valid()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", command, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newServer(t, false).mustSMTP(t, SMTPConfig{}).Send(ended, valid()); !errors.Is(err, context.Canceled) {
		t.Errorf("before it began: %v, want context.Canceled", err)
	}
}

func TestSMTPGivesUpAfterItsTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes calls and never speaks
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &server{port: l.Addr().(*net.TCPAddr).Port}
	err = s.mustSMTP(t, SMTPConfig{Timeout: time.Millisecond}).Send(t.Context(), valid())
	if err == nil || !strings.Contains(err.Error(), "within 1ms") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	l.Close()
	err = s.mustSMTP(t, SMTPConfig{}).Send(t.Context(), valid())
	if err == nil || !strings.Contains(err.Error(), "reaching mail server localhost:") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestSMTPSendsNothingThatIsInvalid(t *testing.T) {
	s := newServer(t, false)
	m := valid()
	m.Subject = "x\r\nBcc: eve@evil.example"
	if err := s.mustSMTP(t, SMTPConfig{}).Send(t.Context(), m); !errors.Is(err, ErrInvalid) || len(s.hello) > 0 {
		t.Errorf("got %v, and the server heard %v", err, s.hello)
	}
}

func TestSMTPConfigIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		config SMTPConfig
		says   string
	}{
		"no host":            {SMTPConfig{}, "write one"},
		"no name":            {SMTPConfig{Host: "smtp://x"}, "write one"},
		"no port":            {SMTPConfig{Host: "x", Port: 70000}, "use 587"},
		"unknown encryption": {SMTPConfig{Host: "x", Encryption: "ssl"}, "use one of"},
		"in the clear":       {SMTPConfig{Host: "smtp.example.com", Encryption: NoTLS}, "use tls starttls"},
		"no password":        {SMTPConfig{Host: "x", Username: "u"}, "add the password"},
		"no username":        {SMTPConfig{Host: "x", Password: "p"}, "add the username"},
		"bad sender":         {SMTPConfig{Host: "x", From: "Nova <a@b.example>"}, "write a bare address"},
		"bad name":           {SMTPConfig{Host: "x", Hello: "a b"}, "write this machine's"},
		"negative timeout":   {SMTPConfig{Host: "x", Timeout: -1}, "write one such as 15s"},
	} {
		if _, err := NewSMTP(tt.config); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want a remedy: %s", name, err, tt.says)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		if _, err := NewSMTP(SMTPConfig{Host: host, Encryption: NoTLS}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for encryption, port := range map[Encryption]int{StartTLS: 587, Implicit: 465} {
		m, err := NewSMTP(SMTPConfig{Host: "x", Encryption: encryption, From: "a@b.example"})
		if err != nil || m.c.Port != port || m.Sender() != "a@b.example" || m.c.Timeout != defaultTimeout {
			t.Errorf("%s: %+v, %v", encryption, m, err)
		}
	}
}

func TestIDOfAMessageIsItsMessageID(t *testing.T) {
	m := valid()
	m.ID = "abc123"
	if text := mustCompose(t, m); !bytes.Contains([]byte(text), []byte("Message-ID: <abc123@nova.example>")) {
		t.Errorf("composed\n%s", text)
	}
	for _, bad := range []string{"a b", "a@b", "a>\r\nBcc: x", "ä", strings.Repeat("x", maxIDBytes+1)} {
		m.ID = bad
		if _, err := compose(m, testTime); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", bad, err)
		}
	}
}
