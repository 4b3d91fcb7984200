// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/recall"
	"github.com/usher-sso/usher/internal/secret"
)

// Algorithms lists the signature algorithms that may be configured, the
// default first. There is no symmetric one: whoever verifies could forge.
var Algorithms = []string{"ES256", "EdDSA", "RS256"}

const (
	// period is how long a key signs before the next one takes over.
	period = 30 * 24 * time.Hour

	// overlap is how long the next key is published before it signs, and how
	// long an old one verifies after it signed its last: long enough for every
	// cache of the public set and for every token's life.
	overlap = 24 * time.Hour

	// rsaBits is the size of RS256 keys (NIST SP 800-57: good beyond 2030).
	rsaBits = 3072
)

// Keyring holds the signing keys of an installation: it makes them, rotates
// them and judges tokens by them. Safe for concurrent use.
type Keyring struct {
	store     *authstore.Store
	issuer    string
	algorithm string
	now       func() time.Time
	parser    *jwt.Parser
	wrong     *recall.Cache[int] // wrong signatures, by what they were said to be of

	keys atomic.Pointer[keyset] // replaced as a whole, never changed
}

type keyset struct {
	byID       map[string]key
	jwks       []byte
	generation uint64
}

type key struct {
	id        string
	header    string // of its access tokens, encoded, with the dot
	method    jwt.SigningMethod
	private   crypto.Signer
	mark      secret.Marker
	activates time.Time
	expires   time.Time // zero: not yet known
}

func (k key) verifies(now time.Time) bool { return k.expires.IsZero() || now.Before(k.expires) }

// OpenKeyring reads the keys from the store, making the first one when there
// is none. issuer is the hub's origin; algorithm is one of Algorithms.
func OpenKeyring(ctx context.Context, store *authstore.Store, issuer, algorithm string) (*Keyring, error) {
	if !slices.Contains(Algorithms, algorithm) {
		return nil, fmt.Errorf("signing algorithm %q is not one of %v", algorithm, Algorithms)
	}
	k := &Keyring{store: store, issuer: issuer, algorithm: algorithm, now: store.Now, wrong: recall.New[int](wrongBudget)}
	k.parser = jwt.NewParser(
		jwt.WithValidMethods(Algorithms), jwt.WithStrictDecoding(),
		jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(k.now),
	)
	return k, k.Rotate(ctx)
}

// Rotate does what is due: it makes the next key, lets the old one run out,
// forgets dead ones, and takes over what other nodes did. Calling it every
// hour is enough.
func (k *Keyring) Rotate(ctx context.Context) error {
	keys, err := k.store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("reading signing keys: %w", err)
	}
	if store, forget, err := k.due(keys); err != nil {
		return err
	} else if len(store)+len(forget) > 0 {
		if keys, err = k.store.ChangeKeys(ctx, k.due); err != nil {
			return fmt.Errorf("storing signing keys: %w", err)
		}
	}
	set, err := newKeyset(keys, k.now())
	if err != nil {
		return err
	}
	k.keys.Store(set)
	return nil
}

// due decides which keys to store and which to forget.
func (k *Keyring) due(keys []authstore.Key) (store []authstore.Key, forget []string, err error) {
	now := k.now()
	var newest *authstore.Key
	for i := range keys {
		old := &keys[i]
		switch {
		case old.ID == authstore.RootKeyID:
		case !old.Expires.IsZero() && !now.Before(old.Expires):
			forget = append(forget, old.ID)
		case old.Algorithm != k.algorithm:
			if old.Expires.IsZero() {
				old.Expires = now.Add(overlap)
				store = append(store, *old)
			}
		case newest == nil || old.Activates.After(newest.Activates):
			newest = old
		}
	}
	activates := now
	if newest != nil {
		activates = newest.Activates.Add(period)
		if now.Before(activates.Add(-overlap)) {
			if !newest.Expires.IsZero() { // another algorithm was configured meanwhile
				newest.Expires = time.Time{}
				store = append(store, *newest)
			}
			return store, forget, nil
		}
		if activates.Before(now) {
			activates = now
		}
		newest.Expires = activates.Add(overlap)
		store = append(store, *newest)
	}
	next, err := newKey(k.algorithm, now, activates)
	return append(store, next), forget, err
}

func newKey(algorithm string, now, activates time.Time) (authstore.Key, error) {
	var private any
	var err error
	switch algorithm {
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	}
	if err != nil {
		return authstore.Key{}, fmt.Errorf("making a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return authstore.Key{}, fmt.Errorf("encoding a signing key: %w", err)
	}
	return authstore.Key{ID: secret.NewID(), Algorithm: algorithm, Secret: der, Created: now, Activates: activates}, nil
}

func newKeyset(stored []authstore.Key, now time.Time) (*keyset, error) {
	set := &keyset{byID: map[string]key{}}
	for _, s := range stored {
		if s.ID == authstore.RootKeyID {
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(s.Secret)
		if err != nil {
			return nil, fmt.Errorf("reading signing key %s: %w", s.ID, err)
		}
		private, ok := parsed.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("reading signing key %s: it cannot sign", s.ID)
		}
		method := jwt.GetSigningMethod(s.Algorithm)
		set.byID[s.ID] = key{
			id: s.ID, header: headerOf(s.ID, method), method: method, private: private, mark: markerOf(s.Secret),
			activates: s.Activates, expires: s.Expires,
		}
	}
	set.generation = generationOf(set.byID)
	var err error
	set.jwks, err = publicSet(set.byID, now)
	return set, err
}

// errNoKey cannot happen after OpenKeyring succeeded.
var errNoKey = errors.New("no signing key is active")

// generationOf tells sets of keys apart.
func generationOf(keys map[string]key) uint64 {
	h := fnv.New64a()
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		h.Write([]byte(id))
	}
	return h.Sum64()
}

// Generation is another when the keys are others: what was judged by a key that
// is gone must be judged again.
func (k *Keyring) Generation() uint64 { return k.keys.Load().generation }

// signing returns the key that signs now: the newest active one, or by a clock
// that is behind those of other nodes the one that is active first.
func (k *Keyring) signing() (key, error) {
	now := k.now()
	var best key
	for _, c := range k.keys.Load().byID {
		if c.method.Alg() == k.algorithm && c.verifies(now) && (best.id == "" || c.signsRatherThan(best, now)) {
			best = c
		}
	}
	if best.id == "" {
		return best, errNoKey
	}
	return best, nil
}

func (k key) signsRatherThan(other key, now time.Time) bool {
	active, otherActive := !k.activates.After(now), !other.activates.After(now)
	if active != otherActive {
		return active
	}
	return k.activates.After(other.activates) == active
}

// JWKS returns the public keys as a JSON Web Key Set (RFC 7517), those that
// will sign soon and those that signed lately included.
func (k *Keyring) JWKS() []byte { return k.keys.Load().jwks }
