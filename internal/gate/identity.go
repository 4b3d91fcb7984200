// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/usher-sso/usher/internal/token"
)

// Identity is who sent a request, in the form in which the app is told. It
// does not change, so that one value serves all requests of a visitor.
type Identity struct {
	CustomerID  string
	PublisherID string
	SessionID   string
	Email       string
	Consents    string // names accepted at the newest version, separated by commas
	Expires     int64  // Unix seconds

	headers []header
}

type header struct {
	name   string // canonical
	values []string
}

// headerPrefix is how the name of every identity header begins. Everything a
// client sends under a name that any server could read so is removed.
const headerPrefix = "X-Usher-"

func newIdentity(c token.Claims, raw string) *Identity {
	id := &Identity{
		CustomerID: strconv.FormatInt(c.CustomerID, 10), PublisherID: strconv.FormatInt(c.PublisherID, 10),
		SessionID: c.SessionID, Email: c.Email, Consents: strings.Join(c.Consents, ","), Expires: c.Expires.Unix(),
	}
	for name, value := range map[string]string{
		"Customer-Id": id.CustomerID, "Publisher-Id": id.PublisherID, "Session-Id": id.SessionID,
		"Email": id.Email, "Consents": id.Consents, "Token": raw,
	} {
		id.headers = append(id.headers, header{headerPrefix + name, []string{value}})
	}
	return id
}

// Tell sets the identity headers on a request that goes on to the app.
func (id *Identity) Tell(h http.Header) {
	for _, header := range id.headers {
		h[header.name] = header.values
	}
}

// Strip removes what a client must not tell the app: every spelling of an
// identity header, also where it is named as hop-by-hop (which would have the
// proxy remove ours), and all trailers, which come after the gate has judged
// and which servers may merge into the headers.
func Strip(r *http.Request) {
	for name := range r.Header {
		if identityName(name) {
			delete(r.Header, name)
		}
	}
	r.Trailer = nil
	delete(r.Header, "Trailer")
	if values := r.Header["Connection"]; values != nil {
		stripList(r.Header, "Connection", values)
	}
}

// identityName tells whether a server could read name as one of an identity
// header: servers that hand headers on as variables fold case, and every
// character but letters and digits into one.
func identityName(name string) bool {
	if len(name) < len(headerPrefix) {
		return false
	}
	for i := range len(headerPrefix) {
		want, have := headerPrefix[i], name[i]
		if want == '-' {
			if isAlnum(have) {
				return false
			}
		} else if want|0x20 != have|0x20 {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// stripList removes identity headers from a header that lists names.
func stripList(h http.Header, name string, values []string) {
	found := false
	var kept []string
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			item = strings.TrimSpace(item)
			if identityName(item) {
				found = true
			} else if item != "" {
				kept = append(kept, item)
			}
		}
	}
	switch {
	case !found:
	case kept == nil:
		delete(h, name)
	default:
		h[name] = []string{strings.Join(kept, ", ")}
	}
}
