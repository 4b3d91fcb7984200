// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/i18n"
)

// What templates can say, and in which language a page is.

// funcs are what templates call, for the pages of one language:
//
//	{{t "login.lead" "Site" .SiteName}}    a message as HTML, its values escaped and in <bdi>
//	{{text "welcome.heading" "Site" .X}}   the same as plain text, for titles and attributes
//	{{strong .SiteName}}                   a value for t that stands out
//	{{date .X}}, {{datetime .X}}           a day, and a day and minute, as <time>; also values for t
//	{{lang}}, {{dir}}                      the language's tag and its direction, for <html>
//	{{gone .}}                             a picture of an origin in .Chrome.Gone
//	{{head .Chrome}}                       the links to style sheets, script and icon
//	{{menu .Pages}}                        the menu of the account, as items of a list
//	{{consentBox $i $c}}                   the attributes of a Consent's box, by its place
//	{{consentLabel $c}}                    what a Consent's box is for
//	{{rows .Rows}}                         the account's pages with what each is about, as items of a list
//	{{options .Options}}                   what a <select> offers
//	{{countries .Country}}                 the same for the countries, with one chosen by its code
//	{{question .}}                         a Question with the field or boxes for its answer
func (r *Renderer) funcs(l *i18n.Language) template.FuncMap {
	return template.FuncMap{
		"asset":        r.assets.address,
		"consentBox":   consentBox,
		"consentID":    consentID,
		"consentLabel": func(c *Consent) template.HTML { return consentLabel(l, c) },
		"countries":    func(chosen string) template.HTML { return r.countryElements(l, chosen) },
		"date":         func(t time.Time) template.HTML { return moment(t, time.DateOnly, l.Date(t)) },
		"datetime":     func(t time.Time) template.HTML { return moment(t, time.RFC3339, l.DateTime(t)) },
		"dir":          func() string { return l.Dir },
		"faults":       func(v interface{ faults() []fault }) []fault { return v.faults() },
		"gone":         gone,
		"head":         r.head,
		"lang":         func() string { return l.Tag.String() },
		"languages":    r.languageItems,
		"menu":         menuItems,
		"options":      optionElements,
		"question":     func(q *Question) template.HTML { return r.question(l, q) },
		"rows":         rowItems,
		"sessionID":    sessionID,
		"strong":       strong,
		"t":            l.HTML,
		"text":         l.Text,
		"webURL":       webURL,
	}
}

// moment returns a time as people read it and as machines do.
func moment(t time.Time, layout, said string) template.HTML {
	return template.HTML(`<time datetime="` + t.UTC().Format(layout) + `">` + template.HTMLEscapeString(said) + "</time>")
}

// strong returns a value that stands out from its sentence.
func strong(value string) template.HTML {
	return template.HTML("<strong><bdi>" + template.HTMLEscapeString(value) + "</bdi></strong>")
}

// gone returns the address of the picture that makes the browser forget what it
// kept of an origin.
func gone(origin string) string {
	if origin == "" {
		return GonePath
	}
	return origin + gate.ReservedPrefix + gate.GonePath
}

// head returns the elements that load the style sheets, the script and the icon.
// They are on every page, and a template takes ten times as long for them.
func (r *Renderer) head(c Chrome) template.HTML {
	at := template.HTMLEscapeString(c.AssetsPath)
	own := func(name string) string { return at + r.assets.addresses[name] }
	icon, brand := own("favicon.svg"), ""
	if c.Face.Favicon != "" {
		icon = at + c.Face.Favicon
	}
	if c.Face.Style != "" {
		brand = `<link rel="stylesheet" href="` + at + c.Face.Style + "\">\n"
	}
	return template.HTML(`<link rel="icon" href="` + icon + "\">\n" +
		`<link rel="stylesheet" href="` + own("style.css") + "\">\n" + brand +
		`<script src="` + own("usher.js") + "\" defer></script>\n")
}

// tongue is a language as an item of a list, without what comes before it and
// differs: the address of the page.
type tongue struct{ after, afterCurrent string }

func newTongue(l *i18n.Language) tongue {
	tag := l.Tag.String()
	name := ">" + template.HTMLEscapeString(l.Name) + "</a></li>\n"
	after := "ui_locales=" + tag + `" lang="` + tag + `" hreflang="` + tag + `" dir="` + l.Dir + `"`
	return tongue{after + name, after + ` aria-current="true"` + name}
}

// languageItems returns the items of a list that leads to the page in each
// language, none when the page has no address of its own. A template would take
// as long for them as for all the rest of a page.
func (r *Renderer) languageItems(c *Chrome) template.HTML {
	// The path stays as it was written: written anew it may begin with //, which
	// leads to another host, as /\ does.
	path, query, _ := strings.Cut(c.Here, "?")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return ""
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	q.Del("ui_locales")
	path += "?"
	if len(q) > 0 {
		path += q.Encode() + "&"
	}
	path = template.HTMLEscapeString(path)
	var items strings.Builder
	items.Grow(len(r.tongues) * (len(path) + 128))
	for i, l := range r.catalog.All() {
		after := r.tongues[i].after
		if l == c.Language {
			after = r.tongues[i].afterCurrent
		}
		items.WriteString(`<li><a href="`)
		items.WriteString(path)
		items.WriteString(after)
	}
	return template.HTML(items.String())
}

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

// language returns the language for a visitor: what the address asks for, else
// that of the account, else what the browser prefers.
func (r *Renderer) language(req *http.Request, uiLocales, account string) *i18n.Language {
	return r.catalog.Choose(uiLocales, account, strings.Join(req.Header.Values("Accept-Language"), ","))
}

// webURL returns s when a viewer may be sent there by a click, and "" for every
// scheme but http and https: html/template would leave a link in place that
// leads nowhere, and a link that is none is better shown as text.
func webURL(s string) string {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return s
}
