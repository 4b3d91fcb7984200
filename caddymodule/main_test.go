// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/caddyserver/caddy/v2/modules/standard" // what every Caddy has

	_ "github.com/usher-sso/usher" // what only usher has
	"github.com/usher-sso/usher/internal/locale/localetest"
)

// TestMain keeps everything that Caddy stores away from the account that runs
// the tests.
func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "usher-caddymodule-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		os.Setenv(name, home)
	}
	caddy.DefaultStorage.Path = filepath.Join(home, "storage")
	caddy.ConfigAutosavePath = filepath.Join(home, "autosave.json")
	// testdata/adapt names it, because loading a configuration opens it.
	if err := localetest.Write(filepath.Join(home, "countries.mmdb"), map[string]string{"192.0.2.0/24": "DE"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(home)
	os.Exit(code)
}
