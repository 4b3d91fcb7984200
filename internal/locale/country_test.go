// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"net/netip"
	"testing"
)

func TestCountryOfAViewerIsKnownOrNothing(t *testing.T) {
	for _, tt := range []struct{ said, addr, want string }{
		{"PL", "8.8.8.8", "PL"},
		{"XX", "8.8.8.8", "US"},
		{"", "::ffff:8.8.8.8", "US"},
		{"", "192.168.1.1", ""},
		{"", "", ""},
	} {
		addr, _ := netip.ParseAddr(tt.addr)
		if got := (*Resolver)(nil).CountryOf(tt.said, addr); got != tt.want {
			t.Errorf("%q at %q: %q, want %q", tt.said, tt.addr, got, tt.want)
		}
	}
}
