// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package publisher

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Origin is where a hub or a site is reached: scheme, host and port as a
// browser writes them (RFC 6454), such as https://news.example.com. The port
// is left out when it is the scheme's own.
//
// A pattern such as https://*.clubs.example stands for every name with one
// label in place of the star.
type Origin string

// ErrPlainHTTP says that an origin would carry passwords and cookies in the
// clear.
var ErrPlainHTTP = errors.New("plain http is for loopback names such as hub.localhost only; use https")

// ParseOrigin reads an origin that an operator wrote. Errors say what to write
// instead.
func ParseOrigin(s string) (Origin, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", fmt.Errorf("%q is not an origin; write it like https://id.example.com", s)
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("%q has more than scheme, host and port; write it like https://id.example.com", s)
	}
	host, err := cleanHost(u.Hostname())
	if err != nil {
		return "", err
	}
	if u.Scheme == "http" && !Loopback(host) {
		return "", fmt.Errorf("%s: %w", s, ErrPlainHTTP)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 || p[0] == '0' {
			return "", fmt.Errorf("%q is not an origin; write it like https://id.example.com", s)
		}
		if !(u.Scheme == "http" && n == 80) && !(u.Scheme == "https" && n == 443) {
			host += ":" + p
		}
	}
	return Origin(u.Scheme + "://" + host), nil
}

// cleanHost returns the host in the form that browsers send: lower case, and
// in ASCII (UTS #46).
func cleanHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" || ip.Is4In6() {
			return "", fmt.Errorf("%q is an address that browsers write differently; use a host name", host)
		}
		return ip.String(), nil
	}
	label, rest, wild := host, "", false
	if label, rest, wild = strings.Cut(host, "."); wild && label == "*" {
		host = rest
	} else {
		wild = false
	}
	name, err := hostNames.ToASCII(host)
	if err != nil || !utf8.ValidString(host) || strings.ContainsAny(host, "*{}") || numeric(name) {
		return "", fmt.Errorf("%q is not a host name; write it like news.example.com", host)
	}
	if wild {
		name = "*." + name
	}
	return name, nil
}

// hostNames reads names as browsers do, and refuses what DNS cannot hold.
var hostNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// numeric tells whether browsers would take a name for an IPv4 address (WHATWG
// URL, section 3.5), in one of its old forms.
func numeric(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
}

// Loopback tells whether a host name never leaves the machine (RFC 6761).
func Loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// Scheme returns http or https.
func (o Origin) Scheme() string { s, _, _ := strings.Cut(string(o), "://"); return s }

// Host returns the host with its port, if it has one.
func (o Origin) Host() string { _, h, _ := strings.Cut(string(o), "://"); return h }

// Hostname returns the host without the port, brackets included.
func (o Origin) Hostname() string { return hostname(o.Host()) }

// hostname cuts the port off a host, without looking a name up or allocating.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		return host[:i]
	}
	return host
}

// Secure tells whether the origin is https, so that cookies can be.
func (o Origin) Secure() bool { return strings.HasPrefix(string(o), "https://") }

// Pattern tells whether the origin stands for many.
func (o Origin) Pattern() bool { return strings.HasPrefix(o.Host(), "*.") }

// ForHost returns the origin that a request with the given Host header has at
// o, if it belongs there: o itself, or for a pattern the one that fits. The
// port comes from o, never from the request.
func (o Origin) ForHost(host string) (Origin, bool) {
	name, own := hostname(host), o.Hostname()
	if !ascii(name) {
		return "", false
	}
	if !o.Pattern() {
		return o, strings.EqualFold(name, own)
	}
	label, rest, ok := strings.Cut(name, ".")
	if !ok || !plainLabel(label) || !strings.EqualFold(rest, own[2:]) {
		return "", false
	}
	return Origin(o.Scheme() + "://" + strings.ToLower(label) + string(o[len(o.Scheme())+len("://*"):])), true
}

// ascii keeps letters apart that only Unicode takes for the same.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Covers tells whether other, which is no pattern, is o or one that o stands
// for.
func (o Origin) Covers(other Origin) bool {
	if !o.Pattern() {
		return o == other
	}
	fit, ok := o.ForHost(other.Host())
	return ok && fit == other
}

// plainLabel tells whether s can be a label of a host name.
func plainLabel(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
