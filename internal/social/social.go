// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package social owns sign-in with accounts elsewhere: at Google, Facebook, Apple, or
// any OpenID provider. Providers tell who somebody is (Person); the Service decides
// which customer that is, asks for what is missing, and links accounts.
//
// It takes nothing on trust that a browser brings: an Attempt binds the answer to the
// browser, the provider and the publisher that a sign-in began with, tokens are
// verified, and an e-mail address alone, verified or not, opens nobody's account.
package social

import (
	"errors"
)

var (
	// ErrUnavailable says that a provider cannot be reached, or answers what it should
	// not. There are other ways in.
	ErrUnavailable = errors.New("the provider cannot be reached")

	// ErrCancelled says that somebody decided otherwise at the provider's page.
	ErrCancelled = errors.New("the sign-in was cancelled at the provider")

	// ErrRefused says that an answer or a token is not good: expired, used, meant for
	// another app, or forged.
	ErrRefused = errors.New("the provider's answer is not accepted")

	// ErrNoTokens says that a provider's apps get no tokens that can be judged.
	ErrNoTokens = errors.New("the provider has no tokens for apps")
)

// Person is who somebody is, as a provider has vouched for just now.
type Person struct {
	Provider string `json:"provider"` // its name at the publisher: google, corporate

	// Issuer and Subject are the key of the identity. The issuer of an OpenID provider
	// is its URL, so that another provider under the same name has other customers.
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`

	Email    string `json:"email,omitempty"`    // may be missing, and anything
	Verified bool   `json:"verified,omitempty"` // the provider says that they read mail there

	FirstName string `json:"firstName,omitempty"`
	LastName  string `json:"lastName,omitempty"`
	Locale    string `json:"locale,omitempty"`

	// Mapped are claims that the configuration wants kept, by where: a question of
	// capture, or externalId.
	Mapped map[string]string `json:"mapped,omitempty"`
}
