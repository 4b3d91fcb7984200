// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
)

var captureActs = []*Act{
	define(Act{Name: "capture.get", Method: "GET", Path: "capture", Needs: See, Summary: "Show what customers are asked about themselves"}, getCapture),
	define(Act{Name: "capture.save", Method: "POST", Path: "capture", Needs: Edit, Summary: "Change what customers are asked about themselves"}, saveCapture),
	define(Act{Name: "capture.answers", Method: "GET", Path: "capture/answers", Needs: See, Summary: "Summarize the answers"}, summarizeAnswers),
	define(Act{Name: "capture.export", Method: "POST", Path: "capture/answers/export", Exports: "text/csv", Needs: Edit, Summary: "Export all answers as CSV"}, exportAnswers),
}

// CaptureView is what customers are asked about themselves.
type CaptureView struct {
	Revision int64        `json:"revision"` // of the settings, to be named by a change
	Declared bool         `json:"declared"` // in the server's configuration file, and changed only there
	Enabled  bool         `json:"enabled"`
	Enforced bool         `json:"enforced"` // customers without required answers are stopped at the gates
	Fields   []FieldInput `json:"fields"`   // in the order shown
}

// FieldInput is a question.
type FieldInput struct {
	Key      string   `json:"key"` // email, firstNameLastName, birthDate, address, phoneNumber, companyName, custom_1 and so on; "" leaves it out
	Required bool     `json:"required"`
	Question string   `json:"question"` // of a custom one
	Choices  []string `json:"choices"`  // of a custom one; none for free text
	Position int      `json:"position"` // its place, from 1; 0 for the place in the list
}

func getCapture(s *Service, ctx context.Context, c *call, _ None) (CaptureView, error) {
	set, err := s.Store.Settings(ctx, c.publisher.ID)
	if err != nil {
		return CaptureView{}, fmt.Errorf("reading settings: %w", err)
	}
	declared, _ := s.Declared(c.publisher.ID)
	v := CaptureView{
		Revision: set.Revision, Declared: declared.Capture.Enabled, Enabled: c.publisher.Capture.Enabled,
		Enforced: c.publisher.Capture.Enforced, Fields: []FieldInput{},
	}
	fields := c.publisher.Capture.Fields
	if !v.Enabled && set.Capture != nil {
		v.Enforced, fields = set.Capture.Enforced, set.Capture.Fields
	}
	for i, f := range fields {
		v.Fields = append(v.Fields, FieldInput{f.Key, f.Required, f.Question, append([]string{}, f.Choices...), i + 1})
	}
	return v, nil
}

// SaveCapture is what customers are asked about themselves.
type SaveCapture struct {
	Revision int64        `json:"revision"`
	Enabled  bool         `json:"enabled"`
	Enforced bool         `json:"enforced"`
	Fields   []FieldInput `json:"fields"`
}

const (
	maxQuestion = 300 // characters of a question
	maxChoices  = 50  // that one question offers
	maxChoice   = 100 // characters of a choice
)

// fields judges the questions and returns them in their order.
func (in SaveCapture) fields() ([]authstore.CaptureField, error) {
	kept := slices.DeleteFunc(slices.Clone(in.Fields), func(f FieldInput) bool { return f.Key == "" })
	slices.SortStableFunc(kept, func(a, b FieldInput) int { return cmp.Compare(a.Position, b.Position) })
	var fields []authstore.CaptureField
	seen := map[string]bool{}
	for _, f := range kept {
		at := fmt.Sprintf("fields.%d.", slices.IndexFunc(in.Fields, func(x FieldInput) bool { return x.Key == f.Key }))
		field := authstore.CaptureField{Key: f.Key, Required: f.Required, Question: strings.TrimSpace(f.Question), Choices: f.Choices}
		if len(f.Choices) == 0 {
			field.Choices = nil
		}
		switch err := capture.CheckField(field); {
		case err != nil:
			return nil, invalid(at+"key", "%s", err)
		case seen[f.Key]:
			return nil, invalid(at+"key", "is asked twice; remove one")
		case len([]rune(f.Question)) > maxQuestion:
			return nil, invalid(at+"question", "is longer than %d characters", maxQuestion)
		case len(f.Choices) > maxChoices:
			return nil, invalid(at+"choices", "are more than %d", maxChoices)
		case slices.ContainsFunc(f.Choices, func(c string) bool { return len([]rune(c)) > maxChoice }):
			return nil, invalid(at+"choices", "has one that is longer than %d characters", maxChoice)
		}
		seen[f.Key] = true
		fields = append(fields, field)
	}
	return fields, nil
}

func saveCapture(s *Service, ctx context.Context, c *call, in SaveCapture) (None, error) {
	if p, _ := s.Declared(c.publisher.ID); p.Capture.Enabled {
		return None{}, ErrDeclared
	}
	fields, err := in.fields()
	if err != nil {
		return None{}, err
	}
	if in.Enabled && len(fields) == 0 {
		return None{}, invalid("fields", "are none; choose at least one, or switch the questions off")
	}
	d := detail{"enabled": strconv.FormatBool(in.Enabled), "fields": strconv.Itoa(len(fields))}
	return c.changeSettings(ctx, in.Revision, d, func(set *authstore.Settings) error {
		set.Capture = &authstore.Capture{Enabled: in.Enabled, Enforced: in.Enforced, Fields: fields}
		return nil
	})
}

// AnswerSummary counts the answers to each question.
type AnswerSummary struct {
	Customers int64           `json:"customers"` // without those who are erased
	Questions []QuestionShare `json:"questions"`
}

// QuestionShare counts the answers to one question.
type QuestionShare struct {
	Field    string        `json:"field"`
	Question string        `json:"question"` // of one of the publisher's own
	Answered int64         `json:"answered"`
	Answers  []AnswerShare `json:"answers"` // most frequent first; none for free text
}

// AnswerShare counts one answer.
type AnswerShare struct {
	Answer string `json:"answer"` // or what it falls under, such as a decade
	Count  int64  `json:"count"`
}

func summarizeAnswers(s *Service, ctx context.Context, c *call, _ None) (AnswerSummary, error) {
	sum := AnswerSummary{Questions: []QuestionShare{}}
	totals, err := s.Store.Totals(ctx, c.publisher.ID)
	if err != nil {
		return sum, fmt.Errorf("reading numbers: %w", err)
	}
	sum.Customers = totals.Customers
	tallies, err := s.Store.AnswerTallies(ctx, c.publisher.ID)
	if err != nil {
		return sum, fmt.Errorf("reading numbers: %w", err)
	}
	for _, f := range c.publisher.Capture.Fields {
		sum.Questions = append(sum.Questions, shareOf(f.Key, f.Question, tallies))
		if f.Key == "address" {
			sum.Questions = append(sum.Questions, shareOf("country", "", tallies))
		}
	}
	return sum, nil
}

func shareOf(name, question string, tallies []authstore.AnswerTally) QuestionShare {
	q := QuestionShare{Field: name, Question: question, Answers: []AnswerShare{}}
	for _, t := range tallies {
		if t.Field != name || t.Count <= 0 {
			continue
		}
		q.Answered += t.Count
		if t.Bucket != capture.Answered {
			q.Answers = append(q.Answers, AnswerShare{t.Bucket, t.Count})
		}
	}
	slices.SortFunc(q.Answers, func(a, b AnswerShare) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Answer, b.Answer))
	})
	return q
}

func exportAnswers(s *Service, ctx context.Context, c *call, _ None) (Download, error) {
	d := Download{Name: fmt.Sprintf("answers-%d.csv", c.publisher.ID)}
	d.Write = func(ctx context.Context, w io.Writer) error { return s.writeAnswers(ctx, c.publisher, w) }
	return d, c.do(ctx, "", nil, func() error { return nil })
}

// writeAnswers writes one line for each customer who has answered.
func (s *Service) writeAnswers(ctx context.Context, p authstore.Publisher, w io.Writer) error {
	var names []string
	for _, f := range p.Capture.Fields {
		names = append(names, capture.Parts(f.Key)...)
	}
	out := csv.NewWriter(w)
	if err := out.Write(append([]string{"customerId", "submitted"}, names...)); err != nil {
		return err
	}
	err := s.Store.EachCustomer(ctx, p.ID, func(st authstore.Standing) error {
		if st.Capture.Submitted.IsZero() {
			return nil
		}
		line := []string{strconv.FormatInt(st.Customer.ID, 10), st.Capture.Submitted.Format(time.RFC3339)}
		for _, name := range names {
			line = append(line, cell(capture.Answer(name, st.Customer, st.Capture)))
		}
		return out.Write(line)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// cell returns a text as spreadsheets show it instead of computing it: what begins
// like a formula gets an apostrophe in front (OWASP, CSV Injection). So does what comes
// after a character at which some begin another cell, whatever stands in quotes: in
// many countries that is the semicolon.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		text = "'" + text
	}
	return afterSeparator.ReplaceAllString(text, "$1'$2")
}

var afterSeparator = regexp.MustCompile(`([;\t\r\n]["' ]*)([=+\-@＝＋－＠])`)
