// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package usher adds usher's modules to a Caddy build:
//
//	xcaddy build --with github.com/usher-sso/usher
//
// usher is a reverse-proxy authentication gateway. It stands in front of the
// sites of a publisher; viewers sign in once, at the hub, and are signed in at
// all of them. The package has no API of its own: the modules are in
// caddymodule, the contract of a storage plugin in authstore.
package usher

import _ "github.com/usher-sso/usher/caddymodule" // registers the modules
