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

func TestFormIsJudgedByWhatIsAsked(t *testing.T) {
	settings := authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{
		{Key: "email", Required: true}, {Key: "address", Required: true}, {Key: "birthDate"},
		{Key: "custom_1", Question: "?", Choices: []string{"Yes", "No"}, Required: true},
		{Key: "custom_2", Question: "?", Choices: []string{"Yes"}},
	}}
	whole := map[string]string{"address": "Storgata 1", "city": "Oslo", "postCode": "0155", "country": "NO", "custom_1": "No"}
	for _, tt := range []struct {
		change map[string]string
		want   string
	}{
		{nil, "[]"},
		{map[string]string{"birthDate": "1990-02-28", "custom_2": "Yes", "state": "x", "firstName": strings.Repeat("x", 99)}, "[]"},
		{map[string]string{"city": "", "country": "", "address2": ""}, "[city missing country missing]"},
		{map[string]string{"country": "NOR", "birthDate": "2026-03-02"}, "[birthDate bad country bad]"},
		{map[string]string{"birthDate": "1899-12-31"}, "[birthDate bad]"},
		{map[string]string{"birthDate": "1900-01-01"}, "[]"},
		{map[string]string{"custom_1": "", "custom_2": "yes"}, "[custom_1 missing custom_2 bad]"},
		{map[string]string{"custom_1": "Maybe"}, "[custom_1 bad]"},
	} {
		given := maps.Clone(whole)
		maps.Copy(given, tt.change)
		var got []string
		wrong := capture.Judge(settings, given, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		for _, name := range slices.Sorted(maps.Keys(wrong)) {
			switch {
			case errors.Is(wrong[name], capture.ErrMissing):
				got = append(got, name+" missing")
			case errors.Is(wrong[name], capture.ErrAnswer):
				got = append(got, name+" bad")
			}
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%v: %v, want %s", tt.change, got, tt.want)
		}
	}
}
