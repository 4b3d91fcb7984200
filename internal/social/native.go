// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"errors"
	"net/url"
)

// Native is Provider.Native for a sender who may be anybody: each of its failures counts
// as a try. Errors: those of Provider.Native, *customer.LimitError.
func (s *Service) Native(ctx context.Context, p *Provider, token, nonce, ip string) (Person, error) {
	if err := s.Customers.LimitTokens(ip); err != nil {
		return Person{}, err
	}
	who, err := p.Native(ctx, token, nonce)
	if err == nil {
		s.Customers.GoodToken(ip)
	}
	return who, err
}

// Finish is Provider.Finish for a sender who may be anybody: what is refused counts as a
// try, as a token does that is worth nothing. Errors: those of Provider.Finish,
// *customer.LimitError.
func (s *Service) Finish(ctx context.Context, p *Provider, a Attempt, answer url.Values, ip string) (Person, error) {
	if err := s.Customers.LimitTokens(ip); err != nil {
		return Person{}, err
	}
	who, err := p.Finish(ctx, a, s.Callback(p.Name), answer)
	if !errors.Is(err, ErrRefused) {
		s.Customers.GoodToken(ip)
	}
	return who, err
}
