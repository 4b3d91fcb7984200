// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
)

// consentAnswer is a customer's consent as clients see it, section 5.11.
type consentAnswer struct {
	CustomerID    string                 `json:"customerId"`
	Name          string                 `json:"name"`
	Label         string                 `json:"label"`
	Value         string                 `json:"value"`
	Required      bool                   `json:"required"`
	State         authstore.ConsentState `json:"state"`
	Version       string                 `json:"version"`
	NewestVersion string                 `json:"newestVersion"`
	NeedsUpdate   bool                   `json:"needsUpdate"`
	Date          int64                  `json:"date"`
}

type consentAnswers struct {
	Consents []consentAnswer `json:"consents"`
}

// customerConsents is GET /customers/{customerId}/consents.
func (a *API) customerConsents(ctx context.Context, c *call) (any, error) {
	claims, err := a.ownClaims(c)
	if err != nil {
		return nil, err
	}
	inForce, err := a.Store.Consents(ctx, claims.CustomerID)
	if err != nil {
		return nil, err
	}
	views := a.consents.Get()[claims.PublisherID]
	list := make([]consentAnswer, 0, len(views))
	for _, d := range views {
		v := consentAnswer{
			CustomerID: c.PathValue("customerId"), Name: d.Name, Label: d.Label, Value: d.Value, Required: d.Required,
			State: authstore.Declined, Version: d.Version, NewestVersion: d.Version, NeedsUpdate: true,
		}
		if r, answered := inForce[d.Name]; answered {
			v.State, v.Version, v.Date = r.State, r.Version, r.Time.Unix()
			v.NeedsUpdate = r.Version != d.Version || d.Required && r.State != authstore.Accepted
		}
		list = append(list, v)
	}
	return consentAnswers{list}, nil
}

// putConsents is PUT /customers/{customerId}/consents, section 5.12. Taking back
// a required consent ends the customer's sessions everywhere.
func (a *API) putConsents(ctx context.Context, c *call) (any, error) {
	who, p, err := a.customerAndPublisher(ctx, c)
	if err != nil {
		return nil, err
	}
	in, err := decode[struct {
		Consents *consentsGiven `json:"consents"`
	}](c)
	if err != nil {
		return nil, err
	}
	if in.Consents == nil {
		return nil, badBody("Invalid param consents")
	}
	_, err = a.Customers.AnswerConsents(ctx, p, who.ID, in.Consents.answers(), ipText(c))
	return done, err
}

// consentsGiven are answers to consents as clients send them.
type consentsGiven []struct {
	Name    string                 `json:"name"`
	Version string                 `json:"version"`
	State   authstore.ConsentState `json:"state"`
}

func (g consentsGiven) answers() []consent.Answer {
	var answers []consent.Answer
	for _, item := range g {
		answers = append(answers, consent.Answer{Name: item.Name, Version: item.Version, State: item.State})
	}
	return answers
}
