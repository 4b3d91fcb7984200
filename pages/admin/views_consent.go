// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	acts "github.com/usher-sso/usher/internal/admin"
)

// Consent is the page of one consent.
type Consent struct {
	Chrome
	Detail acts.ConsentDetail
	Tags   []string // languages that texts can be in, the default first
	Edit   string   // the draft to write on; "" is the newest, or a new one
	Look   string   // address of the page that asks viewers for it; "" is none
}

func (v *Consent) compose() content {
	d := v.Detail
	if len(v.Crumbs) == 0 {
		v.Crumbs = []Link{{"Consents", v.Path("consents")}}
	}
	c := content{Heading: d.Name, Badges: v.badges()}
	if v.Look != "" {
		c.Links = append(c.Links, Link{"Preview of the page", v.Look})
	}
	if d.Declared {
		c.Main = append(c.Main, Section{ID: "declared", Heading: "Read-only", Declared: inFile})
	}
	past := Section{ID: "past", Heading: "Earlier versions"}
	for i := range d.Versions {
		s := v.version(i)
		if d.Versions[i].State != acts.StatePast {
			c.Main = append(c.Main, s)
			continue
		}
		past.Details = append(past.Details, v.folded(i, s))
	}
	if len(past.Details) > 0 {
		c.Main = append(c.Main, past)
	}
	if !d.Declared && v.may("consent.save") {
		c.Links = append(c.Links, Link{"Write a version", "#write"})
		c.Main = append(c.Main, v.write())
	}
	if !d.Declared && d.Asked && v.may("consent.retire") {
		c.Main = append(c.Main, v.retire())
	}
	return c
}

func (v *Consent) badges() []Badge {
	list := []Badge{{Text: kindName(v.Detail.Kind)}}
	if v.Detail.Declared {
		list = []Badge{{Text: "Configuration file"}}
	}
	if !v.Detail.Asked {
		list = append(list, Badge{"Not asked", ToneWarn})
	}
	return list
}

// stateBadge says where a version is on its way.
func stateBadge(s acts.VersionState) Badge {
	switch s {
	case acts.StateDraft:
		return Badge{"Draft", ToneWarn}
	case acts.StateComing:
		return Badge{"Scheduled", ToneAccent}
	case acts.StateCurrent:
		return Badge{"In force", ToneGood}
	case acts.StatePast:
		return Badge{Text: "Earlier"}
	}
	return Badge{Text: string(s)}
}

// version returns the version at i, with what can be done with it.
func (v *Consent) version(i int) Section {
	x := v.Detail.Versions[i]
	s := Section{ID: "v-" + strconv.Itoa(i), Heading: "Version " + x.Version, Badges: []Badge{stateBadge(x.State)}, Definitions: versionFacts(x)}
	r := reading("", x.Label, x.Value)
	r.Box = box(x.EnabledByDefault)
	s.Readings = []Reading{r}
	for _, t := range x.Texts {
		r := reading(t.Language, t.Label, t.Value)
		r.Box = box(x.EnabledByDefault)
		s.Details = append(s.Details, Section{Heading: languageName(t.Language), Readings: []Reading{r}})
	}
	if x.State == acts.StateCurrent && x.Accepted+x.DeclinedBy > 0 {
		s.Shares = &Shares{Title: "Answers", Rows: []ShareRow{{Label: "Answers in force", Parts: []Share{
			{Name: "Accepted", Count: x.Accepted}, {Name: "Declined", Count: x.DeclinedBy},
		}}}}
	}
	if before, ok := v.before(i); ok {
		s.Details = append(s.Details, changes(before, x))
	}
	v.offer(&s, x)
	return s
}

func box(ticked bool) string {
	if ticked {
		return "☑"
	}
	return "☐"
}

// folded returns a version as one that stands among many.
func (v *Consent) folded(i int, s Section) Section {
	s.Details, s.Shares = nil, nil
	x := v.Detail.Versions[i]
	for _, t := range x.Texts {
		s.Readings = append(s.Readings, reading(t.Language, t.Label, t.Value))
	}
	if before, ok := v.before(i); ok {
		s.Lead, s.Diff = "What it changed in version "+before.Version+" is marked below.", Diff(wholeText(before), wholeText(x))
	}
	return s
}

func versionFacts(x acts.VersionView) []Definition {
	facts := []Definition{{"Begins", Cell{Time: x.Begins, Absent: "Not published"}}}
	if x.State == acts.StateCurrent || x.State == acts.StatePast {
		facts[0].Term = "In force since"
	}
	if !x.TransitionUntil.IsZero() {
		facts = append(facts, Definition{"Earlier versions do until", Cell{Time: x.TransitionUntil}})
	}
	if !x.Declared || x.State == acts.StateCurrent {
		facts = append(facts, Definition{"Required", Cell{Text: yesNo(x.Required)}}, Definition{"Ticked from the start", Cell{Text: yesNo(x.EnabledByDefault)}})
	}
	facts = append(facts, Definition{"Written", Cell{Time: x.Created, Note: x.By}})
	if x.State == acts.StateCurrent || x.State == acts.StatePast {
		facts = append(facts,
			Definition{"Accepted by", Cell{Text: number(x.Accepted)}}, Definition{"Declined by", Cell{Text: number(x.DeclinedBy)}},
			Definition{"Text in evidence", Cell{Text: short(x.TextHash), Code: true}})
	}
	return facts
}

func yesNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}

// before returns the version that the one at i follows.
func (v *Consent) before(i int) (acts.VersionView, bool) {
	for _, x := range v.Detail.Versions[i+1:] {
		if x.State != acts.StateDraft {
			return x, true
		}
	}
	return acts.VersionView{}, false
}

// changes returns what a version says otherwise than the one before it.
func changes(before, x acts.VersionView) Section {
	s := Section{Heading: "Changes since version " + before.Version}
	if was, is := wholeText(before), wholeText(x); was == is {
		s.Lead = "The text is the same."
	} else {
		s.Diff = Diff(was, is)
	}
	return s
}

// wholeText returns all texts of a version, below each other.
func wholeText(x acts.VersionView) string {
	parts := []string{x.Label, x.Value}
	for _, t := range x.Texts {
		parts = append(parts, languageName(t.Language)+": "+t.Label, t.Value)
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, "\n\n")
}

// offer adds what can be done with a version.
func (v *Consent) offer(s *Section, x acts.VersionView) {
	if v.Detail.Declared || !v.may("consent.publish") {
		return
	}
	to := func(act string) string { return v.to(act, "name", v.Detail.Name, "version", x.Version) }
	switch x.State {
	case acts.StateDraft:
		s.Forms = append(s.Forms, Form{
			ID: s.ID + "-publish", Action: to("consent.publish"), Submit: "Publish version " + x.Version, Tone: ToneAccent,
			Hidden: []Pair{{"written", x.Created.Format(time.RFC3339Nano)}},
			Fields: []Field{
				{Kind: KindTime, Name: "begins", Label: "Begins", Hint: "In UTC. Empty: now. From then on the text can never be changed."},
				{Kind: KindTime, Name: "transitionUntil", Label: "Earlier versions do until",
					Hint: "In UTC. Until then, customers who accepted an earlier version may go on. Empty: they are asked as soon as it begins."},
			},
		}, Form{ID: s.ID + "-drop", Action: to("consent.drop"), Submit: "Throw the draft away", About: x.Version, Tone: ToneDanger})
		s.Links = append(s.Links, Link{"Edit the draft", "?edit=" + url.QueryEscape(x.Version) + "#write"})
	case acts.StateComing:
		s.Forms = append(s.Forms, Form{ID: s.ID + "-unpublish", Action: to("consent.unpublish"), Submit: "Take it back", About: "version " + x.Version})
	}
}

// write returns the form of a draft: the one that was chosen, the newest, or the one
// that would come next.
func (v *Consent) write() Section {
	s := Section{ID: "write", Heading: "Write a new version", Lead: "It starts as a draft that nobody is asked for."}
	var from acts.VersionView
	if len(v.Detail.Versions) > 0 {
		from = v.Detail.Versions[0]
	}
	for _, x := range v.Detail.Versions {
		if x.State == acts.StateDraft && x.Version == v.Edit {
			from = x
		}
	}
	version, hint := nextVersion(from.Version), "Letters, digits, dots and dashes, such as 2 or 2026-01."
	if from.State == acts.StateDraft {
		version, s.Heading = from.Version, "Edit the draft "+from.Version
		s.Lead = ""
		hint = "Another name makes another draft and leaves this one as it is. " + hint
	}
	f := v.textForm("write-form", from, v.Tags)
	f.Hidden = append(f.Hidden, Pair{"name", v.Detail.Name}, Pair{"kind", cmp.Or(v.Detail.Kind, "custom")})
	f.Fields = append([]Field{{Name: "version", Label: "Version", Value: version, Required: true, MaxLength: 32, Hint: hint}}, f.Fields...)
	f.Submit = "Save the draft"
	s.Forms = []Form{f}
	return s
}

// nextVersion suggests what the version after another is called: one more in its last
// number.
func nextVersion(version string) string {
	stem := strings.TrimRight(version, "0123456789")
	n, err := strconv.Atoi(version[len(stem):])
	if err != nil {
		return strings.TrimPrefix(version+"-2", "-")
	}
	next := strconv.Itoa(n + 1)
	if missing := len(version) - len(stem) - len(next); missing > 0 {
		next = strings.Repeat("0", missing) + next
	}
	return stem + next
}

func (v *Consent) retire() Section {
	return Section{ID: "retire", Heading: "Ask no more", Danger: true, Acts: []Act{{
		"Ask for this consent no more", "Customers are no longer asked for it, and nobody needs it to go on. Answers and evidence stay. Publishing a version asks for it again.",
		Form{ID: "retire-form", Action: v.to("consent.retire", "name", v.Detail.Name), Submit: "Ask no more", About: v.Detail.Name, Tone: ToneDanger},
	}}}
}
