// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

// publisherToken is the header in which a publisher's own server proves itself.
const publisherToken = "X-Publisher-Token"

var errPublisherToken = failure(http.StatusUnauthorized, "AUTH0002", "Invalid publisher token")

// trusted returns the publisher whose secret token the request carries.
func (a *API) trusted(c *call) (authstore.Publisher, error) {
	given := c.Header.Get(publisherToken)
	if given == "" {
		return authstore.Publisher{}, errPublisherToken
	}
	for _, p := range a.Directory.All() {
		if secret.Matches(p.TokenDigest, given) {
			return p, nil
		}
	}
	return authstore.Publisher{}, errPublisherToken
}

// trustedLogin is POST /sso/auths, section 5.15: the publisher's server has
// signed the customer in by itself and asks for tokens.
func (a *API) trustedLogin(ctx context.Context, c *call) (any, error) {
	p, err := a.trusted(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[struct {
		CustomerEmail string `json:"customerEmail"`
		Email         string `json:"email"`
		ExternalID    string `json:"externalId"`
		CustomerIP    string `json:"customerIP"`
	}](c)
	if err != nil {
		return nil, err
	}
	addr, err := givenIP(in.CustomerIP)
	if err != nil {
		return nil, badBody("Invalid param customerIP")
	}
	if len(in.ExternalID) > maxExternalID {
		return nil, badBody("Invalid param externalId")
	}
	from := customer.Arrival{Device: session.Device{UserAgent: c.UserAgent()}, Start: session.ByAPI}
	if addr.IsValid() {
		from.Device.IP = addr.String()
	}
	guess := a.Locale.Resolve("", addr, "") // the request comes from a server, the customer is elsewhere
	e, err := a.Customers.Trusted(ctx, p, or(in.CustomerEmail, in.Email), authstore.Customer{
		Country: guess.Country, Currency: guess.Currency, Locale: guess.Locale, ExternalID: in.ExternalID,
	}, from)
	if errors.Is(err, customer.ErrEmail) {
		return nil, badBody("Invalid param email")
	}
	if err != nil {
		return nil, err
	}
	return a.pair(ctx, e)
}

// unknownCustomer says that there is no customer of an id or address.
func unknownCustomer(name string) error {
	return failure(http.StatusNotFound, "USER0004", "Customer "+name+" does not exist.")
}

// erase is DELETE /3.1/customers/{customerId}, section 5.17.
func (a *API) erase(ctx context.Context, c *call) (any, error) {
	p, err := a.trusted(c)
	if err != nil {
		return nil, err
	}
	n, err := customerID(c)
	if err != nil {
		return nil, err
	}
	who, err := a.Store.Customer(ctx, n)
	if errors.Is(err, authstore.ErrNotFound) || err == nil && (who.PublisherID != p.ID || !who.Erased.IsZero()) {
		return nil, unknownCustomer(c.PathValue("customerId"))
	}
	if err != nil {
		return nil, err
	}
	return done, a.Customers.Erase(ctx, n)
}
