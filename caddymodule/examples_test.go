// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// valid checks that a Caddyfile adapts, is formatted and would be taken.
func valid(t *testing.T, caddyfile []byte) {
	t.Helper()
	config, err := adapt(t, caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, config); err != nil {
		t.Error(err)
	}
}

func TestDemoIsValid(t *testing.T) {
	content, err := os.ReadFile("../Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	valid(t, content)
}

func TestExamplesAreValidAndExplained(t *testing.T) {
	key, err := os.ReadFile("testdata/apple.p8")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("APPLE_PRIVATE_KEY", string(key))
	for _, name := range []string{"SMTP_PASSWORD", "GOOGLE_CLIENT_SECRET", "FACEBOOK_APP_SECRET", "TWITCH_CLIENT_SECRET", "CORPORATE_CLIENT_SECRET"} {
		t.Setenv(name, "secret")
	}
	folders, err := os.ReadDir("../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder.Name() == "demo" { // what the top-level Caddyfile serves
			continue
		}
		t.Run(folder.Name(), func(t *testing.T) {
			dir := filepath.Join("../examples", folder.Name())
			if readme, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil || !strings.HasPrefix(string(readme), "# ") {
				t.Errorf("README.md: %v", err)
			}
			if config, err := os.ReadFile(filepath.Join(dir, "caddy.json")); err == nil {
				if err := validate(t, config); err != nil {
					t.Error(err)
				}
				return
			}
			content, err := os.ReadFile(filepath.Join(dir, "Caddyfile"))
			if err != nil {
				t.Fatal(err)
			}
			valid(t, content)
		})
	}
}

// What the page on other proxies shows is what the example has, which the tests
// of the whole server run.
func TestExamplesOfOtherProxiesAreThoseOfTheirPage(t *testing.T) {
	page, err := os.ReadFile("../docs/other-proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, language := range map[string]string{
		"Caddyfile": "caddyfile", "forward_auth.caddyfile": "caddyfile", "nginx.conf": "nginx", "traefik.yaml": "yaml",
	} {
		content, err := os.ReadFile(filepath.Join("../examples/other-proxies", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "\n```"+language+"\n"+string(content)+"```\n") {
			t.Errorf("the page does not show %s as it is", name)
		}
		if language == "caddyfile" {
			valid(t, content)
		}
	}
}

// A proxy that leaves one of the headers out hands on what clients send under
// its name.
func TestExamplesOfOtherProxiesCoverEveryIdentityHeader(t *testing.T) {
	for _, name := range []string{"nginx.conf", "forward_auth.caddyfile"} {
		content, err := os.ReadFile(filepath.Join("../examples/other-proxies", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range []string{"Customer-Id", "Publisher-Id", "Session-Id", "Email", "Consents", "Token"} {
			if !strings.Contains(string(content), "X-Usher-"+header) {
				t.Errorf("%s leaves X-Usher-%s to clients", name, header)
			}
		}
	}
	content, err := os.ReadFile("../examples/other-proxies/traefik.yaml")
	if err != nil {
		t.Fatal(err)
	}
	written := regexp.MustCompile(`authResponseHeadersRegex: (\S+)`).FindSubmatch(content)
	if written == nil {
		t.Fatal("traefik.yaml names no headers")
	}
	pattern, err := regexp.Compile(string(written[1]))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"X-Usher-Email": true, "x-usher-token": true, "X_usher_email": true, "X.Usher-Admin": true, "X-Usher": false, "X-Pusher-Key": false, "My-X-Usher-Email": false,
	} {
		if pattern.MatchString(name) != want {
			t.Errorf("Traefik's pattern matches %s: %v", name, !want)
		}
	}
}

// The promise: a hub and two sites in at most 14 lines, 4 of them ours.
func TestMinimalExampleIsAsShortAsPromised(t *testing.T) {
	content, err := os.ReadFile("../examples/minimal/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	own := 0
	for _, line := range lines {
		if strings.Contains(line, "usher") {
			own++
		}
	}
	if len(lines) > 14 || own != 4 {
		t.Errorf("%d lines, %d of them ours; want 14 at most and 4", len(lines), own)
	}
}

var (
	block = regexp.MustCompile("(?s)```caddyfile\n(.*?)```")

	// global is a global option block that configures usher.
	global = regexp.MustCompile(`(?s)^\s*(#[^\n]*\n\s*)*\{\n.*?\busher\b`)
)

// TestDocumentedCaddyfilesAreValid tries every whole Caddyfile in the
// documentation. Blocks without the global option are parts of one.
func TestDocumentedCaddyfilesAreValid(t *testing.T) {
	found := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (strings.HasPrefix(name, ".") && name != ".." || name == "node_modules" || name == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range block.FindAllSubmatch(content, -1) {
			if !global.Match(match[1]) {
				continue
			}
			found++
			t.Run(filepath.ToSlash(path), func(t *testing.T) { valid(t, match[1]) })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("no documented Caddyfile found")
	}
}
