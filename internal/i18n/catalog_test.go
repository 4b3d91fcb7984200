// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package i18n

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template/parse"
)

// message is one entry of a catalogue: a text for each plural form, the only
// one under "other" when there are none.
type message map[string]string

func (m *message) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*m = message{"other": text}
		return nil
	}
	return json.Unmarshal(b, (*map[string]string)(m))
}

// plurals are the forms of whole numbers, by language (CLDR). French, Spanish
// and Portuguese have one for millions.
var plurals = map[string]string{
	"en": "one other", "de": "one other", "nl": "one other",
	"fr": "many one other", "es": "many one other", "pt": "many one other",
	"pl": "few many one other",
	"ar": "few many one other two zero",
}

func mustCatalog(t *testing.T, part, language string) (map[string]message, []byte) {
	t.Helper()
	content, err := catalogs.ReadFile(path.Join("catalog", part+"."+language+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var messages map[string]message
	if err := json.Unmarshal(content, &messages); err != nil {
		t.Fatalf("%s.%s: %v", part, language, err)
	}
	return messages, content
}

// placeholders returns the names in a text's placeholders.
func placeholders(text string) ([]string, error) {
	trees, err := parse.Parse("text", text, "", "", nil)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for _, node := range trees["text"].Root.Nodes {
		switch node := node.(type) {
		case *parse.TextNode:
		case *parse.ActionNode:
			if !placeholder.MatchString(node.String()) {
				return nil, fmt.Errorf("%s is more than a placeholder", node)
			}
			names[placeholder.FindStringSubmatch(node.String())[1]] = true
		default:
			return nil, fmt.Errorf("%s is more than a placeholder", node)
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

var placeholder = regexp.MustCompile(`^\{\{\.([A-Z][A-Za-z]*)\}\}$`)

func TestCataloguesHaveTheSameMessagesAndPlaceholders(t *testing.T) {
	for _, part := range parts {
		english, _ := mustCatalog(t, part, "en")
		for language, forms := range plurals {
			translated, _ := mustCatalog(t, part, language)
			for id := range translated {
				if english[id] == nil {
					t.Errorf("%s.%s: %s is not in English", part, language, id)
				}
			}
			for id, original := range english {
				if translated[id] == nil {
					t.Errorf("%s.%s: %s is missing", part, language, id)
					continue
				}
				if err := sameShape(original, translated[id], forms); err != nil {
					t.Errorf("%s.%s: %s: %v", part, language, id, err)
				}
			}
		}
	}
}

// sameShape tells how a translation differs from the original in more than its
// words.
func sameShape(original, translated message, forms string) error {
	want, err := placeholders(original["other"])
	if err != nil {
		return err
	}
	has := strings.Join(slices.Sorted(maps.Keys(translated)), " ")
	if len(original) == 1 {
		forms = "other"
	}
	if has != forms {
		return fmt.Errorf("has the forms %s, want %s", has, forms)
	}
	for form, text := range translated {
		got, err := placeholders(text)
		if err != nil {
			return err
		}
		// "in a minute" needs no number.
		if form != "other" && !slices.Contains(got, "Count") {
			got = slices.Sorted(slices.Values(append(got, "Count")))
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("the form %s has the placeholders %v, want %v", form, got, want)
		}
	}
	return nil
}

func TestEveryLanguageHasPluralForms(t *testing.T) {
	for _, l := range mustLoad(t).All() {
		if plurals[l.Tag.String()] == "" {
			t.Errorf("%s: its plural forms are not known, so nothing checks its catalogue", l.Tag)
		}
	}
}

func TestMessagesArePlainAndInOnePart(t *testing.T) {
	for language := range plurals {
		in := make(map[string]string)
		for _, part := range parts {
			messages, _ := mustCatalog(t, part, language)
			for id, m := range messages {
				if in[id] != "" {
					t.Errorf("%s: %s is in %s and in %s", language, id, in[id], part)
				}
				in[id] = part
				for _, text := range m {
					// HTML comes in by placeholders only, so that a page can
					// show a message as it is.
					if strings.ContainsAny(text, "<>&") || strings.TrimSpace(text) != text || text == "" {
						t.Errorf("%s.%s: %s is %q", part, language, id, text)
					}
				}
			}
		}
	}
}

func TestCataloguesAreSortedAndFormatted(t *testing.T) {
	for _, part := range parts {
		for language := range plurals {
			_, content := mustCatalog(t, part, language)
			var sorted map[string]any
			if err := json.Unmarshal(content, &sorted); err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			e := json.NewEncoder(&want)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(sorted); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content, want.Bytes()) {
				t.Errorf("%s.%s: not sorted by id, an id is there twice, or not indented by two blanks", part, language)
			}
		}
	}
}
