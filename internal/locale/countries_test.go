// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import "testing"

func TestCountriesAreThoseOfISO3166(t *testing.T) {
	for code, want := range map[string]bool{
		"AT": true, "GB": true, "TW": true, "XK": true, "SS": true, "AQ": true,
		"EU": false, "UN": false, "SU": false, "YU": false, "UK": false, "ZZ": false, "XX": false, "QO": false, "IC": false,
		"at": false, "AUT": false, "": false, "4": false, "A\x00": false,
	} {
		if IsCountry(code) != want {
			t.Errorf("%q is a country: %v, want %v", code, !want, want)
		}
	}
}

func TestLocaleKeepsItsRegionInAnotherLanguage(t *testing.T) {
	for _, tt := range []struct{ locale, lang, country, want string }{
		{"de_AT", "fr", "CH", "fr_AT"},
		{"de-AT", "en", "", "en_AT"},
		{"de", "fr", "CH", "fr_CH"},
		{"", "fr", "CH", "fr_CH"},
		{"", "nl", "", "nl_NL"},
		{"", "ar", "", "ar_EG"},
		{"es_419", "pt", "", "pt_BR"},
		{"de_zz", "pl", "??", "pl_PL"},
	} {
		if got := WithLanguage(tt.locale, tt.lang, tt.country); got != tt.want {
			t.Errorf("%q in %s, country %q: %s, want %s", tt.locale, tt.lang, tt.country, got, tt.want)
		}
	}
}
