// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Command usher is Caddy with usher's modules compiled in.
package main

import (
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard" // what every Caddy has

	_ "github.com/usher-sso/usher" // what only usher has
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "run" {
		tune(os.Getenv)
	}
	caddycmd.Main()
}
