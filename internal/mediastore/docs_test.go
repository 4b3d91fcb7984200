// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
)

// inReference returns what an expression finds in the reference page, each
// once and sorted.
func inReference(t *testing.T, expression string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/api.md")
	must(t, err)
	var found []string
	for _, m := range regexp.MustCompile(expression).FindAllSubmatch(page, -1) {
		found = append(found, string(m[1]))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestReferenceHasEveryEndpointAndNoOther(t *testing.T) {
	want := slices.Sorted(maps.Keys(mustDescription(t).Operations()))
	if got := inReference(t, `(?m)^### ([A-Z]+ /.*)$`); !slices.Equal(got, want) {
		t.Errorf("docs/api.md has %q\nopenapi.json has %q", got, want)
	}
}

func TestReferenceHasEveryCodeAndNoOther(t *testing.T) {
	var d struct {
		Components struct {
			Schemas struct {
				Failure struct {
					Properties struct{ Code struct{ Enum []string } }
				}
			}
		}
	}
	file, err := os.ReadFile("openapi.json")
	must(t, err)
	must(t, json.Unmarshal(file, &d))
	want := slices.Sorted(slices.Values(d.Components.Schemas.Failure.Properties.Code.Enum))
	if got := inReference(t, "(?m)^\\| `([A-Z]+[0-9]{4})` \\|"); !slices.Equal(got, want) {
		t.Errorf("docs/api.md has %q\nopenapi.json has %q", got, want)
	}
}
