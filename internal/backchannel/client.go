// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/publisher"
)

const (
	// defaultTimeout bounds a delivery from the dial to the end of the answer.
	defaultTimeout = 5 * time.Second

	// maxAnswer is how much of an answer is read, which only gives the connection
	// back: nothing in it matters.
	maxAnswer = 16 << 10

	// maxAnswerHeader bounds what a receiver can make us keep in memory.
	maxAnswerHeader = 16 << 10
)

// errRefused says that a receiver looked at a logout token and does not want it.
var errRefused = errors.New("the app refuses the logout token with status 400; see that it knows this hub as issuer, its JWKS, and its own audience")

// newClient returns a client that follows no redirect and keeps no cookie. It
// heeds the proxy of the environment, as all that Caddy sends does, but for
// loopback names.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  proxy,
			DialContext:            dial,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    maxSending,
			IdleConnTimeout:        time.Minute,
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: maxAnswerHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func proxy(r *http.Request) (*url.URL, error) {
	if publisher.Loopback(r.URL.Hostname()) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// dial keeps loopback names on this machine, whatever a resolver says: tokens
// may go to them in the clear.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	name, port, err := net.SplitHostPort(address)
	if _, bad := netip.ParseAddr(name); err != nil || bad == nil || !publisher.Loopback(name) {
		return d.DialContext(ctx, network, address)
	}
	conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		conn, err = d.DialContext(ctx, network, net.JoinHostPort("::1", port))
	}
	return conn, err
}

// post hands a logout token to a receiver. Errors, which hold neither the token
// nor the address: errRefused.
func post(ctx context.Context, client *http.Client, address, raw string) error {
	form := url.Values{"logout_token": {raw}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form))
	if err != nil {
		return fmt.Errorf("the registered address is none: %w", plain(err))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "usher")
	// Sent nowhere, it lets the client try again by itself when a connection that
	// it had kept turns out to be closed.
	r.Header["Idempotency-Key"] = []string{}
	answer, err := client.Do(r)
	if err != nil {
		return plain(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // the status has decided
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil
	case answer.StatusCode == http.StatusBadRequest:
		return errRefused
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return fmt.Errorf("the app answers with status %d, and redirects are not followed; register the address that it leads to", answer.StatusCode)
	}
	return fmt.Errorf("the app answers with status %d", answer.StatusCode)
}

// plain returns what may be told of an error of the client's: without the
// address, whose query may hold a secret, and without the words of whoever
// answered, which may be the token.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	_, network := errors.AsType[net.Error](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	if network || certificate || record || alert || errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return err
	}
	return errNotHTTP
}

var errNotHTTP = errors.New("what answers is no web server, or cannot be understood")
