// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package sso

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/publisher"
)

// Needs is what a page of a site demands of its visitors beyond a session, as the
// gate asks the hub for it. Nothing is won by leaving them out of the question: the
// gate judges the answer.
type Needs struct {
	VerifiedEmail bool          // they read mail at their address
	Consents      []string      // they have accepted these at the newest version
	Captured      bool          // they have answered what the publisher must know
	MaxAge        time.Duration // they proved who they are so lately; 0 for any time
}

// None tells whether nothing is demanded.
func (n Needs) None() bool {
	return !n.VerifiedEmail && len(n.Consents) == 0 && !n.Captured && n.MaxAge == 0
}

// And returns what two pages demand together.
func (n Needs) And(m Needs) Needs {
	n.VerifiedEmail = n.VerifiedEmail || m.VerifiedEmail
	n.Captured = n.Captured || m.Captured
	for _, name := range m.Consents {
		if !slices.Contains(n.Consents, name) {
			n.Consents = append(slices.Clone(n.Consents), name)
		}
	}
	if n.MaxAge == 0 || m.MaxAge > 0 && m.MaxAge < n.MaxAge {
		n.MaxAge = m.MaxAge
	}
	return n
}

// Words of needs as they are written down.
const (
	needVerified = "verified_email"
	needCaptured = "capture"
	needMaxAge   = "max_age:" // seconds follow
	needConsent  = "consent:" // a name follows
)

// String returns the needs as words with blanks between them.
func (n Needs) String() string {
	var words []string
	if n.VerifiedEmail {
		words = append(words, needVerified)
	}
	if n.Captured {
		words = append(words, needCaptured)
	}
	if n.MaxAge > 0 {
		words = append(words, needMaxAge+strconv.Itoa(int(n.MaxAge/time.Second)))
	}
	for _, name := range n.Consents {
		words = append(words, needConsent+name)
	}
	return strings.Join(words, " ")
}

// parseNeeds reads what String wrote.
func parseNeeds(words string) (n Needs) {
	for word := range strings.FieldsSeq(words) {
		if name, ok := strings.CutPrefix(word, needConsent); ok {
			n.Consents = append(n.Consents, name)
		}
		if text, ok := strings.CutPrefix(word, needMaxAge); ok {
			seconds, _ := strconv.Atoi(text)
			n.MaxAge = time.Duration(seconds) * time.Second
		}
		n.VerifiedEmail = n.VerifiedEmail || word == needVerified
		n.Captured = n.Captured || word == needCaptured
	}
	return n
}

// needsContext keeps sealed needs from being taken for anything else.
const needsContext = " needs"

// SealNeeds returns needs as requests carry them: nobody can make any, or ask a
// visitor for more than a site does. "" is none.
func (s *Service) SealNeeds(n Needs, site publisher.Origin) string {
	if n.None() {
		return ""
	}
	return s.pending.Seal([]byte(n.String()), string(site)+needsContext)
}

// maxSealedNeeds bounds sealed needs, because pages carry them on.
const maxSealedNeeds = 4000

// NeedsIn returns the needs in a query that were sealed for a site, and as they
// were sealed. What is not, is none: nobody is refused for it.
func (s *Service) NeedsIn(v url.Values, site publisher.Origin) (Needs, string) {
	sealed := v.Get("needs")
	if sealed == "" || len(sealed) > maxSealedNeeds {
		return Needs{}, ""
	}
	words, err := s.pending.Open(sealed, string(site)+needsContext)
	if err != nil {
		return Needs{}, ""
	}
	return parseNeeds(string(words)), sealed
}
