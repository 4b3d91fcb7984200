// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package throttle

import "net/netip"

// ipv6Bits is the part of an IPv6 address that one subscriber cannot change. A
// home or a phone has a /64 (RFC 6177) and picks any of its addresses at will.
const ipv6Bits = 64

// Prefix returns the network that tries from addr are counted under, as in
// "192.0.2.7/32" or "2001:db8:1:2::/64". Addresses that are not valid share the
// name "unknown": a request without an address must not be free of limits.
//
// For IPv4 that is the single address. A /24 would be harder on attackers who
// rent neighbouring addresses, but it locks 256 strangers together, and a mobile
// carrier already has thousands of viewers behind one address. For the same
// reason give prefixes generous limits, Refund successes, and leave botnets and
// holders of large IPv6 blocks to the limits per account and overall.
func Prefix(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6Bits
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return "unknown"
	}
	return prefix.String()
}
