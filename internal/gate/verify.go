// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/usher-sso/usher/internal/publisher"
)

// This file judges requests that another proxy holds and only describes. The
// decision is that of Serve; what differs is who is told. The caller has made
// sure that the proxy may be believed.

// Where other proxies ask. The paths are theirs only under a Host that is no
// site: the answer holds the access token, which no script of a site may read,
// so a site's own pages must not be able to ask.
const (
	// VerifyPath answers 200 with the identity, or as Serve does.
	VerifyPath = ReservedPrefix + "verify"

	// VerifyStatusPath answers 200 with the identity, or 401 with nothing.
	VerifyStatusPath = VerifyPath + "/status"
)

// Headers by which a proxy describes the request that it holds.
const (
	forwardedMethod = "X-Forwarded-Method"
	forwardedProto  = "X-Forwarded-Proto"
	forwardedHost   = "X-Forwarded-Host"
	forwardedURI    = "X-Forwarded-Uri"
)

var (
	// ErrForwarded says that a proxy's description of a request cannot be
	// trusted to mean one thing. Nothing was written to the response.
	ErrForwarded = errors.New("the proxy's description of the request is not clear")

	// ErrIdentity says that a client speaks about identity under a name that its
	// proxy would hand on. Nothing was written to the response.
	ErrIdentity = errors.New("the client speaks about identity")

	// ErrReserved says that a proxy asks about a path of the gate's own, which it
	// must hand on instead. Nothing was written to the response.
	ErrReserved = errors.New("the path is the gate's own")
)

// maxHost bounds a host and its port (RFC 1035, section 2.3.4).
const maxHost = 255 + len(":65535")

var (
	methodForm = regexp.MustCompile(`^[A-Za-z_-]{1,32}$`)
	hostForm   = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$`)
)

// Guards tells whether a Host header is that of one of the gate's sites.
func (g *Gate) Guards(host string) bool {
	_, ok := g.site(host)
	return ok
}

// CheckForwarded judges whether a request that a proxy hands on as it came was
// sent to a site by the scheme that the site has. Errors: ErrForwarded,
// ErrNoSite.
func (g *Gate) CheckForwarded(r *http.Request) error {
	_, err := g.forwardedTo(r.Header, r.Host)
	return err
}

// forwardedTo returns the site that a proxy was asked for.
func (g *Gate) forwardedTo(h http.Header, host string) (publisher.Origin, error) {
	proto, err := forwarded(h, forwardedProto)
	if err != nil {
		return "", err
	}
	switch strings.ToLower(proto) {
	case "https", "wss": // some proxies tell WebSockets apart
		proto = "https"
	case "http", "ws":
		proto = "http"
	default:
		return "", fmt.Errorf("%w: %s is neither http nor https", ErrForwarded, forwardedProto)
	}
	site, ok := g.site(host)
	if !ok || site.Scheme() != proto {
		return "", fmt.Errorf("%s://%s: %w", proto, host, ErrNoSite)
	}
	return site, nil
}

// Described returns the request that a proxy holds while it asks with r. The
// other headers of r are those of that request, as proxies send them along.
// Errors: ErrForwarded, ErrNoSite, ErrIdentity,
// ErrReserved.
func (g *Gate) Described(r *http.Request) (*http.Request, error) {
	h := r.Header
	method, err := forwarded(h, forwardedMethod)
	if err == nil && !methodForm.MatchString(method) {
		err = fmt.Errorf("%w: %s is no method", ErrForwarded, forwardedMethod)
	}
	if err != nil {
		return nil, err
	}
	host, err := forwarded(h, forwardedHost)
	if err == nil && (len(host) > maxHost || !hostForm.MatchString(host)) {
		err = fmt.Errorf("%w: %s is not one host", ErrForwarded, forwardedHost)
	}
	if err != nil {
		return nil, err
	}
	if _, err := g.forwardedTo(h, host); err != nil {
		return nil, err
	}
	address, err := forwardedAddress(h)
	if err != nil {
		return nil, err
	}
	if err := g.checkNames(h); err != nil {
		return nil, err
	}
	if access, _ := g.policy.Access(address.Path, address.EscapedPath()); access == Reserved {
		return nil, ErrReserved
	}
	described := *r
	described.Method, described.Host, described.URL, described.RequestURI = method, host, address, address.RequestURI()
	described.Body, described.ContentLength, described.TransferEncoding = http.NoBody, 0, nil
	g.headers.Strip(&described)
	return &described, nil
}

// forwardedAddress returns the path and query that were asked for.
func forwardedAddress(h http.Header) (*url.URL, error) {
	uri, err := forwarded(h, forwardedURI)
	if err != nil {
		return nil, err
	}
	address, err := url.ParseRequestURI(uri)
	// A blank is in no address; it is between two that were joined.
	if err != nil || !strings.HasPrefix(uri, "/") || strings.Contains(uri, " ") {
		return nil, fmt.Errorf("%w: %s is not one path with its query", ErrForwarded, forwardedURI)
	}
	return address, nil
}

// forwarded returns the value of a header that must be there once. A second
// value is what a client sent, or what another proxy thinks; nothing tells
// which is true.
func forwarded(h http.Header, name string) (string, error) {
	switch values := h[name]; {
	case len(values) == 0:
		return "", fmt.Errorf("%w: %s is missing", ErrForwarded, name)
	case len(values) > 1:
		return "", fmt.Errorf("%w: %s comes %d times", ErrForwarded, name, len(values))
	case values[0] == "":
		return "", fmt.Errorf("%w: %s is empty", ErrForwarded, name)
	default:
		return values[0], nil
	}
}

// checkNames refuses a client that speaks about identity under a name of its
// own. A proxy that does as it is told drops or overwrites the names that Tell
// sets and no others, and Strip can take nothing from a request that it does
// not hold.
func (g *Gate) checkNames(h http.Header) error {
	for name := range h {
		if g.headers.claims(name) && !g.headers.sets(name) {
			return fmt.Errorf("%w: header %.40q", ErrIdentity, name)
		}
	}
	return nil
}

// Verify tells a proxy what to do with a described request: to let it pass with
// status 200 and, in headers, who sent it; or to answer it with what Serve
// answers. Cookie is what remains for the app without usher's own; Set-Cookie
// is for the visitor. Errors: ErrUnavailable; then nothing was answered and the
// request must not pass.
func (g *Gate) Verify(w http.ResponseWriter, described *http.Request) error {
	id, pass, err := g.Serve(&refusal{ResponseWriter: w}, described, described.URL)
	if pass && err == nil {
		g.letPass(w, described.Header, id)
	}
	return err
}

// VerifyStatus is Verify for proxies that know no answers but yes and no. A no
// is status 401: the proxy then hands the request itself on to the gate, which
// answers it. Errors: ErrUnavailable; then the answer is no.
func (g *Gate) VerifyStatus(w http.ResponseWriter, described *http.Request) error {
	unsaid := silence{}
	id, pass, err := g.Serve(unsaid, described, described.URL)
	if !pass || err != nil {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusUnauthorized)
		return err
	}
	if renewed, ok := unsaid["Set-Cookie"]; ok {
		w.Header()["Set-Cookie"] = renewed
	}
	g.letPass(w, described.Header, id)
	return nil
}

// letPass writes the answer that lets a request pass. Of an anonymous visitor
// it says nothing, not even an empty header: proxies drop what they are not
// told.
func (g *Gate) letPass(w http.ResponseWriter, asked http.Header, id *Identity) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	StripCookies(asked)
	if cookies := asked["Cookie"]; len(cookies) > 0 {
		h.Set("Cookie", strings.Join(cookies, "; "))
	}
	if id != nil {
		g.headers.Tell(h, id)
	}
	w.WriteHeader(http.StatusOK)
}

// refusal writes an answer that no proxy takes for a yes. Serve answers a
// browser's preflight itself, with a 2xx; a proxy would ask the app instead.
type refusal struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader writes the status, or 401 in place of one that means yes.
func (f *refusal) WriteHeader(status int) {
	if status < http.StatusMultipleChoices {
		status = http.StatusUnauthorized
	}
	f.begun = true
	f.ResponseWriter.WriteHeader(status)
}

// Write writes the body, after a status.
func (f *refusal) Write(b []byte) (int, error) {
	if !f.begun {
		f.WriteHeader(http.StatusUnauthorized)
	}
	return f.ResponseWriter.Write(b)
}

// silence takes an answer that nobody is told. It is the answer's headers.
type silence http.Header

// Header returns the headers.
func (s silence) Header() http.Header { return http.Header(s) }

// WriteHeader does nothing.
func (silence) WriteHeader(int) {}

// Write does nothing.
func (silence) Write(b []byte) (int, error) { return len(b), nil }
