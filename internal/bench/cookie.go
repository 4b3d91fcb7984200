// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/usher-sso/usher/internal/token"

// mintCookie returns the value of a site cookie: what the gate gives a visitor who
// has come back from the hub. proof is the secret that renews it.
func (m *mint) mintCookie(c token.Claims, proof string) string {
	return c.SessionID + "~" + proof + "~" + m.own.Make(c)
}
