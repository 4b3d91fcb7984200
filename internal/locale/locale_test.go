// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
)

func TestResolve(t *testing.T) {
	tests := []struct {
		name   string
		addr   string // empty: the zero address
		accept string
		want   Locale
	}{
		// The address decides the country.
		{"US address, no header", "8.8.8.8", "", Locale{"US", "USD", "en_US"}},
		{"German address, no header", "193.99.144.80", "", Locale{"DE", "EUR", "de_DE"}},
		{"Polish address, no header", "83.0.0.1", "", Locale{"PL", "PLN", "pl_PL"}},
		{"IPv6, US", "2001:4860:4860::8888", "", Locale{"US", "USD", "en_US"}},
		{"IPv6, Germany", "2a02:2e0:3fe:1001:302::", "", Locale{"DE", "EUR", "de_DE"}},
		{"IPv4 mapped into IPv6", "::ffff:193.99.144.80", "", Locale{"DE", "EUR", "de_DE"}},
		{"address wins over the region of the header", "193.99.144.80", "pl-PL", Locale{"DE", "EUR", "pl_DE"}},

		// The header decides the language.
		{"reader of English in Germany", "193.99.144.80", "en-US,en;q=0.9,de;q=0.8", Locale{"DE", "EUR", "en_DE"}},
		{"weights beat order", "193.99.144.80", "en;q=0.3,fr;q=0.9,de;q=0.5", Locale{"DE", "EUR", "fr_DE"}},
		{"equal weights keep their order", "8.8.8.8", "fr;q=0.5,de;q=0.5", Locale{"US", "USD", "fr_US"}},
		{"q=0 is unwanted", "193.99.144.80", "fr;q=0,en;q=0.1", Locale{"DE", "EUR", "en_DE"}},
		{"script is dropped", "8.8.8.8", "zh-Hant-TW", Locale{"US", "USD", "zh_US"}},
		{"withdrawn codes become current ones", "8.8.8.8", "iw", Locale{"US", "USD", "he_US"}},
		{"no two-letter code: the next language", "8.8.8.8", "fil,de;q=0.5", Locale{"US", "USD", "de_US"}},

		// Addresses that tell nothing.
		{"loopback with a header", "127.0.0.1", "pl-PL,pl;q=0.9", Locale{"PL", "PLN", "pl_PL"}},
		{"loopback, implied region", "127.0.0.1", "pl,en-US;q=0.7,en;q=0.3", Locale{"PL", "PLN", "pl_PL"}},
		{"loopback, no header", "127.0.0.1", "", Locale{"US", "USD", "en_US"}},
		{"IPv6 loopback", "::1", "de-AT", Locale{"AT", "EUR", "de_AT"}},
		{"private", "10.1.2.3", "fr-CH", Locale{"CH", "CHF", "fr_CH"}},
		{"IPv6 private", "fd00::1", "fr-CH", Locale{"CH", "CHF", "fr_CH"}},
		{"link-local with a zone", "fe80::1%eth0", "fr-CH", Locale{"CH", "CHF", "fr_CH"}},
		{"carrier-grade NAT", "100.64.0.1", "sv-SE", Locale{"SE", "SEK", "sv_SE"}},
		{"documentation", "192.0.2.1", "sv-SE", Locale{"SE", "SEK", "sv_SE"}},
		{"multicast", "224.0.0.1", "sv-SE", Locale{"SE", "SEK", "sv_SE"}},
		{"unspecified", "0.0.0.0", "sv-SE", Locale{"SE", "SEK", "sv_SE"}},
		{"unspecified IPv6", "::", "sv-SE", Locale{"SE", "SEK", "sv_SE"}},
		{"zero address", "", "sv-SE", Locale{"SE", "SEK", "sv_SE"}},
		{"zero address, no header", "", "", Locale{"US", "USD", "en_US"}},

		// Regions that are no countries.
		{"group of countries, then a country", "::1", "es-419,es;q=0.9", Locale{"ES", "EUR", "es_ES"}},
		{"group of countries only", "::1", "es-419", Locale{"US", "USD", "es_US"}},
		{"withdrawn region", "::1", "en-UK", Locale{"GB", "GBP", "en_GB"}},
		{"lower case region", "::1", "pt-br", Locale{"BR", "BRL", "pt_BR"}},
		{"no currency of its own", "::1", "en-AQ", Locale{"AQ", "USD", "en_AQ"}},

		// Noise.
		{"any language", "193.99.144.80", "*", Locale{"DE", "EUR", "de_DE"}},
		{"any language, nothing known", "::1", "*;q=0.5", Locale{"US", "USD", "en_US"}},
		{"private language", "::1", "x-klingon", Locale{"US", "USD", "en_US"}},
		{"unknown entries spare the known ones", "::1", "xx,,;;;,q=,pl-PL;q=0.2,\x00\xff", Locale{"PL", "PLN", "pl_PL"}},
		{"bad weights", "::1", "de;q=NaN,fr;q=7,sv;q=x,it;q=0.1", Locale{"IT", "EUR", "it_IT"}},
		{"garbage", "::1", "<script>alert(1)</script>", Locale{"US", "USD", "en_US"}},
		{"line break", "::1", "de\r\nX-Evil: 1", Locale{"US", "USD", "en_US"}},
		{"dashes", "::1", strings.Repeat("-", 2000), Locale{"US", "USD", "en_US"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var addr netip.Addr
			if tt.addr != "" {
				addr = netip.MustParseAddr(tt.addr)
			}
			for name, r := range map[string]*Resolver{"nil": nil, "zero": {}, "without a database": NewResolver(nil)} {
				if got := r.Resolve("", addr, tt.accept); got != tt.want {
					t.Errorf("%s: Resolve(%s, %q) = %+v, want %+v", name, addr, tt.accept, got, tt.want)
				}
			}
		})
	}
}

func TestSaidCountryComesFirst(t *testing.T) {
	german := netip.MustParseAddr("193.99.144.80")
	tests := []struct {
		name, said, accept string
		want               Locale
	}{
		{"over the address", "PL", "", Locale{"PL", "PLN", "pl_PL"}},
		{"over the region of the languages", "PL", "en-US", Locale{"PL", "PLN", "en_PL"}},
		{"in small letters", "pl", "", Locale{"PL", "PLN", "pl_PL"}},
		{"withdrawn code", "UK", "", Locale{"GB", "GBP", "en_GB"}},
		{"part of a country", "IC", "", Locale{"ES", "EUR", "es_ES"}},
		{"Kosovo, which ISO 3166-1 leaves to users", "XK", "", Locale{"XK", "EUR", "sq_XK"}},

		{"nothing said", "", "", Locale{"DE", "EUR", "de_DE"}},
		{"not known to the CDN", "XX", "", Locale{"DE", "EUR", "de_DE"}},
		{"Tor", "T1", "", Locale{"DE", "EUR", "de_DE"}},
		{"anonymous proxy", "A1", "", Locale{"DE", "EUR", "de_DE"}},
		{"placeholder", "ZZ", "", Locale{"DE", "EUR", "de_DE"}},
		{"European Union", "EU", "", Locale{"DE", "EUR", "de_DE"}},
		{"United Nations", "UN", "", Locale{"DE", "EUR", "de_DE"}},
		{"fell apart", "YU", "", Locale{"DE", "EUR", "de_DE"}},
		{"three letters", "POL", "", Locale{"DE", "EUR", "de_DE"}},
		{"number", "616", "", Locale{"DE", "EUR", "de_DE"}},
		{"two countries", "PL, FR", "", Locale{"DE", "EUR", "de_DE"}},
		{"noise", "P\x00", "", Locale{"DE", "EUR", "de_DE"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := new(Resolver).Resolve(tt.said, german, tt.accept); got != tt.want {
				t.Errorf("Resolve(%q, %s, %q) = %+v, want %+v", tt.said, german, tt.accept, got, tt.want)
			}
		})
	}
}

func TestOnlyCountriesOfISO3166AreAnswered(t *testing.T) {
	countries := map[string]bool{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if region, ok := parseCountry(string(a) + string(b)); ok {
				countries[region.String()] = true
			}
		}
	}
	if !countries["XK"] || len(countries) != 249+1 {
		t.Errorf("%d countries, want the 249 of ISO 3166-1 and Kosovo", len(countries))
	}
}

func TestCountryTravelsInTheContext(t *testing.T) {
	ctx := t.Context()
	if got := CountryFrom(ctx); got != "" {
		t.Errorf("nothing said: %q", got)
	}
	if got := CountryFrom(WithCountry(ctx, "DE")); got != "DE" {
		t.Errorf("got %q, want DE", got)
	}
}

func TestLongHeaderIsReadUpToTheLimit(t *testing.T) {
	tests := []struct {
		name, accept, want string
	}{
		{"what comes first counts", "pl-PL," + strings.Repeat("de;q=0.1,", 100_000), "pl_PL"},
		{"what lies beyond does not", "pl-PL;q=0.5" + strings.Repeat(" ", maxHeaderBytes) + ",de-DE", "en_US"},
		{"a cut entry goes entirely", "pl-PL;q=0.1," + strings.Repeat(",", maxHeaderBytes-14) + "de-DE", "pl_PL"},
		{"one endless entry", strings.Repeat("a", 1<<20), "en_US"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := new(Resolver).Resolve("", netip.Addr{}, tt.accept).Locale; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCurrencyChangesSinceCLDR32(t *testing.T) {
	changes := map[string]string{
		"HR": "EUR", "BG": "EUR", "VE": "VES", "MR": "MRU", "SL": "SLE", "CW": "XCG", "SX": "XCG",
	}
	for country, want := range changes {
		region := language.MustParseRegion(country)
		if got := currencyOf(region); got != want {
			t.Errorf("currencyOf(%s) = %q, want %q", country, got, want)
		}
		if unit, _ := currency.FromRegion(region); unit.String() == want {
			t.Errorf("x/text knows the %s of %s now: remove it from currencyOf", want, country)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("", []byte{8, 8, 8, 8}, "en-US,en;q=0.9")
	f.Add("DE", []byte{15: 1}, "pl-PL,pl;q=0.9")
	f.Add("T1", []byte{15: 2}, "*")
	f.Add("UN", []byte{255, 255, 255, 254}, "es-419,zh-Hant-TW;q=0.3")
	f.Add("d\xff", []byte{0, 0, 0, 1}, "\xff;q=")
	f.Add("280", []byte{}, "i-klingon,x-a")
	country := regexp.MustCompile(`^[A-Z]{2}$`)
	money := regexp.MustCompile(`^[A-Z]{3}$`)
	locale := regexp.MustCompile(`^[a-z]{2}_[A-Z]{2}$`)
	f.Fuzz(func(t *testing.T, said string, ip []byte, accept string) {
		addr, _ := netip.AddrFromSlice(ip)
		got := new(Resolver).Resolve(said, addr, accept)
		if !country.MatchString(got.Country) || !money.MatchString(got.Currency) || !locale.MatchString(got.Locale) {
			t.Errorf("Resolve(%q, %s, %q) = %+v", said, addr, accept, got)
		}
		if !strings.HasSuffix(got.Locale, "_"+got.Country) {
			t.Errorf("locale %q is not of country %q", got.Locale, got.Country)
		}
	})
}
