// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import "github.com/usher-sso/usher/internal/publisher"

// Forget makes the gate judge a site cookie anew.
func (g *Gate) Forget(cookie string, site publisher.Origin) {
	key, _ := g.memory.Key(cookie, string(site), string(g.hub))
	g.memory.Forget(key)
}
