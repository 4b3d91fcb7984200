// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

// StoreReferences returns how many configurations hold the store of that name
// open.
func StoreReferences(name string) int {
	n, _ := nodes.References(name)
	return n
}
