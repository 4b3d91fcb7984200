// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strconv"
	"strings"

	"github.com/usher-sso/usher/internal/recall"
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
	texts string                // of the key under which it is remembered, and between its parts those below
	ends  [textCount + 1]uint32 // of what was presented, and of each text after it

	showsToken bool  // what was presented is the token that apps are given
	verified   bool  // the customer reads mail at Email
	captured   bool  // nothing is missing that the publisher must know
	signedInAt int64 // Unix nanoseconds
	expires    int64 // Unix nanoseconds
	publisher  int64
	generation uint64 // of the signing keys by which it was judged
}

// The texts of an identity are its fields and these.
const (
	offer = fieldCount + iota
	stamp
	textCount
)

// Get returns a field.
func (id *Identity) Get(f Field) string {
	if f == Token && id.showsToken {
		return id.texts[:id.ends[0]]
	}
	return id.texts[id.ends[f]:id.ends[f+1]]
}

// offer returns the offer that the customer signed in for.
func (id *Identity) offer() string { return id.Get(offer) }

// stamp returns the demands of the publisher under which the customer was let in.
func (id *Identity) stamp() string { return id.Get(stamp) }

// newIdentity returns what claims say that were presented as a key. signed is the
// token that apps are given. It copies all texts: one that is part of a request
// would keep all of that.
func newIdentity(key recall.Key, c token.Claims, signed string, generation uint64) Identity {
	id := Identity{
		verified: c.EmailVerified, captured: c.Captured, signedInAt: c.SignedInAt.UnixNano(), expires: c.Expires.UnixNano(),
		publisher: c.PublisherID, generation: generation, showsToken: signed == key.Presented(),
	}
	if id.showsToken {
		signed = "" // once is enough
	}
	texts := [textCount]string{
		CustomerID: strconv.FormatInt(c.CustomerID, 10), PublisherID: strconv.FormatInt(c.PublisherID, 10),
		SessionID: c.SessionID, Email: c.Email, Consents: strings.Join(c.Consents, consentSeparator), Token: signed,
		offer: c.OfferID, stamp: c.Stamp,
	}
	id.texts = key.Text(texts[:]...)
	end := len(key.Presented())
	id.ends[0] = uint32(end)
	for i, text := range texts {
		end += len(text)
		id.ends[i+1] = uint32(end)
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

// identitySize is about what an identity takes without its texts, in bytes.
const identitySize = 120
