// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"html"
	"html/template"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/gate"
)

// A message that a catalogue does not have shows its id, and a value that a
// page forgets shows as none.
func TestEveryPageSpeaksEveryLanguage(t *testing.T) {
	r := mustRenderer(t)
	missing := regexp.MustCompile(`\b[a-z]+(\.[a-z-]+)+\b|no value`)
	tags := regexp.MustCompile(`(?s)<[^>]*>`)
	english := renderIn(t, r, "en", "Nordlys", "/x")
	for _, l := range r.catalog.All() {
		for page, answer := range renderIn(t, r, l.Tag.String(), "Nordlys", "/x") {
			body := answer.Body.String()
			if found := missing.FindString(html.UnescapeString(tags.ReplaceAllString(body, " "))); found != "" {
				t.Errorf("%s in %s says %q", page, l.Tag, found)
			}
			if !strings.Contains(body, `<html lang="`+l.Tag.String()+`" dir="`+l.Dir+`"`) {
				t.Errorf("%s in %s does not say its language", page, l.Tag)
			}
			if l.Tag.String() != "en" && body == english[page].Body.String() {
				t.Errorf("%s in %s is English", page, l.Tag)
			}
		}
	}
}

// Messages are named where they are said; a name that no catalogue has would
// show on the page.
func TestEveryMessageThatIsNamedExists(t *testing.T) {
	english := mustRenderer(t).catalog.All()[0]
	named := regexp.MustCompile(`(?:\(|\b)(?:t|text|say|Text)[ (]"([a-z]+(?:\.[a-z-]+)+)"`)
	dead := regexp.MustCompile(`\bdead\("([a-z-]+)"`)
	files, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, file := range append(files, sources...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(content), -1) {
			ids = append(ids, m[1])
		}
		for _, m := range dead.FindAllStringSubmatch(string(content), -1) {
			ids = append(ids, "problem."+m[1]+".heading", "problem."+m[1]+".sentence")
		}
	}
	for _, kind := range []gate.ProblemKind{
		gate.ProblemPath, gate.ProblemNotFound, gate.ProblemExpired, gate.ProblemCode,
		gate.ProblemNotSignedIn, gate.ProblemForeign, gate.ProblemMethod, gate.ProblemUnavailable,
		gate.ProblemCookies, gate.ProblemLoop, gate.ProblemClock, gate.ProblemForm, gate.ProblemForbidden,
	} {
		for _, part := range []string{".heading", ".sentence", ".action"} {
			ids = append(ids, "site."+string(kind)+part)
		}
	}
	if len(ids) < 80 {
		t.Fatalf("found only %v", ids)
	}
	for _, id := range ids {
		if english.Text(id) == id {
			t.Errorf("no catalogue has %s", id)
		}
	}
}

var languageItem = regexp.MustCompile(`<li><a href="([^"]*)"[^>]*?( aria-current="true")?>([^<]*)</a></li>`)

func TestLanguageLinksKeepTheAddress(t *testing.T) {
	r := mustRenderer(t)
	c := &Chrome{Language: r.catalog.Choose("de"), Here: "/reset?token=a%2Bb&ui_locales=de&publisher=7"}
	links := languageItem.FindAllStringSubmatch(string(r.languageItems(c)), -1)
	if len(links) != len(r.catalog.All()) {
		t.Fatalf("%d links", len(links))
	}
	for i, l := range r.catalog.All() {
		u, err := url.Parse(html.UnescapeString(links[i][1]))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if u.Path != "/reset" || q.Get("token") != "a+b" || q.Get("publisher") != "7" || len(q) != 3 || q.Get("ui_locales") != l.Tag.String() || len(q["ui_locales"]) != 1 {
			t.Errorf("%s: %s", l.Tag, links[i][0])
		}
		if current := links[i][2] != ""; current != (l.Tag.String() == "de") {
			t.Errorf("%s is current: %t", l.Tag, current)
		}
		if links[i][3] != l.Name {
			t.Errorf("%s is called %s", l.Tag, links[i][3])
		}
	}
}

func TestLanguageLinksStayAtTheHub(t *testing.T) {
	r := mustRenderer(t)
	for _, here := range []string{"", "x", "//evil.test/", `/\evil.test/`, "https://evil.test/", "javascript:alert(1)", "/?%zz"} {
		if items := r.languageItems(&Chrome{Here: here}); items != "" {
			t.Errorf("%q: %s", here, items)
		}
	}
	items := string(r.languageItems(&Chrome{Here: `/%2F%2Fevil.test/"><script>?a"b`}))
	if want := `<li><a href="/%2F%2Fevil.test/&#34;&gt;&lt;script&gt;?a%22b=&amp;ui_locales=en" lang="en" hreflang="en" dir="ltr">English</a></li>`; !strings.HasPrefix(items, want) {
		t.Errorf("links are %s, want %s", items, want)
	}
}

func TestOneCountryIsChosen(t *testing.T) {
	r := mustRenderer(t)
	german := r.catalog.Choose("de")
	plain := string(r.countryElements(german, ""))
	if n := strings.Count(plain, "<option"); n != 250 || strings.Contains(plain, "selected") {
		t.Fatalf("%d countries: %s", n, plain)
	}
	want := strings.Replace(plain, `<option value="NO">Norwegen<`, `<option value="NO" selected>Norwegen<`, 1)
	if got := string(r.countryElements(german, "NO")); got != want || got == plain {
		t.Errorf("Norway is not chosen in %s", got)
	}
	for _, none := range []string{"no", "XX", "N", `"`, `NO"`, `"><script>`} {
		if got := string(r.countryElements(german, none)); got != plain {
			t.Errorf("%q changes the list", none)
		}
	}
}

func TestTimesAreReadByPeopleAndMachines(t *testing.T) {
	r := mustRenderer(t)
	funcs := r.funcs(r.catalog.Choose("fr"))
	at := time.Date(2026, time.May, 28, 20, 26, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"date":     `<time datetime="2026-05-28">28 mai 2026</time>`,
		"datetime": `<time datetime="2026-05-28T20:26:00Z">28 mai 2026, 20:26 UTC</time>`,
	} {
		say, ok := funcs[name].(func(time.Time) template.HTML)
		if !ok {
			t.Fatalf("%s is %T", name, funcs[name])
		}
		if got := string(say(at)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
