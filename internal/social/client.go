// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	// patience is how long a provider may take for one answer unless the options say
	// otherwise. A viewer waits.
	patience = 10 * time.Second

	// maxAnswer is how much of an answer is read, in bytes; the largest is a set of
	// keys.
	maxAnswer = 1 << 20
)

// newClient returns what speaks to a provider.
func newClient(o Options) *http.Client {
	transport := o.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxResponseHeaderBytes = 64 << 10
		transport = own
	}
	return &http.Client{
		Transport: bounded{transport}, Timeout: cmp.Or(o.Timeout, patience),
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("providers' endpoints do not redirect") },
	}
}

// bounded cuts off answers that do not end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}

// proving returns a client that proves, when it exchanges a code, that it is the one
// who asked for it (RFC 7636), of which most of goth's providers know nothing.
func proving(c *http.Client, verifier string) *http.Client {
	with := *c
	with.Transport = prover{c.Transport, verifier}
	return &with
}

type prover struct {
	http.RoundTripper
	verifier string
}

func (p prover) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || r.Body == nil {
		return p.RoundTripper.RoundTrip(r)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("reading the form of a token request: %w", err)
	}
	form.Set("code_verifier", p.verifier)
	with, encoded := r.Clone(r.Context()), form.Encode()
	with.Body, with.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	with.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(encoded)), nil }
	return p.RoundTripper.RoundTrip(with)
}

// unavailable tells an operator why a provider is no help, without what the address
// of a request says, which may be a token, and what a page says that came instead.
func unavailable(p *Provider, err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		host := "?"
		if u, bad := url.Parse(failed.URL); bad == nil {
			host = u.Host
		}
		return fmt.Errorf("%w: %s at %s: %v", ErrUnavailable, p.Name, host, failed.Err)
	}
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response != nil { // its text is the whole answer
		return fmt.Errorf("%w: %s: status %d %.60q", ErrUnavailable, p.Name, answer.Response.StatusCode, answer.ErrorCode)
	}
	return fmt.Errorf("%w: %s: %.300s", ErrUnavailable, p.Name, err)
}
