// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package i18n

import (
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Country is a country to choose from a list.
type Country struct{ Code, Name string }

// Countries returns the countries of ISO 3166-1, and Kosovo, in the order in
// which a list in the language has them. The list is the caller's.
func (l *Language) Countries() []Country { return slices.Clone(l.countries()) }

// former are codes that CLDR knows as countries and ISO 3166-1 does not, or not
// any more.
var former = strings.Fields("AC AN CP CQ CS DG EA EZ FQ IC NT PC SU TA UN YU")

// countriesIn returns the countries by their names in a language.
func countriesIn(tag language.Tag) []Country {
	names := display.Regions(tag)
	var list []Country
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			region, err := language.ParseRegion(code)
			// Codes that have become others, such as UK, canonicalize to those.
			if err != nil || !region.IsCountry() || region.String() != code || region.Canonicalize() != region || slices.Contains(former, code) {
				continue
			}
			list = append(list, Country{code, names.Name(region)})
		}
	}
	order := collate.New(tag)
	slices.SortStableFunc(list, func(a, b Country) int { return order.CompareString(a.Name, b.Name) })
	return list
}
