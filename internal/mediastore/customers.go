// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/publisher"
)

// customerView is a customer as clients see it, section 5.9.
type customerView struct {
	ID            string          `json:"id"`
	Email         string          `json:"email"`
	FirstName     string          `json:"firstName"`
	LastName      string          `json:"lastName"`
	Country       string          `json:"country"`
	Locale        string          `json:"locale"`
	Currency      string          `json:"currency"`
	RegDate       string          `json:"regDate"`
	LastLoginDate string          `json:"lastLoginDate"`
	LastUserIP    string          `json:"lastUserIp"`
	ExternalID    string          `json:"externalId"`
	ExternalData  json.RawMessage `json:"externalData"`
}

func viewOf(c authstore.Customer) customerView {
	data := json.RawMessage("null")
	if c.ExternalData != "" {
		data = json.RawMessage(c.ExternalData)
	}
	return customerView{
		ID: strconv.FormatInt(c.ID, 10), Email: c.Email, FirstName: c.FirstName, LastName: c.LastName,
		Country: c.Country, Locale: c.Locale, Currency: c.Currency, LastUserIP: c.LastIP,
		RegDate: c.Registered.UTC().Format(time.DateTime), LastLoginDate: c.LastLogin.UTC().Format(time.DateTime),
		ExternalID: c.ExternalID, ExternalData: data,
	}
}

// externalData returns the document to keep. Clients send it as an object, or
// as a string that holds one; it is kept as an object.
func externalData(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return "", nil
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", badBody("Invalid param externalData")
		}
		if text == "" {
			return "", nil
		}
		raw = []byte(text)
	}
	if err := checkStrict(raw); err != nil {
		return "", badBody("Invalid param externalData")
	}
	var short bytes.Buffer
	if err := json.Compact(&short, raw); err != nil {
		return "", badBody("Invalid param externalData")
	}
	return short.String(), nil
}

func customerID(c *call) (int64, error) {
	text := c.PathValue("customerId")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) != 9 || n < 100_000_000 {
		return 0, errCustomerParam
	}
	return n, nil
}

// customer is GET /customers/{customerId}, section 5.9.
func (a *API) customer(ctx context.Context, c *call) (any, error) {
	found, err := a.authenticated(ctx, c)
	if err != nil {
		return nil, err
	}
	return viewOf(found), nil
}

// givenIP reads an address that a client gave; "" is none.
func givenIP(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(s)
	if err == nil && addr.Zone() != "" {
		err = errCustomerIP
	}
	return addr.Unmap(), err
}

// locales is GET /locales, section 5.1.
func (a *API) locales(ctx context.Context, c *call) (any, error) {
	text, country, given := ipText(c), locale.CountryFrom(ctx), c.URL.Query().Get("customerIP")
	addr, err := givenIP(or(given, text))
	if err != nil {
		return nil, errCustomerIP
	}
	if given != "" {
		text, country = given, "" // the address is not the one that a CDN saw
	}
	l := a.Locale.Resolve(country, addr, c.Header.Get("Accept-Language"))
	return map[string]string{
		"country": l.Country, "currency": l.Currency, "locale": l.Locale, "ipAddress": text,
	}, nil
}

// consentView is a publisher's consent as clients see it, section 5.2.
type consentView struct {
	Name             string `json:"name"`
	Version          string `json:"version"`
	Label            string `json:"label"`
	Value            string `json:"value"`
	Required         bool   `json:"required"`
	EnabledByDefault bool   `json:"enabledByDefault"`
	BroadcasterID    int64  `json:"broadcasterId"`
	Placeholder      string `json:"placeholder"`
}

type consentViews struct {
	Consents []consentView `json:"consents"`
}

// publisherConsents is GET /publishers/{publisherId}/consents, section 5.2.
func (a *API) publisherConsents(_ context.Context, c *call) (any, error) {
	n, err := publisher.ParseID(c.PathValue("publisherId"))
	if err != nil {
		return nil, errPublisherParam
	}
	p, ok := a.Directory.ByID(n)
	if !ok {
		return nil, errPublisherParam
	}
	return consentViews{a.consents.Get()[p.ID]}, nil
}

// viewsOf returns the consents of every publisher as clients see them. They
// change seldom, and are asked for often. A language is not asked for: clients that
// show translations have their own.
func viewsOf(publishers []authstore.Publisher) map[int64][]consentView {
	all := map[int64][]consentView{}
	for _, p := range publishers {
		all[p.ID] = consentViewsOf(p.ID, p.Consents)
	}
	return all
}

func consentViewsOf(publisherID int64, definitions []authstore.ConsentDefinition) []consentView {
	views := make([]consentView, 0, len(definitions))
	for _, d := range definitions {
		views = append(views, consentView{
			Name: d.Name, Version: d.Version, Label: consent.LabelHTML(d.Label), Value: d.Value,
			Required: d.Required, EnabledByDefault: d.EnabledByDefault, BroadcasterID: publisherID,
		})
	}
	return views
}
