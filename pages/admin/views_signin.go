// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"strconv"
)

// SignIn is the page where a member of staff signs in.
type SignIn struct {
	Chrome
	Action string // of the form; "" is sign-in below Root
	Next   string // path to go to afterwards, sent on as "next"
	Email  string // as it was typed
}

func (v *SignIn) compose() content {
	f := Form{
		ID: "sign-in", Action: cmp.Or(v.Action, v.At("sign-in")), Hidden: hiddenNext(v.Next), Submit: "Sign in", Tone: ToneAccent,
		Fields: []Field{
			{Kind: KindEmail, Name: "email", Label: "E-mail", Value: v.Email, Required: true, Autocomplete: "username", MaxLength: 254},
			{Kind: KindPassword, Name: "password", Label: "Password", Required: true, Autocomplete: "current-password", MaxLength: 128},
		},
	}
	return content{
		Heading: "Sign in", Lead: "To the dashboard, with the account of a member of staff.",
		Main: []Section{{Forms: []Form{f}}},
	}
}

// hiddenNext returns where a form leads afterwards, as it sends it.
func hiddenNext(path string) []Pair {
	if path == "" {
		return nil
	}
	return []Pair{{"next", path}}
}

// SecondFactor is the page that asks for a code, after the password was right.
type SecondFactor struct {
	Chrome
	Action    string // "" is second-factor below Root
	Next      string
	CodeError string
}

func (v *SecondFactor) compose() content {
	f := Form{
		ID: "second-factor", Action: cmp.Or(v.Action, v.At("second-factor")), Hidden: hiddenNext(v.Next), Submit: "Go on", Tone: ToneAccent,
		Fields: []Field{codeField("Code", "Six digits from your authenticator app, or one of your recovery codes.", v.CodeError)},
	}
	return content{
		Heading: "Enter a code", Lead: "Your account is protected by a second factor.",
		Main: []Section{{Forms: []Form{f}}}, Onward: []Link{{"Sign in as somebody else", v.At("sign-in")}},
	}
}

func codeField(label, hint, wrong string) Field {
	return Field{
		Kind: KindCode, Name: "code", Label: label, Hint: hint, Error: wrong,
		Required: true, Autocomplete: "one-time-code", MaxLength: 40,
	}
}

// Enrol is the page that sets up a second factor.
type Enrol struct {
	Chrome
	Action    string // "" is second-factor/new below Root
	Next      string
	QR        []byte // PNG
	Secret    string // in base32, for those who type it
	Sealed    string // what the server gave out, sent back as "sealed"
	Demanded  bool   // the member can do nothing else first
	CodeError string
}

func (v *Enrol) compose() content {
	lead := "An authenticator app on your phone shows codes that only you can read."
	if v.Demanded {
		lead = "Owners need a second factor before they can do anything else. " + lead
	}
	scan := Section{
		ID: "scan", Heading: "1. Scan this with the app",
		Definitions: []Definition{{Term: "Or type this key", Cell: Cell{Text: grouped(v.Secret), Code: true}}},
	}
	if len(v.QR) > 0 {
		scan.Picture = &Picture{PNG: v.QR, Alt: "QR code that holds the key below"}
	}
	f := Form{
		ID: "enrol", Action: cmp.Or(v.Action, v.At("second-factor/new")), Submit: "Turn it on", Tone: ToneAccent,
		Hidden: append([]Pair{{"sealed", v.Sealed}}, hiddenNext(v.Next)...),
		Fields: []Field{codeField("Code", "Six digits, as the app shows them now.", v.CodeError)},
	}
	return content{
		Heading: "Set up a second factor", Lead: lead, Narrow: true,
		Main: []Section{scan, {ID: "prove", Heading: "2. Type the code that it shows", Forms: []Form{f}}},
	}
}

// grouped parts a key into groups of four, as people type it.
func grouped(key string) string {
	var out []byte
	for i := range len(key) {
		if i > 0 && i%4 == 0 {
			out = append(out, ' ')
		}
		out = append(out, key[i])
	}
	return string(out)
}

// RecoveryCodes is the page that shows new recovery codes, once.
type RecoveryCodes struct {
	Chrome
	Codes  []string
	Onward string // address of what comes next
}

func (v *RecoveryCodes) compose() content {
	return content{
		Heading: "Keep your recovery codes", Narrow: true,
		Lead: "Each lets you in once, without your phone. Print them or put them into a password manager.",
		Main: []Section{{
			Secret: &Secret{ID: "codes", Label: "Recovery codes", Lines: v.Codes, Hint: "Codes that you had before no longer work."},
			Links:  []Link{{"I have kept them", cmp.Or(v.Onward, v.At(""))}},
		}},
	}
}

// Invitation is the page that a link from an owner opens: it makes an account, or
// adds roles to the one there is.
type Invitation struct {
	Chrome
	Action    string // "" is invite below Root
	Token     string // what the link holds, sent on as "token"
	Email     string
	Name      string // as the inviter wrote it; "" is none
	Roles     []PublisherLink
	HasOne    bool   // an account with this address: its password is asked for
	WordError string // what is wrong with the password
}

func (v *Invitation) compose() content {
	f := Form{
		ID: "invitation", Action: cmp.Or(v.Action, v.At("invite")), Hidden: []Pair{{"token", v.Token}}, Tone: ToneAccent,
		Submit: "Create my account",
	}
	email := Field{Kind: KindEmail, Name: "email", Label: "E-mail", Value: v.Email, ReadOnly: "The invitation is for this address."}
	password := Field{Kind: KindPassword, Name: "password", Label: "Password", Error: v.WordError, Required: true, MaxLength: 128}
	lead := "You are invited to work here. Choose a password of your own."
	if v.HasOne {
		f.Submit, lead = "Accept", "You have an account already. Its password shows that the invitation has reached you."
		password.Autocomplete = "current-password"
		f.Fields = []Field{email, password}
	} else {
		password.Autocomplete, password.Hint = "new-password", "At least 8 characters; a few words are easy to keep and hard to guess."
		f.Fields = []Field{email, password}
		if v.Name != "" {
			f.Fields = []Field{{Name: "name", Label: "Your name", Value: v.Name, ReadOnly: "As the invitation has it."}, email, password}
		}
	}
	roles := Section{ID: "roles", Heading: "Your part"}
	for _, r := range v.Roles {
		roles.Definitions = append(roles.Definitions, Definition{r.Name, Cell{Text: roleName(r.Role), Badges: sandboxBadge(r.Sandbox)}})
	}
	sections := []Section{{Forms: []Form{f}}}
	if len(v.Roles) > 0 {
		sections = []Section{roles, sections[0]}
	}
	return content{Heading: "Accept your invitation", Lead: lead, Main: sections}
}

func sandboxBadge(sandbox bool) []Badge {
	if !sandbox {
		return nil
	}
	return []Badge{{"Sandbox", ToneWarn}}
}

// StepUp is the page that asks who somebody is again, before a dangerous act.
type StepUp struct {
	Chrome
	Action     string // "" is confirm below Root
	Hidden     []Pair // what was sent before, sent on
	Why        string // the act, as a clause: "erase this customer"
	Back       string // address of the page before
	CodeNeeded bool   // the member has a second factor
}

func (v *StepUp) compose() content {
	f := Form{
		ID: "step-up", Action: cmp.Or(v.Action, v.At("confirm")), Hidden: v.Hidden, Submit: "Confirm", Tone: ToneAccent,
		Cancel: Link{"Go back", v.Back},
		Fields: []Field{{
			Kind: KindPassword, Name: confirmPassword, Label: "Your password", Required: true, Autocomplete: "current-password", MaxLength: 128,
		}},
	}
	if v.CodeNeeded {
		code := codeField("Code", "Six digits from your authenticator app, or a recovery code. A code that was used already waits for the next one.", "")
		code.Name = confirmCode
		f.Fields = append(f.Fields, code)
	}
	lead := "What you are about to do cannot be undone easily."
	if v.Why != "" {
		lead = "You are about to " + v.Why + "."
	}
	return content{
		Heading: "Show that it is you", Lead: lead + " You are not asked again for ten minutes.", Narrow: true,
		Main: []Section{{Forms: []Form{f}}},
	}
}

// Choose is the page where a member chooses one of several publishers: those of
// Chrome.Publishers.
type Choose struct {
	Chrome
}

func (v *Choose) compose() content {
	t := &Table{
		Caption: "Publishers", Columns: []Column{{Label: "Publisher"}, {Label: "Id"}, {Label: "Your role"}},
		Empty: "You have no role at any publisher. An owner can give you one.",
	}
	for _, p := range v.Publishers {
		t.Rows = append(t.Rows, Row{[]Cell{
			{Text: p.Name, URL: v.Switch(p.ID), Badges: sandboxBadge(p.Sandbox)},
			{Text: strconv.FormatInt(p.ID, 10), Code: true}, {Text: roleName(p.Role)},
		}})
	}
	return content{Heading: "Choose a publisher", Main: []Section{{Table: t}}}
}

// Problem is a page about something that went wrong.
type Problem struct {
	Chrome
	Status    int    // 0 is 500
	Heading   string // "" is a sentence by Status
	Says      string // "" is a sentence by Status
	Need      string // of 403: the role that is needed
	Retry     Link   // where to go from here; the overview when it is empty
	Reference string // for whoever reads the log
}

// problems are the sentences for what goes wrong.
var problems = map[int][2]string{
	400: {"That did not work", "The page sent something that is not understood. Go back, load the page again and try once more."},
	403: {"You may not do this", "Your role does not allow it."},
	404: {"There is nothing here", "The address is wrong, or what was here is gone."},
	409: {"Somebody else was faster", "This was changed while you were looking at it. Load it again to see how it is now; nothing of yours was saved."},
	413: {"That is too much", "What was sent is larger than is taken here."},
	429: {"Please wait", "There were too many tries. Wait a little and try again."},
	500: {"Something broke", "It is not your fault, and nothing was changed. Try again, or ask whoever runs this server to look into its log."},
	503: {"Busy", "The server cannot do this now. Try again in a minute."},
}

func (v *Problem) compose() content {
	words, known := problems[cmp.Or(v.Status, 500)]
	if !known {
		words = problems[500]
	}
	says := cmp.Or(v.Says, words[1])
	if v.Need != "" {
		says += " It needs the role " + roleName(v.Need)
		if v.Member != nil && v.Member.Role != "" {
			says += "; yours is " + roleName(v.Member.Role)
		}
		says += ". An owner can give it to you."
	}
	onward := v.Retry
	if onward.URL == "" {
		onward = Link{"Go to the overview", v.Base()}
	}
	c := content{Heading: cmp.Or(v.Heading, words[0]), Lead: says, Narrow: true, Onward: []Link{onward}}
	if v.Reference != "" {
		c.Main = []Section{{Definitions: []Definition{{"Reference", Cell{Text: v.Reference, Code: true}}}}}
	}
	return c
}
