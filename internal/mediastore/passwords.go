// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

// The failures of a password reset, sections 5.7 and 5.8.
var (
	errResetURL   = badBody("resetUrl is not valid URL.")
	errResetToken = failure(http.StatusUnprocessableEntity, "REQ0001", customer.ErrResetToken.Error())
)

// askReset is PUT /customers/passwords, section 5.7. An unknown address gets
// the same answer as a known one, unless the publisher wants it told.
func (a *API) askReset(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		tenant
		CustomerEmail string `json:"customerEmail"`
		ResetURL      string `json:"resetUrl"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	unknown, err := a.Customers.RequestReset(ctx, p, customer.ResetRequest{Email: in.CustomerEmail, Page: in.ResetURL, IP: ipText(c)})
	switch {
	case errors.Is(err, customer.ErrResetURL):
		return nil, errResetURL
	case errors.Is(err, customer.ErrEmail):
		return nil, badBody("Invalid param email")
	case err != nil:
		return nil, err
	case unknown && p.RevealUnknownEmail:
		return nil, unknownCustomer(in.CustomerEmail)
	}
	return done, nil
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
	if in.CustomerID == "" && in.CustomerEmail == "" {
		return nil, badBody("Empty param customerId or customerEmail")
	}
	t, err := a.Customers.ResetTicket(ctx, p, in.Token)
	if err != nil {
		return nil, err
	}
	if !isFor(t, string(in.CustomerID), in.CustomerEmail) {
		return nil, errResetToken
	}
	if _, err := a.Customers.ResetPassword(ctx, p, in.Token, in.NewPassword); err != nil {
		return nil, err
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
	return err == nil && email.Key == t.Data[authstore.Subject]
}
