// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package consent_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
)

func TestChangesAreTheAnswersThatAreNotInForce(t *testing.T) {
	for _, tt := range []struct {
		name     string
		required bool
		have     authstore.ConsentAnswer // to version 2
		ticked   bool
		want     string
	}{
		{"accepted and ticked", false, authstore.ConsentAnswer{Version: "2", State: authstore.Accepted}, true, "[]"},
		{"accepted and not ticked", false, authstore.ConsentAnswer{Version: "2", State: authstore.Accepted}, false, "[{a 2 declined}]"},
		{"declined and ticked", false, authstore.ConsentAnswer{Version: "2", State: authstore.Declined}, true, "[{a 2 accepted}]"},
		{"declined and not ticked", false, authstore.ConsentAnswer{Version: "2", State: authstore.Declined}, false, "[]"},
		{"never answered, ticked", false, authstore.ConsentAnswer{}, true, "[{a 2 accepted}]"},
		{"never answered, not ticked", false, authstore.ConsentAnswer{}, false, "[{a 2 declined}]"},
		{"earlier version accepted, not ticked", false, authstore.ConsentAnswer{Version: "1", State: authstore.Accepted}, false, "[{a 2 declined}]"},

		{"required: accepted and not ticked", true, authstore.ConsentAnswer{Version: "2", State: authstore.Accepted}, false, "[{a 2 declined}]"},
		{"required: earlier version accepted, not ticked", true, authstore.ConsentAnswer{Version: "1", State: authstore.Accepted}, false, "[]"},
		{"required: earlier version accepted, ticked", true, authstore.ConsentAnswer{Version: "1", State: authstore.Accepted}, true, "[{a 2 accepted}]"},
		{"required: never answered, not ticked", true, authstore.ConsentAnswer{}, false, "[]"},
	} {
		defs := []authstore.ConsentDefinition{{Name: "a", Version: "2", Required: tt.required}}
		got := consent.Changes(defs, map[string]authstore.ConsentAnswer{"a": tt.have}, map[string]bool{"a": tt.ticked, "unknown": true}, "de")
		if want := strings.ReplaceAll(tt.want, "}", " de}"); fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}
