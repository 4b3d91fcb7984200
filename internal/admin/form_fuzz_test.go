// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"testing"

	"github.com/usher-sso/usher/internal/admin"
)

// chosen returns an act by a number.
func chosen(n uint8) *admin.Act { return admin.Acts()[int(n)%len(admin.Acts())] }

// number returns the number of an act.
func number(t testing.TB, name string) uint8 {
	t.Helper()
	for i, act := range admin.Acts() {
		if act.Name == name {
			return uint8(i)
		}
	}
	t.Fatalf("no act %s", name)
	return 0
}

// readBack holds input to this: it is refused with a sentence, or what was read of
// it is written so that it reads the same.
func readBack(t *testing.T, act *admin.Act, input []byte) {
	t.Helper()
	read := func(input []byte) (string, error) {
		into := reflect.New(act.Input())
		if err := admin.Decode(input, into.Interface()); err != nil {
			return "", err
		}
		b, err := json.Marshal(into.Interface())
		if err != nil {
			t.Fatalf("%s took %q and cannot write it: %v", act.Name, input, err)
		}
		return string(b), nil
	}
	first, err := read(input)
	var invalid *admin.InvalidError
	if err != nil {
		if !errors.As(err, &invalid) || invalid.Sentence == "" {
			t.Fatalf("%s refuses %q without a sentence: %v", act.Name, input, err)
		}
		return
	}
	if second, err := read([]byte(first)); err != nil || second != first {
		t.Errorf("%s took %q, which is %s, and then %s, %v", act.Name, input, first, second, err)
	}
}

func FuzzFormIsReadOrRefused(f *testing.F) {
	for name, form := range map[string]string{
		"capture.save":    "revision=1&enabled=on&fields.0.key=custom_1&fields.0.choices=a%0D%0Ab&fields.7.key=email&fields.7.required=true",
		"settings.save":   "tokenLife=5m&sessionIdle=2562024h&offers=S200000001_NL%0AS200000001_DE&languages=de&languages=en",
		"customer.list":   "registeredFrom=2026-01-31&limit=10&unverified=false&search=",
		"consent.publish": "begins=1970-01-01T00:00:00%2B05:00&transitionUntil=2026-01-31",
		"consent.order":   "names=a&names.0=b&names.1=c",
		"brand.save":      "links.0.name=x&links.0.url=&links=x&links.99.name=y&links.0.x.y=1",
	} {
		f.Add(number(f, name), form)
	}
	f.Fuzz(func(t *testing.T, n uint8, form string) {
		values, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		input, err := chosen(n).FromForm(values)
		if err == nil {
			readBack(t, chosen(n), input)
			return
		}
		var invalid *admin.InvalidError
		if !errors.As(err, &invalid) || invalid.Sentence == "" {
			t.Errorf("%q is refused without a sentence: %v", form, err)
		}
	})
}

func FuzzInputIsReadOrRefused(f *testing.F) {
	for name, input := range map[string]string{
		"capture.save":    `{"revision": 1, "fields": [{"key": "email", "choices": null}, null]}`,
		"settings.save":   `{"sessionAbsolute": "2562024h", "tokenLife": null, "offers": ["x"]}`,
		"consent.publish": `{"begins": "1970-01-01T00:00:00+05:00", "transitionUntil": "2026-01-31T06:00:00.5Z"}`,
		"consent.save":    `{"name": "terms", "name": "terms", "texts": [[[{}]]]}`,
		"customer.list":   `{"registeredFrom": "2026-01-31", "limit": 1e2, "Limit": 1}`,
		"customer.verify": ``,
	} {
		f.Add(number(f, name), []byte(input))
	}
	f.Fuzz(func(t *testing.T, n uint8, input []byte) { readBack(t, chosen(n), input) })
}
