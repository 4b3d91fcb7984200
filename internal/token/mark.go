// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/recall"
	"github.com/usher-sso/usher/internal/secret"
)

// A signature is dear to verify, and anybody can send tokens. So the id of an
// access token ends in a mark (HMAC) of all the claims before it: what was made up
// is refused for a small part of that. A mark proves nothing that the signature does
// not prove, and whoever verifies with the public keys need not know of it. What
// remains are real claims under a wrong signature, and of those only a few are
// looked at.

// markLength is how many characters a mark takes.
const markLength = 22

// markEnd is what follows the mark in the claims: the end of the last member.
const markEnd = `"}`

// markerOf returns the Marker of a signing key: whoever has the one has the other.
func markerOf(private []byte) secret.Marker {
	return secret.NewMarker(secret.Root(sha256.Sum256(private)), "token mark")
}

// markID appends the mark to the id in w.
func (k key) markID(w *wire) error {
	b, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encoding claims: %w", err)
	}
	w.ID += k.mark.Mark(strings.TrimSuffix(string(b), markEnd))
	return nil
}

// plausible tells whether a token names one of our keys in the words of Sign, has
// the mark, and was not presented with wrong signatures time and again. It parses
// nothing.
func (k *Keyring) plausible(raw string) bool {
	for _, key := range k.keys.Load().byID {
		if rest, ours := strings.CutPrefix(raw, key.header); ours {
			body, _, _ := strings.Cut(rest, ".")
			return key.marked(body) && !k.tooManyWrong(raw)
		}
	}
	return false
}

// marked tells whether encoded claims end in their mark.
func (k key) marked(body string) bool {
	b, err := secret.Encoding.DecodeString(body)
	if err != nil {
		return false
	}
	claims, ends := strings.CutSuffix(string(b), markEnd)
	at := len(claims) - markLength
	return ends && at >= 0 && k.mark.Check(claims[:at], claims[at:])
}

const (
	// wrongTries is how many wrong signatures are looked at for the same claims in
	// wrongFor; beyond it, the right one is refused as well, unless it was judged
	// before. Short, although only whoever has the token can present its claims.
	wrongTries = 3
	wrongFor   = time.Second

	// wrongBudget bounds what is remembered of them, in bytes.
	wrongBudget = 1 << 20
)

// wrongKey stands for what a token's signature is said to be of.
func (k *Keyring) wrongKey(raw string) (recall.Key, bool) {
	return k.wrong.Key(raw[:max(0, strings.LastIndexByte(raw, '.'))], "", "")
}

func (k *Keyring) tooManyWrong(raw string) bool {
	key, ok := k.wrongKey(raw)
	tries, verdict := k.wrong.Get(key, k.now())
	return !ok || verdict == recall.Good && *tries >= wrongTries
}

// wrongSignature notes that a signature was wrong.
func (k *Keyring) wrongSignature(raw string) {
	if key, ok := k.wrongKey(raw); ok {
		now := k.now()
		tries := 1
		if before, verdict := k.wrong.Get(key, now); verdict == recall.Good {
			tries += *before
		}
		k.wrong.Put(key, "", tries, 0, now.Add(wrongFor), now)
	}
}
