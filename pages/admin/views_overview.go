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
