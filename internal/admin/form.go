// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxDepth bounds how deep an input nests, which costs stack; ours nest three
	// levels.
	maxDepth = 8

	// maxItems bounds the lists of a form, which a number in a field's name makes.
	maxItems = 100
)

// strict refuses input that names a member twice, in whatever case, one that the
// type does not have, and text that is none.
func strict(input []byte, t reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(input))
	d.UseNumber()
	if !utf8.Valid(input) || bytes.ContainsRune(input, utf8.RuneError) || bytes.Contains(input, []byte(`\u0000`)) {
		return invalid("", "the input holds what is no text")
	}
	if err := strictValue(d, t, "", 0); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return invalid("", "the input is more than one JSON object")
	}
	return nil
}

func strictValue(d *json.Decoder, t reflect.Type, at string, depth int) error {
	token, err := d.Token()
	if err != nil {
		return invalid("", "the input is not JSON")
	}
	if depth > maxDepth {
		return invalid(at, "nests too deeply")
	}
	if depth == 0 && token != json.Delim('{') {
		return invalid("", "the input is not a JSON object")
	}
	if text, is := token.(string); is && noText(text) { // written as an escape
		return invalid(at, "holds what is no text")
	}
	switch token {
	case json.Delim('{'):
		return strictObject(d, t, at, depth)
	case json.Delim('['):
		for i := 0; d.More(); i++ {
			if err := strictValue(d, elem(t), fmt.Sprintf("%s.%d", at, i), depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	if err != nil {
		return invalid("", "the input is not JSON")
	}
	return strictText(token, t, at)
}

// strictText judges a text whose type reads more than texts, while it is known which
// member it is.
func strictText(token json.Token, t reflect.Type, at string) error {
	text, is := token.(string)
	if t = direct(t); !is || t == nil {
		return nil
	}
	reader, reads := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	if !reads {
		return nil
	}
	var wrong *InvalidError
	if err := reader.UnmarshalText([]byte(text)); errors.As(err, &wrong) {
		return &InvalidError{at, wrong.Sentence}
	}
	return nil
}

func strictObject(d *json.Decoder, t reflect.Type, at string, depth int) error {
	fields, seen := members(t), map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, _ := token.(string)
		if err != nil {
			return invalid("", "the input is not JSON")
		}
		inside := strings.TrimPrefix(at+"."+name, ".")
		known, ok := fields[name]
		if !ok || seen[name] {
			return invalid(inside, "is not something that can be set here")
		}
		seen[name] = true
		if err := strictValue(d, known, inside, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return invalid("", "the input is not JSON")
	}
	return nil
}

// noText tells whether something is no UTF-8, stands for what was none, or holds a
// NUL.
func noText(s string) bool { return !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\ufffd") }

// members returns the types of a struct's members by their JSON names.
func members(t reflect.Type) map[string]reflect.Type {
	if t = direct(t); t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	all := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" && f.IsExported() {
			all[name] = f.Type
		}
	}
	return all
}

func direct(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// elem returns the type of a list's items, or nil for what is no list.
func elem(t reflect.Type) reflect.Type {
	if t = direct(t); t != nil && t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return nil
}

// FromForm returns the input of an act that a form, or a query, has the fields of:
// "name", and "fields.0.key" for what is inside a list. What is empty is left out, and a
// checkbox is true. Errors: *InvalidError.
func (a *Act) FromForm(values url.Values) ([]byte, error) {
	tree := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := plant(tree, a.in, name, name, values[name]); err != nil {
			return nil, err
		}
	}
	return json.Marshal(lists(tree))
}

// plant puts a field's values where its name says.
func plant(tree map[string]any, t reflect.Type, whole, name string, given []string) error {
	head, rest, deeper := strings.Cut(name, ".")
	kind, ok := members(t)[head]
	if t = direct(t); t != nil && t.Kind() == reflect.Slice {
		i, err := strconv.Atoi(head)
		if err != nil || i < 0 || i >= maxItems || strconv.Itoa(i) != head {
			return invalid(whole, "is not something that can be set here")
		}
		kind, ok = t.Elem(), true
	}
	if !ok {
		return invalid(whole, "is not something that can be set here")
	}
	if deeper {
		if tree[head] == nil {
			tree[head] = map[string]any{}
		}
		branch, is := tree[head].(map[string]any)
		if !is {
			return invalid(whole, "is given more than once")
		}
		return plant(branch, kind, whole, rest, given)
	}
	value, err := leaf(direct(kind), whole, given)
	if err == nil && value != nil {
		tree[head] = value
	}
	return err
}

// leaf reads the values of a field; nil is none.
func leaf(t reflect.Type, name string, given []string) (any, error) {
	if slices.ContainsFunc(given, noText) {
		return nil, invalid(name, "holds what is no text")
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String {
		return lines(given), nil
	}
	if len(given) != 1 {
		return nil, invalid(name, "is given more than once")
	}
	text := strings.ReplaceAll(given[0], "\r\n", "\n")
	switch {
	case text == "" && t.Kind() != reflect.String:
		return nil, nil
	case t.Kind() == reflect.Bool:
		if text != "on" && text != "true" && text != "false" {
			return nil, invalid(name, "is neither true nor false")
		}
		return text != "false", nil
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return nil, invalid(name, "is not a whole number")
		}
		return json.Number(text), nil
	}
	return text, nil
}

// lines returns the values of a list of texts: one for each field, or for each line
// of a field.
func lines(given []string) []string {
	list := []string{}
	for _, g := range given {
		for line := range strings.Lines(g) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
	}
	return list
}

// lists turns what has numbers for names into lists; gaps close.
func lists(tree map[string]any) any {
	numbers := []int{}
	for k, v := range tree {
		if branch, ok := v.(map[string]any); ok {
			tree[k] = lists(branch)
		}
		if n, err := strconv.Atoi(k); err == nil {
			numbers = append(numbers, n)
		}
	}
	if len(tree) == 0 || len(numbers) < len(tree) {
		return tree
	}
	slices.Sort(numbers)
	list := make([]any, len(numbers))
	for i, n := range numbers {
		list[i] = tree[strconv.Itoa(n)]
	}
	return list
}

// Day is a day, written 2026-01-31; "" is none. It begins at midnight UTC.
type Day struct{ time.Time }

// UnmarshalText reads a day.
func (d *Day) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		d.Time = time.Time{}
		return nil
	}
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return invalid("", "%q is not a day; write one such as 2026-01-31", b)
	}
	d.Time = t
	return nil
}

// UnmarshalJSON and MarshalJSON take the place of those of time.Time.
func (d *Day) UnmarshalJSON(b []byte) error { return fromJSON(b, d.UnmarshalText) }
func (d Day) MarshalJSON() ([]byte, error)  { return toJSON(d.MarshalText) }

// MarshalText writes a day.
func (d Day) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.Format(time.DateOnly)), nil
}

// next returns the start of the day after, or the zero time for no day.
func (d Day) next() time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return d.AddDate(0, 0, 1)
}

// Moment is a time, written as a day or as RFC 3339 has it; "" is none.
type Moment struct{ time.Time }

// UnmarshalText reads a moment.
func (m *Moment) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		m.Time = time.Time{}
		return nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", time.RFC3339} {
		t, err := time.Parse(form, string(b))
		if t = t.UTC(); err == nil && t.Year() >= 1970 && t.Year() <= 2200 {
			m.Time = t
			return nil
		}
	}
	return invalid("", "%q is not a time; write a day such as 2026-01-31, or a time such as 2026-01-31T06:00:00Z", b)
}

// UnmarshalJSON and MarshalJSON take the place of those of time.Time.
func (m *Moment) UnmarshalJSON(b []byte) error { return fromJSON(b, m.UnmarshalText) }
func (m Moment) MarshalJSON() ([]byte, error)  { return toJSON(m.MarshalText) }

// MarshalText writes a moment.
func (m Moment) MarshalText() ([]byte, error) {
	if m.IsZero() {
		return nil, nil
	}
	return []byte(m.Format(time.RFC3339)), nil
}

// fromJSON reads a JSON string by what reads its text. Null is none.
func fromJSON(b []byte, read func([]byte) error) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	return read([]byte(text))
}

// toJSON writes a text as a JSON string.
func toJSON(write func() ([]byte, error)) ([]byte, error) {
	text, err := write()
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}
