// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"encoding/base64"
	"html/template"
	"strings"
	"time"
)

// Tone is what a badge or a button says by its colour. Words say it too.
type Tone string

// The tones. The zero value is neutral.
const (
	ToneAccent Tone = "accent" // the main thing
	ToneGood   Tone = "good"
	ToneWarn   Tone = "warn"
	ToneDanger Tone = "danger"
)

// Link leads somewhere: a path here, or a web page. Others are shown as text.
type Link struct{ Text, URL string }

// Badge is a word or two about the state of something.
type Badge struct {
	Text string
	Tone Tone
}

// Cell is a value, in a table or a list. What is set is shown, in this order; when
// nothing is, Absent is.
type Cell struct {
	Text   string
	URL    string    // makes Text a link
	Code   bool      // Text is for machines: an id, an address, a digest
	Lines  bool      // Text keeps its lines
	Time   time.Time // shown in UTC
	Day    time.Time // a time of which the day matters
	Badges []Badge
	Note   string // smaller, below
	Links  []Link
	Form   *Form  // without fields: its button
	Absent string // "" is an em dash
}

// Empty tells whether there is nothing to show.
func (c Cell) Empty() bool {
	return c.Text == "" && c.Time.IsZero() && c.Day.IsZero() && len(c.Badges) == 0 && c.Note == "" && len(c.Links) == 0 && c.Form == nil
}

// Definition is a line of a list of facts.
type Definition struct {
	Term string
	Cell
}

// Column is the head of a column.
type Column struct {
	Label  string
	Number bool   // aligned at its end
	Sort   string // address that sorts by this; "" where nothing does
	Sorted string // "ascending", "descending", or ""
}

// Row is a row of a table; it has as many cells as the table has columns. The
// first cell is its heading.
type Row struct{ Cells []Cell }

// Table is a list of records. On a small screen every record becomes a card.
type Table struct {
	Caption string // says what is listed; read out, not shown
	Columns []Column
	Rows    []Row
	Empty   string // a sentence for when there are no rows, which says what to do
	Action  Link   // what to do then
}

// Label returns the label of a column, for cards.
func (t *Table) Label(i int) string {
	if i < len(t.Columns) {
		return t.Columns[i].Label
	}
	return ""
}

// Head returns the head of the column at i.
func (t *Table) Head(i int) Column {
	if i < len(t.Columns) {
		return t.Columns[i]
	}
	return Column{}
}

// Pager leads through a long list, forwards and back to its start.
type Pager struct {
	Says  string // which part this is: "50 of about 1,000,000 customers"
	First string // address; "" on the first page
	Next  string // address; "" on the last
}

// Tab is one of several views of the same thing.
type Tab struct {
	Text, URL string
	Current   bool
}

// Total is a number that stands for itself.
type Total struct {
	Label string
	Value int64
	URL   string // of the list of what was counted; "" is none
	Note  string
}

// Secret is shown once and never again.
type Secret struct {
	ID    string // of the control; unique on the page
	Label string
	Value string // one line
	Lines []string
	Hint  string
}

// Picture is an image within the page: one that is shown only here, or one at an
// address of ours.
type Picture struct {
	PNG []byte
	URL string // used without PNG
	Alt string
}

// Source returns the picture as an address.
func (p *Picture) Source() template.URL {
	if len(p.PNG) == 0 {
		return template.URL(link(p.URL))
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(p.PNG))
}

// Section is a part of a page with a heading. What is set is shown, in this order.
type Section struct {
	ID      string // for links to it, and of its heading; unique on the page
	Heading string
	Badges  []Badge
	Lead    string // a sentence or two; blank lines part paragraphs

	// Declared says why nothing here can be changed: "Set in the server's
	// configuration file."
	Declared string

	Picture     *Picture
	Secret      *Secret
	Definitions []Definition
	Preview     string // text as viewers will read it
	Readings    []Reading
	Diff        []Piece
	Chart       *Chart
	Shares      *Shares
	Bars        []BarRow
	Table       *Table
	Pager       *Pager
	Details     []Section // each folded behind its heading; without charts and acts
	Forms       []Form
	Acts        []Act
	Links       []Link // as buttons
	Danger      bool   // draws a border around what cannot be undone
	Empty       string // a sentence for when there is nothing, which says what to do
	Open        bool   // of Details: shown unfolded
}

// Paragraphs returns Lead as it is shown.
func (s *Section) Paragraphs() []string {
	if s.Lead == "" {
		return nil
	}
	return strings.Split(s.Lead, "\n\n")
}

// Act is something that can be done with what a page shows: its name, what it
// does, and its form.
type Act struct {
	Title string
	Says  string
	Form  Form
}

// content is a page as the layout shows it.
type content struct {
	Title   string // of the window; "" is Heading
	Heading string
	Badges  []Badge
	Lead    string
	Links   []Link // beside the heading
	Tabs    []Tab
	Filter  *Filter
	Note    string // below the filter: why the list is not complete
	Totals  []Total
	Main    []Section
	Side    []Section // beside Main where there is room
	Grid    []Section // after both, two beside each other where there is room
	Narrow  bool      // for forms: lines as long as are read well
	Onward  []Link    // below all else: where to go from here
}

// faults returns all that is wrong with what was filled in.
func (c *content) faults() (list []fault) {
	if c.Filter != nil {
		list = c.Filter.faults()
	}
	for _, sections := range [][]Section{c.Main, c.Side, c.Grid} {
		list = append(list, sectionFaults(sections)...)
	}
	return list
}

func sectionFaults(sections []Section) (list []fault) {
	for i := range sections {
		s := &sections[i]
		list = append(list, sectionFaults(s.Details)...)
		for j := range s.Forms {
			list = append(list, s.Forms[j].faults()...)
		}
		for j := range s.Acts {
			list = append(list, s.Acts[j].Form.faults()...)
		}
	}
	return list
}

// Page is a page without a view of its own: its parts, one below the other.
type Page struct {
	Chrome
	Heading string
	Badges  []Badge
	Lead    string
	Links   []Link // beside the heading
	Tabs    []Tab
	Filter  *Filter
	Note    string // why a list is not complete
	Totals  []Total
	Main    []Section
	Side    []Section // beside Main where there is room
	Grid    []Section // two beside each other where there is room
	Narrow  bool      // for pages that are mostly a form
}

func (v *Page) compose() content {
	return content{
		Heading: v.Heading, Badges: v.Badges, Lead: v.Lead, Links: v.Links, Tabs: v.Tabs, Filter: v.Filter,
		Note: v.Note, Totals: v.Totals, Main: v.Main, Side: v.Side, Grid: v.Grid, Narrow: v.Narrow,
	}
}
