// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package i18n

import (
	"strings"
	"testing"
)

func TestLanguagesAmongAFewAreThoseAlone(t *testing.T) {
	c := mustLoad(t)
	all := strings.Join(c.Tags(), " ")
	for _, tt := range []struct{ among, wish, want, tags string }{
		{"", "de-AT", "de", all},
		{"de fr", "de-AT", "de", "de fr"},
		{"de fr", "fr;q=0.4, pl", "fr", "de fr"},
		{"fr de", "pl", "fr", "fr de"},
		{"de", "en", "de", "de"},
		{"xx de xx de", "en", "de", "de"},
		{"xx", "fr", "fr", all},
	} {
		for range 2 { // the second time it is remembered
			some := c.Among(strings.Fields(tt.among))
			if got := some.Choose(tt.wish).Tag.String(); got != tt.want || strings.Join(some.Tags(), " ") != tt.tags {
				t.Errorf("among %q, %q gets %s of %v; want %s of %s", tt.among, tt.wish, got, some.Tags(), tt.want, tt.tags)
			}
		}
	}
}
