// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import "time"

// Overview is the front page of a publisher.
type Overview struct {
	Chrome
	Totals []Total
	Ranges []Tab // of how many days the charts are

	Days          []time.Time // midnights, UTC
	Registrations []int64     // one for each day, as the three below
	Logins        []int64
	Active        []int64
	Failed        []int64

	Coverage   []ShareRow // consents, with how many customers have answered what
	PartialDay bool       // the last day is not over
}

func (v *Overview) compose() content {
	chart := func(id, title string, kind ChartKind, series ...Series) Section {
		return Section{ID: id, Heading: title, Chart: &Chart{Kind: kind, Title: title, Days: v.Days, Series: series}}
	}
	coverage := Section{ID: "coverage", Heading: "Consent coverage"}
	if len(v.Coverage) > 0 {
		coverage.Shares = &Shares{Title: "Consent coverage", Rows: v.Coverage}
		coverage.Links = []Link{{"All consents", v.Path("consents")}}
	} else {
		coverage.Empty = "No consent is asked for. Publish one to see here who has agreed."
		coverage.Links = []Link{{"Add a consent", v.Path("consents")}}
	}
	c := content{
		Heading: "Overview", Tabs: v.Ranges, Totals: v.Totals,
		Grid: []Section{
			chart("registrations", "Registrations", ChartBars, Series{Name: "Registrations", Values: v.Registrations}),
			chart("logins", "Logins", ChartLines, Series{Name: "Logins", Values: v.Logins}),
			chart("active", "Active sessions", ChartLines, Series{Name: "Active sessions", Values: v.Active, Level: true}),
			chart("failed", "Failed logins", ChartBars, Series{Name: "Failed logins", Values: v.Failed}),
			coverage,
		},
	}
	if v.PartialDay {
		c.Lead = "Today is not over: its numbers still grow."
	}
	return c
}

// AuditLog is the list of what members of staff, and others with a right to, have
// done.
type AuditLog struct {
	Chrome
	Query   AuditQuery
	Who     []Option // members, for the filter, without the entry for all
	Acts    []Option // acts, as Who
	Entries []AuditEntry
	Pager   Pager
	Partial bool // enough was looked at; the next page goes on
	Export  string
}

// AuditQuery is what the list was asked for, as the form has sent it. Who and act
// are the selected ones of the view's options.
type AuditQuery struct {
	Customer string // id
	From     string // days: 2006-01-02
	To       string
	Outcome  string // done, refused, failed; "" is all

	CustomerError, FromError, ToError string
}

// AuditEntry is a line of the list.
type AuditEntry struct {
	Time      time.Time
	Who       string // a member's name, "API token", "command line"
	Act       string // customer.disable
	Target    string // what it was done to
	TargetURL string
	Outcome   string // done, refused, failed
	Detail    string
	IP        string
}

func (v *AuditLog) compose() content {
	t := &Table{
		Caption: "Audit log, newest first", Empty: "No entry fits. Every act of a member of staff is written here before it is done.",
		Columns: []Column{{Label: "Time"}, {Label: "Who"}, {Label: "Act"}, {Label: "On"}, {Label: "Outcome"}, {Label: "Address"}},
	}
	for _, e := range v.Entries {
		t.Rows = append(t.Rows, Row{[]Cell{
			{Time: e.Time}, {Text: e.Who}, {Text: e.Act, Code: true, Note: e.Detail}, {Text: e.Target, URL: e.TargetURL},
			{Badges: []Badge{outcomeBadge(e.Outcome)}}, {Text: e.IP, Code: true},
		}})
	}
	c := content{
		Heading: "Audit log", Lead: "What was done at this publisher, by whom, and what came of it.",
		Filter: v.filter(), Main: []Section{{Table: t, Pager: &v.Pager}}, Note: partialNote(v.Partial),
	}
	if v.Export != "" {
		c.Links = []Link{{"Export", v.Export}}
	}
	return c
}

// partialNote says why a page may hold fewer than fit on it.
func partialNote(partial bool) string {
	if !partial {
		return ""
	}
	return "Only a part has been looked through so far. Go to the next page to look further, or narrow the search."
}

func outcomeBadge(word string) Badge {
	switch word {
	case "done":
		return Badge{"Done", ToneGood}
	case "refused":
		return Badge{"Refused", ToneWarn}
	case "failed":
		return Badge{"Failed", ToneDanger}
	}
	return Badge{Text: word}
}

func (v *AuditLog) filter() *Filter {
	q := v.Query
	fields := []Field{
		choice("who", "Who", "Anybody", v.Who), choice("act", "Act", "Any", v.Acts),
		choice("outcome", "Outcome", "Any", []Option{
			{Value: "done", Text: "Done", Selected: q.Outcome == "done"}, {Value: "refused", Text: "Refused", Selected: q.Outcome == "refused"},
			{Value: "failed", Text: "Failed", Selected: q.Outcome == "failed"},
		}),
		{Name: "customer", Label: "Customer id", Value: q.Customer, Error: q.CustomerError, MaxLength: 9},
		{Kind: KindDate, Name: "from", Label: "From", Value: q.From, Error: q.FromError},
		{Kind: KindDate, Name: "to", Label: "To, inclusive", Value: q.To, Error: q.ToError},
	}
	return &Filter{ID: "filter", Action: v.Path("audit"), Fields: fields, Active: inUse(fields), Clear: v.Path("audit")}
}

// choice returns a list to choose from, whose first entry chooses nothing.
func choice(name, label, none string, options []Option) Field {
	return Field{Kind: KindSelect, Name: name, Label: label, Options: append([]Option{{Text: none}}, options...)}
}

// inUse counts the fields that choose something.
func inUse(fields []Field) (n int) {
	for _, f := range fields {
		used := f.Value != "" || f.Checked
		for _, o := range f.Options {
			used = used || o.Selected && o.Value != ""
		}
		if used {
			n++
		}
	}
	return n
}
