// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Refused is a form that was sent and not taken.
type Refused struct {
	Action   string     // where it was sent
	Values   url.Values // what was sent
	Field    string     // the name of what is wrong; "" is the whole
	Sentence string     // what is wrong, which may go on from the field's label: "is not a day"
}

// refill puts what was sent into the form that it was sent by, and says there what is
// wrong. It tells whether it found the field.
func (c *content) refill(r *Refused) (found bool) {
	if f := c.Filter; f != nil && f.Action == r.Action {
		if f.Search != nil {
			search := []Field{*f.Search}
			found = r.into(search)
			f.Search = &search[0]
		}
		return r.into(f.Fields) || found
	}
	for _, sections := range [][]Section{c.Main, c.Side, c.Grid} {
		at, there := r.inSections(sections)
		if at {
			return there
		}
	}
	return false
}

// inSections looks for the form in sections, and tells whether it is there, and has
// the field.
func (r *Refused) inSections(sections []Section) (at, found bool) {
	for i := range sections {
		s := &sections[i]
		for j := range s.Forms {
			if r.by(&s.Forms[j]) {
				return true, r.intoForm(&s.Forms[j])
			}
		}
		for j := range s.Acts {
			if r.by(&s.Acts[j].Form) {
				return true, r.intoForm(&s.Acts[j].Form)
			}
		}
		for j := range s.Details {
			if at, found := r.inSections(s.Details[j : j+1]); at {
				s.Details[j].Open = true
				return true, found
			}
		}
	}
	return false, false
}

// by tells whether it was sent by a form: one with the same address and the same
// hidden values, which tell apart those of several rows.
func (r *Refused) by(f *Form) bool {
	if f.Action != r.Action {
		return false
	}
	for _, p := range f.Hidden {
		if p.Name != "revision" && !slices.Contains(r.Values[p.Name], p.Value) {
			return false
		}
	}
	return true
}

func (r *Refused) intoForm(f *Form) bool {
	found := r.into(f.Fields)
	for i := range f.Sets {
		found = r.into(f.Sets[i].Fields) || found
	}
	if f.Confirm != "" && r.Field == "confirm" {
		f.ConfirmError, found = sentence("", r.Sentence), true
	}
	return found
}

// into fills in fields.
func (r *Refused) into(fields []Field) (found bool) {
	for i := range fields {
		f := &fields[i]
		if f.ReadOnly != "" {
			continue
		}
		refillField(f, r.Values)
		if f.Name == r.Field {
			f.Error, found = sentence(f.Label, r.Sentence), true
		}
	}
	return found
}

// refillField puts values that were sent into their field.
func refillField(f *Field, values url.Values) {
	switch f.Kind {
	case KindPassword, KindFile, KindCode:
	case KindCheckbox:
		f.Checked = slices.Contains(values[f.Name], f.Sent())
	case KindSelect, KindRadio, KindChecks:
		for i := range f.Options {
			f.Options[i].Selected = slices.Contains(values[f.Name], f.Options[i].Value) && f.Options[i].Value != ""
		}
	default:
		f.Value = values.Get(f.Name)
	}
}

// verbs begin a sentence that goes on from a field's label.
var verbs = []string{"is", "are", "has", "have", "must", "says", "nests"}

// sentence returns what is wrong with a field as a whole sentence.
func sentence(label, says string) string {
	if first, _, _ := strings.Cut(says, " "); slices.Contains(verbs, first) {
		if label == "" {
			label = "What was sent"
		}
		says = label + " " + says
	}
	first, size := utf8.DecodeRuneInString(says)
	says = string(unicode.ToUpper(first)) + says[size:]
	if !strings.HasSuffix(says, ".") {
		says += "."
	}
	return says
}

// clause returns a sentence as it stands after "to".
func clause(sentence string) string {
	first, size := utf8.DecodeRuneInString(sentence)
	return string(unicode.ToLower(first)) + sentence[size:]
}
