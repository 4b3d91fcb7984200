// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"fmt"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
)

// AnswerConsents notes a customer's answers. Those that take back a required
// consent end all sessions of the customer, which it reports. Errors: those of
// consent.Records.
func (s *Service) AnswerConsents(ctx context.Context, p authstore.Publisher, customer int64, answers []consent.Answer, ip string) (ended bool, err error) {
	records, err := consent.Records(p.Consents, answers, ip)
	if err != nil {
		return false, err
	}
	inForce, err := s.store.Consents(ctx, customer)
	if err != nil {
		return false, fmt.Errorf("reading consents: %w", err)
	}
	if err := s.store.AnswerConsents(ctx, customer, records); err != nil {
		return false, fmt.Errorf("noting consents: %w", err)
	}
	if !consent.Withdrawn(p.Consents, inForce, answers) {
		return false, nil
	}
	return true, s.sessions.EndAll(ctx, customer, "")
}
