// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package locale owns the guess of where a viewer is and what they read: a
// country, its currency and a locale, from what a CDN says, the address of a
// request and its Accept-Language header. It answers GET /locales of the
// MediaStore API and fills in what a registration leaves out.
//
// It refuses to be more than a guess: nothing here may decide about access, and
// the client address and the CDN's word are the caller's to find (from Caddy,
// which knows the proxies to trust). A table of addresses is compiled in and the
// operator's database is a file, so there is no look-up over the network and no
// address of a viewer leaves the process.
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

// Resolver guesses by the operator's database first. The zero value and nil have
// none and use the table that is compiled in.
type Resolver struct{ database *Database }

// NewResolver returns a Resolver that asks database, which may be nil.
func NewResolver(database *Database) *Resolver { return &Resolver{database} }

// Resolve guesses the locale of a viewer of whom a CDN says that they are in
// country ("" when none does), at addr, whose browser sent acceptLanguage
// (several header lines joined by commas). It never fails.
//
//   - Country is country, if that is one; else where the database or else the
//     table says addr is; else the region of the first language that names or
//     implies one; else "US".
//   - Currency is the country's, "USD" when it has none of its own.
//   - Locale has the most preferred language that has a two-letter code; without
//     one, the language most likely spoken in the country; then English.
//
// IPv4 addresses mapped into IPv6 and zones are understood. At most
// maxHeaderBytes of the header are read.
func (r *Resolver) Resolve(country string, addr netip.Addr, acceptLanguage string) Locale {
	languages := preferences(acceptLanguage)
	region, ok := parseCountry(country)
	if !ok {
		region, ok = r.countryAt(addr.Unmap()) // iploc reads ::ffff:8.8.8.8 as an IPv6 address and finds nothing
	}
	if !ok {
		region = likelyCountry(languages)
	}
	return Locale{
		Country:  region.String(),
		Currency: currencyOf(region),
		Locale:   languageFor(languages, region) + "_" + region.String(),
	}
}

// CountryOf returns the country of a viewer by a CDN's word or by addr, or "":
// Resolve without the guesses.
func (r *Resolver) CountryOf(country string, addr netip.Addr) string {
	region, ok := parseCountry(country)
	if !ok {
		region, ok = r.countryAt(addr.Unmap())
	}
	if !ok {
		return ""
	}
	return region.String()
}

// countryAt returns the country of addr, and false when nobody knows it.
func (r *Resolver) countryAt(addr netip.Addr) (language.Region, bool) {
	if r != nil && r.database != nil {
		if country, ok := r.database.countryAt(addr); ok {
			return country, true
		}
	}
	return registeredIn(addr)
}

// registeredIn returns the country addr is registered in by the table that is
// compiled in, and false when the address belongs to no country: a private,
// loopback, unassigned or zero one.
func registeredIn(addr netip.Addr) (language.Region, bool) {
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
// "419"), no placeholders ("ZZ", a CDN's "XX" and "T1"). Withdrawn codes become
// their successors.
func parseCountry(code string) (language.Region, bool) {
	if len(code) != 2 {
		return language.Region{}, false
	}
	region, err := language.ParseRegion(code)
	if err != nil {
		return language.Region{}, false
	}
	region = region.Canonicalize()
	// These are countries to x/text but not to ISO 3166-1, and so not to clients.
	switch region.String() {
	case "AC", "TA":
		region = language.MustParseRegion("SH")
	case "CP":
		region = language.MustParseRegion("FR")
	case "CQ":
		region = language.MustParseRegion("GG")
	case "DG":
		region = language.MustParseRegion("IO")
	case "EA", "IC":
		region = language.MustParseRegion("ES")
	case "EZ", "UN": // unions
		return language.Region{}, false
	case "AN", "CS", "FQ", "NT", "PC", "SU", "YU": // became several countries
		return language.Region{}, false
	}
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
