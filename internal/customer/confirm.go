// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-sso/usher/authstore"
)

// ConfirmEmailAt is ConfirmEmail of a customer who is not signed in, by the code
// beside the link and the address that it was mailed to. ip is that of whoever
// asks. Errors: ErrLink, ErrEmail, *LimitError.
func (s *Service) ConfirmEmailAt(ctx context.Context, p authstore.Publisher, address, code, ip string) (authstore.Customer, error) {
	email, err := ParseEmail(address)
	if err != nil {
		return authstore.Customer{}, err
	}
	if err := s.limits.take(networkKey("code", ip, codesPerNetwork)); err != nil {
		return authstore.Customer{}, err
	}
	digest, _, err := s.byCode(ctx, purposeVerify, VerifyLife, p.ID, email, code)
	if errors.Is(err, errCode) {
		return authstore.Customer{}, ErrLink
	}
	if err != nil {
		return authstore.Customer{}, err
	}
	return s.confirmEmail(ctx, p.ID, digest)
}

// EnsureVerification is StartVerification for a customer who must verify their
// address now: nothing is sent while the link in an earlier mail still works,
// nor when they were sent many.
func (s *Service) EnsureVerification(ctx context.Context, c authstore.Customer, back string) error {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	_, t, err := s.store.NewestTicket(ctx, c.PublisherID, purposeVerify, email.Key)
	if err == nil && t.CustomerID == c.ID {
		return nil
	}
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return fmt.Errorf("reading a ticket: %w", err)
	}
	var limit *LimitError
	if err := s.StartVerification(ctx, c, back); err != nil && !errors.As(err, &limit) {
		return err
	}
	return nil
}
