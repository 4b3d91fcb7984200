// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// ErrHash says that a stored password hash is damaged or of a kind we do not
// make. The error around it says why and repeats nothing of the hash.
var ErrHash = errors.New("not a password hash")

// The cost of new hashes: the first choice of the OWASP Password Storage Cheat
// Sheet for argon2id (19 MiB, two passes, one lane), and the lengths of RFC 9106
// section 4. Raising them needs nothing else: NeedsRehash then finds old hashes.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2         // passes
	argonThreads = 1         // lanes
	saltBytes    = 16
	keyBytes     = 32
)

// The most that a stored hash may ask for. Whoever can write a record (a bad
// import, a stolen database credential) could otherwise make each login of it
// take gigabytes or minutes.
const (
	maxMemory = 64 * 1024 // KiB; the second choice of RFC 9106
	maxTime   = 4
	// Each lane runs on a goroutine of its own, so more than one would take more
	// cores than Hasher's slots stand for.
	maxThreads   = 1
	minSaltBytes = 8 // the least that RFC 9106 section 3.1 allows
	maxSaltBytes = 64
	minKeyBytes  = 16 // below, guessing a match gets within reach
	maxKeyBytes  = 64
	// maxPHCBytes is more than any hash within the bounds above takes, so that a
	// megabyte is refused before it is taken apart.
	maxPHCBytes = 256
)

// phc is an argon2id hash. Its string form is the PHC string format, which names
// its own parameters and is what other software reads:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>
//
// with salt and key in base64 without padding.
type phc struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	key     []byte
}

// String returns the PHC form.
func (p phc) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.memory, p.time, p.threads, b64(p.salt), b64(p.key))
}

// derive returns the key of length bytes that password gives under p's
// parameters and salt.
func (p phc) derive(password string, length uint32) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, length)
}

// parsePHC reads what String writes, byte for byte, within the bounds above.
func parsePHC(encoded string) (phc, error) {
	if len(encoded) > maxPHCBytes {
		return phc{}, fmt.Errorf("%w: too long", ErrHash)
	}
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return phc{}, fmt.Errorf("%w: not argon2id in PHC form", ErrHash)
	}
	var p phc
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return phc{}, fmt.Errorf("%w: bad parameters", ErrHash)
	}
	var saltErr, keyErr error
	p.salt, saltErr = base64.RawStdEncoding.DecodeString(fields[4])
	p.key, keyErr = base64.RawStdEncoding.DecodeString(fields[5])
	if saltErr != nil || keyErr != nil {
		return phc{}, fmt.Errorf("%w: bad base64", ErrHash)
	}
	// The steps above forgive signs, leading zeros, line breaks, another version
	// and text behind the numbers. Writing it again forgives nothing.
	if p.String() != encoded {
		return phc{}, fmt.Errorf("%w: not in canonical form", ErrHash)
	}
	if !p.inBounds() {
		return phc{}, fmt.Errorf("%w: parameters out of bounds", ErrHash)
	}
	return p, nil
}

// inBounds tells whether p can be derived, and at a bearable cost.
func (p phc) inBounds() bool {
	return p.threads >= 1 && p.threads <= maxThreads &&
		p.time >= 1 && p.time <= maxTime &&
		p.memory >= 8*uint32(p.threads) && p.memory <= maxMemory &&
		len(p.salt) >= minSaltBytes && len(p.salt) <= maxSaltBytes &&
		len(p.key) >= minKeyBytes && len(p.key) <= maxKeyBytes
}

// fakeHash stands in for the hash of an account that does not exist. It has the
// cost of a new hash. No password is known for it, and none would be accepted.
func fakeHash() phc {
	return phc{
		memory: argonMemory, time: argonTime, threads: argonThreads,
		salt: make([]byte, saltBytes), key: make([]byte, keyBytes),
	}
}

// NeedsRehash tells whether a stored hash was made with other parameters than
// new ones, or cannot be read. Ask after a successful Verify, while the password
// is at hand, and store a new Hash of it. (Until then such an account takes a
// different time than one that does not exist.)
func NeedsRehash(encoded string) bool {
	p, err := parsePHC(encoded)
	return err != nil || p.memory != argonMemory || p.time != argonTime || p.threads != argonThreads ||
		len(p.salt) != saltBytes || len(p.key) != keyBytes
}
