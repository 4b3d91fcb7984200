// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package i18n

import (
	"fmt"
	"html/template"
	"strings"
	"testing"
	"time"

	i18ntemplate "github.com/nicksnyder/go-i18n/v2/i18n/template"
)

func mustLoad(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLanguagesNameThemselvesAndKnowTheirDirection(t *testing.T) {
	var got []string
	for _, l := range mustLoad(t).All() {
		got = append(got, l.Tag.String()+" "+l.Dir+" "+l.Name)
		if _, err := l.texts(); err != nil {
			t.Error(err)
		}
	}
	want := "en ltr English, de ltr Deutsch, fr ltr Français, es ltr Español, pt ltr Português, pl ltr Polski, nl ltr Nederlands, ar rtl العربية"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}

func TestLanguageIsChosenByTheFirstWishThatWeSpeak(t *testing.T) {
	c := mustLoad(t)
	for _, tt := range []struct {
		wishes []string
		want   string
	}{
		{nil, "en"},
		{[]string{""}, "en"},
		// Accept-Language:
		{[]string{"de-AT,de;q=0.9,en;q=0.8"}, "de"},
		{[]string{"de ; q=0.2 , fr ; q=0.9"}, "fr"},
		{[]string{"en;q=0.5,pl"}, "pl"},
		{[]string{"sv, nl;q=0.5"}, "nl"},
		{[]string{"xx, i-klingon, *, de;q=0.1"}, "de"},
		{[]string{"de;q=0, fr;q=0.1"}, "fr"},
		{[]string{"de;q=NaN, fr;q=7, es"}, "es"},
		{[]string{"zh-Hant-TW"}, "en"},
		{[]string{"*"}, "en"},
		{[]string{"; , ;q=1"}, "en"},
		{[]string{"pt-PT"}, "pt"},
		{[]string{"es-419"}, "es"},
		{[]string{"ar-EG"}, "ar"},
		// Readers of the one are readers of the other:
		{[]string{"gl"}, "es"},
		{[]string{"gsw"}, "de"},
		{[]string{"fy"}, "nl"},
		// ui_locales:
		{[]string{"pl de"}, "pl"},
		{[]string{"sv  fr-CA fr en"}, "fr"},
		// an account's:
		{[]string{"de_AT"}, "de"},
		{[]string{"en_DE"}, "en"},
		// one after the other:
		{[]string{"", "de_AT", "fr"}, "de"},
		{[]string{"es", "de_AT", "fr"}, "es"},
		{[]string{"sv", "ja_JP", "fr"}, "fr"},
		{[]string{strings.Repeat("de,", 200), "", "fr"}, "fr"}, // nobody speaks so many
	} {
		if got := c.Choose(tt.wishes...).Tag.String(); got != tt.want {
			t.Errorf("%.60q: %s, want %s", tt.wishes, got, tt.want)
		}
	}
}

func TestPlaceholdersAreReadAsTheLibraryReadsThem(t *testing.T) {
	known := map[string]any{"A": "<1>", "B": template.HTML("<b>"), "Count": 3}
	var given values
	for name, value := range known {
		given = append(given, name, value)
	}
	for _, text := range []string{"", "plain", "{{.Other}}", "{{.A}}", "x {{.A}} y {{.B}}{{.Count}}", "{{.Count}}.", "a } b { c"} {
		want, err := (&i18ntemplate.TextParser{}).Parse(text, "", "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := filler{}.Parse(text, "", "")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		expected, _ := want.Execute(known)
		if said, err := got.Execute(given); said != expected || err != nil {
			t.Errorf("%q: %q, %v; want %q", text, said, err, expected)
		}
	}
	for _, text := range []string{"{{.A", "{{.A | html}}", "{{.A.B}}", "{{.A {{.B}}"} {
		if _, err := (filler{}).Parse(text, "", ""); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestChoosingRemembersNoMoreThanItMay(t *testing.T) {
	c := mustLoad(t)
	for i := range maxKnown + 10 {
		wish := fmt.Sprintf("de;q=0.%d", i+1)
		for range 2 {
			if got := c.Choose(wish).Tag.String(); got != "de" {
				t.Fatalf("%s: %s", wish, got)
			}
		}
	}
	known := 0
	c.known.Range(func(any, any) bool { known++; return true })
	if known != maxKnown {
		t.Errorf("remembers %d wishes, want %d", known, maxKnown)
	}
}

func FuzzChoose(f *testing.F) {
	for _, wish := range []string{"de-AT,de;q=0.9", "pl de", "de_AT", ";q=;,", "a-b-c-d"} {
		f.Add(wish)
	}
	c := mustLoad(f)
	f.Fuzz(func(t *testing.T, wish string) {
		if c.Choose(wish) == nil {
			t.Errorf("no language for %q", wish)
		}
	})
}

func TestValuesAreEscapedAndKeptApart(t *testing.T) {
	arabic := mustLoad(t).Choose("ar")
	got := arabic.HTML("signedout.back", "Site", `<b>"news"</b>`)
	if want := template.HTML("العودة إلى <bdi>&lt;b&gt;&#34;news&#34;&lt;/b&gt;</bdi>"); got != want {
		t.Errorf("a text became %s, want %s", got, want)
	}
	type named string // is text too, whatever it is called
	if got := arabic.HTML("signedout.back", "Site", named("<b>")); strings.Contains(string(got), "<b>") {
		t.Errorf("a text of another type became %s", got)
	}
	got = arabic.HTML("signedout.back", "Site", template.HTML("<em>news</em>"))
	if want := template.HTML("العودة إلى <em>news</em>"); got != want {
		t.Errorf("HTML became %s, want %s", got, want)
	}
	if got := arabic.Text("signedout.back", "Site", "<b>"); got != "العودة إلى <b>" {
		t.Errorf("plain text is %s", got)
	}
}

func TestPluralFollowsTheLanguage(t *testing.T) {
	c := mustLoad(t)
	for language, wants := range map[string]map[int]string{
		"en": {1: "in a minute.", 2: "in 2 minutes."},
		"pl": {1: "za minutę.", 2: "za 2 minuty.", 5: "za 5 minut.", 12: "za 12 minut.", 22: "za 22 minuty.", 25: "za 25 minut."},
		"ar": {0: "بعد لحظات.", 1: "بعد دقيقة.", 2: "بعد دقيقتين.", 3: "بعد 3 دقائق.", 11: "بعد 11 دقيقة.", 100: "بعد 100 دقيقة.", 103: "بعد 103 دقائق."},
	} {
		for count, want := range wants {
			if got := c.Choose(language).Text("limit.minutes", "Count", count); !strings.HasSuffix(got, " "+want) {
				t.Errorf("%s, %d: %s, want …%s", language, count, got, want)
			}
			if got := c.Choose(language).HTML("limit.minutes", "Count", count); !strings.HasSuffix(string(got), " "+want) {
				t.Errorf("%s, %d, as HTML: %s, want …%s", language, count, got, want)
			}
		}
	}
}

func TestDatesAreWrittenAsTheLanguageDoes(t *testing.T) {
	c := mustLoad(t)
	at := time.Date(2026, time.May, 28, 23, 26, 0, 0, time.FixedZone("", 3*60*60))
	for language, want := range map[string]string{
		"en": "May 28, 2026, 8:26 pm UTC",
		"de": "28. Mai 2026, 20:26 UTC",
		"fr": "28 mai 2026, 20:26 UTC",
		"es": "28 de mayo de 2026, 20:26 UTC",
		"pt": "28 de maio de 2026, 20:26 UTC",
		"pl": "28 maja 2026, 20:26 UTC",
		"nl": "28 mei 2026, 20:26 UTC",
		"ar": "28 مايو 2026, 8:26 م UTC",
	} {
		l := c.Choose(language)
		if got := l.DateTime(at); got != want {
			t.Errorf("%s: %s, want %s", language, got, want)
		}
		if got := l.Date(at); !strings.HasPrefix(want, got+", ") {
			t.Errorf("%s: %s, want the day of %s", language, got, want)
		}
	}
	if got, want := c.Choose("de").Date(at.Add(3*time.Hour)), "28. Mai 2026"; got != want {
		t.Errorf("the day is %s, want %s: it is that of UTC", got, want)
	}
}

func TestUnknownMessageSaysItsID(t *testing.T) {
	if got := mustLoad(t).Choose("pl").Text("no.such"); got != "no.such" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkText(b *testing.B) {
	l := mustLoad(b).Choose("ar")
	for b.Loop() {
		l.Text("login.heading")
	}
}

func BenchmarkHTMLWithValue(b *testing.B) {
	l := mustLoad(b).Choose("ar")
	for b.Loop() {
		l.HTML("login.lead.site", "Site", "news.example.com")
	}
}

func BenchmarkChoose(b *testing.B) {
	c := mustLoad(b)
	for b.Loop() {
		c.Choose("", "", "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7")
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		mustLoad(b)
	}
}
