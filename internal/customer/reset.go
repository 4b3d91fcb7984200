// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/throttle"
)

// purposeReset is the purpose of tickets that set a new password.
const purposeReset authstore.Purpose = "password reset"

// ResetLife is how long the link in a reset mail is good for.
const ResetLife = time.Hour

// ErrResetToken says that the secret of a reset link is unknown, used, expired,
// replaced by a newer one, or somebody else's.
var ErrResetToken = errors.New("resetPasswordToken is not valid or has expired")

// resetsPerAddress bounds the mails that strangers can have sent to one address.
// The links that it had already stay good.
var resetsPerAddress = throttle.Limit{Tries: 5, Window: time.Hour}

// resetsPerNetwork stops one sender from having mail sent to many addresses.
var resetsPerNetwork = throttle.Limit{Tries: 60, Window: time.Hour}

// Reset is a link that is to be mailed.
type Reset struct {
	Customer authstore.Customer
	Email    Email
	Token    string
}

// ResetLink returns the link to the hub's own page for a new password.
func ResetLink(hub string, p authstore.Publisher, r Reset) string {
	return hub + "/reset?" + url.Values{"publisher": {strconv.FormatInt(p.ID, 10)}, "token": {r.Token}}.Encode()
}

// RequestReset makes the secret of a reset link for the customer with that
// address; older ones are worthless from then on. found is false, and the
// secret worth nothing, when there is no such customer or they were sent many
// already. Errors: ErrEmail, *LimitError.
func (s *Service) RequestReset(ctx context.Context, p authstore.Publisher, address, ip string) (r Reset, found bool, err error) {
	if r.Email, err = ParseEmail(address); err != nil {
		return r, false, err
	}
	if err := s.limits.take(networkKey("reset", ip, resetsPerNetwork)); err != nil {
		return r, false, err
	}
	r.Customer, _, err = s.store.CustomerByIdentity(ctx, p.ID, authstore.ProviderPassword, r.Email.Key)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return r, false, fmt.Errorf("reading a customer: %w", err)
	}
	often := throttle.Key{Name: "reset/account/" + accountName(p.ID, r.Email.Key), Limit: resetsPerAddress}
	found = err == nil && !r.Customer.Disabled && s.limits.take(often) == nil
	if !found {
		// A ticket for nobody, so that the time taken tells nothing either.
		r.Customer = authstore.Customer{}
	}
	if found {
		// To the account's own spelling: a mail server that heeds case might have
		// another owner for the one that was typed.
		if r.Email, err = ParseEmail(r.Customer.Email); err != nil {
			return r, false, fmt.Errorf("reading the address of customer %d: %w", r.Customer.ID, err)
		}
	}
	r.Token = secret.New()
	err = s.store.IssueNewest(ctx, secret.Digest(r.Token), authstore.Ticket{
		Purpose: purposeReset, PublisherID: p.ID, CustomerID: r.Customer.ID,
		Data: map[string]string{"subject": r.Email.Key}, Expires: s.store.Now().Add(ResetLife),
	})
	if err != nil {
		return r, false, fmt.Errorf("storing a reset ticket: %w", err)
	}
	if !found {
		r.Token = ""
	}
	return r, found, nil
}

// ResetTicket returns the ticket behind the secret of a reset link at the
// publisher without using it up. Errors: ErrResetToken.
func (s *Service) ResetTicket(ctx context.Context, p authstore.Publisher, token string) (authstore.Ticket, error) {
	t, err := s.store.Ticket(ctx, secret.Digest(token), purposeReset)
	if errors.Is(err, authstore.ErrNotFound) || err == nil && t.PublisherID != p.ID {
		return t, ErrResetToken
	}
	if err != nil {
		return t, fmt.Errorf("reading a reset ticket: %w", err)
	}
	return t, nil
}

// ResetPassword sets a new password by the secret of a reset link, which is
// used up, and ends all sessions of the customer. A password that is refused
// leaves the link usable. Errors: ErrResetToken, those of CheckPassword,
// ErrBusy.
func (s *Service) ResetPassword(ctx context.Context, p authstore.Publisher, token, password string) (authstore.Customer, error) {
	t, err := s.ResetTicket(ctx, p, token)
	if err != nil {
		return authstore.Customer{}, err
	}
	email, err := ParseEmail(t.Data["subject"])
	if err != nil {
		return authstore.Customer{}, ErrResetToken
	}
	if err := CheckPassword(password, email.Local(), p.Name); err != nil {
		return authstore.Customer{}, err
	}
	encoded, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return authstore.Customer{}, fmt.Errorf("hashing a password: %w", err)
	}
	c, err := s.sessions.EndByReset(ctx, authstore.PasswordReset{
		Digest: secret.Digest(token), Purpose: purposeReset, Customer: t.CustomerID, Encoded: encoded,
	})
	if errors.Is(err, authstore.ErrNotFound) {
		return c, ErrResetToken
	}
	return c, err
}
