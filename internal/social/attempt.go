// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/usher-sso/usher/internal/secret"
)

// AttemptLife is how long somebody may take at a provider's pages.
const AttemptLife = 15 * time.Minute

// Intent is what a sign-in elsewhere is for.
type Intent string

// The intents.
const (
	Enter   Intent = "enter"   // to sign in or register
	Link    Intent = "link"    // to add a way to sign in to the customer of Session
	Confirm Intent = "confirm" // to prove again that it is the customer of Session
)

// Attempt is a sign-in elsewhere that is under way. It is kept sealed in a cookie, so
// that the answer counts in the browser that asked, once, at the provider and the
// publisher that it was asked for, and so that beginning costs no write.
type Attempt struct {
	State     string    `json:"s"` // what the provider sends back
	Nonce     string    `json:"n"` // what an ID token has to say
	Verifier  string    `json:"v"` // of RFC 7636
	Provider  string    `json:"p"` // by name
	Publisher int64     `json:"t"`
	Query     string    `json:"q"` // of the visit that it belongs to
	Intent    Intent    `json:"i"`
	Session   string    `json:"h,omitempty"` // id of the session that the browser has
	Expires   time.Time `json:"e"`
}

// NewAttempt returns an attempt that begins now.
func (s *Service) NewAttempt(provider string, publisher int64, query string, intent Intent, session string) Attempt {
	return Attempt{
		State: secret.New(), Nonce: secret.New(), Verifier: secret.New(), Provider: provider, Publisher: publisher,
		Query: query, Intent: intent, Session: session, Expires: s.store.Now().Add(AttemptLife),
	}
}

const attemptContext = "attempt"

// Seal returns an attempt as the browser keeps it.
func (s *Service) Seal(a Attempt) string {
	b, err := json.Marshal(a)
	if err != nil {
		panic("encoding an attempt: " + err.Error()) // plain values always encode
	}
	return s.sealer.Seal(b, attemptContext)
}

// Open returns the attempt that a browser has kept, for an answer with a state. Errors:
// ErrRefused, also when it took too long.
func (s *Service) Open(sealed, state string) (Attempt, error) {
	var a Attempt
	b, err := s.sealer.Open(sealed, attemptContext)
	if err != nil || json.Unmarshal(b, &a) != nil || !secret.Equal(a.State, state) || state == "" || !s.store.Now().Before(a.Expires) {
		return Attempt{}, ErrRefused
	}
	return a, nil
}

// Ends returns until when an attempt that a browser has kept is good; the zero time when
// it cannot be read.
func (s *Service) Ends(sealed string) time.Time {
	var a Attempt
	if b, err := s.sealer.Open(sealed, attemptContext); err != nil || json.Unmarshal(b, &a) != nil {
		return time.Time{}
	}
	return a.Expires
}

const answerContext = "answer"

// SealAnswer returns an answer that a provider had the browser post, as the browser
// keeps it until it comes back by itself.
func (s *Service) SealAnswer(answer url.Values) string {
	return s.sealer.Seal([]byte(answer.Encode()), answerContext)
}

// OpenAnswer returns the answer that a browser has kept, if it has the state. Errors:
// ErrRefused.
func (s *Service) OpenAnswer(sealed, state string) (url.Values, error) {
	b, err := s.sealer.Open(sealed, answerContext)
	if err != nil {
		return nil, ErrRefused
	}
	answer, err := url.ParseQuery(string(b))
	if err != nil || state == "" || !secret.Equal(answer.Get("state"), state) {
		return nil, ErrRefused
	}
	return answer, nil
}

// CookieSuffix tells the cookies of attempts apart that one browser makes side by
// side; it is a part of the state and tells nothing.
func CookieSuffix(state string) string {
	return secret.Digest(state)[:suffixLength]
}

const suffixLength = 8
