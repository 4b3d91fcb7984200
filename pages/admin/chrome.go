// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"strconv"
)

// Chrome is what a page has around its content. Every view embeds it.
type Chrome struct {
	// Root is the path that the dashboard is mounted at, without a slash at its
	// end; "" is /admin.
	Root string

	// Member is who is signed in; nil shows the page as a card, without menu.
	Member *Member

	// Publisher is whose page this is; nil for pages of no publisher, which have
	// no menu of sections.
	Publisher *Publisher

	// Publishers are all that the member has a role at. A switcher is shown when
	// there is more than one.
	Publishers []PublisherLink

	// Section is the entry of the menu that the page belongs to; "" is none.
	Section NavSection

	// Crumbs lead from the section to this page, without the page itself.
	Crumbs []Link

	// Notice tells that something was done; "" is nothing.
	Notice string

	// Error tells why what was asked was not done; "" is nothing. What is wrong with
	// a field is said in Field.Error, and listed below this.
	Error string

	// Refused is a form of this page that was sent and not taken. It is shown as it
	// was sent, with what is wrong; nil is none.
	Refused *Refused
}

// Member is the member of staff who looks at a page.
type Member struct {
	Name  string
	Email string
	Role  string // at the page's publisher: owner, editor, support, readonly; "" where there is none
}

// Title returns what the member is called by: the name, or the address.
func (m *Member) Title() string { return cmp.Or(m.Name, m.Email) }

// Publisher is the tenant that a page is about.
type Publisher struct {
	ID      int64
	Name    string
	Sandbox bool // marks every page of it plainly
}

// PublisherLink is an entry of the switcher.
type PublisherLink struct {
	ID      int64
	Name    string
	Role    string // the member's role there
	Sandbox bool
	Current bool
}

// NavSection is an entry of the menu, and the last part of its address.
type NavSection string

// The sections of the dashboard, in the order of the menu.
const (
	SectionOverview  NavSection = "overview"
	SectionCustomers NavSection = "customers"
	SectionConsents  NavSection = "consents"
	SectionCapture   NavSection = "capture"
	SectionSettings  NavSection = "settings"
	SectionStaff     NavSection = "staff"
	SectionAudit     NavSection = "audit"
	SectionSandbox   NavSection = "sandbox" // of sandboxes, for owners
)

// navTitles are the sections with what they are called.
var navTitles = []struct {
	section NavSection
	title   string
}{
	{SectionOverview, "Overview"}, {SectionCustomers, "Customers"}, {SectionConsents, "Consents"}, {SectionCapture, "Capture"},
	{SectionSettings, "Settings"}, {SectionStaff, "Staff"}, {SectionAudit, "Audit log"}, {SectionSandbox, "Sandbox"},
}

// NavItem is an entry of the menu as it is shown.
type NavItem struct {
	Title, URL string
	Icon       string // the name of a template
	Current    bool
}

// nav returns the menu of the page's publisher.
func (c *Chrome) nav() (items []NavItem) {
	if c.Publisher == nil || c.Member == nil {
		return nil
	}
	for _, n := range navTitles {
		if n.section == SectionSandbox && !(c.Publisher.Sandbox && c.Member.Role == "owner") {
			continue
		}
		address := c.Base()
		if n.section != SectionOverview {
			address = c.Path(string(n.section))
		}
		items = append(items, NavItem{Title: n.title, URL: address, Icon: string(n.section), Current: n.section == c.Section})
	}
	return items
}

// root returns Root or its default.
func (c *Chrome) root() string { return cmp.Or(c.Root, "/admin") }

// At returns the address of a page that belongs to no publisher: Root and path.
func (c *Chrome) At(path string) string { return c.root() + "/" + path }

// Base returns the address of the publisher's overview.
func (c *Chrome) Base() string {
	if c.Publisher == nil {
		return c.root()
	}
	return c.At(strconv.FormatInt(c.Publisher.ID, 10))
}

// Path returns the address of a page of the publisher.
func (c *Chrome) Path(path string) string { return c.Base() + "/" + path }

// Switch returns the address of another publisher's overview.
func (c *Chrome) Switch(id int64) string { return c.At(strconv.FormatInt(id, 10)) }

// RoleName returns what a role is called on pages; a role that is not known is
// shown as it is.
func (c *Chrome) RoleName(role string) string { return roleName(role) }

func roleName(role string) string {
	switch role {
	case "owner":
		return "Owner"
	case "editor":
		return "Editor"
	case "support":
		return "Support"
	case "readonly":
		return "Read-only"
	}
	return role
}
