// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/throttle"
)

// The purposes of tickets that are about an address.
const (
	purposeVerify authstore.Purpose = "verify email"
	purposeUndo   authstore.Purpose = "undo email change"
)

const (
	// VerifyLife is how long the link in a verification mail is good for.
	VerifyLife = 24 * time.Hour

	// UndoLife is how long an address that an account was moved away from can get
	// it back: long enough for somebody who reads mail once a week.
	UndoLife = 7 * 24 * time.Hour
)

// ErrLink says that the secret of a link to verify an address or to undo a change
// of one, or the code beside it, is unknown, used, expired, replaced by a newer
// one, or somebody else's.
var ErrLink = errors.New("link or code is not valid or has expired")

// verificationsPerAddress bounds the mails that somebody can have sent to an
// address that they registered with and that is not theirs.
var verificationsPerAddress = throttle.Limit{Tries: 5, Window: time.Hour}

// verification returns the mails to a new address of a publisher's customer that
// the publisher wants.
func verification(p authstore.Publisher, back string) []authstore.Mail {
	if !p.VerifyEmail {
		return nil
	}
	return []authstore.Mail{{Kind: notice.Verify, Data: map[string]string{notice.Back: back}}}
}

// StartVerification has a link mailed by which a customer proves to read mail at
// their address. Nothing is sent to one who has. back is added to the link's
// query. Errors: *LimitError.
func (s *Service) StartVerification(ctx context.Context, c authstore.Customer, back string) error {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	if err := s.limits.take(throttle.Key{Name: "verify/" + accountName(c.PublisherID, email.Key), Limit: verificationsPerAddress}); err != nil {
		return err
	}
	return s.notices.VerifyEmail(ctx, c, back)
}

// VerifyTicket returns the ticket behind the secret of a link to verify an
// address without using it up; its Data has the address. Errors: ErrLink.
func (s *Service) VerifyTicket(ctx context.Context, p authstore.Publisher, token string) (authstore.Ticket, error) {
	return s.ticket(ctx, p, purposeVerify, token, ErrLink)
}

// ConfirmEmail notes that a customer reads mail at their address, by the secret
// of the link that was mailed there, which is used up. Errors: ErrLink.
func (s *Service) ConfirmEmail(ctx context.Context, p authstore.Publisher, token string) (authstore.Customer, error) {
	return s.confirmEmail(ctx, p.ID, secret.Digest(token))
}

// ConfirmEmailByCode is ConfirmEmail of a customer who is signed in, by the code
// beside the link. Errors: ErrLink.
func (s *Service) ConfirmEmailByCode(ctx context.Context, c authstore.Customer, code string) (authstore.Customer, error) {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return c, fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	digest, t, err := s.byCode(ctx, purposeVerify, VerifyLife, c.PublisherID, email, code)
	if errors.Is(err, errCode) || err == nil && t.CustomerID != c.ID {
		return c, ErrLink
	}
	if err != nil {
		return c, err
	}
	return s.confirmEmail(ctx, c.PublisherID, digest)
}

func (s *Service) confirmEmail(ctx context.Context, publisher int64, digest string) (authstore.Customer, error) {
	c, err := s.store.VerifyEmail(ctx, authstore.EmailVerification{Digest: digest, Purpose: purposeVerify, Publisher: publisher})
	if errors.Is(err, authstore.ErrNotFound) {
		return c, ErrLink
	}
	if err != nil {
		return c, fmt.Errorf("verifying an address: %w", err)
	}
	return c, nil
}

// UndoTicket returns the ticket behind the secret of a link to undo a change of
// address without using it up; its Data has the address before. Errors: ErrLink.
func (s *Service) UndoTicket(ctx context.Context, p authstore.Publisher, token string) (authstore.Ticket, error) {
	return s.ticket(ctx, p, purposeUndo, token, ErrLink)
}

// UndoEmailChange gives an account back to the address that it was moved away
// from, by the secret of the link that was mailed there, and ends all sessions.
// The link is used up. reset is the secret of a reset link, for the customer to
// choose a new password at once: whoever moved the account knows the old one.
//
// Errors: ErrLink; ErrEmailTaken when the address has another account by now,
// which leaves the link good. Its owner, who reads the mail at the address, can
// reset the password of that account and erase it or give it another address.
func (s *Service) UndoEmailChange(ctx context.Context, p authstore.Publisher, token string) (c authstore.Customer, reset string, err error) {
	return s.undo(ctx, p, secret.Digest(token))
}

// UndoEmailChangeByCode is UndoEmailChange by the code beside the link and the
// address that it was mailed to. ip is that of whoever asks. Errors: those of
// UndoEmailChange, ErrEmail, *LimitError.
func (s *Service) UndoEmailChangeByCode(ctx context.Context, p authstore.Publisher, address, code, ip string) (c authstore.Customer, reset string, err error) {
	email, err := ParseEmail(address)
	if err != nil {
		return c, "", err
	}
	if err := s.limits.take(networkKey("code", ip, codesPerNetwork)); err != nil {
		return c, "", err
	}
	digest, _, err := s.byCode(ctx, purposeUndo, UndoLife, p.ID, email, code)
	if errors.Is(err, errCode) {
		return c, "", ErrLink
	}
	if err != nil {
		return c, "", err
	}
	return s.undo(ctx, p, digest)
}

func (s *Service) undo(ctx context.Context, p authstore.Publisher, digest string) (authstore.Customer, string, error) {
	reset := secret.New()
	c, err := s.sessions.EndByUndo(ctx, authstore.EmailUndo{
		Digest: digest, Purpose: purposeUndo, Publisher: p.ID, Reset: secret.Digest(reset),
		ResetTicket: authstore.Ticket{Purpose: purposeReset, Expires: s.store.Now().Add(ResetLife)},
	})
	switch {
	case errors.Is(err, authstore.ErrNotFound):
		return authstore.Customer{}, "", ErrLink
	case errors.Is(err, authstore.ErrTaken):
		return authstore.Customer{}, "", ErrEmailTaken
	case err != nil:
		return authstore.Customer{}, "", fmt.Errorf("undoing a change of address: %w", err)
	}
	return c, reset, nil
}
