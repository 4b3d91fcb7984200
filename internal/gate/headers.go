// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// headerPrefix is how the name of every identity header begins, unless it was
// given another. Everything a client sends under a name that any server could
// read so is removed.
const headerPrefix = "X-Usher-"

// Headers says by which headers apps are told who sent a request. It does not
// change; safe for concurrent use.
type Headers struct {
	told   []told
	signed bool     // the token is among them
	names  []string // all that are set, with the prefix as the first
	first  [256]bool
}

// told is one header that is set.
type told struct {
	field Field
	name  string // canonical
}

// ownNames are the names of the headers unless they are given others.
var ownNames = [fieldCount]string{
	headerPrefix + "Customer-Id", headerPrefix + "Publisher-Id", headerPrefix + "Session-Id",
	headerPrefix + "Email", headerPrefix + "Consents", headerPrefix + "Token",
}

// NewHeaders returns the headers, of which names changes those it mentions: by
// the name of a field, the headers that tell it, or none to withhold it.
func NewHeaders(names map[string][]string) (*Headers, error) {
	for field := range names {
		if !slices.Contains(fieldNames[:], field) {
			return nil, fmt.Errorf("%q is nothing that apps are told; known are %s", field, strings.Join(fieldNames[:], ", "))
		}
	}
	h := &Headers{names: []string{headerPrefix}}
	for f := range fieldCount {
		list, changed := names[fieldNames[f]]
		if !changed {
			list = ownNames[f : f+1]
		}
		for _, name := range list {
			if err := h.add(f, name); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range h.names {
		h.first[name[0]], h.first[name[0]|0x20] = true, true
	}
	return h, nil
}

func (h *Headers) add(f Field, name string) error {
	if err := CheckHeader(name); err != nil {
		return err
	}
	for _, t := range h.told {
		if readAs(name, t.name) {
			return fmt.Errorf("header %s tells %s already; use another name", t.name, fieldNames[t.field])
		}
	}
	name = http.CanonicalHeaderKey(name)
	h.told, h.signed = append(h.told, told{f, name}), h.signed || f == Token
	if !identityName(name) {
		h.names = append(h.names, name)
	}
	return nil
}

var (
	headerForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,62}[A-Za-z0-9]$`)

	// meaningful are headers that mean something else to browsers, proxies and
	// servers: removing them from every request would break it.
	meaningful = regexp.MustCompile(`(?i)^(accept|access-control|cache|content|cookie|expect|forwarded|from|host|if|max|origin|pragma|priority|proxy|range|referer|sec|set-cookie|connection|keep-alive|te|trailer|transfer|upgrade|user-agent|via|authorization|x-forwarded|x-real)(-|$)`)
)

// CheckHeader judges the name of a header that tells who sent a request.
func CheckHeader(name string) error {
	switch {
	case !headerForm.MatchString(name):
		return fmt.Errorf("%q cannot be the name of a header; use letters, digits and hyphens, such as Remote-User", name)
	case meaningful.MatchString(name):
		return fmt.Errorf("header %s means something else to servers, and the gate would take it from every request; choose another, such as Remote-User", name)
	}
	return nil
}

// Tell sets the headers on a request that goes on to the app. What is empty is
// not told. The values are copied, because handlers may change them in place.
func (h *Headers) Tell(into http.Header, id *Identity) {
	values := make([]string, len(h.told))
	for i, t := range h.told {
		if values[i] = id.Get(t.field); values[i] != "" {
			into[t.name] = values[i : i+1 : i+1]
		}
	}
}

// sets tells whether Tell sets a header of exactly that name.
func (h *Headers) sets(name string) bool {
	return slices.ContainsFunc(h.told, func(t told) bool { return t.name == name })
}

// Strip removes what a client must not tell the app: every spelling of an
// identity header, also where it is named as hop-by-hop (which would have the
// proxy remove ours), and all trailers, which come after the gate has judged
// and which servers may merge into the headers.
func (h *Headers) Strip(r *http.Request) {
	r.Trailer = nil
	for name := range r.Header {
		switch {
		case h.claims(name), name == "Trailer":
			delete(r.Header, name)
		case name == "Connection":
			h.stripList(r.Header, name, r.Header[name])
		}
	}
}

// claims tells whether a server could read name as that of an identity header.
func (h *Headers) claims(name string) bool {
	if name == "" || !h.first[name[0]] {
		return false
	}
	if identityName(name) {
		return true
	}
	for _, own := range h.names[1:] {
		if readAs(name, own) {
			return true
		}
	}
	return false
}

// identityName tells whether a server could read a name as one that begins with
// the prefix.
func identityName(name string) bool {
	return len(name) >= len(headerPrefix) && readAs(name[:len(headerPrefix)], headerPrefix)
}

// readAs tells whether a server could read one name as another: servers that
// hand headers on as variables fold case, and every character but letters and
// digits into one.
func readAs(have, want string) bool {
	if len(have) != len(want) {
		return false
	}
	for i := range len(want) {
		if want[i] == '-' {
			if isAlnum(have[i]) {
				return false
			}
		} else if want[i]|0x20 != have[i]|0x20 || !isAlnum(have[i]) {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// stripList removes identity headers from a header that lists names.
func (h *Headers) stripList(header http.Header, name string, values []string) {
	found := false
	var kept []string
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			item = strings.TrimSpace(item)
			if h.claims(item) {
				found = true
			} else if item != "" {
				kept = append(kept, item)
			}
		}
	}
	switch {
	case !found:
	case kept == nil:
		delete(header, name)
	default:
		header[name] = []string{strings.Join(kept, ", ")}
	}
}
