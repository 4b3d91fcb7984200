// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// CustomerAct is something that a member of staff can do with a customer, and the
// last part of the address where it is done.
type CustomerAct string

// The acts on a customer, in the order in which they are offered.
const (
	ActSendReset   CustomerAct = "send-reset"
	ActSendVerify  CustomerAct = "send-verification"
	ActVerify      CustomerAct = "verify"
	ActChangeEmail CustomerAct = "change-email" // sends "email"
	ActSignOut     CustomerAct = "sign-out"     // sends "session", or nothing for all
	ActExport      CustomerAct = "export"
	ActDisable     CustomerAct = "disable"
	ActEnable      CustomerAct = "enable"
	ActErase       CustomerAct = "erase" // sends "confirm", the customer's id
)

// Customer is the page of one customer.
type Customer struct {
	Chrome
	CustomerRow
	LastIP      string
	LastCountry string // of that address
	Country     string // that the customer has chosen
	Locale      string
	Currency    string
	Verified    time.Time // zero: not yet
	ErasedAt    time.Time
	External    string // data of other systems, as JSON
	Identities  []Identity
	Consents    []ConsentState
	Broken      string // how the evidence was tampered with; "" when it holds
	Submitted   time.Time
	Answers     []Answer
	Sessions    []CustomerSession

	// Acts are what the member may do with this customer as it is now.
	Acts    []CustomerAct
	MayLook bool // and nothing else, because of the role
}

// Identity is a way to sign in.
type Identity struct {
	Provider string // password, google
	Subject  string
	Created  time.Time
}

// ConsentState is a consent with what the customer has said to it.
type ConsentState struct {
	Name     string
	Required bool
	Version  string // that is asked for now
	Answer   ConsentAnswer
	History  []ConsentAnswer // newest first, the answer in force too
}

// ConsentAnswer is what a customer has said to a version of a consent.
type ConsentAnswer struct {
	Version string
	State   string // accepted, declined; "" is no answer
	Time    time.Time
	IP      string
	Note    string // the language that the text was in
	Hash    string // of the record, for whoever compares evidence
}

// Answer is an answer to a question of the publisher's.
type Answer struct{ Question, Answer string }

// CustomerSession is a sign-in of the customer.
type CustomerSession struct {
	ID       string
	Device   string
	Place    string
	SignedIn time.Time
	Seen     time.Time
	Sites    []string
}

func (v *Customer) id() string { return strconv.FormatInt(v.ID, 10) }

func (v *Customer) path(act string) string { return v.Path("customers/" + v.id() + "/" + act) }

func (v *Customer) may(act CustomerAct) bool {
	for _, a := range v.Acts {
		if a == act {
			return true
		}
	}
	return false
}

func (v *Customer) compose() content {
	if len(v.Crumbs) == 0 {
		v.Crumbs = []Link{{"Customers", v.Path("customers")}}
	}
	c := content{
		Heading: cmp.Or(v.Email, "Customer "+v.id()), Badges: v.badges(), Lead: v.Name,
		Main: []Section{v.consents(), v.sessions(), v.answers(), v.identities()},
		Side: []Section{v.profile(), v.acts()},
	}
	if s := v.danger(); len(s.Acts) > 0 {
		c.Side = append(c.Side, s)
	}
	return c
}

func (v *Customer) profile() Section {
	verified := Cell{Time: v.Verified, Badges: []Badge{{"Not verified", ToneWarn}}}
	if !v.Verified.IsZero() {
		verified.Badges = nil
	}
	facts := []Definition{
		{"Customer id", Cell{Text: v.id(), Code: true}},
		{"External id", Cell{Text: v.ExternalID, Code: true}},
		{"Registered", Cell{Time: v.Registered}},
		{"Last login", Cell{Time: v.LastLogin, Absent: "Never"}},
		{"Last address", Cell{Text: v.LastIP, Code: true, Note: v.LastCountry}},
		{"Country", Cell{Text: v.Country}},
		{"Language", Cell{Text: v.Locale}},
		{"Currency", Cell{Text: v.Currency}},
		{"E-mail verified", verified},
	}
	if v.External != "" {
		facts = append(facts, Definition{"External data", Cell{Text: v.External, Code: true}})
	}
	if !v.ErasedAt.IsZero() {
		facts = append(facts, Definition{"Erased", Cell{Time: v.ErasedAt}})
	}
	return Section{ID: "profile", Heading: "Profile", Definitions: facts}
}

func (v *Customer) consents() Section {
	s := Section{ID: "consents", Heading: "Consents"}
	if v.Broken != "" {
		s.Badges = []Badge{{"Evidence broken", ToneDanger}}
		s.Lead = "The evidence does not hold: " + v.Broken + ". Somebody has changed it in the store, or a part of it is lost."
	}
	if len(v.Consents) == 0 {
		s.Empty = "This customer was never asked for a consent."
		return s
	}
	s.Table = &Table{Caption: "Consents", Columns: []Column{{Label: "Consent"}, {Label: "Answer"}, {Label: "Version"}, {Label: "Since"}}}
	for _, one := range v.Consents {
		name := Cell{Text: one.Name}
		if one.Required {
			name.Badges = []Badge{{"Required", ""}}
		}
		version := Cell{Text: one.Answer.Version}
		if one.Version != "" && one.Answer.Version != one.Version {
			version.Note = "Asked for now: " + one.Version
		}
		s.Table.Rows = append(s.Table.Rows, Row{[]Cell{name, {Badges: []Badge{answerBadge(one.Answer.State)}}, version, {Time: one.Answer.Time}}})
		s.Details = append(s.Details, history(one))
	}
	return s
}

// history returns all that a customer has said to a consent.
func history(c ConsentState) Section {
	t := &Table{
		Caption: "History of " + c.Name, Empty: "Nothing was ever answered.",
		Columns: []Column{{Label: "Time"}, {Label: "Answer"}, {Label: "Version"}, {Label: "Address"}, {Label: "Record"}},
	}
	for _, a := range c.History {
		t.Rows = append(t.Rows, Row{[]Cell{
			{Time: a.Time}, {Badges: []Badge{answerBadge(a.State)}}, {Text: a.Version, Note: a.Note},
			{Text: a.IP, Code: true}, {Text: short(a.Hash), Code: true},
		}})
	}
	return Section{Heading: "History of " + c.Name, Badges: []Badge{{strconv.Itoa(len(c.History)), ""}}, Table: t}
}

// short returns the beginning of a digest, which is enough to compare by eye.
func short(digest string) string {
	const enough = 12
	if len(digest) > enough {
		return digest[:enough] + "…"
	}
	return digest
}

func answerBadge(state string) Badge {
	switch state {
	case "accepted":
		return Badge{"Accepted", ToneGood}
	case "declined":
		return Badge{"Declined", ToneWarn}
	case "":
		return Badge{"Not answered", ""}
	}
	return Badge{Text: state}
}

func (v *Customer) identities() Section {
	t := &Table{Caption: "Ways to sign in", Columns: []Column{{Label: "Way"}, {Label: "Account there"}, {Label: "Since"}}, Empty: "This customer cannot sign in."}
	for _, i := range v.Identities {
		t.Rows = append(t.Rows, Row{[]Cell{{Text: i.Provider}, {Text: i.Subject}, {Day: i.Created}}})
	}
	return Section{ID: "identities", Heading: "Ways to sign in", Table: t}
}

func (v *Customer) answers() Section {
	s := Section{ID: "answers", Heading: "Capture answers"}
	if !v.Submitted.IsZero() {
		s.Definitions = []Definition{{"Submitted", Cell{Time: v.Submitted}}}
	}
	for _, a := range v.Answers {
		s.Definitions = append(s.Definitions, Definition{a.Question, Cell{Text: a.Answer}})
	}
	if len(s.Definitions) == 0 {
		s.Empty = "This customer has answered nothing yet."
	}
	return s
}

func (v *Customer) sessions() Section {
	t := &Table{
		Caption: "Sessions", Empty: "This customer is not signed in anywhere.",
		Columns: []Column{{Label: "Device"}, {Label: "From"}, {Label: "Signed in"}, {Label: "Last used"}},
	}
	if v.may(ActSignOut) {
		t.Columns = append(t.Columns, Column{})
	}
	for _, one := range v.Sessions {
		device := cmp.Or(one.Device, "Unknown device")
		cells := []Cell{{Text: device, Note: strings.Join(one.Sites, ", ")}, {Text: one.Place}, {Time: one.SignedIn}, {Time: one.Seen}}
		if v.may(ActSignOut) {
			cells = append(cells, Cell{Form: &Form{
				ID: "end-" + one.ID, Action: v.path(string(ActSignOut)), Hidden: []Pair{{"session", one.ID}}, Submit: "End", About: device,
			}})
		}
		t.Rows = append(t.Rows, Row{cells})
	}
	return Section{ID: "sessions", Heading: "Sessions", Badges: []Badge{{strconv.Itoa(len(v.Sessions)), ""}}, Table: t}
}

// acts returns what can be done and undone.
func (v *Customer) acts() Section {
	s := Section{ID: "acts", Heading: "Acts"}
	offer := func(act CustomerAct, title, says, submit string, fields ...Field) {
		if v.may(act) {
			f := Form{ID: string(act), Action: v.path(string(act)), Fields: fields, Submit: submit, About: title}
			s.Acts = append(s.Acts, Act{title, says, f})
		}
	}
	offer(ActSendReset, "Password reset", "Mails a link to choose a new password.", "Send link")
	offer(ActSendVerify, "Ask to verify the address", "Mails a link that proves that the customer reads mail there.", "Send link")
	offer(ActVerify, "Verify the address", "Counts the address as verified, without a mail.", "Verify")
	offer(ActChangeEmail, "Change the address", "Ends all sessions. The old address gets a mail with a way back.", "Change",
		Field{Kind: KindEmail, Name: "email", Label: "New address", Required: true, MaxLength: 254})
	offer(ActSignOut, "Sign out everywhere", "Ends all sessions, at every site at once.", "Sign out")
	offer(ActExport, "Export", "All that is stored about this customer, as a file.", "Export")
	offer(ActEnable, "Enable", "Lets the customer sign in again.", "Enable")
	switch {
	case v.MayLook:
		s.Empty = "Your role only lets you look. Acts on customers need the role Support or Owner."
	case v.Erased:
		s.Lead = "This customer is erased. Only the evidence of consents is kept."
	}
	return s
}

// danger returns what hurts.
func (v *Customer) danger() Section {
	s := Section{ID: "danger", Heading: "Danger zone", Danger: true}
	if v.may(ActDisable) {
		s.Acts = append(s.Acts, Act{"Disable", "Ends all sessions and lets nobody sign in to this account, until it is enabled again.",
			Form{ID: "disable", Action: v.path("disable"), Submit: "Disable", About: "this account", Tone: ToneDanger}})
	}
	if v.may(ActErase) {
		s.Acts = append(s.Acts, Act{"Erase", "Makes the customer anonymous for good: name, address, answers and sessions go. The evidence of consents stays, without a name.",
			Form{ID: "erase", Action: v.path("erase"), Confirm: v.id(), Submit: "Erase for good", Tone: ToneDanger}})
	}
	return s
}
