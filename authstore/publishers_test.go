// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func nova() authstore.Publisher {
	return authstore.Publisher{
		ID: 100_000_001, Name: "Nova", Sites: []string{"https://news.example", "https://*.clubs.example"}, Offers: []string{"S100000001_US"},
		Consents: []authstore.ConsentDefinition{{Name: "terms", Version: "1", Label: "I agree", Value: "https://nova.example/terms", Required: true}},
		Capture:  authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "custom_1", Question: "Team?", Choices: []string{"A", "B"}}}},
	}
}

func orbit() authstore.Publisher {
	return authstore.Publisher{ID: 100_000_002, Name: "Orbit", Sites: []string{"https://sports.example"}, Offers: []string{"S100000002_NL"}}
}

func (w *world) mustDeclare(t *testing.T, publishers ...authstore.Publisher) {
	t.Helper()
	if err := w.DeclarePublishers(t.Context(), publishers); err != nil {
		t.Fatal(err)
	}
}

// wantOwner tells to whom a site or an offer belongs; 0 is nobody.
func (w *world) wantOwner(t *testing.T, name string, want int64) {
	t.Helper()
	lookup := w.SiteOwner
	if name[0] == 'S' {
		lookup = w.OfferOwner
	}
	got, err := lookup(t.Context(), name)
	if got != want || err != nil && !errors.Is(err, authstore.ErrNotFound) || want == 0 && err == nil {
		t.Errorf("%s belongs to %d, %v; want %d", name, got, err, want)
	}
}

func TestDeclaredPublishersClaimSitesAndOffers(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustDeclare(t, nova(), orbit())
		w.wantOwner(t, "https://news.example", 100_000_001)
		w.wantOwner(t, "https://*.clubs.example", 100_000_001)
		w.wantOwner(t, "S100000001_US", 100_000_001)
		w.wantOwner(t, "https://sports.example", 100_000_002)
		w.wantOwner(t, "S100000002_NL", 100_000_002)
		w.wantOwner(t, "https://other.example", 0)
		w.wantOwner(t, "S100000003_US", 0)
		want := nova()
		want.Declared = true
		if got, err := w.Publisher(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("stored %+v, %v", got, err)
		}
		if _, err := w.Publisher(t.Context(), 1); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("unknown publisher: %v, want ErrNotFound", err)
		}
	})
}

func TestPublisherThatIsNoLongerDeclaredLosesItsSitesAndKeepsItsCustomers(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova(), orbit())
	c := w.mustRegister(t, "ann@example.com")
	w.mustDeclare(t, orbit())
	w.wantOwner(t, "https://news.example", 0)
	w.wantOwner(t, "https://*.clubs.example", 0)
	w.wantOwner(t, "S100000001_US", 0)
	w.wantOwner(t, "https://sports.example", 100_000_002)
	p, err := w.Publisher(t.Context(), 100_000_001)
	if err != nil || p.Declared || p.Name != "Nova" || len(p.Sites)+len(p.Offers) != 0 {
		t.Errorf("stored %+v, %v", p, err)
	}
	if _, err := w.Customer(t.Context(), c.ID); err != nil {
		t.Errorf("its customer: %v", err)
	}
	w.mustDeclare(t, nova())
	w.wantOwner(t, "https://news.example", 100_000_001)
	w.wantOwner(t, "https://sports.example", 0)
}

func TestSitesAndOffersMoveBetweenPublishers(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova(), orbit())
	a, b := nova(), orbit()
	a.Sites, b.Sites = []string{"https://sports.example"}, []string{"https://news.example", "https://*.clubs.example"}
	a.Offers, b.Offers = b.Offers, a.Offers
	w.mustDeclare(t, a, b)
	w.wantOwner(t, "https://sports.example", 100_000_001)
	w.wantOwner(t, "https://news.example", 100_000_002)
	w.wantOwner(t, "https://*.clubs.example", 100_000_002)
	w.wantOwner(t, "S100000002_NL", 100_000_001)
	w.wantOwner(t, "S100000001_US", 100_000_002)
}

func TestRefusedDeclarationKeepsWhatWasThere(t *testing.T) {
	site, offer, text := orbit(), orbit(), nova()
	site.Sites = []string{"https://new.example", "https://news.example"}
	offer.Offers = []string{"S100000009_US", "S100000001_US"}
	text.Sites, text.Name = []string{"https://new.example"}, "Nova II"
	text.Consents = []authstore.ConsentDefinition{{Name: "marketing", Version: "1"}, {Name: "terms", Version: "1", Label: "I agree to more"}}
	tests := []struct {
		name     string
		declared []authstore.Publisher
		want     error
	}{
		{"site of another", []authstore.Publisher{nova(), site}, authstore.ErrTaken},
		{"offer of another", []authstore.Publisher{nova(), offer}, authstore.ErrTaken},
		{"changed text", []authstore.Publisher{orbit(), text}, authstore.ErrTextChanged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.mustDeclare(t, nova(), orbit())
			before := w.records()
			if err := w.DeclarePublishers(t.Context(), tt.declared); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if after := w.records(); after != before {
				t.Errorf("stored before:\n%s\nand after:\n%s", before, after)
			}
		})
	}
}

func TestConsentTextIsBoundToItsVersionForEver(t *testing.T) {
	w := newWorld(t)
	second := nova()
	second.Consents[0].Version, second.Consents[0].Label = "2", "I agree to more"
	w.mustDeclare(t, nova())
	w.mustDeclare(t, second)
	w.mustDeclare(t) // nothing is declared any more, which must not forget the texts
	changes := map[string]func(*authstore.ConsentDefinition){
		"label of the newest": func(d *authstore.ConsentDefinition) { d.Version, d.Label = "2", "I agree to less" },
		"label of an old one": func(d *authstore.ConsentDefinition) { d.Label = "I agree to more" },
		"value of an old one": func(d *authstore.ConsentDefinition) { d.Value = "https://nova.example/other" },
	}
	for name, change := range changes {
		p := nova()
		change(&p.Consents[0])
		if err := w.DeclarePublishers(t.Context(), []authstore.Publisher{p}); !errors.Is(err, authstore.ErrTextChanged) {
			t.Errorf("%s: %v, want ErrTextChanged", name, err)
		}
	}
	back := nova()
	back.Consents[0].Required, back.Consents[0].EnabledByDefault = false, true // no part of the text
	w.mustDeclare(t, back)
	other := orbit()
	other.Consents = second.Consents // another publisher's versions are its own
	other.Consents[0].Version = "1"
	w.mustDeclare(t, back, other)
}

func TestUnchangedPublishersCostNoWrite(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova(), orbit())
	before := w.watch.writes.Load()
	w.mustDeclare(t, nova(), orbit())
	w.mustDeclare(t, orbit(), nova())
	if n := w.watch.writes.Load() - before; n != 0 {
		t.Errorf("%d writes", n)
	}
	renamed := orbit()
	renamed.Name = "Orbit TV"
	w.mustDeclare(t, nova(), renamed)
	if w.watch.writes.Load() == before {
		t.Error("a new name was not written")
	}
}

func TestTextHashDependsOnEachPartOfTheText(t *testing.T) {
	seen := map[string]string{}
	for name, d := range map[string]authstore.ConsentDefinition{
		"first":         {Name: "terms", Version: "1", Label: "ab", Value: "c"},
		"other name":    {Name: "term", Version: "s1", Label: "ab", Value: "c"},
		"other version": {Name: "terms", Version: "2", Label: "ab", Value: "c"},
		"other cut":     {Name: "terms", Version: "1", Label: "a", Value: "bc"},
		"other label":   {Name: "terms", Version: "1", Label: "aB", Value: "c"},
		"no value":      {Name: "terms", Version: "1", Label: "abc"},
	} {
		if twin, ok := seen[d.TextHash()]; ok {
			t.Errorf("%s and %s have one hash", name, twin)
		}
		seen[d.TextHash()] = name
	}
}
