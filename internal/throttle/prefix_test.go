// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package throttle

import (
	"net/netip"
	"testing"
)

func TestPrefix(t *testing.T) {
	tests := []struct{ addr, want string }{
		{"192.0.2.7", "192.0.2.7/32"},
		{"192.0.2.8", "192.0.2.8/32"},
		{"::ffff:192.0.2.7", "192.0.2.7/32"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff::", "2001:db8:1:2::/64"},
		{"2001:db8:1:3::1", "2001:db8:1:3::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"::1", "::/64"},
	}
	for _, tt := range tests {
		if got := Prefix(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("Prefix(%s) = %q, want %q", tt.addr, got, tt.want)
		}
	}
	if got := Prefix(netip.Addr{}); got != "unknown" {
		t.Errorf("Prefix of the zero address = %q, want unknown", got)
	}
}
