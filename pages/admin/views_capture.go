// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/capture"
)

// Questions is the page of what customers are asked about themselves.
type Questions struct {
	Chrome
	Capture acts.CaptureView
	Look    string // address of the page that asks viewers; "" is none
}

// spareFields is how many further questions the form has room for.
const spareFields = 3

func (v *Questions) compose() content {
	c := content{
		Heading: "Capture", Lead: "What customers are asked about themselves after they have registered.", Badges: []Badge{{"Off", ToneWarn}},
		Links: []Link{{"Answers", v.Path("capture/answers")}},
	}
	if v.Capture.Enabled {
		c.Badges = []Badge{{"On", ToneGood}}
	}
	if v.Look != "" {
		c.Links = append(c.Links, Link{"Preview of the page", v.Look})
	}
	asked := v.asked()
	if v.Capture.Declared {
		asked.Declared = inFile
	}
	c.Main = []Section{asked}
	if !v.Capture.Declared && v.may("capture.save") {
		c.Main = append(c.Main, v.form())
	}
	return c
}

// asked shows the questions as customers get them.
func (v *Questions) asked() Section {
	s := Section{ID: "asked", Heading: "What is asked"}
	if len(v.Capture.Fields) == 0 {
		s.Empty = "Nothing is asked."
		return s
	}
	if !v.Capture.Enabled {
		s.Lead = "Nobody is asked now: the questions are switched off."
	} else if v.Capture.Enforced {
		s.Lead = "Customers who have not answered what is required get no further than the page that asks."
	}
	t := &Table{Caption: "Questions in their order", Columns: []Column{{Label: "Question"}, {Label: "Answer"}, {Label: "Required"}}}
	for _, f := range v.Capture.Fields {
		t.Rows = append(t.Rows, Row{[]Cell{{Text: questionName(f.Key, f.Question)}, {Text: answerKind(f)}, {Text: yesNo(f.Required)}}})
	}
	s.Table = t
	return s
}

// questionNames are what the fields that every client knows are called.
var questionNames = map[string]string{
	"email": "E-mail", "firstNameLastName": "First and last name", "birthDate": "Birth date", "address": "Address",
	"phoneNumber": "Phone number", "companyName": "Company", "country": "Country of the address",
}

// questionName returns what a field is called: by its question, if it has one.
func questionName(key, question string) string {
	if n, own := strings.CutPrefix(key, "custom_"); own {
		return cmp.Or(question, "Question of your own, no. "+n)
	}
	return cmp.Or(questionNames[key], key)
}

func answerKind(f acts.FieldInput) string {
	switch {
	case len(f.Choices) > 0:
		return "One of: " + strings.Join(f.Choices, ", ")
	case f.Key == "birthDate":
		return "A day"
	}
	return "Text"
}

func (v *Questions) form() Section {
	f := Form{
		ID: "capture", Action: v.to("capture.save"), Submit: "Save", Tone: ToneAccent,
		Hidden: []Pair{{"revision", strconv.FormatInt(v.Capture.Revision, 10)}},
		Fields: []Field{
			{Kind: KindCheckbox, Name: "enabled", Label: "Ask customers", Checked: v.Capture.Enabled},
			{Kind: KindCheckbox, Name: "enforced", Label: "Insist on what is required", Checked: v.Capture.Enforced,
				Hint: "Customers without the required answers are stopped at the sites until they have given them."},
		},
	}
	rows := v.Capture.Fields
	if r := v.Refused; r != nil && r.Action == f.Action {
		rows = make([]acts.FieldInput, max(len(rows), sentRows(r)))
		copy(rows, v.Capture.Fields)
	}
	for i := range len(rows) + spareFields {
		set := FieldSet{Legend: "Question " + strconv.Itoa(i+1), Folded: true}
		row := acts.FieldInput{}
		if i < len(rows) {
			row = rows[i]
			set.Legend += ": " + questionName(row.Key, row.Question)
		} else {
			set.Legend = "Add a question"
			if i > len(rows) {
				set.Legend = "Add another question"
			}
		}
		set.Fields = v.row(i, row)
		f.Sets = append(f.Sets, set)
	}
	return Section{
		ID: "change", Heading: "Change the questions", Forms: []Form{f},
		Lead: "Answers that were given are kept when a question goes.",
	}
}

// sentRows returns how many questions a form has sent that are not among the spare
// ones.
func sentRows(r *Refused) (n int) {
	for r.Values.Has("fields." + strconv.Itoa(n) + ".key") {
		n++
	}
	return max(0, n-spareFields)
}

func (v *Questions) row(i int, f acts.FieldInput) []Field {
	at := "fields." + strconv.Itoa(i) + "."
	position := ""
	if f.Key != "" {
		position = strconv.Itoa(i + 1)
	}
	fields := []Field{
		{Kind: KindSelect, Name: at + "key", Label: "What to ask", Options: v.keys(f.Key)},
		{Kind: KindNumber, Name: at + "position", Label: "Place", Value: position, Min: "1", Max: "99", Hint: "1 is asked first."},
		{Kind: KindCheckbox, Name: at + "required", Label: "Required", Checked: f.Required},
	}
	if _, own := strings.CutPrefix(f.Key, "custom_"); !own && f.Key != "" {
		return fields
	}
	return append(fields, []Field{
		{Name: at + "question", Label: "Words of a question of your own", Value: f.Question, MaxLength: 300},
		{Kind: KindArea, Name: at + "choices", Label: "Choices of a question of your own", Value: strings.Join(f.Choices, "\n"), Rows: 3,
			Hint: "One on each line, without semicolons. None: the answer is free text."},
	}...)
}

// spareKeys is how many questions of a publisher's own the form offers.
const spareKeys = 20

// keys returns what can be asked in place of a question. One that every client knows
// has no fields for words, and so cannot become one of the publisher's own.
func (v *Questions) keys(chosen string) []Option {
	options := []Option{{Text: "Nothing"}}
	for _, key := range capture.Keys {
		options = append(options, Option{Value: key, Text: questionName(key, ""), Selected: key == chosen})
	}
	if slices.Contains(capture.Keys, chosen) {
		return options
	}
	var own []string
	for n := range spareKeys {
		own = append(own, "custom_"+strconv.Itoa(n+1))
	}
	for _, f := range v.Capture.Fields {
		if strings.HasPrefix(f.Key, "custom_") && !slices.Contains(own, f.Key) {
			own = append(own, f.Key)
		}
	}
	for _, key := range own {
		options = append(options, Option{Value: key, Text: questionName(key, ""), Selected: key == chosen})
	}
	return options
}

// Answers is the page of what customers have answered.
type Answers struct {
	Chrome
	Summary acts.AnswerSummary
}

// maxBars is how many answers to a question are shown; the file has all.
const maxBars = 20

func (v *Answers) compose() content {
	if len(v.Crumbs) == 0 {
		v.Crumbs = []Link{{"Capture", v.Path("capture")}}
	}
	c := content{Heading: "Answers", Lead: "What customers have answered, of " + number(v.Summary.Customers) + " customers."}
	for i, q := range v.Summary.Questions {
		c.Grid = append(c.Grid, question(i, q, v.Summary.Customers))
	}
	if len(c.Grid) == 0 {
		c.Main = []Section{{Empty: "Nothing is asked. Choose questions under Capture."}}
	}
	if len(v.Summary.Questions) > 0 && v.may("capture.export") {
		c.Main = []Section{{
			ID: "export", Heading: "Export", Lead: "One line for each customer who has answered. What spreadsheets would take for a formula is marked as text.",
			Forms: []Form{{ID: "export-form", Action: v.to("capture.export"), Submit: "Export as CSV"}},
		}}
	}
	return c
}

func question(i int, q acts.QuestionShare, customers int64) Section {
	title := questionName(q.Field, q.Question)
	s := Section{ID: "q-" + strconv.Itoa(i), Heading: title, Shares: &Shares{Title: title, Rows: []ShareRow{{
		Label: "Customers", Parts: []Share{{Name: "Answered", Count: q.Answered}, {Name: "Not answered", Count: max(0, customers-q.Answered), Rest: true}},
	}}}}
	for n, a := range q.Answers {
		if n == maxBars {
			s.Lead = "The " + strconv.Itoa(maxBars) + " most frequent of " + strconv.Itoa(len(q.Answers)) + " answers."
			break
		}
		s.Bars = append(s.Bars, BarRow{a.Answer, a.Count, q.Answered})
	}
	return s
}
