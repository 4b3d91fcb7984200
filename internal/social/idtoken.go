// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/google"
	"github.com/markbates/goth/providers/openidConnect"

	"github.com/usher-sso/usher/internal/secret"
)

// algorithms of ID tokens: those that a public key verifies. With others, who knows
// the client's secret, or nobody, could make them.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

// maxAge is how old an ID token may be; the clocks differ.
const maxAge = 24 * time.Hour

// idTokenOf returns the ID token that goth has got, or "".
func idTokenOf(s goth.Session) string {
	switch s := s.(type) {
	case *google.Session:
		return s.IDToken
	case *openidConnect.Session:
		return s.IDToken
	}
	return ""
}

// verifierFunc returns what judges ID tokens.
type verifierFunc func(ctx context.Context) (*oidc.IDTokenVerifier, error)

// judge verifies an ID token (OpenID Connect Core, section 3.1.3.7) for one of some
// audiences and returns its claims. Errors: ErrRefused, ErrUnavailable.
func (p *Provider) judge(ctx context.Context, by verifierFunc, token, nonce string, audiences ...string) (map[string]any, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return nil, fmt.Errorf("%w: it is no ID token", ErrRefused)
	}

	verifier, err := by(ctx)
	if err != nil {
		return nil, unavailable(p, err)
	}
	good, err := verifier.Verify(oidc.ClientContext(ctx, p.client), token)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") {
			return nil, unavailable(p, err)
		}
		return nil, fmt.Errorf("%w: %.200s", ErrRefused, err)
	}
	claims := map[string]any{}
	if err := good.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: %.200s", ErrRefused, err)
	}
	azp, has := claims["azp"].(string)
	switch {
	case len(good.Audience) == 0, slices.ContainsFunc(good.Audience, func(a string) bool { return !slices.Contains(audiences, a) }):
		err = errors.New("it is for another app")
	case len(good.Audience) > 1 && !has, has && !slices.Contains(audiences, azp):
		err = errors.New("another app got it")
	case nonce != "" && !secret.Equal(good.Nonce, nonce):
		err = errors.New("it belongs to another sign-in")
	case good.Expiry.IsZero() || good.IssuedAt.IsZero() || time.Since(good.IssuedAt) > maxAge:
		err = errors.New("it is too old")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return claims, nil
}

// keys verifies signatures by the keys at an address, which are kept.
func keys(p *Provider, issuer, address string) verifierFunc {
	set := oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), p.client), address)
	verifier := oidc.NewVerifier(issuer, set, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms})
	return func(context.Context) (*oidc.IDTokenVerifier, error) { return verifier, nil }
}
