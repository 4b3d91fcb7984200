// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/openidConnect"
)

// OpenID returns sign-in with a provider that is found by its issuer's URL (OpenID
// Connect Discovery 1.0), such as the publisher's own.
func OpenID(o Options, issuer string) *Provider {
	p := &Provider{
		Options: o, brand: "openid", issuer: issuer, client: newClient(o), pkce: true, read: standard,
		again: url.Values{"prompt": {"login"}, "max_age": {"0"}},
	}
	d := &discovery{p: p}
	p.verifier = func(ctx context.Context) (*oidc.IDTokenVerifier, error) {
		found, err := d.find(ctx)
		if err != nil {
			return nil, err
		}
		return found.verifier, nil
	}
	p.adopt = func(ctx context.Context, callback string, client *http.Client) (goth.Provider, error) {
		found, err := d.find(ctx)
		if err != nil {
			return nil, err
		}
		theirs, err := openidConnect.NewCustomisedURL(o.ClientID, o.ClientSecret, callback, found.authorize, found.token,
			issuer, found.userInfo, "", append([]string{"openid", "email", "profile"}, o.Scopes...)...)
		if err != nil {
			return nil, err
		}
		theirs.HTTPClient = client
		return theirs, nil
	}
	return p
}

const (
	// discoveryLife is how long what was discovered is good for.
	discoveryLife = time.Hour

	// discoveryRetry is how soon discovery is tried again after it has failed; until
	// then nobody waits for it.
	discoveryRetry = 5 * time.Second
)

// discovery finds a provider's endpoints when they are first needed, and now and then
// after that. What was found serves on while the provider does not answer.
type discovery struct {
	p *Provider

	mu     sync.Mutex
	found  *endpoints // guarded by mu
	next   time.Time  // guarded by mu; when to look
	failed error      // guarded by mu; of the last look
}

type endpoints struct {
	authorize, token, userInfo string
	verifier                   *oidc.IDTokenVerifier
}

func (d *discovery) find(ctx context.Context) (*endpoints, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	due := time.Now().After(d.next)
	switch {
	case due && d.found != nil: // nobody waits for what is likely the same
		d.next = time.Now().Add(discoveryRetry)
		go d.renew(context.WithoutCancel(ctx))
	case due:
		d.found, d.failed = discover(ctx, d.p)
		d.next = d.after()
	}
	if d.found == nil {
		return nil, d.failed
	}
	return d.found, nil
}

func (d *discovery) renew(ctx context.Context) {
	found, err := discover(ctx, d.p)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed = err; err == nil {
		d.found = found
	}
	d.next = d.after()
}

// after returns when to look next. The caller holds mu.
func (d *discovery) after() time.Time {
	if d.failed != nil {
		return time.Now().Add(discoveryRetry)
	}
	return time.Now().Add(discoveryLife)
}

func discover(ctx context.Context, p *Provider) (*endpoints, error) {
	// The keys are fetched later, when this request is over.
	theirs, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.issuer)
	if err != nil {
		return nil, fmt.Errorf("discovering %s: %w", p.issuer, err)
	}
	e := theirs.Endpoint()
	for _, address := range []string{e.AuthURL, e.TokenURL} {
		if err := checkAddress(address); err != nil {
			return nil, fmt.Errorf("discovering %s: %w", p.issuer, err)
		}
	}
	return &endpoints{
		authorize: e.AuthURL, token: e.TokenURL, userInfo: theirs.UserInfoEndpoint(),
		verifier: theirs.Verifier(&oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms}),
	}, nil
}

// CheckIssuer tells whether a URL can be an issuer: https, or http on this machine,
// without query and fragment.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return errors.New("the issuer is no URL")
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("the issuer %q has a query, a fragment or a user", u.Redacted())
	}
	if err := checkAddress(issuer); err != nil {
		return fmt.Errorf("the issuer %w", err)
	}
	return nil
}

func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%q is no URL", address)
	}
	switch host := u.Hostname(); {
	case u.Scheme == "https" && host != "":
		return nil
	case u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1"):
		return nil
	}
	return fmt.Errorf("%q is not https", address)
}
