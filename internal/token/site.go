// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/secret"
)

// SiteTokens makes and judges the tokens in the cookies of sites. Nobody but
// usher reads them, so they carry an HMAC in place of a signature and bytes in
// place of JSON: a third of a JWT's length, which every request carries, and
// judged in a few microseconds. Safe for concurrent use.
type SiteTokens struct {
	mark secret.Marker
	now  func() time.Time
}

// NewSiteTokens returns the SiteTokens of an installation.
func NewSiteTokens(root secret.Root, now func() time.Time) *SiteTokens {
	return &SiteTokens{mark: secret.NewMarker(root, "site token"), now: now}
}

// siteVersion begins a token. Another number is another form.
const siteVersion = 1

// What a customer has done, as bits.
const (
	siteVerified = 1 << iota
	siteCaptured
)

// Make returns what a cookie of the site c.Audience says of its visitor. It holds
// all of c but ID, Audience and SessionID: the site is known from the request and
// the session from the rest of the cookie. Nothing of it is secret, and nobody
// can change it.
func (t *SiteTokens) Make(c Claims) string {
	b := make([]byte, 0, 128)
	b = append(b, siteVersion)
	b = binary.AppendUvarint(b, uint64(c.CustomerID))
	b = binary.AppendUvarint(b, uint64(c.PublisherID))
	for _, at := range []time.Time{c.Expires, c.IssuedAt, c.SignedInAt} {
		b = binary.AppendVarint(b, at.Unix())
	}
	var done uint64
	if c.EmailVerified {
		done |= siteVerified
	}
	if c.Captured {
		done |= siteCaptured
	}
	b = binary.AppendUvarint(b, done)
	for _, s := range append([]string{c.OfferID, c.Email, c.Stamp}, c.Consents...) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	body := secret.Encoding.EncodeToString(b)
	return body + "." + t.mark.Mark(siteMarked(c.Audience, c.SessionID, body))
}

// siteMarked is what the mark of a token is made of. No origin, no session's id
// and no base64 has a blank.
func siteMarked(site, session, body string) string { return site + " " + session + " " + body }

// Judge returns the claims of a token that was made for a site and a session and
// has not expired. Errors: ErrInvalid; ErrExpired, with the claims.
func (t *SiteTokens) Judge(raw, site, session string) (Claims, error) {
	body, mark, ok := strings.Cut(raw, ".")
	if !ok || len(raw) > maxSize || !t.mark.Check(siteMarked(site, session, body), mark) {
		return Claims{}, ErrInvalid
	}
	b, err := secret.Encoding.DecodeString(body)
	if err != nil {
		return Claims{}, ErrInvalid
	}
	c, err := readSite(b)
	if err != nil {
		return Claims{}, ErrInvalid
	}
	c.Audience, c.SessionID = site, session
	if !t.now().Before(c.Expires) {
		return c, ErrExpired
	}
	return c, nil
}

var errSite = errors.New("not the bytes of a site token")

// readSite reads what Make wrote.
func readSite(b []byte) (Claims, error) {
	r := siteReader{b: b}
	if r.number() != siteVersion {
		return Claims{}, errSite
	}
	c := Claims{CustomerID: int64(r.number()), PublisherID: int64(r.number()), Expires: r.time(), IssuedAt: r.time(), SignedInAt: r.time()}
	done := r.number()
	c.EmailVerified, c.Captured = done&siteVerified != 0, done&siteCaptured != 0
	c.OfferID, c.Email, c.Stamp = r.text(), r.text(), r.text()
	for len(r.b) > 0 && !r.failed {
		c.Consents = append(c.Consents, r.text())
	}
	if r.failed {
		return Claims{}, errSite
	}
	return c, nil
}

// siteReader takes one value after the other.
type siteReader struct {
	b      []byte
	failed bool
}

func (r *siteReader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if !r.skip(n) {
		return 0
	}
	return v
}

func (r *siteReader) time() time.Time {
	v, n := binary.Varint(r.b)
	if !r.skip(n) {
		return time.Time{}
	}
	return time.Unix(v, 0)
}

// skip goes past a value of n bytes, if there is one.
func (r *siteReader) skip(n int) bool {
	if n <= 0 {
		r.failed = true
		return false
	}
	r.b = r.b[n:]
	return true
}

func (r *siteReader) text() string {
	n := r.number()
	if r.failed || n > uint64(len(r.b)) {
		r.failed = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
