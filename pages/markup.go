// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"html/template"
	"strconv"
	"strings"

	"github.com/usher-sso/usher/internal/i18n"
)

// What stands on every page, or many times on one, is written here: a template
// takes ten times as long for it.

// markup is HTML that is being written.
type markup struct {
	strings.Builder
	words *i18n.Language // of what it says by itself
}

func (m *markup) html() template.HTML { return template.HTML(m.String()) }

func (m *markup) text(s string) { m.WriteString(template.HTMLEscapeString(s)) }

// set adds an attribute; one without a value is as false as one that is not there.
func (m *markup) set(name, value string) {
	if value != "" {
		m.WriteString(" " + name + `="`)
		m.text(value)
		m.WriteString(`"`)
	}
}

// is adds an attribute that has no value.
func (m *markup) is(name string, so bool) {
	if so {
		m.WriteString(" " + name)
	}
}

// option adds one of the choices of a <select>.
func (m *markup) option(o Option) {
	m.WriteString(`<option value="`)
	m.text(o.Value)
	m.WriteString(`"`)
	m.set("lang", o.Language)
	m.set("dir", o.Dir)
	m.is("selected", o.Selected)
	m.WriteString(">")
	m.text(o.Text)
	m.WriteString("</option>\n")
}

// countries adds the countries as a <select> offers them, in the order of the
// language, with the one of a code chosen.
func (m *markup) countries(all, chosen string) {
	choice := ` value="` + chosen + `"`
	before, after, found := strings.Cut(all, choice)
	m.Grow(len(all) + 16)
	m.WriteString(before)
	if found {
		m.WriteString(choice + " selected")
		m.WriteString(after)
	}
}

// question returns a question with the field or the boxes for its answer. A
// template takes ten times as long, and a page has many.
func (r *Renderer) question(l *i18n.Language, q *Question) template.HTML {
	m := markup{words: l}
	m.Grow(512)
	if q.Boxes() {
		m.WriteString(`<fieldset class="consents">` + "\n<legend>")
		m.label(q)
		m.WriteString("</legend>\n")
		for i, o := range q.Options {
			m.box(q, q.OptionID(i), o)
		}
		m.fault(q)
		m.WriteString("</fieldset>\n")
		return m.html()
	}
	m.WriteString(`<div class="field`)
	m.invalid(q)
	m.WriteString(`">` + "\n<label")
	m.set("for", q.ID())
	m.WriteString(">")
	m.label(q)
	m.WriteString("</label>\n")
	if q.Kind == KindSelect || q.Kind == KindCountry {
		m.choice(q, r.countries[l])
	} else {
		m.input(q)
	}
	m.WriteString("\n")
	m.fault(q)
	m.WriteString("</div>\n")
	return m.html()
}

// label adds what a question asks.
func (m *markup) label(q *Question) {
	m.WriteString("<bdi>")
	m.text(q.Label)
	m.WriteString("</bdi>")
	if q.Required {
		m.WriteString(` <span class="tag">`)
		m.text(m.words.Text("consent.tag.required"))
		m.WriteString("</span>")
	}
}

// invalid adds the class of a question whose answer is wrong.
func (m *markup) invalid(q *Question) {
	if q.Error != "" {
		m.WriteString(" invalid")
	}
}

// faultID names what is wrong with the answer to a question; "" is nothing.
func (q *Question) faultID() string {
	if q.Error == "" {
		return ""
	}
	return "q-" + q.Name + "-error"
}

// fault adds what is wrong with an answer.
func (m *markup) fault(q *Question) {
	if q.Error == "" {
		return
	}
	m.WriteString(`<p class="field-error"`)
	m.set("id", q.faultID())
	m.WriteString(`><span class="visually-hidden">`)
	m.text(m.words.Text("form.error"))
	m.WriteString(" </span>")
	m.text(q.Error)
	m.WriteString("</p>\n")
}

// must adds the attributes of a field that tell what is asked of its answer.
func (m *markup) must(q *Question) {
	m.is("required", q.Required)
	m.is(`aria-invalid="true"`, q.Error != "")
	m.set("aria-describedby", q.faultID())
}

// box adds a box to tick.
func (m *markup) box(q *Question, id string, o Option) {
	m.WriteString(`<div class="choice`)
	m.invalid(q)
	m.WriteString(`">` + "\n" + `<input type="` + string(q.Kind) + `"`)
	m.set("id", id)
	m.set("name", q.Name)
	m.set("value", o.Value)
	m.is("checked", o.Selected)
	m.must(q)
	m.WriteString(">\n<label")
	m.set("for", id)
	m.WriteString("><bdi>")
	m.text(o.Text)
	m.WriteString("</bdi></label>\n</div>\n")
}

// input adds a field to write in.
func (m *markup) input(q *Question) {
	m.WriteString(`<input type="` + string(q.Kind) + `"`)
	m.set("id", q.ID())
	shown := q.Kind == KindEmail
	if !shown {
		m.set("name", q.Name)
	}
	m.WriteString(` value="`)
	m.text(q.Value)
	m.WriteString(`"`)
	if q.Kind == KindText {
		m.set("dir", "auto")
	} else {
		m.set("dir", "ltr")
	}
	if q.Longest > 0 && !shown {
		m.set("maxlength", strconv.Itoa(q.Longest))
	}
	m.set("min", q.Min)
	m.set("max", q.Max)
	m.set("autocomplete", q.Autocomplete)
	m.is("readonly", shown)
	m.must(q)
	m.WriteString(">")
}

// choice adds a list to choose from.
func (m *markup) choice(q *Question, countries func() string) {
	m.WriteString("<select")
	m.set("id", q.ID())
	m.set("name", q.Name)
	m.set("autocomplete", q.Autocomplete)
	m.must(q)
	m.WriteString(">\n")
	for _, o := range q.Options {
		m.option(o)
	}
	if q.Kind == KindCountry {
		m.option(Option{Text: m.words.Text("capture.choose"), Selected: q.Value == ""})
		m.countries(countries(), q.Value)
	}
	m.WriteString("</select>")
}

// countryElements returns the countries as a <select> offers them, with the one
// of a code chosen. A template would take a millisecond for them.
func (r *Renderer) countryElements(l *i18n.Language, chosen string) template.HTML {
	var m markup
	m.countries(r.countries[l](), chosen)
	return m.html()
}

// countryOptions returns the countries as a <select> offers them, none chosen.
func countryOptions(l *i18n.Language) string {
	var m markup
	for _, c := range l.Countries() {
		m.option(Option{Value: c.Code, Text: c.Name})
	}
	return m.String()
}

// optionElements returns what a <select> offers.
func optionElements(options []Option) template.HTML {
	var m markup
	for _, o := range options {
		m.option(o)
	}
	return m.html()
}

// menuItems returns the menu of the account as items of a list. It is on every
// page of it.
func menuItems(pages []AccountPage) template.HTML {
	var m markup
	m.Grow(len(pages) * 128)
	for _, p := range pages {
		m.WriteString(`<li><a href="`)
		m.text(webURL(p.URL))
		m.WriteString(`"`)
		m.is(`aria-current="page"`, p.Current)
		m.WriteString(">")
		m.text(p.Name)
		m.WriteString("</a></li>\n")
	}
	return m.html()
}

// consentBox returns the attributes of the box of a consent, whichever page it is
// on.
func consentBox(i int, c *Consent) template.HTMLAttr {
	var m markup
	m.set("id", consentID(i))
	m.set("name", c.Field())
	m.WriteString(` value="`)
	m.text(c.Version)
	m.WriteString(`"`)
	m.is("checked", c.Checked)
	return template.HTMLAttr(m.String()[1:])
}

// consentLabel returns what the box of a consent is for, with the link to its
// text.
func consentLabel(l *i18n.Language, c *Consent) template.HTML {
	var m markup
	m.Grow(256)
	m.WriteString("<bdi>")
	m.text(c.Before)
	switch url := webURL(c.LinkURL); {
	case c.LinkText == "":
	case url == "":
		m.text(c.LinkText)
	default:
		m.WriteString("<a")
		m.set("href", url)
		m.WriteString(` target="_blank" rel="noopener">`)
		m.text(c.LinkText)
		m.WriteString(`<span class="visually-hidden"> `)
		m.text(l.Text("form.newtab"))
		m.WriteString(`</span><span class="newtab" aria-hidden="true">&#8288;&#8599;&#65038;</span></a>`)
	}
	m.text(c.After)
	m.WriteString("</bdi>")
	return m.html()
}

// rowItems returns the account's pages as items of a list.
func rowItems(rows []AccountRow) template.HTML {
	var m markup
	m.Grow(len(rows) * 192)
	for _, row := range rows {
		m.WriteString(`<li><a href="`)
		m.text(webURL(row.URL))
		m.WriteString(`"><span class="what">`)
		m.text(row.Name)
		m.WriteString(`</span> <span class="says">`)
		for i, part := range row.Says {
			if i > 0 {
				m.WriteString(" · ")
			}
			m.WriteString("<bdi>")
			m.text(part)
			m.WriteString("</bdi>")
		}
		if row.Tag != "" {
			m.WriteString(` <span class="tag">`)
			m.text(row.Tag)
			m.WriteString("</span>")
		}
		m.WriteString("</span></a></li>\n")
	}
	return m.html()
}
