// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBinaryHasTheModules(t *testing.T) {
	t.Parallel()
	out, err := command(t, t.TempDir(), "list-modules")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	modules := strings.Fields(out)
	for _, want := range []string{
		"usher", "http.handlers.usher", "http.handlers.usher_gate", "usher.stores.bolt", "usher.mailers.outbox", "usher.mailers.smtp",
	} {
		if !slices.Contains(modules, want) {
			t.Errorf("module %s is missing", want)
		}
	}
}

// shortest is a hub and two protected sites on different domains, as an
// operator writes them.
const shortest = `{
	usher https://id.example.com
}
id.example.com {
	usher
}
news.example.com {
	usher_gate
	reverse_proxy localhost:8081
}
sports.example {
	usher_gate
	reverse_proxy localhost:8082
}
`

func TestHubAndTwoSitesTakeFourteenLines(t *testing.T) {
	t.Parallel()
	lines, own := 0, 0
	for line := range strings.Lines(shortest) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
		if strings.Contains(line, "usher") {
			own++
		}
	}
	if lines > 14 || own != 4 {
		t.Errorf("%d lines, %d of them ours; want at most 14 and 4", lines, own)
	}

	dir := t.TempDir()
	path := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(shortest), 0o600); err != nil {
		t.Fatal(err)
	}
	var config, log bytes.Buffer
	if err := commandTo(t, &config, &log, dir, "adapt", "--config", path, "--validate"); err != nil {
		t.Fatalf("adapt: %v\n%s", err, &log)
	}
	if log := log.String(); strings.Contains(log, `"warn"`) {
		t.Errorf("adapting warns: %s", log)
	}
	if !json.Valid(config.Bytes()) {
		t.Errorf("adapt wrote what is no JSON: %s", &config)
	}
}

// TestShortestConfigurationRunsAsJSON runs what the fourteen lines become, with
// other addresses, and walks through it once.
func TestShortestConfigurationRunsAsJSON(t *testing.T) {
	t.Parallel()
	own := strings.NewReplacer("https://id.example.com", "{{.Hub}}", "id.example.com", "{{.Hub}}", "news.example.com", "{{.News}}",
		"sports.example", "{{.Sports}}", "localhost:8081", "{{.NewsApp}}", "localhost:8082", "{{.SportsApp}}").Replace(shortest)
	s := start(t, own[:1]+"\n\t{{.Options}}"+own[1:])
	config := s.adapt(t, own, "")
	s.stop()

	var parsed map[string]any
	if err := json.Unmarshal([]byte(config), &parsed); err != nil {
		t.Fatal(err)
	}
	parsed["admin"] = map[string]any{"listen": s.admin}
	b, err := json.MarshalIndent(parsed, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "config.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if !s.bootWith("run", "--config", path) {
		t.Fatal("somebody else took the server's port")
	}
	const onlyPublisher = "100000000"
	viewer := s.registerAt(t, onlyPublisher, "minimal")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/first", viewer.email)
	if hops := v.visit(s.sportsURL + "/second"); len(hops) != 4 || hops[3].status != 200 {
		t.Errorf("the second site took %v", places(hops))
	}
	s.visitor(t).send("GET", s.sportsURL+"/", "").says(t, 401)
}
