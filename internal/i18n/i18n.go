// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package i18n owns what viewers read in their own language: the messages of
// every page and mail, which language a viewer gets, and how dates are written.
// It refuses languages that are not complete: a test holds all catalogues to
// the same messages and placeholders.
package i18n

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/ar"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/fr"
	"github.com/go-playground/locales/nl"
	"github.com/go-playground/locales/pl"
	"github.com/go-playground/locales/pt"
	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

//go:embed catalog/*.json
var catalogs embed.FS

// Language is one language that viewers can read. Safe for concurrent use.
type Language struct {
	Tag language.Tag

	// Dir is the writing direction: ltr or rtl.
	Dir string

	// Name is the language's own name for itself as a label has it, such as
	// Deutsch or Français.
	Name string

	formats   locales.Translator
	texts     func() (*goi18n.Localizer, error) // made when first asked for:
	countries func() []Country                  // most sites speak a few languages
}

// Catalog is all languages. Make one with Load.
type Catalog struct {
	languages []*Language // English first
	matcher   language.Matcher

	known sync.Map // wish to *Language, nil for none
	knows atomic.Int64

	parts      sync.Map // list of tags to *Catalog; see Among
	partsKnown atomic.Int64
}

// parts are the files that a language's catalogue consists of.
var parts = []string{"brand", "pages", "steps", "account", "mail"}

// formats are the languages that there are, English first: it is the one for
// viewers whose languages we do not speak.
var formats = []locales.Translator{en.New(), de.New(), fr.New(), es.New(), pt.New(), pl.New(), nl.New(), ar.New()}

// Load returns the catalogues that are compiled in, the same to everybody.
func Load() (*Catalog, error) { return loaded() }

var loaded = sync.OnceValues(load)

func load() (*Catalog, error) {
	c := &Catalog{}
	var tags []language.Tag
	for _, f := range formats {
		tag, err := language.Parse(f.Locale())
		if err != nil {
			return nil, fmt.Errorf("reading the language %s: %w", f.Locale(), err)
		}
		tags = append(tags, tag)
		c.languages = append(c.languages, &Language{
			Tag: tag, Dir: direction(tag), Name: label(display.Self.Name(tag)), formats: f,
			texts:     sync.OnceValues(func() (*goi18n.Localizer, error) { return textsIn(tag) }),
			countries: sync.OnceValue(func() []Country { return countriesIn(tag) }),
		})
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// textsIn reads the catalogue of a language. They are compiled in, and tests read
// all of them.
func textsIn(tag language.Tag) (*goi18n.Localizer, error) {
	bundle := goi18n.NewBundle(tag)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	for _, part := range parts {
		if _, err := bundle.LoadMessageFileFS(catalogs, path.Join("catalog", part+"."+tag.String()+".json")); err != nil {
			return nil, fmt.Errorf("reading the %s of %s: %w", part, tag, err)
		}
	}
	return goi18n.NewLocalizer(bundle, tag.String()), nil
}

// direction returns the writing direction of a language.
func direction(t language.Tag) string {
	script, _ := t.Script()
	if slices.Contains([]string{"Arab", "Hebr"}, script.String()) {
		return "rtl"
	}
	return "ltr"
}

// label returns a name with the first letter large: many languages write their
// names small within a sentence.
func label(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}

// All returns the languages, English first.
func (c *Catalog) All() []*Language { return c.languages }

// Choose returns the language that suits a viewer best. Each wish is a list of
// tags in the form of an Accept-Language header (RFC 9110, section 12.5.4), or
// with blanks between them as ui_locales has it (OpenID Connect Core 1.0,
// section 3.1.2.1), or an account's one, such as de_AT; the first wish that
// names a language we speak, or one whose readers know ours, decides. English,
// if none does.
func (c *Catalog) Choose(wishes ...string) *Language {
	for _, wish := range wishes {
		if l := c.granted(wish); l != nil {
			return l
		}
	}
	return c.languages[0]
}

// maxKnown bounds how many wishes are remembered. Browsers' own are a few
// hundred; one that somebody makes up to fill the memory costs a kilobyte.
const maxKnown = 1000

// granted returns the language that a wish decides on, or nil. It remembers,
// because reading a wish takes a tenth of the time that a page takes.
func (c *Catalog) granted(wish string) *Language {
	if wish == "" || len(wish) > maxWish {
		return nil
	}
	if known, ok := c.known.Load(wish); ok {
		return known.(*Language)
	}
	var l *Language
	if _, i, confidence := c.matcher.Match(wanted(wish)...); confidence > language.No {
		l = c.languages[i]
	}
	if c.knows.Load() < maxKnown {
		c.knows.Add(1)
		c.known.Store(strings.Clone(wish), l)
	}
	return l
}

// maxWish bounds how much is read of one wish. A browser with a dozen languages
// sends about 150 bytes; more is an attempt to make us sort.
const maxWish = 512

// wanted returns the languages of a wish, most wanted first, those of equal
// weight in their order. What is no language or unwanted (q=0) is left out.
func wanted(wish string) []language.Tag {
	entries := strings.Split(wish, ",")
	if !strings.ContainsAny(wish, ",;") {
		entries = strings.Fields(wish)
	}
	type want struct {
		tag    language.Tag
		weight float32
	}
	var found []want
	for _, entry := range entries {
		// One entry at a time, because the parser gives up on the whole list at
		// the first language it does not know.
		tags, weights, err := language.ParseAcceptLanguage(strings.TrimSpace(entry))
		if err != nil || len(tags) != 1 || tags[0] == language.Und {
			continue
		}
		// Weights above 1 and "NaN" get through the parser.
		if weights[0] > 0 && weights[0] <= 1 {
			found = append(found, want{tags[0], weights[0]})
		}
	}
	slices.SortStableFunc(found, func(a, b want) int { return cmp.Compare(b.weight, a.weight) })
	tags := make([]language.Tag, len(found))
	for i, w := range found {
		tags[i] = w.tag
	}
	return tags
}

// Text returns a message as plain text. args are the names of its placeholders,
// each followed by its value. Which plural form it takes is said by the value
// of Count, if it has one. An id that is not in the catalogue returns itself;
// tests find those.
func (l *Language) Text(id string, args ...any) string {
	return l.text(id, args, func(v any) any { return v })
}

// HTML is Text for a page: values are escaped, and kept apart from the text
// around them where the writing direction differs. A value that is HTML already
// stays as it is, and so does Count. The message itself holds none: a test sees
// to that.
func (l *Language) HTML(id string, args ...any) template.HTML {
	return template.HTML(l.text(id, args, func(v any) any {
		switch v := v.(type) {
		case template.HTML:
			return string(v)
		case int:
			return v
		}
		return "<bdi>" + template.HTMLEscapeString(fmt.Sprint(v)) + "</bdi>"
	}))
}

func (l *Language) text(id string, args []any, form func(any) any) string {
	config := goi18n.LocalizeConfig{MessageID: id, TemplateParser: filler{}}
	if len(args) > 0 {
		given := make(values, len(args))
		for i := 0; i+1 < len(args); i += 2 {
			given[i], given[i+1] = args[i], form(args[i+1])
			if args[i] == "Count" {
				config.PluralCount = args[i+1]
			}
		}
		config.TemplateData = given
	}
	texts, err := l.texts()
	if err != nil {
		return id
	}
	text, err := texts.Localize(&config)
	if err != nil {
		return cmp.Or(text, id)
	}
	return text
}

// Date returns the day of t in UTC, as in "May 17, 2026".
func (l *Language) Date(t time.Time) string { return l.formats.FmtDateLong(t.UTC()) }

// DateTime returns the day and minute of t in UTC, and says so.
func (l *Language) DateTime(t time.Time) string {
	t = t.UTC()
	return l.formats.FmtDateLong(t) + ", " + l.formats.FmtTimeShort(t) + " UTC"
}
