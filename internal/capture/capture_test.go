// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
)

func TestFieldsThatClientsKnowAreAccepted(t *testing.T) {
	var fields []authstore.CaptureField
	for _, key := range capture.Keys {
		fields = append(fields, authstore.CaptureField{Key: key}, authstore.CaptureField{Key: key, Required: true})
	}
	fields = append(fields, capture.DefaultFields()...)
	fields = append(fields,
		authstore.CaptureField{Key: "custom_1", Question: "Team?"},
		authstore.CaptureField{Key: "custom_10", Question: "Team?", Choices: []string{"Ajax", "PSV, of course"}, Required: true},
		authstore.CaptureField{Key: "custom_99", Question: "Team?", Choices: []string{"<b>"}},
	)
	for _, f := range fields {
		if err := capture.CheckField(f); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestFieldsThatClientsDoNotKnowAreRefused(t *testing.T) {
	for _, f := range []authstore.CaptureField{
		{}, {Key: "shoeSize"}, {Key: "Email"}, {Key: "birthdate"}, {Key: "email "}, {Key: "email\n"}, {Key: "firstName"},
		{Key: "custom", Question: "Team?"}, {Key: "custom_", Question: "Team?"}, {Key: "custom_0", Question: "Team?"}, {Key: "custom_01", Question: "Team?"},
		{Key: "custom_100", Question: "Team?"}, {Key: "custom_x", Question: "Team?"}, {Key: "Custom_1", Question: "Team?"}, {Key: "custom_1\n", Question: "Team?"},
		{Key: "custom_-1", Question: "Team?"}, {Key: "custom_1"}, {Key: "custom_1", Choices: []string{"Ajax"}},
		{Key: "email", Question: "Address?"}, {Key: "birthDate", Choices: []string{"1990"}},
		{Key: "custom_1", Question: "Team?", Choices: []string{""}}, {Key: "custom_1", Question: "Team?", Choices: []string{"A", "B", "A"}}, {Key: "custom_1", Question: "Team?", Choices: []string{"Ajax", "a;b"}},
	} {
		if err := capture.CheckField(f); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}

func TestDefaultFieldsAskNothingThatIsRequired(t *testing.T) {
	fields := capture.DefaultFields()
	if len(fields) != 2 || fields[0].Key != "firstNameLastName" || fields[1].Key != "birthDate" || fields[0].Required || fields[1].Required {
		t.Errorf("got %+v", fields)
	}
	fields[0].Required = true
	if capture.DefaultFields()[0].Required {
		t.Error("callers share one list")
	}
}
