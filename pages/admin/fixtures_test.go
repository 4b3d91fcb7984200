// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// now is when the fixtures are looked at.
var now = time.Date(2027, 3, 14, 16, 20, 0, 0, time.UTC)

// hostile is stored text that tries to be more than text in every place where a
// page may put it: an element, an attribute, an address, the title.
const hostile = "\"'></title></textarea><script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1) \u202Eevil\u202C " +
	"Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstellenleiterinnenanwärterkursteilnehmer"

// fill is what the fixtures say: text makes every stored text of a word that
// describes it, and address every address from outside.
type fill struct {
	text    func(typical string) string
	address string
	sandbox bool
}

var (
	typical  = fill{text: func(s string) string { return s }, address: "https://nordlys.example/terms"}
	onTrial  = fill{text: func(s string) string { return s }, address: "/admin/100000001", sandbox: true}
	attacked = fill{text: func(string) string { return hostile }, address: "javascript:alert(1)"}
	quoting  = fill{text: func(string) string { return `"><script>` }, address: `https://a.example/"><script>alert(1)</script>`}
)

// blank are the views with nothing in them.
func blank() map[string]View {
	return map[string]View{
		"sign-in": &SignIn{}, "second-factor": &SecondFactor{}, "enrol": &Enrol{}, "recovery-codes": &RecoveryCodes{},
		"invitation": &Invitation{}, "invitation-again": &Invitation{HasOne: true}, "step-up": &StepUp{}, "account": &Account{},
		"choose": &Choose{}, "problem": &Problem{}, "forbidden": &Problem{Status: 403}, "overview": &Overview{}, "customers": &Customers{},
		"customer": &Customer{}, "audit": &AuditLog{}, "parts": &Page{}, "wrong": &Page{},
		"consents": &Consents{}, "consent": &Consent{}, "questions": &Questions{}, "answers": &Answers{}, "settings": &Settings{},
		"settings-seen": &Settings{}, "settings-declared": &Settings{}, "staff": &StaffPage{}, "staff-seen": &StaffPage{}, "to-production": &SandboxPage{},
	}
}

// filled are the views with something in every part of them.
func (f fill) filled() map[string]View {
	door := Chrome{}
	if f.sandbox {
		door.Publisher = &Publisher{ID: 100000002, Name: f.text("Nordlys Try-out"), Sandbox: true}
	}
	wrong := door
	wrong.Error = f.text("The address or the password is wrong.")
	return map[string]View{
		"sign-in":        &SignIn{wrong, "", "/admin/100000001/customers?q=a", f.text("frida@nordlys.example")},
		"second-factor":  &SecondFactor{door, "", "/admin", f.text("This code is not right. Wait for the next one.")},
		"enrol":          &Enrol{f.desk(""), "", "/admin", picture(), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "c2VhbGVk", true, f.text("This code is not right.")},
		"recovery-codes": &RecoveryCodes{f.desk(""), codes(), "/admin"},
		"invitation": &Invitation{door, "", "dG9rZW4", f.text("ola@nordlys.example"), f.text("Ola Nordmann"), f.publishers(), false,
			f.text("This password is easy to guess.")},
		"invitation-again": &Invitation{Chrome: door, Email: f.text("ola@nordlys.example"), Roles: f.publishers(), HasOne: true},
		"step-up": &StepUp{f.desk(SectionCustomers), "/admin/100000001/customers/123456789/erase", []Pair{{"confirm", f.text("123456789")}},
			f.text("erase a customer"), "/admin/100000001", true},
		"account":   f.account(),
		"choose":    &Choose{f.desk("")},
		"problem":   &Problem{f.desk(SectionSettings), 409, "", "", "", Link{"Load it again", "/admin/100000001/settings"}, f.text("9f86d081")},
		"forbidden": &Problem{Chrome: f.desk(SectionStaff), Status: 403, Need: "owner"},
		"overview":  f.overview(),
		"customers": f.customers(),
		"customer":  f.customer(),
		"audit":     f.audit(),
		"parts":     f.parts(),
		"wrong":     f.wrong(),

		"consents": f.consents(), "consent": f.consent(), "questions": f.questions(), "answers": f.answers(), "settings": f.settings("owner"),
		"settings-seen": f.settings("readonly"), "settings-declared": f.declared(), "staff": f.staff("owner"), "staff-seen": f.staff("support"),
		"to-production": f.toProduction(),
	}
}

func (f fill) desk(section NavSection) Chrome {
	p := f.publishers()
	at := Publisher{p[0].ID, p[0].Name, f.sandbox}
	return Chrome{
		Member:    &Member{f.text("Frida Solberg"), f.text("frida@nordlys.example"), "editor"},
		Publisher: &at, Publishers: p, Section: section,
	}
}

func (f fill) publishers() []PublisherLink {
	return []PublisherLink{
		{100000001, f.text("Nordlys Television"), "editor", f.sandbox, true},
		{100000002, f.text("Nordlys Try-out"), "owner", true, false},
		{100000003, f.text("Fjord Sport"), "readonly", false, false},
	}
}

func picture() []byte {
	img := image.NewGray(image.Rect(0, 0, 29, 29))
	for i := range 29 * 29 {
		img.Set(i%29, i/29, color.Gray{uint8((i*i/3 + i/29*7) % 2 * 255)})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func codes() (list []string) {
	for i := range 10 {
		list = append(list, "k7qm-"+strconv.Itoa(2300+i*97))
	}
	return list
}

func (f fill) account() *Account {
	v := &Account{
		Chrome: f.desk(""), Roles: f.publishers(), SecondFactor: true, CodesLeft: 8,
		CurrentError: f.text("The password is wrong."), NewError: f.text("This password is easy to guess."),
		Sessions: []StaffSession{
			{"a1", f.text("Firefox on Linux"), f.text("203.0.113.7, Norway"), now.Add(-time.Hour), now, true},
			{"b2", f.text("Safari on iPhone"), f.text("2001:db8::17, Sweden"), now.Add(-9 * time.Hour), now.Add(-20 * time.Minute), false},
			{"c3", "", "", now.Add(-11 * time.Hour), now.Add(-40 * time.Minute), false},
		},
	}
	v.Notice = f.text("The session has ended.")
	return v
}

// wave is made-up numbers for a month.
func wave(base, swing int64) (values []int64) {
	for i := range int64(30) {
		values = append(values, base+swing*((i*7+i*i*3)%11)/11+swing*(i%7)/7)
	}
	return values
}

func days(n int) (list []time.Time) {
	for i := range n {
		list = append(list, now.Truncate(24*time.Hour).AddDate(0, 0, i-n+1))
	}
	return list
}

func (f fill) overview() *Overview {
	return &Overview{
		Chrome: f.desk(SectionOverview),
		Totals: []Total{
			{f.text("Customers"), 1_204_331, "/admin/100000001/customers", ""}, {"Unverified", 60_112, f.address, ""},
			{"Disabled", 11_930, "", f.text("1 % of all")}, {"Active sessions", 88_415, "", "today"},
		},
		Ranges: []Tab{{"7 days", "?days=7", false}, {"30 days", "?days=30", true}, {"90 days", f.address, false}},
		Days:   days(30), Registrations: wave(900, 700), Logins: wave(21_000, 9_000), Active: wave(60_000, 30_000), Failed: wave(0, 40),
		Coverage: []ShareRow{
			{f.text("Terms of use, version 7"), []Share{{"Accepted", 1_100_000, false}, {"Declined", 12, false}, {"Not answered", 104_319, true}}},
			{f.text("Marketing, version 2"), []Share{{"Accepted", 410_000, false}, {"Declined", 600_000, false}, {"Not answered", 194_331, true}}},
			{"Nobody", []Share{{"Accepted", 0, false}, {"Declined", 0, false}}},
		},
		PartialDay: true,
	}
}

func (f fill) customers() *Customers {
	v := &Customers{
		Chrome: f.desk(SectionCustomers), Partial: true, Consents: []Option{{Value: f.text("marketing"), Text: f.text("Marketing")}},
		Query: url.Values{
			"sort": {"lastLogin"}, "search": {f.text("ann")}, "registeredFrom": {"2026-01-01"}, "unverified": {"true"}, "lastLoginFrom": {f.text("2026-02-30")},
			"consent": {f.text("marketing")}, "consentState": {"accepted"}, "consentVersion": {f.text("2")},
		},
		Pager: Pager{f.text("Customers 51 to 100 of about 1,204,331"), "?sort=lastLogin", "?sort=lastLogin&after=abc"},
	}
	names := []string{"Ingrid Haugen", "Lars Østby", "Åse Marie Kristoffersen", "", "Nils Petter Bakke-Johannessen"}
	for i := range 12 {
		r := CustomerRow{
			ID: int64(100_432_871 + i*7919), Email: f.text(strings.ToLower("viewer."+strconv.Itoa(i*37+4)) + "@example.org"),
			Registered: now.AddDate(0, -i, -3*i), LastLogin: now.Add(-time.Duration(i*i) * time.Hour), Unverified: i%4 == 1, Disabled: i%5 == 4,
		}
		if name := names[i%len(names)]; name != "" {
			r.Name = f.text(name)
		}
		if i%3 == 0 {
			r.ExternalID = f.text("crm-" + strconv.Itoa(88_000+i))
		}
		if i == 7 {
			r.LastLogin, r.Erased, r.Email = time.Time{}, true, ""
		}
		v.Rows = append(v.Rows, r)
	}
	v.Refused = &Refused{Action: "/admin/100000001/customers", Values: v.Query, Field: "lastLoginFrom", Sentence: f.text("is not a day")}
	return v
}

func (f fill) customer() *Customer {
	answer := func(version, state string, ago int) ConsentAnswer {
		return ConsentAnswer{f.text(version), f.text(state), now.AddDate(0, 0, -ago), f.text("203.0.113.9"), f.text("de"), strings.Repeat("9f86d081", 8)}
	}
	v := &Customer{
		Chrome: f.desk(SectionCustomers),
		CustomerRow: CustomerRow{100_432_871, f.text("ingrid.haugen@example.org"), f.text("Ingrid Haugen"), f.text("crm-88012"),
			now.AddDate(-1, -2, -3), now.Add(-3 * time.Hour), true, false, false},
		LastIP: f.text("203.0.113.9"), LastCountry: f.text("NO"), Country: f.text("Norway"), External: f.text(`{"crm":{"tier":"gold"}}`), Broken: f.text("answer 3 was changed"), Submitted: now, Locale: f.text("nb_NO"), Currency: f.text("NOK"),
		Identities: []Identity{{f.text("E-mail and password"), f.text("ingrid.haugen@example.org"), now.AddDate(-1, -2, -3)}, {"Google", f.text("110248495921238986420"), now.AddDate(0, -5, 0)}},
		Consents: []ConsentState{
			{f.text("terms"), true, "7", answer("6", "accepted", 400), []ConsentAnswer{answer("6", "accepted", 400), answer("5", "accepted", 700)}},
			{f.text("marketing"), false, "2", answer("2", "declined", 12), []ConsentAnswer{answer("2", "declined", 12), answer("2", "accepted", 90)}},
			{f.text("partners"), false, "1", ConsentAnswer{}, nil},
		},
		Answers: []Answer{{f.text("First name"), f.text("Ingrid")}, {f.text("Which club do you support?"), f.text("Rosenborg")}},
		Sessions: []CustomerSession{
			{"s1", f.text("Chrome on Android"), f.text("203.0.113.9, Norway"), now.AddDate(0, 0, -20), now.Add(-3 * time.Hour), []string{f.text("https://sport.nordlys.example"), "https://film.nordlys.example"}},
			{"s2", "", "", now.AddDate(0, 0, -60), now.AddDate(0, 0, -2), nil},
		},
		Acts: []CustomerAct{ActSendReset, ActSendVerify, ActVerify, ActChangeEmail, ActSignOut, ActExport, ActDisable, ActErase},
	}
	v.Refused = &Refused{Action: "/admin/100000001/customers/100432871/change-email", Values: url.Values{"email": {f.text("ingrid@example")}}, Field: "email", Sentence: f.text("is not an e-mail address")}
	v.Notice = f.text("A mail with a link is on its way.")
	return v
}

func (f fill) audit() *AuditLog {
	v := &AuditLog{
		Chrome: f.desk(SectionAudit), Query: url.Values{"from": {f.text("2027-03-01")}, "act": {"customer.disable"}, "target": {f.text("100432871")}},
		Who: []Option{{f.text("id-1"), f.text("Frida Solberg"), "", true}}, Acts: []Option{{"customer.disable", "customer.disable", "", false}},
		Pager: Pager{f.text("50 entries"), "", "?after=x"}, Partial: true,
	}
	for i, failed := range []string{"", f.text("the code is wrong"), ""} {
		v.Entries = append(v.Entries, AuditEntry{
			now.Add(-time.Duration(i) * 47 * time.Minute), f.text("Frida Solberg"), f.text("customer.changeEmail"), f.text("Customer 100432871"),
			f.address, f.text("sessions: all"), f.text("2001:db8:85a3::8a2e:370:7334"), failed,
		})
	}
	return v
}

const (
	oldTerms = "You may watch at home.\nYou must be sixteen years old. We keep your data for ten years."
	newTerms = "You may watch at home and abroad.\nYou must be eighteen years old. We keep your data for two years.\nOther terms hold for sport."
)

// parts is a page with every component that no other page has.
func (f fill) parts() *Page {
	declared := "Set in the server's configuration file."
	lines := Chart{Title: f.text("Answers"), Days: days(30), Series: []Series{{Name: f.text("Accepted"), Values: wave(30, 60)}, {Name: "Declined", Values: wave(10, 20)}, {Name: "Changed", Values: wave(0, 9)}, {Name: "Late", Values: wave(50, 3)}, {Name: "Fifth", Values: wave(1, 1)}}}
	bars := lines
	bars.Kind, bars.Title = ChartBars, f.text("Answers as bars")
	version := Section{Heading: f.text("Version 6"), Badges: []Badge{{"Old", ""}}, Lead: f.text("In force until March."), Preview: f.text(oldTerms), Diff: Diff(f.text(oldTerms), f.text(newTerms)), Definitions: []Definition{{"Text", Cell{Text: "9f86d081", Code: true}}}}
	return &Page{
		Chrome: f.desk(SectionConsents), Heading: f.text("Terms of use"), Badges: []Badge{{f.text("Scheduled"), ToneAccent}}, Lead: f.text("What viewers agree to when they register."),
		Links: []Link{{f.text("Preview"), "/admin/preview"}, {"Elsewhere", f.address}}, Tabs: []Tab{{f.text("Text"), "?", true}, {"Numbers", "?tab=numbers", false}}, Note: f.text("A note."),
		Main: []Section{
			{ID: "changes", Heading: "What changes", Lead: f.text("One paragraph.\n\nAnother one."), Diff: Diff(oldTerms, f.text(newTerms)), Details: []Section{version, {Heading: "Version 5", Open: true, Preview: f.text(oldTerms)}}},
			{ID: "declared", Heading: "Declared", Declared: declared, Definitions: []Definition{{f.text("Name"), Cell{Text: f.text("terms"), Code: true}}, {"Link", Cell{Text: f.text("The terms"), URL: f.address}}, {"None", Cell{}}}},
			{ID: "lines", Heading: "Answers by day", Chart: &lines}, {ID: "bars", Heading: "The same as bars", Chart: &bars},
			{ID: "one", Heading: "One day", Chart: &Chart{Title: "One", Days: days(1), Series: []Series{{Name: "One", Values: []int64{3}}}}},
			{ID: "none", Heading: "Nothing", Empty: f.text("There is nothing. Add something."), Table: &Table{Caption: "None", Action: Link{f.text("Add"), "/admin/add"}}},
		},
		Side: []Section{
			{ID: "token", Heading: "API token", Secret: &Secret{ID: "token-value", Label: f.text("New token"), Value: f.text("usk_2m3n4b5v6c7x8z9a0s1d2f3g4h5j6k7l"), Hint: f.text("Put it into your server's settings now.")}},
			{ID: "links", Heading: "Links", Table: &Table{Caption: "Links", Columns: []Column{{Label: "Name"}, {Label: "Count", Number: true}}, Rows: []Row{{[]Cell{{Text: f.text("x")}, {Text: "12", Links: []Link{{f.text("One"), f.address}, {"Two", "/two"}}}}}}}},
		},
	}
}

// wrong is a page with a form of every kind of field, each with something wrong.
func (f fill) wrong() *Page {
	var fields, plain, fixed []Field
	for _, kind := range []FieldKind{KindText, KindEmail, KindPassword, KindNumber, KindDate, KindTime, KindURL, KindFile, KindArea, KindSelect, KindRadio, KindChecks, KindCheckbox, KindCode} {
		field := Field{
			Kind: kind, Name: "f-" + string(kind), Label: f.text("A field of the kind " + string(kind)), Value: f.text(""), Hint: f.text("What to know before."), Error: f.text("This is not right."), Required: true, MaxLength: 200,
			Options: []Option{{f.text("a"), f.text("The first"), f.text("It is good."), true}, {"b", "The second", "", false}},
		}
		fields = append(fields, field)
		field.Name, field.Hint, field.Error, field.Required = "g-"+string(kind), "", "", false
		plain = append(plain, field)
		field.ReadOnly = f.text("Set in the server's configuration file.")
		fixed = append(fixed, field)
	}
	v := &Page{Chrome: f.desk(SectionSettings), Heading: "A form", Narrow: true, Main: []Section{
		{ID: "all", Heading: "All", Forms: []Form{{
			ID: "all-form", Action: "/admin/100000001/settings", Fields: fields, Submit: "Save", Tone: ToneAccent, Cancel: Link{"Do not", "/admin"}, Upload: true,
			Sets: []FieldSet{{f.text("More"), f.text("These are the same."), plain, false}, {"Fixed", "", fixed, false}, {Legend: f.text("Folded"), Hint: f.text("Seldom needed."), Folded: true, Fields: []Field{{Name: "folded", Label: f.text("Seldom"), Value: f.text("x")}}}},
		}}},
		{ID: "reset", Heading: "Reset the sandbox", Danger: true, Lead: "Removes all customers.", Forms: []Form{{
			ID: "reset-form", Action: f.address, Confirm: f.text("Nordlys Try-out"), ConfirmError: f.text("This is another name."), Submit: "Reset", Tone: ToneDanger,
		}}},
	}}
	v.Crumbs = []Link{{f.text("Settings"), "/admin/100000001/settings"}, {"Deep", f.address}}
	v.Error = f.text("Nothing was saved.")
	return v
}
