// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"strings"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
)

// captureSetting is a field as clients see it, section 5.13.
type captureSetting struct {
	Key      string `json:"key"`
	Enabled  bool   `json:"enabled"`
	Required bool   `json:"required"`
	Answer   any    `json:"answer"`

	// Custom questions only.
	Question string  `json:"question,omitempty"`
	Value    *string `json:"value,omitempty"` // choices, separated by semicolons
}

// captureStatus is GET /customers/{customerId}/capture/status.
func (a *API) captureStatus(ctx context.Context, c *call) (any, error) {
	who, p, err := a.customerAndPublisher(ctx, c)
	if err != nil {
		return nil, err
	}
	answers, err := a.Store.Capture(ctx, who.ID)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"isCaptureEnabled":         p.Capture.Enabled,
		"shouldCaptureBeDisplayed": capture.Due(p.Capture, who, answers),
		"settings":                 captureSettings(p.Capture, who, answers),
	}, nil
}

// captureSettings lists the fields that are asked for in the publisher's order,
// then the others that clients know.
func captureSettings(settings authstore.Capture, c authstore.Customer, a authstore.CaptureAnswers) []captureSetting {
	list := []captureSetting{}
	listed := map[string]bool{}
	add := func(f authstore.CaptureField, enabled bool) {
		listed[f.Key] = true
		s := captureSetting{Key: f.Key, Enabled: enabled, Required: f.Required, Answer: answerOf(f.Key, c, a), Question: f.Question}
		if f.Question != "" {
			choices := strings.Join(f.Choices, ";")
			s.Value = &choices
		}
		list = append(list, s)
	}
	for _, f := range settings.Fields {
		add(f, settings.Enabled)
	}
	for _, key := range capture.Keys {
		if !listed[key] {
			add(authstore.CaptureField{Key: key}, false)
		}
	}
	return list
}

// answerOf returns a text or null; for fields of several parts, an object of
// such.
func answerOf(key string, c authstore.Customer, a authstore.CaptureAnswers) any {
	names := capture.Parts(key)
	if len(names) == 1 {
		return orNull(capture.Answer(key, c, a))
	}
	object := map[string]any{}
	for _, name := range names {
		object[name] = orNull(capture.Answer(name, c, a))
	}
	return object
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// captureInput is the body of PUT /customers/{customerId}/capture. null means
// "not touched" throughout: clients send every field they know of.
type captureInput struct {
	FirstName   *string `json:"firstName"`
	LastName    *string `json:"lastName"`
	Address     *string `json:"address"`
	Address2    *string `json:"address2"`
	City        *string `json:"city"`
	State       *string `json:"state"`
	PostCode    *string `json:"postCode"`
	Country     *string `json:"country"`
	BirthDate   *string `json:"birthDate"`
	CompanyName *string `json:"companyName"`
	PhoneNumber *string `json:"phoneNumber"`

	CustomAnswers []struct {
		QuestionID string  `json:"questionId"`
		Value      *string `json:"value"`
	} `json:"customAnswers"`
}

// given returns the answers that are touched, by name.
func (in captureInput) given() map[string]string {
	all := map[string]*string{
		"firstName": in.FirstName, "lastName": in.LastName, "address": in.Address, "address2": in.Address2,
		"city": in.City, "state": in.State, "postCode": in.PostCode, "country": in.Country,
		"birthDate": in.BirthDate, "companyName": in.CompanyName, "phoneNumber": in.PhoneNumber,
	}
	for _, a := range in.CustomAnswers {
		if strings.HasPrefix(a.QuestionID, "custom_") {
			all[a.QuestionID] = a.Value
		}
	}
	touched := map[string]string{}
	for name, value := range all {
		if value != nil {
			touched[name] = *value
		}
	}
	return touched
}

// putCapture is PUT /customers/{customerId}/capture, section 5.14.
func (a *API) putCapture(ctx context.Context, c *call) (any, error) {
	who, p, err := a.customerAndPublisher(ctx, c)
	if err != nil {
		return nil, err
	}
	in, err := decode[captureInput](c)
	if err != nil {
		return nil, err
	}
	given := in.given()
	enabled := capture.Enabled(p.Capture)
	for name, value := range given {
		if !enabled[name] {
			continue // clients send what they are not asked for
		}
		if err := capture.Check(name, value, a.Store.Now()); err != nil {
			return nil, badBody("Invalid param " + name)
		}
	}
	err = a.Store.ChangeCapture(ctx, who.ID, func(c *authstore.Customer, answers *authstore.CaptureAnswers) error {
		capture.Apply(p.Capture, given, c, answers)
		answers.Buckets = capture.Buckets(p.Capture, *c, *answers)
		return nil
	})
	return done, err
}
