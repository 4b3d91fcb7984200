// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/locale"
)

var (
	// ErrFirstName and ErrLastName say that a name is longer than maxName
	// characters, or not text in one line.
	ErrFirstName = errors.New("first name is too long or not text")
	ErrLastName  = errors.New("last name is too long or not text")

	// ErrCountry says that a country is none.
	ErrCountry = errors.New("no such country")
)

// maxName is the greatest length of a name, in characters (MediaStore contract,
// section 5.14).
const maxName = 50

// Profile is what customers say of themselves. Empty fields say nothing.
type Profile struct {
	FirstName, LastName string
	Country             string // ISO 3166-1, two capital letters

	// Language is the language that the customer wants to read from now on, two
	// small letters; "" leaves it as it is.
	Language string
}

// ChangeProfile stores what a customer says of themselves. All that is wrong is
// in the error: ErrFirstName, ErrLastName, ErrCountry.
func (s *Service) ChangeProfile(ctx context.Context, id int64, p Profile) (authstore.Customer, error) {
	p.FirstName, p.LastName = strings.TrimSpace(p.FirstName), strings.TrimSpace(p.LastName)
	var wrong []error
	if !isName(p.FirstName) {
		wrong = append(wrong, ErrFirstName)
	}
	if !isName(p.LastName) {
		wrong = append(wrong, ErrLastName)
	}
	if p.Country != "" && !locale.IsCountry(p.Country) {
		wrong = append(wrong, ErrCountry)
	}
	if len(wrong) > 0 {
		return authstore.Customer{}, errors.Join(wrong...)
	}
	c, err := s.store.ChangeCustomer(ctx, id, func(c *authstore.Customer) error {
		c.FirstName, c.LastName, c.Country = p.FirstName, p.LastName, p.Country
		if p.Language != "" {
			c.Locale = locale.WithLanguage(c.Locale, p.Language, c.Country)
		}
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("changing a profile: %w", err)
	}
	return c, nil
}

func isName(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}
