// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/i18n"
)

// Questions is what a publisher asks, as a form shows it.
type Questions []QuestionGroup

// QuestionGroup is what belongs together: the parts of an address, else one
// question.
type QuestionGroup struct {
	Legend    string // "" when the questions need no common one
	Questions []Question
}

// Question is one question. Its answer is the field of its name.
type Question struct {
	Name  string
	Label string
	Kind  Kind
	Value string

	Required     bool   // the page says so in words, and the browser insists
	Autocomplete string // what browsers know it as
	Longest      int    // in characters; 0 is not bounded
	Min, Max     string // of a date
	Options      []Option
	Error        string // one sentence about this question
}

// Kind is how a question is answered.
type Kind string

// The kinds of questions.
const (
	KindText     Kind = "text"
	KindTel      Kind = "tel"
	KindEmail    Kind = "email" // shown, not asked
	KindDate     Kind = "date"
	KindSelect   Kind = "select"
	KindCountry  Kind = "country" // its options are the countries, and Value is the code of one
	KindCheckbox Kind = "checkbox"
	KindRadio    Kind = "radio"
)

// ID names the question in the page; the first of its options, if it has boxes.
func (q *Question) ID() string {
	if q.Boxes() {
		return q.OptionID(0)
	}
	return "q-" + q.Name
}

// OptionID names one of its options.
func (q *Question) OptionID(i int) string { return "q-" + q.Name + "-" + strconv.Itoa(i) }

// Boxes tells whether its options are ticked.
func (q *Question) Boxes() bool { return q.Kind == KindCheckbox || q.Kind == KindRadio }

// tokens are what browsers fill in by themselves (HTML, "Autofill").
var tokens = map[string]string{
	"email": "email", "firstName": "given-name", "lastName": "family-name", "birthDate": "bday",
	"address": "address-line1", "address2": "address-line2", "city": "address-level2", "state": "address-level1",
	"postCode": "postal-code", "country": "country", "phoneNumber": "tel", "companyName": "organization",
}

// questions returns what a publisher asks now, with the answers by their names.
func questions(v visit, settings authstore.Capture, now time.Time, answer func(name string) string) Questions {
	var list Questions
	for _, f := range settings.Fields {
		g := QuestionGroup{}
		if f.Key == "address" {
			g.Legend = v.say("capture.legend.address")
		}
		required := map[string]bool{}
		for _, name := range capture.Needed(f.Key) {
			required[name] = f.Required
		}
		for _, name := range capture.Parts(f.Key) {
			q := Question{Name: name, Kind: KindText, Value: answer(name), Required: required[name], Autocomplete: tokens[name], Longest: capture.Longest(name)}
			if f.Question != "" {
				q.ask(v, f)
			} else {
				q.askKnown(v, now)
			}
			g.Questions = append(g.Questions, q)
		}
		list = append(list, g)
	}
	return list
}

// askKnown fills in one of the questions that every publisher can ask.
func (q *Question) askKnown(v visit, now time.Time) {
	q.Label = v.say("capture.field." + q.Name)
	switch q.Name {
	case "email":
		q.Label, q.Kind, q.Required = v.say("form.email"), KindEmail, false
	case "phoneNumber":
		q.Kind = KindTel
	case "birthDate":
		q.Kind, q.Longest, q.Min, q.Max = KindDate, 0, capture.FirstBirthDate, now.UTC().Format(time.DateOnly)
	case "country":
		q.Kind, q.Longest, q.Value = KindCountry, 0, strings.ToUpper(q.Value)
	}
}

// ask fills in one of the publisher's own questions. How it is answered follows
// from the number of choices (MediaStore contract, section 5.13).
func (q *Question) ask(v visit, f authstore.CaptureField) {
	q.Label = f.Question
	switch len(f.Choices) {
	case 0:
		return
	case 1:
		q.Kind = KindCheckbox
	case 2:
		q.Kind = KindRadio
	default:
		q.Kind, q.Options = KindSelect, []Option{{Text: v.say("capture.choose")}}
	}
	for _, c := range f.Choices {
		q.Options = append(q.Options, Option{Value: c, Text: c})
	}
	q.Longest = 0
	choose(q.Options, q.Value)
}

// answered reads the answers of a form, by name.
func answered(r *http.Request, settings authstore.Capture) map[string]string {
	given := map[string]string{}
	for name := range capture.Enabled(settings) {
		given[name] = strings.TrimSpace(r.PostForm.Get(name))
	}
	return given
}

// told returns the answers that a form had, and what it only shows.
func told(c authstore.Customer, given map[string]string) func(name string) string {
	return func(name string) string {
		if name == "email" {
			return c.Email
		}
		return given[name]
	}
}

// refuse says at each question what is wrong with its answer.
func (list Questions) refuse(v visit, wrong map[string]error) {
	for _, g := range list {
		for i := range g.Questions {
			q := &g.Questions[i]
			switch err := wrong[q.Name]; {
			case err == nil:
			case len(q.Options) > 0, q.Kind == KindCountry:
				q.Error = v.say("capture.error.choice")
			case errors.Is(err, capture.ErrMissing):
				q.Error = v.say("capture.error.missing")
			case q.Kind == KindDate:
				q.Error = v.say("capture.error.date")
			default:
				q.Error = v.say("capture.error.long", "Count", q.Longest)
			}
		}
	}
}

// faults names the question in each line, because what is wrong is often the
// same.
func (list Questions) faults(l *i18n.Language) []fault {
	var faults []fault
	for _, g := range list {
		for _, q := range g.Questions {
			if q.Error != "" {
				faults = append(faults, fault{q.ID(), l.Text("capture.fault", "Field", q.Label, "Error", q.Error)})
			}
		}
	}
	return faults
}
