// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

var update = flag.Bool("update", false, "rewrite the expected part of the golden files")

// separator stands between a golden file's Caddyfile and what comes of it.
const separator = "\n----------\n"

// adapt turns a Caddyfile into JSON and insists that it is written as
// `caddy fmt` would write it.
func adapt(t *testing.T, caddyfile []byte) ([]byte, error) {
	t.Helper()
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(caddyfile, map[string]any{"filename": "Caddyfile"})
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	return adapted, err
}

// validate does what `caddy validate` does, in silence.
func validate(t *testing.T, config []byte) error {
	t.Helper()
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(config, &cfg); err != nil {
		return err
	}
	cfg.Logging = silent()
	return caddy.Validate(&cfg)
}

// silent is logging that writes nothing.
func silent() *caddy.Logging {
	return &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
	}}
}

func indented(t *testing.T, config []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, config, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestCaddyfilesAdapt reads testdata/adapt: each file holds a Caddyfile, a line
// of dashes, and the JSON that it stands for or, when the file's name begins
// with error_, the error that it is refused with. -update rewrites the latter.
func TestCaddyfilesAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for name, file := range map[string]string{"USHER_TEST_APPLE_KEY": "testdata/apple.p8", "USHER_TEST_RSA_KEY": "testdata/rsa.p8"} {
		key, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, string(key))
	}
	t.Setenv("USHER_TEST_CLIENT_SECRET", "correct horse")
	t.Setenv("USHER_TEST_ISSUER", "https://club.example.com")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".caddyfiletest")
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			given, want, _ := strings.Cut(string(content), separator)
			given += "\n"
			var got string
			if strings.HasPrefix(name, "error_") {
				got = refused(t, given)
			} else {
				got = accepted(t, given)
			}
			if *update {
				err := os.WriteFile(file, []byte(strings.TrimSuffix(given, "\n")+separator+got+"\n"), 0o644)
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if want = strings.TrimSuffix(want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// accepted returns the JSON of a Caddyfile that must be valid.
func accepted(t *testing.T, caddyfile string) string {
	t.Helper()
	config, err := adapt(t, []byte(caddyfile))
	if err != nil {
		t.Fatalf("adapting: %v", err)
	}
	if err := validate(t, config); err != nil {
		t.Errorf("validating: %v", err)
	}
	return indented(t, config)
}

// remedy finds the words by which usher's messages say what to do: known names,
// a form to write, what to remove, or a condition that must hold.
var remedy = regexp.MustCompile(`\b(known are|use|write|remove|needs?|merge|leave|make|move|put|add|say|set|such as|write it|must have|takes|only|belongs to|one of|must|has one|longer than|separates)\b`)

// lineNumber is how an operator finds the mistake.
var lineNumber = regexp.MustCompile(`Caddyfile:(\d+)\b`)

// maxMessage is what fits into a few lines of a terminal.
const maxMessage = 300

// refused returns the error of a Caddyfile that must be refused, and judges
// whether it helps: a mistake that only shows when the JSON is loaded would be
// told without a line.
func refused(t *testing.T, caddyfile string) string {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err == nil {
		t.Fatalf("adapts without an error; loading the JSON says: %v", validate(t, adapted))
	}
	if !lineNumber.MatchString(err.Error()) {
		t.Errorf("no file and line: %s", err)
	}
	helps(t, err.Error())
	return err.Error()
}

func helps(t *testing.T, message string) {
	t.Helper()
	if len(message) > maxMessage {
		t.Errorf("%d characters, want at most %d: %s", len(message), maxMessage, message)
	}
	if !remedy.MatchString(message) {
		t.Errorf("no remedy: %s", message)
	}
}
