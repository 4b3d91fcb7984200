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
// consent end all sessions of the customer in the same step, which it reports.
// Errors: those of consent.Records.
func (s *Service) AnswerConsents(ctx context.Context, p authstore.Publisher, customer int64, answers []consent.Answer, ip string) (ended bool, err error) {
	records, err := consent.Records(p.Consents, answers, ip)
	if err != nil {
		return false, err
	}
	ended, err = s.sessions.EndByWithdrawal(ctx, authstore.ConsentChange{
		Customer: customer, Answers: records,
		Withdraws: func(inForce map[string]authstore.ConsentAnswer) bool {
			return consent.Withdrawn(p.Consents, inForce, answers)
		},
	})
	if err != nil {
		return false, fmt.Errorf("noting consents: %w", err)
	}
	return ended, nil
}
