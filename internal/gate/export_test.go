// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/recall"
)

// Forget makes the gate judge a site cookie anew.
func (g *Gate) Forget(cookie string, site publisher.Origin) {
	g.cache.Forget(recall.KeyOf(cookie, string(site)))
}
