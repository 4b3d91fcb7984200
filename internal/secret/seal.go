// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// ErrForged says that a sealed or marked value was not made with this key, or
// was changed since.
var ErrForged = errors.New("value was not made by this server")

// Sealer hides and authenticates values that somebody else keeps for us, with
// AES-256-GCM and random nonces. A Sealer serves one purpose. Safe for
// concurrent use.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns the Sealer of one purpose.
func NewSealer(root Root, purpose string) *Sealer {
	block, err := aes.NewCipher(root.Derive(purpose))
	if err != nil {
		panic(fmt.Sprintf("sealing %s: %v", purpose, err)) // only for wrong key sizes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("sealing %s: %v", purpose, err))
	}
	return &Sealer{aead: aead}
}

// Seal returns value encrypted and bound to context: what opens it must name
// the same context.
func (s *Sealer) Seal(value []byte, context string) string {
	return Encoding.EncodeToString(s.aead.Seal(nil, nil, value, []byte(context)))
}

// Open returns the value of sealed, or ErrForged.
func (s *Sealer) Open(sealed, context string) ([]byte, error) {
	raw, err := Encoding.DecodeString(sealed)
	if err != nil || strings.ContainsAny(sealed, "\r\n") { // decoding passes over line breaks
		return nil, ErrForged
	}
	value, err := s.aead.Open(nil, nil, raw, []byte(context))
	if err != nil {
		return nil, ErrForged
	}
	return value, nil
}

// markSize is how much of an HMAC a mark keeps: 128 bits cannot be guessed
// online.
const markSize = 16

// Marker marks values as ours without hiding them, with HMAC-SHA-256. A
// Marker serves one purpose. Safe for concurrent use.
type Marker struct{ key []byte }

// NewMarker returns the Marker of one purpose.
func NewMarker(root Root, purpose string) Marker { return Marker{key: root.Derive(purpose)} }

// Mark returns the mark of value, 22 characters of base64url.
func (m Marker) Mark(value string) string {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(value))
	return Encoding.EncodeToString(h.Sum(nil)[:markSize])
}

// Check tells, in constant time, whether mark is the mark of value.
func (m Marker) Check(value, mark string) bool { return Equal(m.Mark(value), mark) }
