// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/throttle"
)

// Beside each link that proves something, a mail has a short code, for those who
// read their mail on another device. A code is worth something together with the
// address it was mailed to only, and for a few tries.

// codeAlphabet has no characters that are taken for one another: 0 and O, 1 and I
// and L.
const codeAlphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

// codeLength gives 31^8 codes, of which a ticket lets five be tried.
const codeLength = 8

// codeTries bounds the guesses at one ticket's code. The limit gives the first
// back after the ticket's life only.
const codeTries = 5

// codesPerNetwork stops one sender from guessing at the codes of many accounts.
var codesPerNetwork = throttle.Limit{Tries: 60, Window: time.Hour}

// errCode says that a code is wrong, used, expired, replaced by a newer one, or
// was tried too often: all alike, so that it tells nobody who has an account.
var errCode = errors.New("code is not valid")

// newCode returns a random code.
func newCode() string {
	const fair = 256 / len(codeAlphabet) * len(codeAlphabet) // beyond it some characters would come more often
	code := make([]byte, 0, codeLength)
	for b := make([]byte, 1); len(code) < codeLength; {
		rand.Read(b)
		if int(b[0]) < fair {
			code = append(code, codeAlphabet[int(b[0])%len(codeAlphabet)])
		}
	}
	return string(code)
}

// shown writes a code as people read it: XXXX-XXXX.
func shown(code string) string { return code[:codeLength/2] + "-" + code[codeLength/2:] }

// typed reads a code as people type it.
func typed(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(strings.TrimSpace(s)))
}

// codeMark returns what is kept of the code of a ticket. Codes are too short for
// a plain digest: who holds the store could try them all.
func (s *Service) codeMark(digest, code string) string { return s.codes.Mark(digest + "/" + code) }

// byCode finds the newest ticket of a purpose that was mailed to an address, by
// the code beside its link. It uses nothing up but a try. Errors: errCode.
func (s *Service) byCode(ctx context.Context, purpose authstore.Purpose, life time.Duration, publisher int64, email Email, code string) (digest string, t authstore.Ticket, err error) {
	digest, t, err = s.store.NewestTicket(ctx, publisher, purpose, email.Key)
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return "", t, fmt.Errorf("reading a ticket: %w", err)
	}
	tries := throttle.Key{Name: "code/" + digest, Limit: throttle.Limit{Tries: codeTries, Window: codeTries * life}}
	if err != nil {
		tries.Name = "code/nobody/" + string(purpose) + "/" + accountName(publisher, email.Key)
	}
	if s.limits.take(tries) != nil || !s.codes.Check(digest+"/"+typed(code), t.Code) {
		return "", authstore.Ticket{}, errCode
	}
	s.limits.throttle.Forgive(tries)
	return digest, t, nil
}
