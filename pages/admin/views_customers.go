// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"net/url"
	"strconv"
	"time"
)

// Customers is the list of a publisher's customers.
type Customers struct {
	Chrome
	Query   CustomerQuery
	Rows    []CustomerRow
	Pager   Pager
	Partial bool   // enough was looked at; the next page goes on
	Export  string // address of all as a file; "" where the role does not allow it
}

// CustomerQuery is what the list was asked for, as the form has sent it: the names
// of its fields are given here.
type CustomerQuery struct {
	Search         string   // q
	Sort           string   // sort: registered, login, email, name; "" is registered
	RegisteredFrom string   // registered_from; days: 2006-01-02
	RegisteredTo   string   // registered_to, inclusive
	LoginFrom      string   // login_from
	LoginTo        string   // login_to, inclusive
	Only           string   // only: unverified, disabled, erased
	Consents       []Option // consent: the publisher's, without the entry for all
	ConsentVersion string   // consent_version
	ConsentState   string   // consent_state: accepted, declined, unanswered

	RegisteredFromError, RegisteredToError, LoginFromError, LoginToError string
}

// CustomerRow is a line of the list.
type CustomerRow struct {
	ID         int64
	Email      string
	Name       string
	ExternalID string
	Country    string
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
	t := &Table{Caption: "Customers", Columns: v.columns(), Empty: "No customer fits. Look for less of the address or the name, or clear the filters."}
	if v.Query.Search == "" && inUse(v.fields()) == 0 {
		t.Empty = "There are no customers yet. They appear here as soon as somebody registers at one of the sites."
	}
	for _, r := range v.Rows {
		id := strconv.FormatInt(r.ID, 10)
		t.Rows = append(t.Rows, Row{[]Cell{
			{Text: cmp.Or(r.Email, id), URL: v.Path("customers/" + id), Badges: r.badges()},
			{Text: r.Name}, {Text: id, Code: true, Note: r.ExternalID}, {Text: r.Country},
			{Day: r.Registered}, {Time: r.LastLogin, Absent: "Never"},
		}})
	}
	c := content{
		Heading: "Customers", Filter: v.filter(), Note: partialNote(v.Partial),
		Main: []Section{{Table: t, Pager: &v.Pager}},
	}
	if v.Export != "" {
		c.Links = []Link{{"Export as CSV", v.Export}}
	}
	return c
}

// columns returns the heads of the table; those that sort lead to the same list in
// another order.
func (v *Customers) columns() []Column {
	column := func(label, sort, order string) Column {
		c := Column{Label: label, Sort: v.sorted(sort)}
		if cmp.Or(v.Query.Sort, "registered") == sort && v.Query.Search == "" {
			c.Sorted = order
		}
		return c
	}
	return []Column{
		column("E-mail", "email", "ascending"), column("Name", "name", "ascending"), {Label: "Id"}, {Label: "Country"},
		column("Registered", "registered", "descending"), column("Last login", "login", "descending"),
	}
}

// sorted returns the address of this list in an order, from its first page on.
func (v *Customers) sorted(by string) string {
	values := url.Values{"sort": {by}}
	for _, f := range v.fields() {
		values.Set(f.Name, f.Value)
		for _, o := range f.Options {
			if o.Selected {
				values.Set(f.Name, o.Value)
			}
		}
		if values.Get(f.Name) == "" {
			values.Del(f.Name)
		}
	}
	return "?" + values.Encode()
}

func (v *Customers) filter() *Filter {
	fields := v.fields()
	return &Filter{
		ID: "filter", Action: v.Path("customers"), Fields: fields, Active: inUse(fields), Clear: v.Path("customers"),
		Search: &Field{
			Name: "q", Label: "Search customers", Value: v.Query.Search, MaxLength: 254,
			Hint: "The beginning of an e-mail address or a name, a customer id, or an external id.",
		},
	}
}

func (v *Customers) fields() []Field {
	q := v.Query
	pick := func(chosen string, options ...Option) []Option {
		for i := range options {
			options[i].Selected = options[i].Value == chosen
		}
		return options
	}
	return []Field{
		{Kind: KindDate, Name: "registered_from", Label: "Registered from", Value: q.RegisteredFrom, Error: q.RegisteredFromError},
		{Kind: KindDate, Name: "registered_to", Label: "Registered to, inclusive", Value: q.RegisteredTo, Error: q.RegisteredToError},
		{Kind: KindDate, Name: "login_from", Label: "Last login from", Value: q.LoginFrom, Error: q.LoginFromError},
		{Kind: KindDate, Name: "login_to", Label: "Last login to, inclusive", Value: q.LoginTo, Error: q.LoginToError},
		choice("only", "Only", "All but the erased", pick(q.Only,
			Option{Value: "unverified", Text: "Unverified"}, Option{Value: "disabled", Text: "Disabled"}, Option{Value: "erased", Text: "Erased"})),
		choice("consent", "Consent", "Any", q.Consents),
		{Name: "consent_version", Label: "Consent version", Value: q.ConsentVersion, MaxLength: 64},
		choice("consent_state", "Answer", "Any", pick(q.ConsentState,
			Option{Value: "accepted", Text: "Accepted"}, Option{Value: "declined", Text: "Declined"}, Option{Value: "unanswered", Text: "Not answered"})),
	}
}
