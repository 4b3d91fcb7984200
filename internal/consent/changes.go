// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package consent

import "github.com/usher-sso/usher/authstore"

// Changes returns the answers of a customer who sees all consents and has ticked
// some of them, by name, without those that are in force already. language is the
// tag of what the customer reads, see Answer.
//
// A required consent that is not accepted in its newest version and not ticked
// is passed over: while a publisher gives time to accept a new version, the
// answer to the one before stays in force.
func Changes(defs []authstore.ConsentDefinition, inForce map[string]authstore.ConsentAnswer, ticked map[string]bool, language string) []Answer {
	var list []Answer
	for _, d := range defs {
		state := authstore.Declined
		if ticked[d.Name] {
			state = authstore.Accepted
		}
		have := inForce[d.Name]
		switch {
		case have.State == state && have.Version == d.Version:
		case d.Required && state == authstore.Declined && !accepted(d, inForce):
		default:
			list = append(list, Answer{Name: d.Name, Version: d.Version, State: state, Language: language})
		}
	}
	return list
}
