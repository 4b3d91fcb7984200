// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/token"
)

// Field is one thing that apps are told of who sent a request.
type Field int

// The fields, each with what it is called in a configuration.
const (
	CustomerID  Field = iota // customer_id
	PublisherID              // publisher_id
	SessionID                // session_id
	Email                    // email
	Consents                 // consents: names accepted at the newest version, separated by commas
	Token                    // token: the signed access token
	fieldCount
)

var fieldNames = [fieldCount]string{"customer_id", "publisher_id", "session_id", "email", "consents", "token"}

// Identity is who sent a request. It does not change, so that one value serves
// all requests of a visitor.
type Identity struct {
	fields     [fieldCount]string
	offer      string
	verified   bool // the customer reads mail at Email
	captured   bool // nothing is missing that the publisher must know
	signedInAt time.Time
	expires    time.Time

	publisher  int64
	session    any    // its id, as the set of ended sessions takes it without an allocation
	stamp      string // the demands of the publisher under which the customer was let in
	generation uint64 // of the signing keys by which it was judged
}

// Get returns a field.
func (id *Identity) Get(f Field) string { return id.fields[f] }

// Expires returns when the identity must be proved again.
func (id *Identity) Expires() time.Time { return id.expires }

// newIdentity returns what claims say. signed is the token that apps are given.
func newIdentity(c token.Claims, signed string, generation uint64) *Identity {
	id := &Identity{
		fields: together([fieldCount]string{
			CustomerID: strconv.FormatInt(c.CustomerID, 10), PublisherID: strconv.FormatInt(c.PublisherID, 10),
			SessionID: c.SessionID, Email: c.Email, Consents: strings.Join(c.Consents, consentSeparator), Token: signed,
		}),
		offer: c.OfferID, verified: c.EmailVerified, captured: c.Captured,
		signedInAt: c.SignedInAt, expires: c.Expires, publisher: c.PublisherID, stamp: c.Stamp, generation: generation,
	}
	id.session = id.fields[SessionID]
	return id
}

// together returns copies of texts that lie in one piece of memory: the garbage
// collector looks at each piece, and there are as many identities as viewers.
// Besides, one that is part of a request would keep all of that.
func together(texts [fieldCount]string) [fieldCount]string {
	all := strings.Join(texts[:], "")
	for f, text := range texts {
		texts[f], all = all[:len(text)], all[len(text):]
	}
	return texts
}

// consentSeparator is between names of consents, which have none.
const consentSeparator = ","

// accepts tells whether the customer has accepted a consent at its newest version.
func (id *Identity) accepts(consent string) bool {
	for name := range strings.SplitSeq(id.fields[Consents], consentSeparator) {
		if name == consent {
			return true
		}
	}
	return false
}

// size is about what an identity takes in memory, in bytes.
func (id *Identity) size() int {
	n := identitySize + len(id.offer)
	for _, f := range id.fields {
		n += len(f)
	}
	return n
}

// identitySize is what an identity takes without its texts.
const identitySize = 320
