// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Access is what a path asks of its visitors.
type Access int

const (
	Protected Access = iota // signed-in visitors only
	Optional                // everyone; the app is told who it is, if anyone
	Public                  // everyone; the app is told nothing
	Reserved                // the gate's own
	Ambiguous               // another server could read the path differently
)

// ReservedPrefix is the part of every gated site that belongs to the gate. It
// is never proxied.
const ReservedPrefix = "/.usher/"

// Policy tells which paths of a site are open. What it does not name is
// protected. It does not change; safe for concurrent use.
type Policy struct {
	public, optional []string

	// Silent is when the hub is asked who a visitor of an optional path is. Set it
	// before first use.
	Silent Silent
}

// Silent is when the hub is asked without a page who a visitor of an optional
// path is.
type Silent string

// The ways to ask.
const (
	SilentSister Silent = ""      // when the visitor comes from a sister site or from the hub
	SilentEager  Silent = "eager" // also on the first page after the browser has shown that it keeps cookies
	SilentOff    Silent = "off"
)

// NewPolicy reads the patterns of open paths: an exact path such as /about, or
// a beginning such as /assets/*.
func NewPolicy(public, optional []string) (*Policy, error) {
	for _, patterns := range [][]string{public, optional} {
		for _, p := range patterns {
			if err := CheckPattern(p); err != nil {
				return nil, err
			}
		}
	}
	return &Policy{public: public, optional: optional}, nil
}

// CheckPattern judges a pattern of an open path.
func CheckPattern(p string) error {
	begin := strings.TrimSuffix(p, "*")
	switch {
	case !strings.HasPrefix(p, "/"), strings.Contains(begin, "*"):
		return fmt.Errorf("%q is not a path pattern; write an exact path such as /about, or a beginning such as /assets/*", p)
	case len(readings(begin)) != 1, strings.ContainsAny(begin, "%;?#"):
		return fmt.Errorf("%q is not a plain path; write it without .., //, ; or encoded characters", p)
	case reservedPart(begin) >= 0:
		return fmt.Errorf("%q is reserved; %s belongs to the gate", p, ReservedPrefix)
	}
	return nil
}

// Access judges a path, given decoded and as it was sent. Servers differ in
// how they read odd paths, so a path with several readings is open only when
// all of them are, and Ambiguous when they disagree. For a Reserved path, the
// part after the prefix comes second.
func (p *Policy) Access(decoded, sent string) (Access, string) {
	if plain(decoded) && !strings.Contains(sent, "%") {
		return p.classify(decoded)
	}
	all := readings(decoded)
	if all == nil || hiddenEncoding(decoded) {
		return Ambiguous, ""
	}
	first, reserved := p.classify(all[0])
	for _, r := range all[1:] {
		if other, _ := p.classify(r); other != first {
			return Ambiguous, ""
		}
	}
	if first == Reserved && len(all) > 1 {
		return Ambiguous, ""
	}
	return first, reserved
}

// plain tells, without allocating, that a path has one reading. It may say no
// of a path that has.
func plain(p string) bool {
	if !strings.HasPrefix(p, "/") || strings.Contains(p, "//") || strings.Contains(p, "/.") {
		return false
	}
	for i := range len(p) {
		if c := p[i]; c <= 0x20 || c >= 0x7f || c == '\\' || c == ';' || c == '%' {
			return false
		}
	}
	return true
}

func hasControl(p string) bool {
	for i := range len(p) {
		if p[i] < 0x20 || p[i] == 0x7f {
			return true
		}
	}
	return false
}

// readings returns the different plain paths that servers might make of a
// decoded path, or nil when no safe one exists.
func readings(p string) []string {
	if !strings.HasPrefix(p, "/") || hasControl(p) || strings.Contains(p, "\\") || !utf8.ValidString(p) {
		return nil
	}
	for segment := range strings.SplitSeq(p, "/") {
		name, _, _ := strings.Cut(segment, ";")
		if name == ".." || name == "." {
			return nil
		}
	}
	all := []string{p}
	add := func(r string) {
		if strings.HasSuffix(p, "/") && r != "/" {
			r += "/"
		}
		if r != all[0] {
			all = append(all, r)
		}
	}
	add(path.Clean(p))
	add(path.Clean(withoutParameters(p)))
	return all
}

// withoutParameters drops ;parameters from each segment, as Java servers do.
func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

// hiddenEncoding tells whether a path that was decoded once still holds
// encodings of characters that change its meaning when it is decoded twice.
func hiddenEncoding(decoded string) bool {
	lower := strings.ToLower(decoded)
	for _, s := range []string{"%2e", "%2f", "%5c", "%00", "%3b", "%25"} {
		if strings.Contains(lower, s) {
			return true
		}
	}
	return false
}

func (p *Policy) classify(at string) (Access, string) {
	if i := reservedPart(at); i >= 0 {
		return Reserved, strings.TrimPrefix(at[i:], "/")
	}
	if matches(p.public, at) {
		return Public, ""
	}
	if matches(p.optional, at) {
		return Optional, ""
	}
	return Protected, ""
}

// reservedPart returns where the part after the reserved prefix begins, or -1
// when the path does not begin with it, in any case.
func reservedPart(at string) int {
	n := len(ReservedPrefix) - 1 // without the last slash
	if len(at) < n || !strings.EqualFold(at[:n], ReservedPrefix[:n]) || len(at) > n && at[n] != '/' {
		return -1
	}
	return n
}

func matches(patterns []string, at string) bool {
	for _, p := range patterns {
		if begin, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(at, begin) || p == at {
			return true
		}
	}
	return false
}
