// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"strconv"
	"time"
)

// Account is the page where a member of staff looks after the own account.
type Account struct {
	Chrome
	Roles        []PublisherLink
	SecondFactor bool // set up
	CodesLeft    int  // recovery codes that have not been used
	Sessions     []StaffSession

	CurrentError string // what is wrong with the password that was typed
	NewError     string // what is wrong with the new one
}

func (v *Account) compose() content {
	return content{
		Heading: "Your account",
		Main:    []Section{v.sessions(), v.password()},
		Side:    []Section{v.who(), v.factor()},
	}
}

func (v *Account) who() Section {
	s := Section{ID: "you", Heading: "You"}
	if m := v.Member; m != nil {
		s.Definitions = []Definition{{"Name", Cell{Text: m.Name}}, {"E-mail", Cell{Text: m.Email}}}
	}
	for _, r := range v.Roles {
		s.Definitions = append(s.Definitions, Definition{r.Name, Cell{Text: roleName(r.Role), Badges: sandboxBadge(r.Sandbox)}})
	}
	return s
}

func (v *Account) factor() Section {
	s := Section{ID: "factor", Heading: "Second factor"}
	if !v.SecondFactor {
		s.Badges = []Badge{{"Off", ToneWarn}}
		s.Lead = "With a code from your phone, a stolen password is not enough to get in."
		s.Links = []Link{{"Set it up", v.At("second-factor/new")}}
		return s
	}
	s.Badges = []Badge{{"On", ToneGood}}
	s.Definitions = []Definition{{"Recovery codes left", Cell{Text: strconv.Itoa(v.CodesLeft)}}}
	s.Lead = "Setting it up again makes new recovery codes, and ends your other sessions."
	s.Links = []Link{{"Set it up again", v.At("second-factor/new")}}
	return s
}

func (v *Account) password() Section {
	return Section{ID: "password", Heading: "Password", Lead: "A new password ends your other sessions.", Forms: []Form{{
		ID: "password-form", Action: v.At("account/password"), Submit: "Change password", Tone: ToneAccent,
		Fields: []Field{
			{Kind: KindPassword, Name: "current", Label: "Current password", Error: v.CurrentError, Required: true, Autocomplete: "current-password", MaxLength: 128},
			{Kind: KindPassword, Name: "password", Label: "New password", Error: v.NewError, Required: true, Autocomplete: "new-password", MaxLength: 128,
				Hint: "At least 8 characters."},
		},
	}}}
}

func (v *Account) sessions() Section {
	t := &Table{
		Caption: "Your sessions", Empty: "There are no sessions.",
		Columns: []Column{{Label: "Device"}, {Label: "From"}, {Label: "Signed in"}, {Label: "Last used"}, {}},
	}
	others := false
	for _, one := range v.Sessions {
		device := cmp.Or(one.Device, "Unknown device")
		first, act := Cell{Text: device}, Cell{Absent: " "}
		if one.Current {
			first.Badges = []Badge{{"This one", ToneAccent}}
		} else {
			others = true
			act.Form = &Form{ID: "end-" + one.ID, Action: v.At("account/sessions/end"), Hidden: []Pair{{"session", one.ID}}, Submit: "End", About: device}
		}
		t.Rows = append(t.Rows, Row{[]Cell{first, {Text: one.Place}, {Time: one.SignedIn}, {Time: one.Seen}, act}})
	}
	s := Section{ID: "sessions", Heading: "Sessions", Lead: "Where you are signed in. End what you do not know, and change your password.", Table: t}
	if others {
		s.Forms = []Form{{ID: "others", Action: v.At("account/sessions/others"), Submit: "End all others"}}
	}
	return s
}

// StaffSession is a sign-in of a member of staff.
type StaffSession struct {
	ID       string
	Device   string // "Firefox, Linux"; "" is unknown
	Place    string // address
	SignedIn time.Time
	Seen     time.Time
	Current  bool // the one that looks at the page
}
