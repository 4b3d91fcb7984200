// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package publisher_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
)

func two() []authstore.Publisher {
	return []authstore.Publisher{
		{ID: 100_000_002, Name: "Nova", Sites: []string{"https://news.example", "https://*.clubs.example", "https://*.clubs.example:8443"}, Offers: []string{"S100000001_US"}},
		{ID: 100_000_001, Name: "Orbit", Sites: []string{"https://sports.example", "https://ajax.clubs.example"}, Offers: []string{"S100000002_NL"}},
	}
}

func mustDirectory(t *testing.T, publishers []authstore.Publisher) *publisher.Directory {
	t.Helper()
	d, err := publisher.NewDirectory(publishers)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDirectoryTellsWhoseASiteIs(t *testing.T) {
	d := mustDirectory(t, two())
	for site, want := range map[publisher.Origin]string{
		"https://news.example": "Nova", "https://sports.example": "Orbit",
		"https://psv.clubs.example": "Nova", "https://psv.clubs.example:8443": "Nova",
		"https://ajax.clubs.example":      "Orbit", // a name in full wins over a pattern
		"https://ajax.clubs.example:8443": "Nova",
		"https://*.clubs.example":         "", // a pattern is no site
		"https://clubs.example":           "", "https://a.b.clubs.example": "", "https://psv.clubs.example:9999": "", "http://news.example": "",
		"https://NEWS.example": "", "https://news.example/": "", "https://news.example.evil.test": "", "https://news.example:443": "", "": "", "https://": "",
	} {
		if p, ok := d.BySite(site); ok != (want != "") || p.Name != want {
			t.Errorf("%q is %q's, %t; want %q", site, p.Name, ok, want)
		}
	}
}

func TestDirectoryTellsWhoseAnIDOrAnOfferIs(t *testing.T) {
	d := mustDirectory(t, two())
	if p, ok := d.ByID(100_000_001); !ok || p.Name != "Orbit" {
		t.Errorf("by id: %+v, %t", p, ok)
	}
	if p, ok := d.ByID(100_000_003); ok {
		t.Errorf("unknown id: %+v", p)
	}
	if p, ok := d.ByOffer("S100000001_US"); !ok || p.Name != "Nova" {
		t.Errorf("by offer: %+v, %t", p, ok)
	}
	if p, ok := d.ByOffer("s100000001_us"); ok {
		t.Errorf("unknown offer: %+v", p)
	}
	if all := d.All(); len(all) != 2 || all[0].Name != "Nova" || all[1].Name != "Orbit" {
		t.Errorf("all: %+v, want the order of the configuration", all)
	}
}

func TestOnlyPublisherIsTheOneOfAServerWithOne(t *testing.T) {
	if p, ok := mustDirectory(t, two()).Only(); ok {
		t.Errorf("of two: %+v", p)
	}
	if p, ok := mustDirectory(t, two()[:1]).Only(); !ok || p.Name != "Nova" {
		t.Errorf("of one: %+v, %t", p, ok)
	}
	if p, ok := mustDirectory(t, nil).Only(); ok {
		t.Errorf("of none: %+v", p)
	}
}

func TestTwoPublishersCannotClaimTheSame(t *testing.T) {
	tests := map[string]func(p *authstore.Publisher){
		"site":    func(p *authstore.Publisher) { p.Sites = append(p.Sites, "https://news.example") },
		"pattern": func(p *authstore.Publisher) { p.Sites = append(p.Sites, "https://*.clubs.example") },
		"offer":   func(p *authstore.Publisher) { p.Offers = append(p.Offers, "S100000001_US") },
	}
	for name, claim := range tests {
		publishers := two()
		claim(&publishers[1])
		_, err := publisher.NewDirectory(publishers)
		if !errors.Is(err, publisher.ErrConflict) || !strings.Contains(err.Error(), "100000001") || !strings.Contains(err.Error(), "100000002") {
			t.Errorf("%s: %v, want ErrConflict naming both", name, err)
		}
	}
	twice := two()
	twice[1].ID = twice[0].ID
	if _, err := publisher.NewDirectory(twice); err == nil || !strings.Contains(err.Error(), "100000002") {
		t.Errorf("one id for two: %v", err)
	}
	repeated := two()
	repeated[0].Sites, repeated[0].Offers = append(repeated[0].Sites, repeated[0].Sites...), append(repeated[0].Offers, repeated[0].Offers...)
	if _, err := publisher.NewDirectory(repeated); err != nil {
		t.Errorf("a publisher that repeats itself: %v", err)
	}
}

func TestPublisherIDsHaveNineDigits(t *testing.T) {
	for s, want := range map[string]int64{"100000000": publisher.DefaultID, "999999999": 999_999_999, "123456789": 123_456_789} {
		if id, err := publisher.ParseID(s); err != nil || id != want {
			t.Errorf("%q: %d, %v", s, id, err)
		}
	}
	for _, s := range []string{
		"", "0", "99999999", "1000000000", "012345678", "000100000000", "+100000000", "-100000000", "1e8", "100000000.0", "0x5F5E100", "100_000_000",
		" 100000000", "100000000 ", "100000000\n", "१००००००००", "99999999999999999999",
	} {
		if id, err := publisher.ParseID(s); err == nil {
			t.Errorf("%q was taken for %d", s, id)
		}
	}
}

func TestOfferIDsHaveTheContractsForm(t *testing.T) {
	for _, s := range []string{"S100000001_US", "A123456789_NL"} {
		if err := publisher.CheckOffer(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "S100000001", "S100000001_", "S100000001_us", "s100000001_US", "S10000001_US", "S1000000011_US", "S100000001_USA", "100000001_US", "SS00000001_US",
		"S100000001_US\n", " S100000001_US", "S100000001-US", "S10000000१_US", "S100000001_US\x00",
	} {
		if err := publisher.CheckOffer(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}
