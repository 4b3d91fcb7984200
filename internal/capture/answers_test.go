// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
)

// asking returns settings that ask for fields; "!" before a key makes it
// required.
func asking(keys ...string) authstore.Capture {
	c := authstore.Capture{Enabled: true}
	for _, key := range keys {
		name, required := strings.CutPrefix(key, "!")
		c.Fields = append(c.Fields, authstore.CaptureField{Key: name, Required: required})
	}
	return c
}

func TestCaptureIsDueUntilSubmittedAndWhileARequiredAnswerIsMissing(t *testing.T) {
	ann := authstore.Customer{FirstName: "Ann", LastName: "Smith", Email: "ann@example.com"}
	home := map[string]string{"address": "Dam 1", "city": "Amsterdam", "postCode": "1012", "country": "NL"}
	without := func(name string) map[string]string {
		m := maps.Clone(home)
		delete(m, name)
		return m
	}
	tests := []struct {
		name      string
		settings  authstore.Capture
		customer  authstore.Customer
		submitted bool
		values    map[string]string
		want      bool
	}{
		{"off", authstore.Capture{Fields: asking("!birthDate").Fields}, ann, false, nil, false},
		{"never submitted", asking("birthDate"), ann, false, map[string]string{"birthDate": "1990-01-31"}, true},
		{"nothing required", asking("birthDate", "address"), authstore.Customer{}, true, nil, false},
		{"required and missing", asking("!birthDate"), ann, true, nil, true},
		{"required and empty", asking("!birthDate"), ann, true, map[string]string{"birthDate": ""}, true},
		{"required and there", asking("!birthDate"), ann, true, map[string]string{"birthDate": "1990-01-31"}, false},
		{"names are the customer's own", asking("!firstNameLastName", "!email"), ann, true, nil, false},
		{"half a name", asking("!firstNameLastName"), authstore.Customer{FirstName: "Ann"}, true, nil, true},
		{"a name among the values is none", asking("!firstNameLastName"), authstore.Customer{}, true, map[string]string{"firstName": "A", "lastName": "B"}, true},
		{"address", asking("!address"), ann, true, home, false}, // state and second line may be empty
		{"address without a city", asking("!address"), ann, true, without("city"), true},
		{"address without a country", asking("!address"), ann, true, without("country"), true},
		{"custom question", asking("!custom_1"), ann, true, map[string]string{"custom_2": "x"}, true},
	}
	for _, tt := range tests {
		a := authstore.CaptureAnswers{Values: tt.values}
		if tt.submitted {
			a.Submitted = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		}
		if got := capture.Due(tt.settings, tt.customer, a); got != tt.want {
			t.Errorf("%s: due %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestFieldsAreMadeOfAnswers(t *testing.T) {
	settings := asking("firstNameLastName", "address", "custom_1")
	got := slices.Sorted(maps.Keys(capture.Enabled(settings)))
	if want := "[address address2 city country custom_1 firstName lastName postCode state]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	settings.Enabled = false
	if got := capture.Enabled(settings); len(got) != 0 {
		t.Errorf("off: %v", got)
	}
}

func TestAnswersAreJudgedByWhatTheyAre(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	good := [][2]string{
		{"birthDate", "1990-01-31"}, {"birthDate", "2026-03-01"}, {"birthDate", "1900-01-01"}, {"birthDate", ""}, {"country", "NL"}, {"country", "nl"}, {"country", ""},
		{"firstName", strings.Repeat("é", 50)}, {"custom_1", strings.Repeat("é", 250)}, {"phoneNumber", "+31 20 123 45 67"}, {"companyName", "<b> & Söhne"},
	}
	for _, a := range good {
		if err := capture.Check(a[0], a[1], now); err != nil {
			t.Errorf("%s %.30q: %v", a[0], a[1], err)
		}
	}
	bad := [][2]string{
		{"birthDate", "31-01-1990"}, {"birthDate", "1990-02-30"}, {"birthDate", "1990-1-1"}, {"birthDate", "2026-03-02"}, {"birthDate", "1899-12-31"}, {"birthDate", "0001-01-01"},
		{"birthDate", "1990-01-31T00:00:00Z"}, {"birthDate", "1990-01-31\n"}, {"birthDate", "x"},
		{"country", "N"}, {"country", "NLD"}, {"country", "é"}, {"country", "N1"}, {"country", "  "},
		{"firstName", strings.Repeat("é", 51)}, {"postCode", strings.Repeat("1", 21)}, {"custom_1", strings.Repeat("x", 251)}, {"city", "a\x00b"}, {"city", "\xff"},
	}
	for _, a := range bad {
		if err := capture.Check(a[0], a[1], now); !errors.Is(err, capture.ErrAnswer) || !strings.Contains(err.Error(), a[0]) {
			t.Errorf("%s %.30q: %v, want ErrAnswer naming the field", a[0], a[1], err)
		}
	}
}

func TestOnlyWhatIsAskedForIsTaken(t *testing.T) {
	c := authstore.Customer{FirstName: "Ann", Email: "ann@example.com"}
	a := authstore.CaptureAnswers{Values: map[string]string{"birthDate": "1990-01-31", "companyName": "Acme"}}
	capture.Apply(asking("firstNameLastName", "email", "birthDate", "custom_1"), map[string]string{
		"firstName": "", "lastName": "Smith", "email": "evil@example.com", "birthDate": "", "custom_1": "x", "custom_2": "y", "companyName": "Evil", "id": "1", "disabled": "true",
	}, &c, &a)
	if c != (authstore.Customer{LastName: "Smith", Email: "ann@example.com"}) {
		t.Errorf("customer %+v", c)
	}
	if !maps.Equal(a.Values, map[string]string{"custom_1": "x", "companyName": "Acme"}) {
		t.Errorf("answers %v", a.Values)
	}
}
