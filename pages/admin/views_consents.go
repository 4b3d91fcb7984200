// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/url"
	"slices"
	"strconv"

	acts "github.com/usher-sso/usher/internal/admin"
)

// Consents is the list of what a publisher asks its customers to agree to.
type Consents struct {
	Chrome
	List acts.ConsentList
	Tags []string // languages that texts can be in, the default first
}

func (v *Consents) compose() content {
	c := content{
		Heading: "Consents", Lead: "What customers are asked to agree to, in the order in which they are asked.",
		Main: []Section{{ID: "list", Heading: "All consents", Table: v.table()}},
	}
	if s := v.numbers(); s.Shares != nil {
		c.Main = append(c.Main, s)
	}
	if v.may("consent.order") && len(v.List.Order) > 1 {
		c.Main = append(c.Main, v.order())
	}
	if v.may("consent.exportEvidence") {
		c.Main = append(c.Main, v.evidence())
	}
	if v.may("consent.save") {
		c.Links = []Link{{"Add a consent", "#new"}}
		c.Main = append(c.Main, v.newConsent())
	}
	return c
}

func (v *Consents) table() *Table {
	t := &Table{
		Caption: "Consents", Empty: "No consent is asked for. Write one, look at it, and publish it.",
		Columns: []Column{{Label: "Consent"}, {Label: "Text"}, {Label: "Version"}, {Label: "Not in force yet"}},
	}
	for _, one := range v.List.Consents {
		name := Cell{Text: one.Name, URL: v.Path("consents/" + url.PathEscape(one.Name))}
		if one.Required {
			name.Badges = append(name.Badges, Badge{"Required", ToneAccent})
		}
		if one.Declared {
			name.Badges = append(name.Badges, Badge{Text: "Configuration file"})
		} else {
			name.Badges = append(name.Badges, Badge{Text: kindName(one.Kind)})
		}
		version := Cell{Text: one.Version}
		if !one.Asked {
			version = Cell{Badges: []Badge{{"Not asked", ToneWarn}}}
		}
		t.Rows = append(t.Rows, Row{[]Cell{name, {Text: plain(one.Label)}, version, {Badges: waiting(one)}}})
	}
	return t
}

// waiting tells of the versions of a consent that are not in force yet.
func waiting(c acts.ConsentSummary) (list []Badge) {
	if c.Drafts > 0 {
		list = append(list, Badge{counted(c.Drafts, "draft"), ""})
	}
	if c.Coming > 0 {
		list = append(list, Badge{counted(c.Coming, "version") + " scheduled", ToneAccent})
	}
	return list
}

// counted returns a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// kindName returns what a kind of consent is called.
func kindName(kind string) string {
	switch kind {
	case "terms":
		return "Terms of use"
	case "privacy":
		return "Privacy"
	case "marketing":
		return "Marketing"
	case "custom", "":
		return "Other"
	}
	return kind
}

func (v *Consents) numbers() Section {
	s := Section{ID: "numbers", Heading: "Answers", Lead: "How many customers have answered the version that is asked for now."}
	for _, one := range v.List.Consents {
		if !one.Asked {
			continue
		}
		row := ShareRow{Label: one.Name + ", version " + one.Version, Parts: []Share{
			{Name: "Accepted", Count: one.Numbers.Accepted}, {Name: "Declined", Count: one.Numbers.Declined},
			{Name: "Answered an earlier version", Count: one.Numbers.Earlier}, {Name: "Not answered", Count: one.Numbers.Missing, Rest: true},
		}}
		if s.Shares == nil {
			s.Shares = &Shares{Title: "Answers"}
		}
		s.Shares.Rows = append(s.Shares.Rows, row)
	}
	return s
}

// order offers to move each consent one place up.
func (v *Consents) order() Section {
	t := &Table{Caption: "Order of consents", Columns: []Column{{Label: "Place", Number: true}, {Label: "Consent"}, {}}}
	for i, name := range v.List.Order {
		act := Cell{Absent: "First"}
		if i > 0 {
			moved := slices.Clone(v.List.Order)
			moved[i-1], moved[i] = moved[i], moved[i-1]
			f := &Form{
				ID: "up-" + strconv.Itoa(i), Action: v.to("consent.order"), Submit: "Move up", About: name,
				Hidden: []Pair{{"revision", strconv.FormatInt(v.List.Revision, 10)}},
			}
			for _, n := range moved {
				f.Hidden = append(f.Hidden, Pair{"names", n})
			}
			act = Cell{Form: f}
		}
		t.Rows = append(t.Rows, Row{[]Cell{{Text: strconv.Itoa(i + 1)}, {Text: name}, act}})
	}
	return Section{
		ID: "order", Heading: "Order", Table: t,
		Lead: "Those of the configuration file are asked first, in its order; then these.",
	}
}

func (v *Consents) evidence() Section {
	return Section{
		ID: "evidence", Heading: "Evidence",
		Lead: "Every answer is kept: who, to which version and text, when and from where. Each record holds the digest of the one before it, so that " +
			"nothing can be changed or left out unnoticed. Whoever gets the file can check that with the command “usher evidence verify”.",
		Forms: []Form{{ID: "evidence-form", Action: v.to("consent.exportEvidence"), Submit: "Export the evidence"}},
	}
}

func (v *Consents) newConsent() Section {
	f := v.textForm("new-form", acts.VersionView{}, v.Tags)
	kinds := []Option{}
	for _, k := range acts.Kinds {
		kinds = append(kinds, Option{Value: k, Text: kindName(k)})
	}
	f.Fields = append([]Field{
		{Name: "name", Label: "Name", Required: true, MaxLength: 64,
			Hint: "Small letters, digits and underscores, such as broadcaster_terms. Apps and evidence call it so, for good."},
		{Kind: KindSelect, Name: "kind", Label: "Kind", Options: kinds},
		{Name: "version", Label: "Version", Value: "1", Required: true, MaxLength: 32, Hint: "Letters, digits, dots and dashes, such as 1 or 2026-01."},
	}, f.Fields...)
	f.Submit = "Save the draft"
	return Section{
		ID: "new", Heading: "Add a consent", Forms: []Form{f},
		Lead: "It starts as a draft that nobody is asked for. Publish it when you have looked at it.",
	}
}

// textForm returns the form of the text of a version, filled in with what another one
// says.
func (c *Chrome) textForm(id string, from acts.VersionView, tags []string) Form {
	f := Form{
		ID: id, Action: c.to("consent.save"), Tone: ToneAccent,
		Fields: []Field{
			{Kind: KindArea, Name: "label", Label: "What the customer agrees to", Value: from.Label, Required: true, MaxLength: 1000, Rows: 3,
				Hint: "Stands beside the box. One link may be written [text](https://…)."},
			{Kind: KindArea, Name: "value", Label: "Full text", Value: from.Value, MaxLength: 6000,
				Hint: "Its address, or the text itself. The evidence holds what stands here."},
			{Kind: KindCheckbox, Name: "required", Label: "Required", Checked: from.Required,
				Hint: "Who has not accepted it gets no further than the page that asks for it."},
			{Kind: KindCheckbox, Name: "enabledByDefault", Label: "Ticked from the start", Checked: from.EnabledByDefault,
				Hint: "In many countries consent given by a box that was ticked already does not count."},
		},
	}
	for i, tag := range textTags(from, tags) {
		at := "texts." + strconv.Itoa(i) + "."
		var text acts.TextInput
		for _, t := range from.Texts {
			if t.Language == tag {
				text = t
			}
		}
		f.Hidden = append(f.Hidden, Pair{at + "language", tag})
		f.Sets = append(f.Sets, FieldSet{Legend: languageName(tag) + written(text), Folded: true, Fields: []Field{
			{Kind: KindArea, Name: at + "label", Label: "What the customer agrees to: " + languageName(tag), Value: text.Label, MaxLength: 1000, Rows: 3},
			{Kind: KindArea, Name: at + "value", Label: "Full text: " + languageName(tag), Value: text.Value, MaxLength: 6000},
		}})
	}
	return f
}

// written tells whether there is a text in a language, after its name.
func written(t acts.TextInput) string {
	if t.Label == "" && t.Value == "" {
		return ""
	}
	return ", written"
}

// textTags returns the languages that a form has texts for: all but the default one,
// unless there is a text in it.
func textTags(from acts.VersionView, tags []string) (list []string) {
	for i, tag := range tags {
		written := slices.ContainsFunc(from.Texts, func(t acts.TextInput) bool { return t.Language == tag })
		if i > 0 || written {
			list = append(list, tag)
		}
	}
	return list
}
