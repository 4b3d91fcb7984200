// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"io"

	"github.com/usher-sso/usher/authstore"
)

// StoreReferences returns how many configurations hold the store of that name
// open.
func StoreReferences(name string) int {
	n, _ := nodes.References(name)
	return n
}

// EndLingering closes the stores of replaced configurations, as time does, and
// returns how many there were.
func EndLingering() (n int, err error) {
	leaving.mu.Lock()
	n = len(leaving.due)
	leaving.mu.Unlock()
	return n, leaving.now()
}

// StaffCommand runs `usher staff` with arguments, against a server's admin API.
func StaffCommand(out io.Writer, admin string, publishers, role string, args ...string) error {
	return staffCommand(out, args, inviteOptions{publishers: publishers, role: role, address: admin})
}

// EvidenceCommand runs `usher evidence` with arguments.
func EvidenceCommand(out io.Writer, args ...string) error { return evidenceCommand(out, args) }

// OpenStore returns the store of that name, which a configuration holds open.
func OpenStore(name string) (open *authstore.Store) {
	nodes.Range(func(key, value any) bool {
		if key == name {
			open = value.(*node).store
		}
		return open == nil
	})
	return open
}

// Logins returns the names of a publisher's providers.
func (a *App) Logins(publisher int64) (list []string) {
	for _, p := range a.logins[publisher] {
		list = append(list, p.Name)
	}
	return list
}
