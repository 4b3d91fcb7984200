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
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/throttle"
)

// purposeReset is the purpose of tickets that set a new password.
const purposeReset authstore.Purpose = "password reset"

// ResetLife is how long the link in a reset mail is good for.
const ResetLife = time.Hour

var (
	// ErrResetToken says that the secret of a reset link, or the code beside it,
	// is unknown, used, expired, replaced by a newer one, or somebody else's.
	ErrResetToken = errors.New("resetPasswordToken is not valid or has expired")

	// ErrResetURL says that a page is not one that the publisher lets reset mails
	// lead to.
	ErrResetURL = errors.New("not an allowed reset URL")
)

// resetsPerAddress bounds the mails that strangers can have sent to one address.
// The links that it had already stay good.
var resetsPerAddress = throttle.Limit{Tries: 5, Window: time.Hour}

// resetsPerNetwork stops one sender from having mail sent to many addresses.
var resetsPerNetwork = throttle.Limit{Tries: 60, Window: time.Hour}

// ResetRequest is somebody's wish to have a reset link mailed.
type ResetRequest struct {
	Email string
	Page  string // of the publisher's, for the link to lead to; "" for the hub's
	IP    string // of whoever asks
	Back  string // added to the query of a link to the hub's page
}

// RequestReset has a reset link mailed to the customer with that address, unless
// they were sent many already. unknown says that no account has the address;
// whoever asked must not be told, unless the publisher wants it so. Errors:
// ErrResetURL, ErrEmail, *LimitError.
func (s *Service) RequestReset(ctx context.Context, p authstore.Publisher, r ResetRequest) (unknown bool, err error) {
	if _, err := resetPage(p, r.Page); err != nil {
		return false, err
	}
	email, err := ParseEmail(r.Email)
	if err != nil {
		return false, err
	}
	if err := s.limits.take(networkKey("reset", r.IP, resetsPerNetwork)); err != nil {
		return false, err
	}
	c, _, err := s.store.CustomerByIdentity(ctx, p.ID, authstore.ProviderPassword, email.Key)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return false, fmt.Errorf("reading a customer: %w", err)
	}
	unknown = err != nil
	often := s.limits.take(resetsOf(p.ID, email))
	to := c.ID
	if unknown || c.Disabled || often != nil {
		to = 0 // a mail for nobody, so that the time taken tells nothing either
	}
	return unknown, s.notices.ResetPassword(ctx, p.ID, to, r.Page, r.Back)
}

// SendReset mails a customer the way to a new password on the word of the
// publisher's staff. It counts as a reset that was asked for the address. Errors:
// *LimitError.
func (s *Service) SendReset(ctx context.Context, c authstore.Customer) error {
	email, err := ParseEmail(c.Email)
	if err != nil {
		return fmt.Errorf("reading the address of customer %d: %w", c.ID, err)
	}
	if err := s.limits.take(resetsOf(c.PublisherID, email)); err != nil {
		return err
	}
	return s.notices.ResetPassword(ctx, c.PublisherID, c.ID, "", "")
}

// resetsOf counts the reset mails to an address.
func resetsOf(publisher int64, email Email) throttle.Key {
	return throttle.Key{Name: "reset/account/" + accountName(publisher, email.Key), Limit: resetsPerAddress}
}

// maxPage is the longest address that browsers and servers agree on.
const maxPage = 2000

// resetPage judges the page that a client wants the link to lead to: nil for
// our own, else one whose origin the publisher allows. What browsers and
// parsers may read differently is refused. Errors: ErrResetURL.
func resetPage(p authstore.Publisher, raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	if len(raw) > maxPage {
		return nil, ErrResetURL
	}
	for _, c := range []byte(raw) {
		if c <= 0x20 || c >= 0x7f || c == '\\' {
			return nil, ErrResetURL
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil, ErrResetURL
	}
	origin, err := publisher.ParseOrigin(u.Scheme + "://" + u.Host)
	if err != nil || origin.Pattern() {
		return nil, ErrResetURL
	}
	for _, list := range [][]string{p.ResetURLs, p.Sites} {
		for _, allowed := range list {
			if publisher.Origin(allowed).Covers(origin) {
				return u, nil
			}
		}
	}
	return nil, ErrResetURL
}

// withReset adds what a publisher's own page needs to its address. A query that
// is there stays.
func withReset(page url.URL, c authstore.Customer, token string) string {
	add := url.Values{"resetPasswordToken": {token}, "email": {c.Email}, "publisherId": {strconv.FormatInt(c.PublisherID, 10)}}.Encode()
	if page.RawQuery != "" {
		add = page.RawQuery + "&" + add
	}
	page.RawQuery = add
	return page.String()
}

// ResetTicket returns the ticket behind the secret of a reset link at the
// publisher without using it up. Errors: ErrResetToken.
func (s *Service) ResetTicket(ctx context.Context, p authstore.Publisher, token string) (authstore.Ticket, error) {
	return s.ticket(ctx, p, purposeReset, token, ErrResetToken)
}

// ticket returns the ticket behind a mailed secret without using it up, or
// refused.
func (s *Service) ticket(ctx context.Context, p authstore.Publisher, purpose authstore.Purpose, token string, refused error) (authstore.Ticket, error) {
	t, err := s.store.Ticket(ctx, secret.Digest(token), purpose)
	if errors.Is(err, authstore.ErrNotFound) || err == nil && t.PublisherID != p.ID {
		return authstore.Ticket{}, refused
	}
	if err != nil {
		return t, fmt.Errorf("reading a ticket for %s: %w", purpose, err)
	}
	return t, nil
}

// ResetTicketByCode exchanges the code in a reset mail to an address for a secret
// like that of the link, which dies. ip is that of whoever asks. Errors:
// ErrResetToken, ErrEmail, *LimitError.
func (s *Service) ResetTicketByCode(ctx context.Context, p authstore.Publisher, address, code, ip string) (token string, err error) {
	email, err := ParseEmail(address)
	if err != nil {
		return "", err
	}
	if err := s.limits.take(networkKey("code", ip, codesPerNetwork)); err != nil {
		return "", err
	}
	digest, _, err := s.byCode(ctx, purposeReset, ResetLife, p.ID, email, code)
	if err == nil {
		token = secret.New()
		err = s.store.ExchangeTicket(ctx, digest, secret.Digest(token), purposeReset)
	}
	if errors.Is(err, errCode) || errors.Is(err, authstore.ErrNotFound) {
		return "", ErrResetToken
	}
	if err != nil {
		return "", fmt.Errorf("exchanging a code: %w", err)
	}
	return token, nil
}

// ResetPassword sets a new password by the secret of a reset link, which is
// used up, ends all sessions of the customer, and tells them by mail. A password
// that is refused leaves the link usable. Errors: ErrResetToken, those of
// CheckPassword, ErrBusy.
func (s *Service) ResetPassword(ctx context.Context, p authstore.Publisher, token, password string) (authstore.Customer, error) {
	t, err := s.ResetTicket(ctx, p, token)
	if err != nil {
		return authstore.Customer{}, err
	}
	email, err := ParseEmail(t.Data[authstore.Subject])
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
		Tell: []authstore.Mail{{Kind: notice.PasswordChanged}},
	})
	if errors.Is(err, authstore.ErrNotFound) {
		return c, ErrResetToken
	}
	s.notices.Wake()
	return c, err
}
