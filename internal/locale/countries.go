// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"strings"

	"golang.org/x/text/language"
)

// IsCountry tells whether code is the ISO 3166-1 code of a country, in capital
// letters.
func IsCountry(code string) bool {
	// A withdrawn code comes back as its successor.
	region, ok := parseCountry(code)
	return ok && region.String() == code
}

// WithLanguage returns a locale such as "de_AT" in another language of two
// letters. Its region stays; one that has none gets country, or where that is ""
// too, the country where the language is spoken most.
func WithLanguage(locale, lang, country string) string {
	if _, region, ok := strings.Cut(strings.ReplaceAll(locale, "-", "_"), "_"); ok {
		if known, ok := parseCountry(region); ok {
			return lang + "_" + known.String()
		}
	}
	if known, ok := parseCountry(country); ok {
		return lang + "_" + known.String()
	}
	return lang + "_" + likelyCountry([]language.Tag{language.Make(lang)}).String()
}
