// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
)

func TestTableOfRolesIsWhatActsSay(t *testing.T) {
	page, err := os.ReadFile("../../docs/dashboard.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := []authstore.Role{authstore.RoleReadOnly, authstore.RoleSupport, authstore.RoleEditor, authstore.RoleOwner}
	var want, got []string
	for _, act := range admin.Acts() {
		line := "| `" + act.Name + "` | " + act.Summary + " |"
		for _, role := range columns {
			line += yes(admin.Allows(role, act.Needs))
		}
		want = append(want, line+yes(act.StepUp))
	}
	for _, act := range admin.OwnActs() {
		want = append(want, "| `"+act.Name+"` | "+act.Summary+" | "+string(act.From)+" |"+yes(act.StepUp))
	}
	for line := range strings.Lines(string(page)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `") && strings.Contains(name, ".") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/dashboard.md has\n%s\nthe acts say\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func yes(is bool) string {
	if is {
		return " yes |"
	}
	return " |"
}
