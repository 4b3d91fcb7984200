// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strconv"
	"strings"

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
//
// There are as many as viewers, and the garbage collector looks at each piece of
// memory that one consists of, and at each pointer in it. So all texts are one,
// and times are numbers.
type Identity struct {
	texts string                 // what was presented, the fields, and the offer
	ends  [fieldCount + 2]uint32 // of each in texts

	verified   bool // the customer reads mail at Email
	captured   bool // nothing is missing that the publisher must know
	signedInAt int64
	expires    int64 // as signedInAt in Unix nanoseconds

	publisher  int64
	stamp      string // the demands of the publisher under which the customer was let in
	generation uint64 // of the signing keys by which it was judged
}

// Get returns a field.
func (id *Identity) Get(f Field) string { return id.texts[id.ends[f]:id.ends[f+1]] }

// offer returns the offer that the customer signed in for.
func (id *Identity) offer() string { return id.Get(fieldCount) }

// newIdentity returns what claims say that were presented. signed is the token
// that apps are given. It copies all texts: one that is part of a request would
// keep all of that.
func newIdentity(presented string, c token.Claims, signed string, generation uint64) Identity {
	id := Identity{
		verified: c.EmailVerified, captured: c.Captured, signedInAt: c.SignedInAt.UnixNano(), expires: c.Expires.UnixNano(),
		publisher: c.PublisherID, stamp: c.Stamp, generation: generation,
	}
	texts := [fieldCount + 2]string{
		0: presented, 1 + fieldCount: c.OfferID,
		1 + CustomerID: strconv.FormatInt(c.CustomerID, 10), 1 + PublisherID: strconv.FormatInt(c.PublisherID, 10),
		1 + SessionID: c.SessionID, 1 + Email: c.Email, 1 + Consents: strings.Join(c.Consents, consentSeparator), 1 + Token: signed,
	}
	id.texts = strings.Join(texts[:], "")
	end := 0
	for i, text := range texts {
		end += len(text)
		id.ends[i] = uint32(end)
	}
	return id
}

// consentSeparator is between names of consents, which have none.
const consentSeparator = ","

// accepts tells whether the customer has accepted a consent at its newest version.
func (id *Identity) accepts(consent string) bool {
	for name := range strings.SplitSeq(id.Get(Consents), consentSeparator) {
		if name == consent {
			return true
		}
	}
	return false
}

// size is about what an identity takes in memory beside what was presented, in
// bytes.
func (id *Identity) size() int { return identitySize + len(id.texts) - int(id.ends[0]) }

// identitySize is what an identity takes without its texts.
const identitySize = 160
