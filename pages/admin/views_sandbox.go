// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strconv"

	acts "github.com/usher-sso/usher/internal/admin"
)

// SandboxPage is the page of what can be done with a sandbox.
type SandboxPage struct {
	Chrome
	Targets []PublisherLink   // where settings can be copied to
	To      string            // id of the one that was chosen; "" is none
	Diff    *acts.SandboxDiff // what copying there changes; nil before one is chosen
}

func (v *SandboxPage) compose() content {
	c := content{Heading: "Sandbox", Lead: "Try things out here, then copy what proved itself to production.", Main: []Section{v.choose()}}
	if v.Diff != nil {
		c.Main = append(c.Main, v.changes())
	}
	if v.may("sandbox.reset") {
		c.Main = append(c.Main, v.reset())
	}
	return c
}

func (v *SandboxPage) choose() Section {
	s := Section{
		ID: "copy", Heading: "Copy settings to production",
		Lead: "You see first what would change. Name, offers, addresses, pictures, the API token and everything about customers stay as they are there.",
	}
	t := &Table{
		Caption: "Publishers", Columns: []Column{{Label: "Publisher"}, {Label: "Id"}, {}},
		Empty: "You own no publisher that is no sandbox, so there is nowhere to copy to.",
	}
	for _, p := range v.Targets {
		id := strconv.FormatInt(p.ID, 10)
		name := Cell{Text: p.Name}
		if id == v.To {
			name.Badges = []Badge{{"Chosen", ToneAccent}}
		}
		t.Rows = append(t.Rows, Row{[]Cell{name, {Text: id, Code: true}, {Text: "See what would change", URL: "?to=" + id + "#changes"}}})
	}
	s.Table = t
	return s
}

func (v *SandboxPage) changes() Section {
	d := v.Diff
	s := Section{ID: "changes", Heading: "What changes at " + d.To.Name}
	if len(d.Changes) == 0 {
		s.Empty = "Nothing: everything is the same there."
		return s
	}
	t := &Table{Caption: "Changes", Columns: []Column{{Label: "Setting"}, {Label: "There now"}, {Label: "After copying"}}}
	for _, ch := range d.Changes {
		t.Rows = append(t.Rows, Row{[]Cell{
			{Text: ch.Setting, Note: ch.Note}, {Text: ch.Before, Lines: true, Absent: "Nothing, or the default"}, {Text: ch.After, Lines: true, Absent: "Nothing, or the default"},
		}})
	}
	s.Table = t
	s.Forms = []Form{{
		ID: "copy-form", Action: v.to("sandbox.copy"), Submit: "Copy to " + d.To.Name, Tone: ToneAccent,
		Hidden: []Pair{{"to", d.To.ID}, {"from", strconv.FormatInt(d.From, 10)}, {"revision", strconv.FormatInt(d.Revision, 10)}},
	}}
	return s
}

func (v *SandboxPage) reset() Section {
	id := ""
	if v.Publisher != nil {
		id = strconv.FormatInt(v.Publisher.ID, 10)
	}
	return Section{
		ID: "reset", Heading: "Reset", Danger: true,
		Lead:  "Removes all customers of this sandbox for good, with their sessions, answers and evidence. Settings and consents stay.",
		Forms: []Form{{ID: "reset-form", Action: v.to("sandbox.reset"), Confirm: id, Submit: "Remove all customers", Tone: ToneDanger}},
	}
}
