// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"maps"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
)

func TestAnswersAreCountedWithoutTellingWhatTheySay(t *testing.T) {
	team := authstore.CaptureField{Key: "custom_1", Question: "Team?", Choices: []string{"Ajax", "PSV"}}
	free := authstore.CaptureField{Key: "custom_2", Question: "Why?"}
	settings := asking("email", "firstNameLastName", "birthDate", "!address", "phoneNumber")
	settings.Fields = append(settings.Fields, team, free)
	ann := authstore.Customer{FirstName: "Ann", LastName: "Smith", Email: "ann@example.com"}
	home := map[string]string{"address": "Dam 1", "city": "Amsterdam", "postCode": "1012", "country": "nl"}
	off := settings
	off.Enabled = false
	tests := []struct {
		name     string
		settings authstore.Capture
		customer authstore.Customer
		values   map[string]string
		want     map[string]string
	}{
		{"off", off, ann, home, map[string]string{}},
		{"nothing said", settings, authstore.Customer{}, nil, map[string]string{}},
		{"the customer's own", settings, ann, nil, map[string]string{"email": "answered", "firstNameLastName": "answered"}},
		{"half a name", asking("firstNameLastName"), authstore.Customer{FirstName: "Ann"}, nil, map[string]string{}},
		{"decade", asking("birthDate"), ann, map[string]string{"birthDate": "1990-01-31"}, map[string]string{"birthDate": "1990s"}},
		{"damaged date", asking("birthDate"), ann, map[string]string{"birthDate": "x"}, map[string]string{"birthDate": "answered"}},
		{"address", asking("address"), ann, home, map[string]string{"address": "answered", "country": "NL"}},
		{"half an address", asking("address"), ann, map[string]string{"country": "be"}, map[string]string{"country": "BE"}},
		{"country that is not asked for", asking("phoneNumber"), ann, home, map[string]string{}},
		{"a choice", settings, authstore.Customer{}, map[string]string{"custom_1": "PSV", "custom_2": "because"}, map[string]string{"custom_1": "PSV", "custom_2": "answered"}},
		{"no choice any more", settings, authstore.Customer{}, map[string]string{"custom_1": "Feyenoord"}, map[string]string{"custom_1": "answered"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := capture.Buckets(test.settings, test.customer, authstore.CaptureAnswers{Values: test.values})
			if !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
