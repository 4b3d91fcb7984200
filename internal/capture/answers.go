// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usher-sso/usher/authstore"
)

// ErrAnswer says that an answer cannot be one; the error around it names the
// field.
var ErrAnswer = errors.New("answer is not valid")

// parts lists the names of the single answers that make up a field. A field
// that is not listed is its own answer.
var parts = map[string][]string{
	"firstNameLastName": {"firstName", "lastName"},
	"address":           {"address", "address2", "city", "state", "postCode", "country"},
}

// needed lists which answers a required field of several parts cannot do
// without; the others may stay empty.
var needed = map[string][]string{
	"firstNameLastName": {"firstName", "lastName"},
	"address":           {"address", "city", "postCode", "country"},
}

// Parts returns the names of the answers that a field consists of.
func Parts(key string) []string {
	if p, ok := parts[key]; ok {
		return p
	}
	return []string{key}
}

// Answer returns a customer's answer by its name, "" when there is none. Names
// and the address for mail are the customer's own.
func Answer(name string, c authstore.Customer, a authstore.CaptureAnswers) string {
	switch name {
	case "firstName":
		return c.FirstName
	case "lastName":
		return c.LastName
	case "email":
		return c.Email
	}
	return a.Values[name]
}

// Due tells whether the customer is to be asked: capture is on, and they never
// submitted anything, or a required field has no answer.
func Due(settings authstore.Capture, c authstore.Customer, a authstore.CaptureAnswers) bool {
	if !settings.Enabled {
		return false
	}
	return a.Submitted.IsZero() || Missing(settings, c, a)
}

// Missing tells whether a required field has no answer.
func Missing(settings authstore.Capture, c authstore.Customer, a authstore.CaptureAnswers) bool {
	if !settings.Enabled {
		return false
	}
	for _, f := range settings.Fields {
		if f.Required && !answered(f.Key, c, a) {
			return true
		}
	}
	return false
}

func answered(key string, c authstore.Customer, a authstore.CaptureAnswers) bool {
	for _, name := range Needed(key) {
		if Answer(name, c, a) == "" {
			return false
		}
	}
	return true
}

// Needed returns the names of the answers that a field cannot do without if it
// is required.
func Needed(key string) []string {
	if names, ok := needed[key]; ok {
		return names
	}
	return []string{key}
}

// Enabled returns the names of the answers that the publisher asks for.
func Enabled(settings authstore.Capture) map[string]bool {
	names := map[string]bool{}
	if !settings.Enabled {
		return names
	}
	for _, f := range settings.Fields {
		for _, name := range Parts(f.Key) {
			names[name] = true
		}
	}
	return names
}

// longest is the greatest length of answers, in characters. It stops answers
// from becoming a store of files.
var longest = map[string]int{
	"firstName": 50, "lastName": 50, // MediaStore contract, section 5.14
	"phoneNumber": 50, "postCode": 20,
}

const longestOther = 250

// Longest returns the greatest length of an answer, in characters.
func Longest(name string) int {
	if most, ok := longest[name]; ok {
		return most
	}
	return longestOther
}

// FirstBirthDate is the earliest date of birth that is not a slip.
const FirstBirthDate = "1900-01-01"

// Check judges one answer; "" takes an earlier one back. Errors: ErrAnswer.
func Check(name, value string, now time.Time) error {
	bad := utf8.RuneCountInString(value) > Longest(name) || !utf8.ValidString(value) || strings.ContainsRune(value, 0)
	switch {
	case value == "":
	case name == "birthDate":
		day, err := time.Parse(time.DateOnly, value)
		bad = err != nil || day.After(now) || value < FirstBirthDate
	case name == "country":
		bad = len(value) != 2 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != ""
	}
	if bad {
		return fmt.Errorf("%w: %s", ErrAnswer, name)
	}
	return nil
}

// Apply writes answers, by name, to a customer and their record. Those that the
// publisher does not ask for are passed over. It judges nothing; see Check.
func Apply(settings authstore.Capture, given map[string]string, c *authstore.Customer, a *authstore.CaptureAnswers) {
	enabled := Enabled(settings)
	for name, value := range given {
		switch {
		case !enabled[name] || name == "email": // an address changes with a password only
		case name == "firstName":
			c.FirstName = value
		case name == "lastName":
			c.LastName = value
		case value == "":
			delete(a.Values, name)
		default:
			a.Values[name] = value
		}
	}
}
