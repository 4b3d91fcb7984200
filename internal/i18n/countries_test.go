// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package i18n

import (
	"slices"
	"testing"
)

func TestCountriesAreInTheOrderOfTheLanguage(t *testing.T) {
	c := mustLoad(t)
	for language, want := range map[string][]string{
		"en": {"Afghanistan", "Åland Islands", "Albania"},
		"de": {"Afghanistan", "Ägypten", "Ålandinseln", "Albanien"},
		"es": {"Afganistán", "Albania", "Alemania", "Andorra"},
	} {
		var got []string
		for _, country := range c.Choose(language).Countries()[:len(want)] {
			got = append(got, country.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s begins with %q, want %q", language, got, want)
		}
	}
}

func TestCountriesAreThoseOfToday(t *testing.T) {
	for _, l := range mustLoad(t).All() {
		list := l.Countries()
		if len(list) != 250 { // ISO 3166-1 has 249
			t.Errorf("%s: %d countries", l.Tag, len(list))
		}
		for i, country := range list {
			if country.Name == "" || country.Name == country.Code || slices.ContainsFunc(list[:i], func(c Country) bool { return c.Name == country.Name }) {
				t.Errorf("%s: %s is called %q", l.Tag, country.Code, country.Name)
			}
		}
	}
}
