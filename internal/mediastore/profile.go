// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

// patchInput is the body of PATCH /customers/{customerId}. What is absent or
// null stays as it is.
type patchInput struct {
	FirstName            *string         `json:"firstName"`
	LastName             *string         `json:"lastName"`
	Country              *string         `json:"country"`
	Locale               *string         `json:"locale"`
	ExternalData         json.RawMessage `json:"externalData"`
	Email                *string         `json:"email"`
	ConfirmationPassword string          `json:"confirmationPassword"`
}

// patchCustomer is PATCH /customers/{customerId}, section 5.10. The address
// comes last: it needs the password, and what was refused changes nothing.
func (a *API) patchCustomer(ctx context.Context, c *call) (any, error) {
	who, _, err := a.customerAndPublisher(ctx, c)
	if err != nil {
		return nil, err
	}
	in, err := decode[patchInput](c)
	if err != nil {
		return nil, err
	}
	trial := who
	if err := in.apply(&trial); err != nil {
		return nil, err
	}
	if err := checkProfile(trial); err != nil {
		return nil, err
	}
	if in.Email != nil && *in.Email != who.Email {
		_, err := a.Customers.ChangeEmail(ctx, who, *in.Email, in.ConfirmationPassword, ipText(c))
		switch {
		case errors.Is(err, customer.ErrEmail):
			return nil, badBody("Please enter a valid e-mail address.")
		case errors.Is(err, customer.ErrConfirmation):
			return nil, errConfirmation
		case errors.Is(err, customer.ErrEmailTaken):
			return nil, errEmailTaken
		case err != nil:
			return nil, err
		}
	}
	changed, err := a.Store.ChangeCustomer(ctx, who.ID, in.apply)
	if err != nil {
		return nil, err
	}
	return viewOf(changed), nil
}

// apply writes what is given to a customer. It may run more than once.
func (in patchInput) apply(c *authstore.Customer) error {
	for to, from := range map[*string]*string{
		&c.FirstName: in.FirstName, &c.LastName: in.LastName, &c.Country: in.Country, &c.Locale: in.Locale,
	} {
		if from != nil {
			*to = *from
		}
	}
	if len(in.ExternalData) > 0 && string(in.ExternalData) != "null" {
		data, err := externalData(in.ExternalData)
		if err != nil {
			return err
		}
		c.ExternalData = data
	}
	return nil
}

// The failures of a profile update, section 5.10.
var (
	errConfirmation = failure(http.StatusUnprocessableEntity, "REQ0001", "Invalid confirmationPassword")
	errEmailTaken   = failure(http.StatusUnprocessableEntity, "USER0002", "Customer email already exists")
)

// logoutEverywhere is DELETE /refresh_tokens, section 5.6.
func (a *API) logoutEverywhere(ctx context.Context, c *call) (any, error) {
	claims, err := a.claims(c)
	if err != nil {
		return nil, err
	}
	return done, a.Sessions.EndAll(ctx, claims.CustomerID, "")
}
