// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
)

func overviewPages() []page {
	return []page{{"", SectionOverview, overviewPage}, {"audit", SectionAudit, auditPage}}
}

// ranges are how many days the overview can show.
var ranges = []struct {
	days  int
	title string
}{{7, "7 days"}, {30, "30 days"}, {90, "90 days"}, {366, "A year"}}

func overviewPage(v *visit) (View, error) {
	o, err := read[acts.Overview](v, "overview.get", v.query)
	if err != nil {
		return nil, err
	}
	view := &Overview{Chrome: v.chrome, PartialDay: true, Totals: []Total{
		{Label: "Customers", Value: o.Totals.Customers, URL: v.chrome.Path("customers")},
		{Label: "Unverified", Value: o.Totals.Unverified, URL: v.chrome.Path("customers?unverified=true")},
		{Label: "Disabled", Value: o.Totals.Disabled, URL: v.chrome.Path("customers?disabled=true")},
		{Label: "Erased", Value: o.Totals.Erased, URL: v.chrome.Path("customers?erased=true")},
	}}
	for _, r := range ranges {
		view.Ranges = append(view.Ranges, Tab{r.title, "?days=" + strconv.Itoa(r.days), cmp.Or(v.query.Get("days"), "30") == strconv.Itoa(r.days)})
	}
	for _, d := range o.Days {
		day, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			return nil, fmt.Errorf("reading a day of the overview: %w", err)
		}
		view.Days = append(view.Days, day)
		view.Registrations, view.Logins = append(view.Registrations, d.Registrations), append(view.Logins, d.Logins)
		view.Active, view.Failed = append(view.Active, d.Active), append(view.Failed, d.Failed)
	}
	for _, c := range o.Consents {
		view.Coverage = append(view.Coverage, ShareRow{c.Name + ", version " + c.Version, []Share{
			{"Accepted", c.Accepted, false}, {"Declined", c.Declined, false}, {"Earlier version only", c.Earlier, false}, {"Not answered", c.Missing, true},
		}})
	}
	return view, nil
}

func auditPage(v *visit) (View, error) {
	list, err := read[acts.AuditList](v, "audit.list", v.query)
	if err != nil && !v.refusedQuery(err) {
		return nil, err
	}
	members, err := read[acts.StaffList](v, "staff.list", nil)
	if err != nil {
		return nil, err
	}
	view := &AuditLog{
		Chrome: v.chrome, Query: v.query, Who: actors(members, v.query.Get("actor")), Acts: loggedActs(),
		Pager: v.pager(list.Next, len(list.Entries), "entries"), Partial: list.Partial,
	}
	for _, e := range list.Entries {
		view.Entries = append(view.Entries, AuditEntry{
			Time: e.Time, Who: e.ActorName, Act: e.Act, Target: v.target(e), TargetURL: v.targetURL(e), Detail: details(e.Detail), IP: e.IP, Failed: e.Error,
		})
	}
	return view, nil
}

// actors are those whose entries can be looked for, and who is looked for now, even
// when they have left.
func actors(list acts.StaffList, now string) (options []Option) {
	for _, m := range list.Staff {
		options = append(options, Option{Value: m.ID, Text: m.Email})
	}
	options = append(options, Option{Value: "server", Text: "API token"})
	if now != "" && !slices.ContainsFunc(options, func(o Option) bool { return o.Value == now }) {
		options = append(options, Option{Value: now, Text: now})
	}
	return options
}

// loggedActs are the acts that the log has entries of, and their families.
func loggedActs() (options []Option) {
	names := map[string]bool{}
	for _, name := range acts.OwnEntries {
		names[name] = true
	}
	for _, a := range acts.Acts() {
		if !a.Reads() {
			names[a.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		family, _, _ := strings.Cut(name, ".")
		if all := family + "."; len(options) == 0 || !strings.HasPrefix(options[len(options)-1].Value, all) {
			options = append(options, Option{Value: all, Text: "All of " + family})
		}
		options = append(options, Option{Value: name, Text: name})
	}
	return options
}

// target returns what an entry was about, as people know it.
func (v *visit) target(e authstore.AuditEntry) string {
	if e.Target == e.Actor && e.Target != "" {
		return e.ActorName
	}
	return e.Target
}

// targetURL returns the page of what an entry was about, or "".
func (v *visit) targetURL(e authstore.AuditEntry) string {
	family, _, _ := strings.Cut(e.Act, ".")
	switch {
	case e.Target == "":
	case family == "customer":
		return v.chrome.Path("customers/" + url.PathEscape(e.Target))
	case family == "consent":
		return v.chrome.Path("consents/" + url.PathEscape(e.Target))
	}
	return ""
}

func details(d map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(d)) {
		list = append(list, name+": "+d[name])
	}
	return strings.Join(list, ", ")
}

// pager leads through a list of which n are on this page.
func (v *visit) pager(next string, n int, what string) Pager {
	p := Pager{Says: fmt.Sprintf("%d %s on this page", n, what)}
	query := maps.Clone(v.query)
	if query.Get("after") != "" {
		query.Del("after")
		p.First = "?" + query.Encode()
	}
	if next != "" {
		query.Set("after", next)
		p.Next = "?" + query.Encode()
	}
	return p
}
