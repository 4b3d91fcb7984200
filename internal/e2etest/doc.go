// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package e2etest owns the tests of the whole server: they build the binary,
// start it with a Caddyfile in front of two small apps, and speak to it as
// viewers, apps and attackers do, over HTTP, over raw connections, with a real
// browser and with the client library that the API is for. It refuses to look
// inside: what cannot be seen from outside is tested where it is.
package e2etest
