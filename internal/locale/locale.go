// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package locale owns the guess of where a viewer is and what they read: a
// country, its currency and a locale, from the address of a request and its
// Accept-Language header. It answers GET /locales of the MediaStore API and
// fills in what a registration leaves out.
//
// It refuses to be more than a guess: nothing here may decide about access, and
// the client address is the caller's to find (from Caddy, never from a header).
// The table of addresses is compiled in, so there is no look-up over the
// network and no address of a viewer leaves the process.
package locale

import (
	"net/netip"

	"github.com/phuslu/iploc"
	"golang.org/x/text/currency"
	"golang.org/x/text/language"
)

// What is answered when neither the address nor the header tells anything.
const (
	defaultCountry  = "US"
	defaultCurrency = "USD"
	defaultLanguage = "en"
)

// Locale is a guess about one viewer. Every field is always set.
type Locale struct {
	// Country is an ISO 3166-1 code of two upper-case letters.
	Country string
	// Currency is the ISO 4217 code of the money used in Country.
	Currency string
	// Locale is an ISO 639-1 language and Country, as in "en_US". The two need
	// not be a usual pair: a reader of English in Germany is "en_DE".
	Locale string
}

// Resolve guesses the locale of a viewer at addr whose browser sent
// acceptLanguage (several header lines joined by commas). It never fails.
//
//   - Country is where addr is registered. A private, loopback, unassigned or
//     zero address tells nothing; then it is the region of the first language
//     that names or implies one, and "US" when there is none.
//   - Currency is the country's, "USD" when it has none of its own.
//   - Locale has the most preferred language that has a two-letter code; without
//     one, the language most likely spoken in the country; then English.
//
// IPv4 addresses mapped into IPv6 and zones are understood. At most
// maxHeaderBytes of the header are read.
func Resolve(addr netip.Addr, acceptLanguage string) Locale {
	languages := preferences(acceptLanguage)
	country, ok := countryOf(addr)
	if !ok {
		country = likelyCountry(languages)
	}
	return Locale{
		Country:  country.String(),
		Currency: currencyOf(country),
		Locale:   languageFor(languages, country) + "_" + country.String(),
	}
}

// countryOf returns the country addr is registered in, and false when the
// address belongs to no country.
func countryOf(addr netip.Addr) (language.Region, bool) {
	addr = addr.Unmap() // iploc reads ::ffff:8.8.8.8 as an IPv6 address and finds nothing
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return language.Region{}, false
	}
	// Reserved ranges come back as "ZZ" and IPv6 as "" where the operator turned
	// that table off (iploc's IPLOC_IPV4ONLY): neither is a country.
	return parseCountry(iploc.IPCountry(addr))
}

// likelyCountry returns the region of the first language that has one, named
// ("pl-PL") or implied ("pl"). The first, not the first named one: Firefox in
// Polish sends "pl,en-US;q=0.7,en;q=0.3", and its user is not in the US.
func likelyCountry(languages []language.Tag) language.Region {
	for _, tag := range languages {
		region, _ := tag.Region()
		if country, ok := parseCountry(region.String()); ok {
			return country
		}
	}
	return language.MustParseRegion(defaultCountry)
}

// parseCountry accepts codes of existing countries only: no groups ("EU",
// "419"), no placeholders ("ZZ"). Withdrawn codes become their successors.
func parseCountry(code string) (language.Region, bool) {
	if len(code) != 2 {
		return language.Region{}, false
	}
	region, err := language.ParseRegion(code)
	if err != nil {
		return language.Region{}, false
	}
	region = region.Canonicalize()
	return region, region.IsCountry() && len(region.String()) == 2
}

// currencyOf returns the money of a country in everyday use.
func currencyOf(country language.Region) string {
	// x/text carries CLDR 32 of 2017. These countries changed their money since;
	// each line can go when x/text knows better (the test says so).
	switch country.String() {
	case "HR", "BG": // joined the euro in January 2023 and January 2026
		return "EUR"
	case "VE": // August 2018
		return "VES"
	case "MR": // January 2018
		return "MRU"
	case "SL": // July 2022
		return "SLE"
	case "CW", "SX": // March 2025
		return "XCG"
	}
	if unit, ok := currency.FromRegion(country); ok {
		return unit.String()
	}
	return defaultCurrency
}

// languageFor returns the two-letter code of the most preferred language, or of
// the one most likely spoken in country.
//
// Languages with three letters only (Filipino, Papiamento) are passed over: the
// wire format promises "en_US", and clients and publishers' own checks count
// five characters.
func languageFor(languages []language.Tag, country language.Region) string {
	if likely, err := language.Compose(country); err == nil {
		languages = append(languages, likely)
	}
	for _, tag := range languages {
		if base, confidence := tag.Base(); confidence != language.No && len(base.String()) == 2 {
			return base.String()
		}
	}
	return defaultLanguage
}
