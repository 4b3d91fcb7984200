// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package consent_test

import (
	"fmt"
	"testing"

	"github.com/usher-sso/usher/internal/consent"
)

func TestOnlyWhatIsNewOrChangedOrStillRequiredIsAsked(t *testing.T) {
	for _, tt := range []struct {
		answers []string
		want    string
	}{
		{nil, "[terms marketing age]"},
		{[]string{"terms 2 accepted", "marketing 1 declined", "age 1 accepted"}, "[]"},
		{[]string{"terms 1 accepted", "marketing 1 accepted", "age 1 accepted"}, "[terms]"},
		{[]string{"terms 2 accepted", "marketing 0 declined", "age 1 declined"}, "[marketing age]"},
	} {
		var got []string
		for _, d := range consent.Asked(defs, inForce(tt.answers...)) {
			got = append(got, d.Name)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%v: %v, want %s", tt.answers, got, tt.want)
		}
	}
}
