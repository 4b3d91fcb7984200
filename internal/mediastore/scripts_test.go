// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
)

// scripts returns the indented blocks of a section of a page, in order.
func scripts(t *testing.T, page, section string) []string {
	t.Helper()
	content, err := os.ReadFile("../../docs/" + page)
	must(t, err)
	_, text, found := strings.Cut(string(content), "\n## "+section+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var blocks []string
	for _, paragraph := range strings.Split(text, "\n\n") {
		if strings.HasPrefix(paragraph, "    ") {
			blocks = append(blocks, paragraph)
		}
	}
	return blocks
}

// The requests of docs/front-ends.md, as a shell sends them.
func TestScriptsOfTheDocumentationSignInByAccountsElsewhere(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("!!! NO SHELL: install the package %s, or nothing tells whether the documented requests work", tool)
		}
	}
	s := serve(t, mustDescription(t).Record(http.DefaultTransport), customer.NewHasher(0, 0), "ES256", withProviders)
	blocks := scripts(t, "front-ends.md", "Accounts elsewhere")
	if len(blocks) != 10 {
		t.Fatalf("%d scripts, want 10: %q", len(blocks), blocks)
	}
	variables := []string{"HUB=" + s.url, "REDIRECT=" + appRedirect, "NONCE=a-nonce"}
	run := func(set ...string) string {
		t.Helper()
		variables = append(variables, set...) // the last one counts
		cmd := exec.Command("bash", "-euc", blocks[0]+"\necho; echo \"${VERIFIER:-}\"")
		cmd.Env = append(os.Environ(), variables...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", blocks[0], err)
		}
		blocks = blocks[1:]
		return string(out)
	}
	says := func(out, code string) said {
		t.Helper()
		var told said
		body, _, _ := strings.Cut(out, "\n")
		if err := json.Unmarshal([]byte(body), &told); err != nil || told.Code != code {
			t.Fatalf("%v: the answer is %s, want the code %q", err, out, code)
		}
		return told
	}

	says(run(), "")

	_, id, _ := s.join("anna@example.com")
	n, err := strconv.ParseInt(id, 10, 64)
	must(t, err)
	c, err := s.store.Customer(t.Context(), n)
	must(t, err)
	lines := strings.Fields(run())
	begin, err := url.Parse(lines[0])
	must(t, err)
	q := begin.Query()
	if begin.Path != social.AuthorizePath || q.Get("redirect_uri") != appRedirect || q.Get("code_challenge_method") != "S256" || q.Get("provider") != "google" {
		t.Errorf("it begins at %s", begin)
	}
	h, _, err := s.sessions.Start(t.Context(), c, "", session.Device{}, session.AtHub, "")
	must(t, err)
	back, err := s.service.GrantApp(t.Context(), tenants()[0], h, social.AppRequest{
		Redirect: q.Get("redirect_uri"), State: q.Get("state"), Challenge: q.Get("code_challenge"),
	})
	must(t, err)
	end, err := url.Parse(back)
	must(t, err)
	told := says(run("CODE="+end.Query().Get("code"), "VERIFIER="+lines[1]), "")
	if got := claimed(t, []string{"", "Bearer " + told.text("jwt")}); got != id {
		t.Errorf("the app is %s, want %s", got, id)
	}

	s.join("ann@example.com")
	told = says(run("TOKEN="+s.GoogleIDToken(web, web, socialtest.Person{Subject: "5001"}, "a-nonce")), "SOC0001")
	told = says(run("JOIN="+told.Join.JoinToken), "SOC0001")
	if len(told.Join.Missing) != 1 || told.Join.Missing[0] != "proof" {
		t.Errorf("missing %q", told.Join.Missing)
	}
	says(run("JOIN="+told.Join.JoinToken), "")
	told = says(run("MAILED="+s.mailedCode()), "")
	jwt := told.text("jwt")
	told = says(run("JWT="+jwt, "ID="+claimed(t, []string{"", "Bearer " + jwt})), "")
	google := told.Data["identities"].([]any)[0].(map[string]any)["id"].(string)
	s.Add(socialtest.Facebook, cleo)
	says(run("TOKEN="+s.FacebookToken(web, cleo)), "")
	if left := says(run("IDENTITY="+google), "").Data["identities"].([]any); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}
