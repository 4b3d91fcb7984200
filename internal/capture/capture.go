// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package capture owns what publishers ask of their customers beyond an
// address and a password: which fields there are and how a question may be
// put. It refuses fields that the MediaStore clients would not understand.
package capture

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/usher-sso/usher/authstore"
)

// Keys are the fields that every client knows (MediaStore contract, section
// 5.13). A publisher's own questions have keys of customForm.
var Keys = []string{"email", "firstNameLastName", "birthDate", "address", "phoneNumber", "companyName"}

// customForm is how clients recognize a custom question.
var customForm = regexp.MustCompile(`^custom_[1-9][0-9]?$`)

// AllKeys returns every key that a field may have.
func AllKeys() []string {
	all := slices.Clone(Keys)
	for i := 1; i <= maxCustom; i++ {
		all = append(all, fmt.Sprintf("custom_%d", i))
	}
	return all
}

// maxCustom is the last number of a question, as customForm has it.
const maxCustom = 99

// DefaultFields is what is asked when capture is on and no field is named.
func DefaultFields() []authstore.CaptureField {
	return []authstore.CaptureField{{Key: "firstNameLastName"}, {Key: "birthDate"}}
}

// CheckField judges a configured field.
func CheckField(f authstore.CaptureField) error {
	custom := customForm.MatchString(f.Key)
	switch {
	case !custom && !slices.Contains(Keys, f.Key):
		return fmt.Errorf("%q is not a capture field; use one of %s, or custom_1 to custom_99", f.Key, strings.Join(Keys, ", "))
	case custom && f.Question == "":
		return fmt.Errorf("capture field %s has no question; say what to ask", f.Key)
	case !custom && (f.Question != "" || len(f.Choices) > 0):
		return fmt.Errorf("capture field %s has words of its own; only custom questions take a question and choices", f.Key)
	}
	for i, c := range f.Choices {
		if slices.Contains(f.Choices[:i], c) {
			return fmt.Errorf("choice %q of capture field %s is given twice; remove one", c, f.Key)
		}
		if c == "" || strings.Contains(c, ";") {
			return fmt.Errorf("choice %q of capture field %s is empty or holds a semicolon, which separates choices in the API", c, f.Key)
		}
	}
	return nil
}
