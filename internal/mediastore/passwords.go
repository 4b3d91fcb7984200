// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/publisher"
)

// The failures of a password reset, sections 5.7 and 5.8.
var (
	errResetURL   = badBody("resetUrl is not valid URL.")
	errResetToken = failure(http.StatusUnprocessableEntity, "REQ0001", customer.ErrResetToken.Error())
)

// askReset is PUT /customers/passwords, section 5.7. An unknown address gets
// the same answer as a known one.
func (a *API) askReset(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		tenant
		CustomerEmail string `json:"customerEmail"`
		ResetURL      string `json:"resetUrl"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	page, err := resetPage(p, in.ResetURL)
	if err != nil {
		return nil, errResetURL
	}
	reset, found, err := a.Customers.RequestReset(ctx, p, in.CustomerEmail, ipText(c))
	if errors.Is(err, customer.ErrEmail) {
		return nil, badBody("Invalid param email")
	}
	if err != nil {
		return nil, err
	}
	if found {
		a.Notices.ResetPassword(p.Name, reset.Email.Mailbox, a.resetLink(p, page, reset))
	}
	return done, nil
}

// errNotAllowed says that a reset URL is not one of the publisher's.
var errNotAllowed = errors.New("not an allowed reset URL")

// resetPage judges the page that a client wants the link to lead to: nil for
// our own, else one whose origin the publisher allows. What browsers and
// parsers may read differently is refused.
func resetPage(p authstore.Publisher, raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	for _, c := range []byte(raw) {
		if c <= 0x20 || c >= 0x7f || c == '\\' {
			return nil, errNotAllowed
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil, errNotAllowed
	}
	origin, err := publisher.ParseOrigin(u.Scheme + "://" + u.Host)
	if err != nil || origin.Pattern() {
		return nil, errNotAllowed
	}
	for _, list := range [][]string{p.ResetURLs, p.Sites} {
		for _, allowed := range list {
			if publisher.Origin(allowed).Covers(origin) {
				return u, nil
			}
		}
	}
	return nil, errNotAllowed
}

// resetLink returns the link to mail. A query that is in the page's URL stays.
func (a *API) resetLink(p authstore.Publisher, page *url.URL, r customer.Reset) string {
	if page == nil {
		return customer.ResetLink(string(a.Hub), p, r)
	}
	id := strconv.FormatInt(p.ID, 10)
	add := url.Values{"resetPasswordToken": {r.Token}, "email": {r.Email.Address}, "publisherId": {id}}.Encode()
	link := *page
	if link.RawQuery != "" {
		add = link.RawQuery + "&" + add
	}
	link.RawQuery = add
	return link.String()
}

// setPassword is PATCH /customers/passwords, section 5.8.
func (a *API) setPassword(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		tenant
		CustomerID    id     `json:"customerId"`
		CustomerEmail string `json:"customerEmail"`
		Token         string `json:"resetPasswordToken"`
		NewPassword   string `json:"newPassword"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	t, err := a.Customers.ResetTicket(ctx, p, in.Token)
	if err != nil {
		return nil, err
	}
	if !isFor(t, string(in.CustomerID), in.CustomerEmail) {
		return nil, errResetToken
	}
	owner, err := a.Customers.ResetPassword(ctx, p, in.Token, in.NewPassword)
	if err != nil {
		return nil, err
	}
	if email, err := customer.ParseEmail(owner.Email); err == nil {
		a.Notices.PasswordChanged(p.Name, email.Mailbox)
	}
	return done, nil
}

// isFor tells whether a reset ticket is for the customer whom the body names,
// by id or by address.
func isFor(t authstore.Ticket, id, address string) bool {
	if id != "" {
		return id == strconv.FormatInt(t.CustomerID, 10)
	}
	email, err := customer.ParseEmail(address)
	return err == nil && email.Key == t.Data["subject"]
}
