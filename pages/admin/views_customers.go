// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"maps"
	"net/url"
	"strconv"
	"time"
)

// Customers is the list of a publisher's customers.
type Customers struct {
	Chrome
	Query    url.Values // as the filter has sent it
	Consents []Option   // that can be filtered by
	Rows     []CustomerRow
	Pager    Pager
	Partial  bool // enough was looked at; the next page goes on
}

// CustomerRow is a line of the list.
type CustomerRow struct {
	ID         int64
	Email      string
	Name       string
	ExternalID string
	Registered time.Time
	LastLogin  time.Time // zero: never
	Unverified bool
	Disabled   bool
	Erased     bool
}

func (r CustomerRow) badges() (list []Badge) {
	switch {
	case r.Erased:
		return []Badge{{"Erased", ""}}
	case r.Disabled:
		list = append(list, Badge{"Disabled", ToneDanger})
	}
	if r.Unverified {
		list = append(list, Badge{"Unverified", ToneWarn})
	}
	return list
}

func (v *Customers) compose() content {
	filter := v.filter()
	t := &Table{Caption: "Customers", Columns: v.columns(), Empty: "No customer fits. Look for less of the address or the name, or clear the filters."}
	if v.Query.Get("search") == "" && filter.Active == 0 {
		t.Empty = "There are no customers yet. They appear here as soon as somebody registers at one of the sites."
	}
	for _, r := range v.Rows {
		id := strconv.FormatInt(r.ID, 10)
		t.Rows = append(t.Rows, Row{[]Cell{
			{Text: cmp.Or(r.Email, id), URL: v.Path("customers/" + id), Badges: r.badges()},
			{Text: r.Name}, {Text: id, Code: true, Note: r.ExternalID}, {Day: r.Registered}, {Time: r.LastLogin, Absent: "Never"},
		}})
	}
	return content{
		Heading: "Customers", Filter: filter, Note: partialNote(v.Partial),
		Main: []Section{{Table: t, Pager: &v.Pager}},
	}
}

// columns returns the heads of the table; those that sort lead to the same list in
// another order, from its first page on.
func (v *Customers) columns() []Column {
	column := func(label, sort, order string) Column {
		query := maps.Clone(v.Query)
		if query == nil {
			query = url.Values{}
		}
		query.Set("sort", sort)
		query.Del("after")
		c := Column{Label: label, Sort: "?" + query.Encode()}
		if cmp.Or(v.Query.Get("sort"), "registered") == sort {
			c.Sorted = order
		}
		return c
	}
	return []Column{
		column("E-mail", "email", "ascending"), column("Name", "name", "ascending"), {Label: "Id"},
		column("Registered", "registered", "descending"), column("Last login", "lastLogin", "descending"),
	}
}

func (v *Customers) filter() *Filter {
	search := &Field{
		Name: "search", Label: "Search customers", MaxLength: 254,
		Hint: "The beginning of an e-mail address or a name, a customer id, or an external id.",
	}
	return newFilter(v.Path("customers"), search, []Field{
		choice("sort", "Order", "Registered, newest first", []Option{
			{Value: "lastLogin", Text: "Last login, latest first"}, {Value: "email", Text: "E-mail"}, {Value: "name", Text: "Name"},
		}),
		{Kind: KindDate, Name: "registeredFrom", Label: "Registered from"}, {Kind: KindDate, Name: "registeredTo", Label: "Registered to, inclusive"},
		{Kind: KindDate, Name: "lastLoginFrom", Label: "Last login from"}, {Kind: KindDate, Name: "lastLoginTo", Label: "Last login to, inclusive"},
		choice("consent", "Consent", "Any", v.Consents), {Name: "consentVersion", Label: "Consent version", MaxLength: 64},
		choice("consentState", "Answer to it", "Any", []Option{
			{Value: "accepted", Text: "Accepted"}, {Value: "declined", Text: "Declined"}, {Value: "missing", Text: "Not answered"},
		}),
		{Kind: KindCheckbox, Name: "unverified", Label: "Only unverified"}, {Kind: KindCheckbox, Name: "disabled", Label: "Only disabled"},
		{Kind: KindCheckbox, Name: "erased", Label: "Only erased"},
	}, v.Query)
}
