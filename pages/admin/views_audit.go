// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/url"
	"time"
)

// AuditLog is the list of what members of staff, and others with a right to, have
// done.
type AuditLog struct {
	Chrome
	Query   url.Values // as the filter has sent it
	Who     []Option   // who acts, for the filter, without the entry for all
	Acts    []Option   // acts, as Who
	Entries []AuditEntry
	Pager   Pager
	Partial bool // enough was looked at; the next page goes on
}

// AuditEntry is a line of the list.
type AuditEntry struct {
	Time      time.Time
	Who       string // a member's address, "API token", "command line"
	Act       string // customer.disable
	Target    string // what it was done to
	TargetURL string
	Detail    string
	IP        string
	Failed    string // why it was not done; "" when it was
}

func (v *AuditLog) compose() content {
	t := &Table{
		Caption: "Audit log, newest first", Empty: "No entry fits. Every act of a member of staff is written here before it is done.",
		Columns: []Column{{Label: "Time"}, {Label: "Who"}, {Label: "Act"}, {Label: "On"}, {Label: "Outcome"}, {Label: "Address"}},
	}
	for _, e := range v.Entries {
		came := Cell{Badges: []Badge{{"Done", ToneGood}}}
		if e.Failed != "" {
			came = Cell{Badges: []Badge{{"Failed", ToneDanger}}, Note: e.Failed}
		}
		t.Rows = append(t.Rows, Row{[]Cell{
			{Time: e.Time}, {Text: e.Who}, {Text: e.Act, Code: true, Note: e.Detail}, {Text: e.Target, URL: e.TargetURL}, came, {Text: e.IP, Code: true},
		}})
	}
	return content{
		Heading: "Audit log", Lead: "What was done at this publisher, by whom, and what came of it.",
		Filter: v.filter(), Main: []Section{{Table: t, Pager: &v.Pager}}, Note: partialNote(v.Partial),
	}
}

func (v *AuditLog) filter() *Filter {
	fields := []Field{
		choice("actor", "Who", "Anybody", v.Who), choice("act", "Act", "Any", v.Acts),
		{Name: "target", Label: "On, such as a customer id", MaxLength: 254},
		{Kind: KindDate, Name: "from", Label: "From"}, {Kind: KindDate, Name: "to", Label: "To, inclusive"},
	}
	return newFilter(v.Path("audit"), nil, fields, v.Query)
}

// newFilter returns a filter as it was filled in.
func newFilter(action string, search *Field, fields []Field, query url.Values) *Filter {
	for i := range fields {
		refillField(&fields[i], query)
	}
	if search != nil {
		refillField(search, query)
	}
	return &Filter{ID: "filter", Action: action, Search: search, Fields: fields, Active: inUse(fields), Clear: action}
}

// partialNote says why a page may hold fewer than fit on it.
func partialNote(partial bool) string {
	if !partial {
		return ""
	}
	return "Only a part has been looked through so far. Go to the next page to look further, or narrow the search."
}

// choice returns a list to choose from, whose first entry chooses nothing.
func choice(name, label, none string, options []Option) Field {
	return Field{Kind: KindSelect, Name: name, Label: label, Options: append([]Option{{Text: none}}, options...)}
}

// inUse counts the fields that choose something.
func inUse(fields []Field) (n int) {
	for _, f := range fields {
		used := f.Kind != KindCheckbox && f.Value != "" || f.Checked
		for _, o := range f.Options {
			used = used || o.Selected && o.Value != ""
		}
		if used {
			n++
		}
	}
	return n
}
