// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"slices"
	"strconv"
)

// FieldKind is what kind of control a field has.
type FieldKind string

// The kinds of fields. The words are those of HTML where it has them.
const (
	KindText     FieldKind = "text"
	KindEmail    FieldKind = "email"
	KindPassword FieldKind = "password"
	KindNumber   FieldKind = "number"
	KindDate     FieldKind = "date"
	KindTime     FieldKind = "datetime-local" // in UTC, as the page says
	KindSearch   FieldKind = "search"
	KindURL      FieldKind = "url"
	KindFile     FieldKind = "file"
	KindArea     FieldKind = "textarea"
	KindSelect   FieldKind = "select"
	KindRadio    FieldKind = "radio"    // one of Options
	KindChecks   FieldKind = "checks"   // any of Options
	KindCheckbox FieldKind = "checkbox" // Value is sent when it is ticked; "" sends "true"
	KindCode     FieldKind = "code"     // a code that is read off a device or a sheet
)

// Field is something to fill in.
type Field struct {
	Kind  FieldKind // "" is KindText
	Name  string    // of the form's value; unique in its form
	Label string
	Value string // as the member typed it
	Hint  string // what to know before filling it in
	Error string // what is wrong with Value

	Required bool
	Checked  bool // of KindCheckbox
	Options  []Option

	// Exact is what has to be typed, shown after the label; for confirmations.
	Exact string

	// ReadOnly says why the value cannot be changed here; "" says that it can. The
	// value is then shown and not sent.
	ReadOnly string

	Autocomplete string // of HTML; "" is off
	MaxLength    int    // in characters; 0 is no limit
	Min, Max     string // of numbers and dates
	Rows         int    // of KindArea; 0 is 4
	Accept       string // of KindFile: types of files

	form   string // set by the form, as is marked
	marked bool   // required, in a form where not everything is
}

// Marked tells whether the label says that the field is required. Where everything
// is, as on the sign-in page, saying so at each field says nothing.
func (f Field) Marked() bool { return f.marked && f.Required && f.Exact == "" }

// Option is one of the answers that a field offers.
type Option struct {
	Value, Text string
	Hint        string // of KindRadio and KindChecks
	Selected    bool
}

// ID returns the id of the field's control; of its first, where it has many.
func (f Field) ID() string {
	id := f.form + "-" + f.Name
	if f.Grouped() && len(f.Options) > 0 {
		return id + "-0"
	}
	return id
}

// OptionID returns the id of the control of an option.
func (f Field) OptionID(i int) string { return f.form + "-" + f.Name + "-" + strconv.Itoa(i) }

// Grouped tells whether the field is a group of controls with a legend.
func (f Field) Grouped() bool { return f.Kind == KindRadio || f.Kind == KindChecks }

// BoxType returns the type of each control of a group.
func (f Field) BoxType() string {
	if f.Kind == KindRadio {
		return "radio"
	}
	return "checkbox"
}

// Type returns the type of the field's input.
func (f Field) Type() string {
	switch f.Kind {
	case "", KindCode:
		return "text"
	}
	return string(f.Kind)
}

// RowCount returns how many lines a KindArea shows.
func (f Field) RowCount() int {
	if f.Rows > 0 {
		return f.Rows
	}
	return 4
}

// Sent returns the value that a ticked KindCheckbox sends.
func (f Field) Sent() string {
	if f.Value == "" {
		return "true"
	}
	return f.Value
}

// Picked returns the texts of the selected options, for fields that cannot be
// changed.
func (f Field) Picked() (texts []string) {
	for _, o := range f.Options {
		if o.Selected {
			texts = append(texts, o.Text)
		}
	}
	return texts
}

// DescribedBy returns the ids of what explains the field.
func (f Field) DescribedBy() string {
	ids := ""
	if f.Hint != "" {
		ids = f.form + "-" + f.Name + "-hint"
	}
	if f.Error != "" {
		ids += " " + f.form + "-" + f.Name + "-error"
	}
	if ids != "" && ids[0] == ' ' {
		ids = ids[1:]
	}
	return ids
}

// HintID returns the id of the hint.
func (f Field) HintID() string { return f.form + "-" + f.Name + "-hint" }

// ErrorID returns the id of the error.
func (f Field) ErrorID() string { return f.form + "-" + f.Name + "-error" }

// FieldSet is a part of a form with a heading of its own; without Legend its fields
// stand by themselves.
type FieldSet struct {
	Legend string
	Hint   string
	Fields []Field
	Folded bool // behind its legend, until somebody opens it or something in it is wrong
}

// Wrong tells whether a field was filled in wrongly.
func (s FieldSet) Wrong() bool {
	return slices.ContainsFunc(s.Fields, func(f Field) bool { return f.Error != "" })
}

// Form is a form that is sent by POST.
type Form struct {
	// ID begins the ids of its fields; it is unique on a page, and a word of
	// letters, digits and hyphens.
	ID string

	Action string // a path here
	Hidden []Pair
	Fields []Field
	Sets   []FieldSet // after Fields

	// Confirm is what the member has to type before a dangerous act, in the field
	// "confirm"; "" asks for nothing.
	Confirm      string
	ConfirmError string

	Submit string // the words on the button
	About  string // whom or what the button is for, where the page has many such; not shown
	Tone   Tone   // of the button
	Cancel Link   // back, without doing it; "" is none

	// Upload says that a field is a file.
	Upload bool
}

// Pair is a value that a form sends unseen.
type Pair struct{ Name, Value string }

// Bare tells whether the form is nothing but its button.
func (f *Form) Bare() bool {
	return len(f.Fields) == 0 && len(f.Sets) == 0 && f.Confirm == "" && f.Cancel.URL == ""
}

// Parts returns the form's fields in groups, each field knowing its form.
func (f *Form) Parts() []FieldSet {
	own := f.Fields
	if f.Confirm != "" {
		own = append(own[:len(own):len(own)], Field{
			Name: "confirm", Label: "To confirm, type", Exact: f.Confirm, Error: f.ConfirmError, Required: true,
		})
	}
	var sets []FieldSet
	if len(own) > 0 {
		sets = []FieldSet{{Fields: own}}
	}
	sets = append(sets, f.Sets...)
	mixed := false
	for i, s := range sets {
		sets[i].Fields = bound(f.ID, s.Fields)
		for _, field := range s.Fields {
			mixed = mixed || !field.Required && field.ReadOnly == ""
		}
	}
	for _, s := range sets {
		for i := range s.Fields {
			s.Fields[i].marked = mixed
		}
	}
	return sets
}

// bound returns the fields as a form has them.
func bound(form string, fields []Field) []Field {
	all := make([]Field, len(fields))
	for i, f := range fields {
		f.form = form
		all[i] = f
	}
	return all
}

// fault is an entry of the list of what is wrong.
type fault struct{ Target, Text string }

func (f *Form) faults() (list []fault) {
	for _, set := range f.Parts() {
		for _, field := range set.Fields {
			if field.Error != "" && field.ReadOnly == "" {
				list = append(list, fault{field.ID(), field.Error})
			}
		}
	}
	return list
}

// Filter is a form that is sent by GET and chooses what a list shows.
type Filter struct {
	ID     string // as of Form
	Action string
	Search *Field  // always shown; nil is none
	Fields []Field // shown when somebody opens them, and while one is in use
	Active int     // how many of Fields are in use
	Clear  string  // the address without any; shown while one is in use
}

// SearchField returns Search as the form has it.
func (f *Filter) SearchField() Field { return bound(f.ID, []Field{*f.Search})[0] }

// More returns Fields as the form has them.
func (f *Filter) More() []Field { return bound(f.ID, f.Fields) }

func (f *Filter) faults() (list []fault) {
	for _, field := range f.More() {
		if field.Error != "" {
			list = append(list, fault{field.ID(), field.Error})
		}
	}
	if f.Search != nil && f.Search.Error != "" {
		list = append(list, fault{f.SearchField().ID(), f.Search.Error})
	}
	return list
}
