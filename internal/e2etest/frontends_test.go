// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The examples of front ends, as they are.

func TestNativeAppSignsInGoesOnAndSignsOut(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	program, kept := filepath.Join(t.TempDir(), "native-app"), filepath.Join(t.TempDir(), "tokens.json")
	if out, err := exec.Command("go", "build", "-o", program, "../../examples/native-app").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "HUB="+s.hub, "SITE="+s.newsURL, "TOKENS="+kept, "EMAIL=native@viewer.test", "PASSWORD="+password)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	works := func(words string, args ...string) {
		t.Helper()
		if out, err := run(args...); err != nil || !strings.Contains(out, words) {
			t.Fatalf("%v: %v, says %q, want %q", args, err, out, words)
		}
	}
	fails := func(words string, args ...string) {
		t.Helper()
		if out, err := run(args...); err == nil || !strings.Contains(out, words) {
			t.Fatalf("%v: %v, says %q, want %q", args, err, out, words)
		}
	}
	// spoil makes the gate refuse the app's token, as it does when it has expired.
	spoil := func() {
		t.Helper()
		var tokens map[string]string
		b, err := os.ReadFile(kept)
		if err == nil {
			err = json.Unmarshal(b, &tokens)
		}
		if err != nil {
			t.Fatal(err)
		}
		tokens["jwt"] = tokens["jwt"][:len(tokens["jwt"])-8] + "AAAAAAAA"
		if b, err = json.Marshal(tokens); err == nil {
			err = os.WriteFile(kept, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	fails("please sign in", "watch", "/live")
	works("", "register")
	fails("Customer already exists", "register")
	works("news.localhost", "watch", "/live?from=app")
	calls := s.news.at("/live?from=app")
	if len(calls) != 1 || calls[0].told()[fold("X-Usher-Email")][0] != "native@viewer.test" {
		t.Errorf("the site was told %v", calls)
	}
	spoil()
	works("", "watch", "/live")
	before, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	works("", "sign-out")
	if err := os.WriteFile(kept, before, 0o600); err != nil {
		t.Fatal(err)
	}
	fails("please sign in", "watch", "/live")
	works("", "sign-in")
	works("", "watch", "/live")
}

func TestSinglePageAppKnowsWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../examples/single-page-app/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Abs("../../examples/single-page-app/site")
	if err != nil {
		t.Fatal(err)
	}
	s := startForBrowsers(t, strings.NewReplacer(
		"default_bind 127.0.0.1", "{{.Options}}", "http://hub.localhost:8080", "{{.Hub}}", "http://app.localhost:8080", "{{.News}}",
		"data/single-page-app.db", "{{.Dir}}/usher.db", "data/outbox", "{{.Dir}}/outbox", "examples/single-page-app/site", files,
	).Replace(string(content)))
	b := s.chromium(t)
	says := func(id, words string) {
		t.Helper()
		ask(b, chromedp.Poll[bool](fmt.Sprintf("document.getElementById(%q)?.textContent.includes(%q)", id, words)))
	}
	at := s.newsURL + "/shows/northern-lights?from=start#intro"

	b.open(at)
	says("who", "You are not signed in.")
	b.forgive("status of 401")
	b.lands(chromedp.Click(chromedp.ID("watchlist")))
	b.wantsPage("/login")
	b.click(`a[href*="/register"]`)
	b.write("email", "spa@viewer.test")
	b.write("password", password)
	b.click("button[type=submit]")
	says("who", "Signed in as spa@viewer.test.")
	b.wants(at)
	b.do(chromedp.Click(chromedp.ID("watchlist")))
	says("answer", "Northern Lights")
	b.lands(chromedp.Click(chromedp.ID("sign-out")))
	b.wantsPage("/signed-out")
	b.open(at)
	says("who", "You are not signed in.")
	b.lands(chromedp.Click(chromedp.ID("sign-in")))
	b.wantsPage("/login")
}
