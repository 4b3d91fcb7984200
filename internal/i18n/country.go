// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package i18n

import (
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Country returns the name of a country by its code of two letters, or "" for
// what is none.
func (l *Language) Country(code string) string {
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() {
		return ""
	}
	return display.Regions(l.Tag).Name(region)
}
