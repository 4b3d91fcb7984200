// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import "strings"

// search is one way in which a customer is what staff look for.
type search struct {
	list  list
	from  string                      // where in the list the customers begin who may be it
	to    string                      // and where they end
	found func(Customer, string) bool // whether one is
}

// searches returns the ways to look for customers, one after the other. A
// customer is found by the first that fits.
func (q CustomerQuery) searches() []phase {
	p, exact, name := idKey(q.Publisher), cut(q.Search, maxPlace), fold(q.Search)
	starts := func(table, text string) search {
		return search{list: list{table, key(p, "")}, from: text, to: text + "\xff"}
	}
	byID := search{list: list{tablePublisherCustomers, key(p, "")}, from: exact, to: exact + "\x00"}
	byID.found = func(c Customer, s string) bool { return idKey(c.ID) == s }
	byExternalID := starts(tableExternalIDs, exact)
	byExternalID.found = func(c Customer, s string) bool { return c.ExternalID != "" && strings.HasPrefix(c.ExternalID, s) }
	byEmail := starts(tableByEmail, cut(name, maxListText))
	byEmail.found = func(c Customer, _ string) bool { return strings.HasPrefix(fold(c.Email), name) }
	byName := starts(tableByName, cut(name, maxListText))
	byName.found = func(c Customer, _ string) bool { return strings.HasPrefix(fold(c.LastName+" "+c.FirstName), name) }
	byFirstName := starts(tableByFirstName, cut(name, maxListText))
	byFirstName.found = func(c Customer, _ string) bool { return strings.HasPrefix(fold(c.FirstName+" "+c.LastName), name) }
	all := []search{byID, byExternalID, byEmail, byName, byFirstName}

	var phases []phase
	for i, s := range all {
		phases = append(phases, phase{lists: []list{s.list}, from: s.from, to: s.to, found: func(c Customer) bool {
			for _, earlier := range all[:i] {
				if earlier.found(c, q.Search) {
					return false
				}
			}
			return s.found(c, q.Search)
		}})
	}
	return phases
}
