// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"strconv"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
)

// StaffPage is the page of who works for a publisher.
type StaffPage struct {
	Chrome
	List acts.StaffList
	Made acts.Invitation // that was just made, to be shown once; without a link it is none
}

// staffRoles are the roles in the order in which they are offered, with what they
// are good for.
var staffRoles = []struct {
	role authstore.Role
	says string
}{
	{authstore.RoleReadOnly, "Sees everything; changes and exports nothing."},
	{authstore.RoleSupport, "Sees everything, and acts on customers: resets, verification, sign-out, disabling, export of one, erasure."},
	{authstore.RoleEditor, "Sees everything, and keeps consents, capture, the look of pages, and exports of answers and evidence."},
	{authstore.RoleOwner, "All of that, and staff, settings, the API token, and sandboxes. Needs a second factor."},
}

func (v *StaffPage) compose() content {
	c := content{
		Heading: "Staff", Lead: "Who works for this publisher in the dashboard.",
		Main: []Section{{ID: "members", Heading: "Members", Table: v.members()}},
	}
	if v.Made.Link != "" {
		c.Main = append([]Section{v.made()}, c.Main...)
	}
	manage := v.may("staff.changeRole")
	if manage {
		c.Main = append(c.Main, v.manage())
	}
	if len(v.List.Invitations) > 0 {
		c.Main = append(c.Main, v.invitations())
	}
	if v.may("staff.invite") {
		c.Links = []Link{{"Invite somebody", "#invite"}}
		c.Main = append(c.Main, v.invite())
	}
	if !manage {
		c.Side = []Section{rolesSection()}
	}
	return c
}

func rolesSection() Section {
	s := Section{ID: "roles", Heading: "Roles"}
	for _, r := range staffRoles {
		s.Definitions = append(s.Definitions, Definition{roleName(string(r.role)), Cell{Text: r.says}})
	}
	return s
}

func (v *StaffPage) members() *Table {
	t := &Table{
		Caption: "Members of the staff", Empty: "Nobody works here yet.",
		Columns: []Column{{Label: "Member"}, {Label: "Role"}, {Label: "Second factor"}, {Label: "Sessions", Number: true}, {Label: "Last sign-in"}},
	}
	for _, m := range v.List.Staff {
		who := Cell{Text: cmp.Or(m.Name, m.Email)}
		if m.Name != "" {
			who.Note = m.Email
		}
		if m.You {
			who.Badges = append(who.Badges, Badge{"You", ToneAccent})
		}
		if m.Disabled {
			who.Badges = append(who.Badges, Badge{"Disabled", ToneDanger})
		}
		factor := Badge{"Off", ToneWarn}
		if m.SecondFactor {
			factor = Badge{"On", ToneGood}
		}
		t.Rows = append(t.Rows, Row{[]Cell{
			who, {Text: roleName(string(m.Role))}, {Badges: []Badge{factor}}, {Text: strconv.Itoa(m.Sessions)}, {Time: m.LastLogin, Absent: "Never"},
		}})
	}
	return t
}

// made shows an invitation once.
func (v *StaffPage) made() Section {
	return Section{
		ID: "made", Heading: "The invitation", Definitions: []Definition{{"Good until", Cell{Time: v.Made.Expires}}},
		Secret: &Secret{ID: "made-link", Label: "Link", Value: v.Made.Link, Hint: "Send it to whom you have invited, and to nobody else: whoever opens it first joins. It is good once."},
	}
}

// onlyOwner tells whether a member is the last owner who can sign in.
func (v *StaffPage) onlyOwner(m acts.StaffRow) bool {
	if m.Role != authstore.RoleOwner || m.Disabled {
		return false
	}
	for _, o := range v.List.Staff {
		if o.ID != m.ID && o.Role == authstore.RoleOwner && !o.Disabled {
			return false
		}
	}
	return true
}

// manage offers what can be done with each member, folded.
func (v *StaffPage) manage() Section {
	s := Section{ID: "manage", Heading: "Manage members"}
	for i, m := range v.List.Staff {
		one := Section{Heading: cmp.Or(m.Name, m.Email), Badges: []Badge{{roleName(string(m.Role)), ""}}}
		one.Definitions = []Definition{{"E-mail", Cell{Text: m.Email}}, {"Joined", Cell{Day: m.Created}}}
		one.Forms = v.forms("m-"+strconv.Itoa(i), m)
		if v.onlyOwner(m) {
			one.Lead = "This is the only owner. The role can be changed, and the member disabled or removed, once somebody else is an owner, too."
		}
		s.Details = append(s.Details, one)
	}
	return s
}

func (v *StaffPage) forms(id string, m acts.StaffRow) (list []Form) {
	about := cmp.Or(m.Name, m.Email)
	add := func(act, word, submit string, tone Tone) {
		list = append(list, Form{ID: id + "-" + word, Action: v.to(act, "staffId", m.ID), Submit: submit, About: about, Tone: tone})
	}
	only := v.onlyOwner(m)
	if !only {
		list = append(list, Form{
			ID: id + "-role", Action: v.to("staff.changeRole", "staffId", m.ID), Submit: "Change the role", About: "of " + about,
			Fields: []Field{{Kind: KindSelect, Name: "role", Label: "Role", Options: roleOptions(m.Role)}},
		})
	}
	if m.Sessions > 0 {
		add("staff.signOut", "out", "Sign out everywhere", "")
	}
	if m.SecondFactor {
		add("staff.resetSecondFactor", "factor", "Reset the second factor", ToneDanger)
	}
	switch {
	case m.Disabled:
		add("staff.enable", "enable", "Enable", "")
	case !only:
		add("staff.disable", "disable", "Disable", ToneDanger)
	}
	if !only {
		add("staff.remove", "remove", "Remove from the staff", ToneDanger)
	}
	return list
}

func roleOptions(chosen authstore.Role) (list []Option) {
	for _, r := range staffRoles {
		list = append(list, Option{Value: string(r.role), Text: roleName(string(r.role)), Selected: r.role == chosen})
	}
	return list
}

func (v *StaffPage) invitations() Section {
	t := &Table{Caption: "Open invitations", Columns: []Column{{Label: "E-mail"}, {Label: "Role"}, {Label: "Made"}, {Label: "Good until"}}}
	withdraw := v.may("staff.withdraw")
	if withdraw {
		t.Columns = append(t.Columns, Column{})
	}
	for i, one := range v.List.Invitations {
		cells := []Cell{{Text: one.Email, Note: one.Name}, {Text: roleName(string(one.Role))}, {Time: one.Created}, {Time: one.Expires}}
		if withdraw {
			cells = append(cells, Cell{Form: &Form{
				ID: "withdraw-" + strconv.Itoa(i), Action: v.to("staff.withdraw"), Hidden: []Pair{{"email", one.Email}}, Submit: "Withdraw", About: "the invitation of " + one.Email,
			}})
		}
		t.Rows = append(t.Rows, Row{cells})
	}
	return Section{ID: "invitations", Heading: "Open invitations", Table: t}
}

func (v *StaffPage) invite() Section {
	roles := roleOptions(authstore.RoleReadOnly)
	for i := range roles {
		roles[i].Hint = staffRoles[i].says
	}
	return Section{
		ID: "invite", Heading: "Invite somebody", Lead: "You get a link to send to them. They choose a password of their own.",
		Forms: []Form{{
			ID: "invite-form", Action: v.to("staff.invite"), Submit: "Make the link", Tone: ToneAccent,
			Fields: []Field{
				{Kind: KindEmail, Name: "email", Label: "E-mail", Required: true, MaxLength: 254},
				{Name: "name", Label: "Name", MaxLength: 100, Hint: "They can change it."},
				{Kind: KindRadio, Name: "role", Label: "Role", Options: roles},
			},
		}},
	}
}
