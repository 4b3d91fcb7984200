// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// relay is a mail server that takes what a user sends.
type relay struct {
	user, password string
	from           string
	took           chan string // sender and text of each mail
}

func (r *relay) AuthMechanisms() []string { return []string{sasl.Plain} }

func (r *relay) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != r.user || password != r.password {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (r *relay) Mail(from string, _ *smtp.MailOptions) error { r.from = from; return nil }
func (*relay) Rcpt(string, *smtp.RcptOptions) error          { return nil }
func (*relay) Reset()                                        {}
func (*relay) Logout() error                                 { return nil }

func (r *relay) Data(body io.Reader) error {
	text, err := io.ReadAll(body)
	r.took <- r.from + "\n" + string(text)
	return err
}

func TestMailsGoThroughTheConfiguredServer(t *testing.T) {
	took := make(chan string, 4)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	post := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &relay{user: "usher", password: "correct horse", took: took}, nil
	}))
	post.AllowInsecureAuth = true // on this machine
	var serving sync.WaitGroup
	serving.Go(func() { _ = post.Serve(l) })
	t.Cleanup(func() {
		post.Close()
		l.Close()
		serving.Wait()
	})
	t.Setenv("USHER_TEST_SMTP_PASSWORD", "correct horse")
	s := newServer(t)
	s.start(t, object{"mail": object{
		"module": "smtp", "server": l.Addr().String(), "tls": "none", "from": "tv@relay.example",
		"username": "usher", "password": "{env.USHER_TEST_SMTP_PASSWORD}",
	}})
	s.browser(t).register("ann@example.com")
	form := url.Values{"email": {"ann@example.com"}, "password": {password}}
	stranger := s.browser(t).send("POST", "hub", "/register", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	if stranger.StatusCode == http.StatusInternalServerError {
		t.Fatal(stranger.Status)
	}
	mail := <-took
	for _, part := range []string{"tv@relay.example\n", "To: <ann@example.com>", "@relay.example>", "You already have an account"} {
		if !strings.Contains(mail, part) {
			t.Errorf("%q is missing in\n%s", part, mail)
		}
	}
}

func TestGuestWithoutANameIsRefusedWithoutItsSecrets(t *testing.T) {
	s := newServer(t)
	for _, nameless := range []any{nil, "", 5} {
		mail := object{"server": "smtp.example.com", "username": "u", "password": "correct horse", "module": nameless}
		err := validate(t, s.config(t, object{"mail": mail}))
		if err == nil || !strings.Contains(err.Error(), `loading the mailer: "module" is missing; write one of outbox, smtp`) || strings.Contains(err.Error(), "horse") {
			t.Errorf("module %v: %v", nameless, err)
		}
	}
}

func TestMailerThatCannotWorkIsRefused(t *testing.T) {
	s := newServer(t)
	for name, tt := range map[string]struct {
		mail object
		says string
	}{
		"no server":      {object{}, "the mail server's name is missing; write one"},
		"unset password": {object{"server": "smtp.example.com", "username": "u", "password": "{env.USHER_TEST_UNSET}"}, "add the password"},
		"in the clear":   {object{"server": "smtp.example.com", "tls": "none"}, "use tls starttls"},
	} {
		tt.mail["module"] = "smtp"
		err := validate(t, s.config(t, object{"mail": tt.mail}))
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "loading the mailer") {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}
