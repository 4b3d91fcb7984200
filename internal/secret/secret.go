// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package secret makes and checks the random values that prove something: the
// secrets inside cookies, codes and refresh tokens, and sealed values that a
// browser keeps for us. It is a leaf. It refuses to be configurable: one size,
// one digest, one cipher.
package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
)

// Size is the number of random bytes in a secret: 256 bits, beyond guessing
// and beyond any birthday bound.
const Size = 32

// idSize is the number of random bytes in an id. Ids are public, so 128 bits
// against collisions are enough.
const idSize = 16

// Encoding is how usher writes bytes where a URL or a cookie carries them.
// Strict, so that a value has one spelling.
var Encoding = base64.RawURLEncoding.Strict()

// New returns a new secret of Size random bytes in base64url, 43 characters.
func New() string { return random(Size) }

// NewID returns a new public id of 128 random bits in base64url, 22 characters.
func NewID() string { return random(idSize) }

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: the runtime ends the process when the system has no randomness
	return Encoding.EncodeToString(b)
}

// Digest returns the SHA-256 of s in base64url. It is what the store keeps of
// a secret; secrets are random, so no salt and no slow hash is needed.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return Encoding.EncodeToString(sum[:])
}

// Matches tells, in constant time, whether s is the secret that digest was
// made from. An empty digest matches nothing.
func Matches(digest, s string) bool {
	return digest != "" && Equal(digest, Digest(s))
}

// Equal compares two strings in a time that depends on their lengths alone.
func Equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// Root is the secret of an installation that all others are derived from. It
// is kept in the store, so that every node and every restart has the same.
type Root [Size]byte

// NewRoot returns a random Root.
func NewRoot() Root {
	var r Root
	rand.Read(r[:])
	return r
}

// Derive returns the key for one purpose (HKDF-SHA-256, RFC 5869). Keys of
// different purposes tell nothing of one another.
func (r Root) Derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, r[:], nil, "usher/"+purpose, Size)
	if err != nil {
		panic(fmt.Sprintf("deriving the key for %s: %v", purpose, err)) // only for lengths beyond 8160
	}
	return key
}
