// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"slices"
	"strconv"
	"strings"

	acts "github.com/usher-sso/usher/internal/admin"
)

// Settings is the page of a publisher's settings.
type Settings struct {
	Chrome
	Now      acts.SettingsView
	NewToken string // that was just made, to be shown once; "" is none
}

func (v *Settings) compose() content {
	c := content{Heading: "Settings"}
	if v.NewToken != "" {
		c.Main = append(c.Main, Section{ID: "new-token", Heading: "The new API token", Secret: &Secret{
			ID: "new-token-value", Label: "API token", Value: v.NewToken, Hint: "Put it into your servers' settings now. The one before no longer works.",
		}})
	}
	if v.may("settings.save") {
		c.Main = append(c.Main, v.form())
	} else {
		c.Main = append(c.Main, v.facts())
	}
	c.Main = append(c.Main, v.brand()...)
	c.Side = []Section{v.sites(), v.token()}
	return c
}

func (v *Settings) revision() Pair {
	return Pair{"revision", strconv.FormatInt(v.Now.Revision, 10)}
}

// fixed returns why a part cannot be changed here, or "".
func fixed(declared bool) string {
	if declared {
		return inFile
	}
	return ""
}

func (v *Settings) form() Section {
	n, d := v.Now, v.Now.Declared
	name := n.Name
	if d.Name {
		name = n.DeclaredName
	}
	languages := []Option{}
	for _, tag := range n.KnownLanguages {
		languages = append(languages, Option{Value: tag, Text: languageName(tag), Selected: slices.Contains(n.Languages, tag)})
	}
	f := Form{
		ID: "settings", Action: v.to("settings.save"), Submit: "Save", Tone: ToneAccent, Hidden: []Pair{v.revision()},
		Fields: []Field{
			{Name: "name", Label: "Name", Value: name, ReadOnly: fixed(d.Name), MaxLength: 100, Hint: "As viewers read it. Empty: " + n.DeclaredName + "."},
			{Kind: KindChecks, Name: "languages", Label: "Languages", Options: languages, ReadOnly: fixed(d.Languages),
				Hint: "Of viewers' pages and mails. None ticked: all."},
		},
		Sets: []FieldSet{
			{Legend: "Apps", Fields: []Field{
				{Kind: KindArea, Name: "offers", Label: "Offers", Value: strings.Join(n.Offers, "\n"), Rows: 3,
					Hint: "Ids of offers by which apps name this publisher, one on each line." + alsoDeclared(n.DeclaredOffers)},
				{Kind: KindArea, Name: "resetUrls", Label: "Addresses for password resets", Value: strings.Join(n.ResetURLs, "\n"), Rows: 3,
					Hint: "Origins such as https://app.example.com that a link in a mail may lead to, one on each line." + alsoDeclared(n.DeclaredResetURLs)},
			}},
			v.lives(), v.verification(),
		},
	}
	if n.Publisher.Sandbox {
		f.Sets = append(f.Sets, FieldSet{Legend: "Mail", Fields: []Field{
			{Kind: KindCheckbox, Name: "sendMail", Label: "Send this sandbox's mails", Checked: n.SendMail, ReadOnly: fixed(d.SendMail),
				Hint: "Otherwise they are put into its outbox, and reach nobody."},
		}})
	}
	return Section{ID: "general", Heading: "General", Forms: []Form{f}}
}

// alsoDeclared names what the configuration file adds to a list.
func alsoDeclared(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " In force besides, from the configuration file: " + strings.Join(list, ", ") + "."
}

func (v *Settings) lives() FieldSet {
	n, d := v.Now, v.Now.Declared
	return FieldSet{Legend: "Sessions", Hint: "Lengths of time such as 15m, 12h or 100d. Empty: the default.", Fields: []Field{
		{Name: "tokenLife", Label: "Life of access tokens", Value: n.TokenLife.String(), ReadOnly: fixed(d.TokenLife), MaxLength: 12,
			Hint: "Apps renew them without the viewer. The default is 15m."},
		{Name: "sessionIdle", Label: "Sessions end when idle for", Value: n.SessionIdle.String(), ReadOnly: fixed(d.Session), MaxLength: 12},
		{Name: "sessionAbsolute", Label: "Sessions end after", Value: n.SessionAbsolute.String(), ReadOnly: fixed(d.Session), MaxLength: 12,
			Hint: "Even when they are in use."},
	}}
}

func (v *Settings) verification() FieldSet {
	n, d := v.Now, v.Now.Declared
	return FieldSet{Legend: "E-mail verification", Fields: []Field{
		{Kind: KindCheckbox, Name: "verifyEmail", Label: "Customers have to verify their address", Checked: n.VerifyEmail, ReadOnly: fixed(d.VerifyEmail)},
		{Name: "verifyWithin", Label: "Time to do so", Value: n.VerifyWithin.String(), ReadOnly: fixed(d.VerifyEmail), MaxLength: 12,
			Hint: "Such as 3d. 0s: before they can sign in for the first time."},
	}}
}

// facts shows the settings to who may not change them.
func (v *Settings) facts() Section {
	n := v.Now
	names := []string{}
	for _, tag := range n.Languages {
		names = append(names, languageName(tag))
	}
	verify := "No"
	if n.VerifyEmail {
		verify = "Yes, within " + n.VerifyWithin.String()
	}
	name := n.Name
	if name == "" {
		name = n.DeclaredName
	}
	return Section{ID: "general", Heading: "General", Lead: "Only owners can change these.", Definitions: []Definition{
		{"Name", Cell{Text: name}}, {"Languages", Cell{Text: strings.Join(names, ", "), Absent: "All"}},
		{"Offers", Cell{Text: strings.Join(union(n.DeclaredOffers, n.Offers), ", ")}},
		{"Addresses for password resets", Cell{Text: strings.Join(union(n.DeclaredResetURLs, n.ResetURLs), ", ")}},
		{"Life of access tokens", Cell{Text: n.TokenLife.String()}}, {"Sessions end when idle for", Cell{Text: n.SessionIdle.String()}},
		{"Sessions end after", Cell{Text: n.SessionAbsolute.String()}}, {"E-mail verification", Cell{Text: verify}},
		{"Mails are sent", Cell{Text: yesNo(n.SendMail)}},
	}}
}

// union returns what is in one list or the other, each once.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func (v *Settings) sites() Section {
	s := Section{ID: "sites", Heading: "Sites", Declared: "A site is where the server's configuration file has a gate. It can be changed only there."}
	for i, site := range v.Now.Sites {
		s.Definitions = append(s.Definitions, Definition{"Site " + strconv.Itoa(i+1), Cell{Text: site, URL: site}})
	}
	for i, r := range v.Now.Receivers {
		s.Definitions = append(s.Definitions, Definition{"Told of ended sessions " + strconv.Itoa(i+1), Cell{Text: r, Code: true}})
	}
	if len(s.Definitions) == 0 {
		s.Empty = "There is no site."
	}
	return s
}

func (v *Settings) token() Section {
	s := Section{
		ID: "token", Heading: "API token", Badges: []Badge{{"None", ""}},
		Lead: "By it your own servers show the API that they are yours. It is shown once, when it is made; only its digest is kept.",
	}
	if v.Now.Token {
		s.Badges = []Badge{{"Set", ToneGood}}
	}
	if v.Now.Declared.Token {
		s.Declared = inFile
		return s
	}
	if !v.may("token.rotate") {
		return s
	}
	fresh := Form{ID: "token-rotate", Action: v.to("token.rotate"), Hidden: []Pair{v.revision()}, Submit: "Make a token"}
	if !v.Now.Token {
		s.Forms = []Form{fresh}
		return s
	}
	fresh.Submit = "Make a new one"
	revoke := Form{ID: "token-revoke", Action: v.to("token.revoke"), Hidden: []Pair{v.revision()}, Submit: "End it", About: "the API token", Tone: ToneDanger}
	s.Acts = []Act{
		{"Replace", "The token in use ends at once.", fresh},
		{"End", "Your servers can no longer use the API.", revoke},
	}
	return s
}
