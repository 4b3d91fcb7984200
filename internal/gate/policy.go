// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"net/http"
	"net/url"
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

// Policy tells which paths of a site are open, and what the others demand. What
// it does not name is protected. It does not change; safe for concurrent use.
type Policy struct {
	public, optional patterns
	openers          []Opener
	demands          []Demand
	about            []patterns // the paths of each demand
	matchers         bool       // some rule has one

	// Silent is when the hub is asked who a visitor of an optional path is. Set it
	// before first use.
	Silent Silent
}

// Opener is a rule that opens protected paths to requests of some kind.
type Opener struct {
	Access Access // Public or Optional
	Match  Matcher
}

// Rules are what a Policy consists of.
type Rules struct {
	Public   []string // patterns: an exact path such as /about, or a beginning such as /assets/*
	Optional []string
	Open     []Opener // for what is not named by a pattern; the first that matches counts
	Demands  []Demand
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

// NewPolicy returns a Policy of rules.
func NewPolicy(rules Rules) (*Policy, error) {
	p := &Policy{public: patternsOf(rules.Public), optional: patternsOf(rules.Optional), openers: rules.Open}
	for _, list := range [][]string{rules.Public, rules.Optional} {
		for _, pattern := range list {
			if err := CheckPattern(pattern); err != nil {
				return nil, err
			}
		}
	}
	if len(rules.Demands) > maxDemands {
		return nil, fmt.Errorf("%d demands are more than the %d that there can be; use matchers to join some", len(rules.Demands), maxDemands)
	}
	p.matchers = len(p.openers) > 0
	for _, d := range rules.Demands {
		if err := d.Check(); err != nil {
			return nil, err
		}
		for _, path := range d.Paths {
			if access := p.opens(strings.TrimSuffix(path, "*")); access != "" {
				return nil, fmt.Errorf("%s is %s, so nothing can be required there; remove one", path, access)
			}
		}
		p.demands, p.about = append(p.demands, d), append(p.about, patternsOf(d.Paths))
		p.matchers = p.matchers || d.Match != nil
	}
	return p, nil
}

// opens returns by which kind of patterns a path is open, or "".
func (p *Policy) opens(at string) string {
	switch {
	case p.public.match(at):
		return "public"
	case p.optional.match(at):
		return "optional"
	}
	return ""
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
	c := p.classify(decoded, sent)
	return c.access, c.reserved
}

// class is what the patterns say of a path.
type class struct {
	access   Access
	reserved string    // what follows the prefix, for Reserved
	demands  demandSet // those that may be about it, for Protected
}

// classifyURL judges the path of an address by the patterns alone.
func (p *Policy) classifyURL(u *url.URL) class {
	if u.RawPath == "" && plain(u.Path) { // then it was sent as it is
		return p.at(u.Path)
	}
	return p.classify(u.Path, u.EscapedPath())
}

// classify judges a path by the patterns alone.
func (p *Policy) classify(decoded, sent string) class {
	if plain(decoded) && !strings.Contains(sent, "%") {
		return p.at(decoded)
	}
	all := readings(decoded)
	if all == nil || hiddenEncoding(decoded) {
		return class{access: Ambiguous}
	}
	first := p.at(all[0])
	for _, r := range all[1:] {
		if other := p.at(r); other.access != first.access || other.demands != first.demands {
			return class{access: Ambiguous}
		}
	}
	if len(all) > 1 && (first.access == Reserved || p.matchers) {
		return class{access: Ambiguous} // nobody knows which of them a matcher was written for
	}
	return first
}

// judgePath judges the path that the app will see, and the request when a rule has
// a matcher. The gate's own paths are found under the address that was asked for,
// too, because a rewrite for the app's sake must not swallow them. Errors:
// ErrUnavailable.
func (p *Policy) judgePath(r *http.Request, asked *url.URL) (class, error) {
	if asked.Path != r.URL.Path || asked.RawPath != r.URL.RawPath {
		if c := p.classifyURL(asked); c.access == Reserved {
			return c, nil
		}
	}
	c := p.classifyURL(r.URL)
	if c.access != Protected {
		return c, nil
	}
	for _, o := range p.openers {
		about, err := o.Match(r)
		if err != nil {
			return c, unjudged(err)
		}
		if about {
			return class{access: o.Access}, nil
		}
	}
	return c, nil
}

// unjudged says that a matcher failed.
func unjudged(err error) error { return fmt.Errorf("%w: a matcher failed: %w", ErrUnavailable, err) }

// Open tells whether a request passes whoever sent it, and needs no store for it.
func (p *Policy) Open(r *http.Request, asked *url.URL) bool {
	c, err := p.judgePath(r, asked)
	return err == nil && (c.access == Public || c.access == Optional)
}

// plain tells, without allocating, that a path has one reading and that nothing
// in it is encoded when it is sent. It may say no of a path of which both is true.
func plain(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	before := byte(0)
	for i := range len(p) {
		c := p[i]
		if !plainBytes[c] || before == '/' && (c == '/' || c == '.') {
			return false
		}
		before = c
	}
	return true
}

// plainBytes are those that a path is sent with as they are (RFC 3986, section
// 3.3), but for the semicolon, which servers read in several ways.
var plainBytes = func() (set [256]bool) {
	for _, c := range []byte("/-._~!$&'()*+,=:@") {
		set[c] = true
	}
	for c := range 256 {
		set[c] = set[c] || isAlnum(byte(c))
	}
	return set
}()

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

// at judges a path that has one reading.
func (p *Policy) at(at string) class {
	if i := reservedPart(at); i >= 0 {
		return class{access: Reserved, reserved: strings.TrimPrefix(at[i:], "/")}
	}
	if p.public.match(at) {
		return class{access: Public}
	}
	if p.optional.match(at) {
		return class{access: Optional}
	}
	c := class{access: Protected}
	for i := range p.demands {
		if about := p.about[i]; len(about) == 0 || about.match(at) {
			c.demands |= 1 << i
		}
	}
	return c
}

// reservedPart returns where the part after the reserved prefix begins, or -1
// when the path does not begin with it, in any case.
func reservedPart(at string) int {
	n := len(ReservedPrefix) - 1 // without the last slash
	if len(at) < n || at[1] != ReservedPrefix[1] || !strings.EqualFold(at[:n], ReservedPrefix[:n]) || len(at) > n && at[n] != '/' {
		return -1
	}
	return n
}

// patterns are exact paths and beginnings of paths.
type patterns []struct {
	text string // without the star
	tree bool
}

func patternsOf(list []string) patterns {
	p := make(patterns, len(list))
	for i, text := range list {
		p[i].text, p[i].tree = strings.CutSuffix(text, "*")
	}
	return p
}

// match tells whether a path is one of them.
func (p patterns) match(at string) bool {
	for i := range p {
		if at == p[i].text || p[i].tree && strings.HasPrefix(at, p[i].text) {
			return true
		}
	}
	return false
}
