// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/flow"
)

// tenant is a publisher and what it demands of its customers, digested: one belongs
// to the other.
type tenant struct {
	authstore.Publisher
	stamp string
}

func tenantsOf(publishers []authstore.Publisher) map[int64]*tenant {
	tenants := make(map[int64]*tenant, len(publishers))
	for _, p := range publishers {
		tenants[p.ID] = &tenant{p, flow.Stamp(p)}
	}
	return tenants
}

// Stamp returns what a publisher demands of its customers, digested; "" for one
// that is not configured. It changes with the publisher, and is asked for with each
// request to a site. See flow.Stamp.
func (m *Manager) Stamp(publisher int64) string {
	if t := m.tenants.Get()[publisher]; t != nil {
		return t.stamp
	}
	return ""
}
