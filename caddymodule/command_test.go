// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/caddymodule"
)

func TestCommandsAreCaddys(t *testing.T) {
	for _, name := range []string{"staff", "evidence"} {
		if c, ok := caddycmd.Commands()[name]; !ok || c.Short == "" {
			t.Errorf("there is no command %s", name)
		}
	}
}

func TestStaffCommandPrintsTheLink(t *testing.T) {
	s := newServer(t)
	address := s.startWithAdmin(t, nil)
	var out strings.Builder
	if err := caddymodule.StaffCommand(&out, address, "", "owner", "invite", "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^ann@example\.com is invited as owner of publisher 100000000, by this link:\n\n    ` +
		regexp.QuoteMeta(s.origin("hub")) + `/admin/invite\?token=[\w-]{43}\n\nIt is good once, until \d{4}-\d\d-\d\d \d\d:\d\d UTC`)
	if !want.MatchString(out.String()) {
		t.Errorf("printed %s", out.String())
	}
}

func TestStaffCommandSaysWhatIsWrong(t *testing.T) {
	s := newServer(t)
	address := s.startWithAdmin(t, twoPublishers)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	t.Cleanup(other.Close)
	for _, tt := range []struct {
		name, address, role string
		publishers          string
		args                []string
		want                string
	}{
		{"no arguments", address, "owner", "", nil, "usher staff invite <email>"},
		{"no address", address, "owner", "", []string{"invite"}, "usher staff invite <email>"},
		{"other word", address, "owner", "", []string{"fire", "ann@example.com"}, "usher staff invite <email>"},
		{"no publisher", address, "owner", "", []string{"invite", "ann@example.com"}, "100000001 (Nova), 100000002 (Orbit)"},
		{"no id", address, "owner", "100000001,x", []string{"invite", "ann@example.com"}, "--publisher: \"x\" is not a publisher id"},
		{"unknown role", address, "boss", "100000001,100000002", []string{"invite", "ann@example.com"}, "owner editor support readonly"},
		{"nobody listens", "127.0.0.1:" + freePort(t), "owner", "", []string{"invite", "ann@example.com"}, "--address or --config names another"},
		{"another server", other.Listener.Addr().String(), "owner", "", []string{"invite", "ann@example.com"}, "does not answer as usher does"},
	} {
		var out strings.Builder
		err := caddymodule.StaffCommand(&out, tt.address, tt.publishers, tt.role, tt.args...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || out.Len() > 0 {
			t.Errorf("%s: %v, printed %q", tt.name, err, out.String())
		}
	}
}

// evidence returns the lines of two customers' answers, three each.
func evidence(t *testing.T) (lines []string) {
	t.Helper()
	store := authstoretest.NewStore(t, authstoretest.NewClock())
	byID := map[int64][]string{} // exports are in the order of ids
	for _, email := range []string{"ann@example.com", "bob@example.com"} {
		answers := []authstore.ConsentRecord{
			{Name: "terms", Version: "1", State: authstore.Accepted}, {Name: "news", Version: "1", State: authstore.Declined}, {Name: "news", Version: "2", State: authstore.Accepted},
		}
		c, err := store.Register(t.Context(), authstore.Registration{
			Customer: authstore.Customer{PublisherID: 100000001, Email: email},
			Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: email}, Answers: answers,
		})
		if err != nil {
			t.Fatal(err)
		}
		history, err := store.ConsentHistory(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range history {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			byID[c.ID] = append(byID[c.ID], string(line))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		lines = append(lines, byID[id]...)
	}
	return lines
}

func TestEvidenceCommandVerifiesEveryChain(t *testing.T) {
	lines := evidence(t)
	without := func(i int) []string { return append(append([]string{}, lines[:i]...), lines[i+1:]...) }
	changed := func(from, to string) []string {
		return append(append([]string{}, lines[0], strings.Replace(lines[1], from, to, 1)), lines[2:]...)
	}
	for _, tt := range []struct {
		name   string
		lines  []string
		want   string // of what is printed
		broken string // of the error
	}{
		{"whole", lines, "6 answers of 2 customers", ""},
		{"cut off after the header", append([]string{`{"usher": "consent evidence 1", "publisher": "100000001"}`}, lines...), "", "cut off"},
		{"one customer", lines[3:], "3 answers of 1 customers", ""},
		{"another answer", changed("declined", "accepted"), "", "answer 2 was changed"},
		{"another time", changed("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"), "", "answer 2 was changed"},
		{"more in a record", changed(`{"sequence"`, `{"note":"x","sequence"`), "", "not a consent record"},
		{"first is missing", without(0), "", "answer 2 follows answer 0"},
		{"one is missing", without(4), "", "answer 3 follows answer 1"},
		{"twice", append(append([]string{}, lines[:2]...), lines[1:]...), "", "answer 2 follows answer 2"},
		{"two on a line", append([]string{lines[0] + lines[1]}, lines[2:]...), "", "something follows"},
		{"header in the middle", append(append([]string{}, lines[:3]...), `{"usher": "consent evidence 1"}`), "", "not a consent record"},
		{"long line", []string{strings.Repeat(" ", 1<<18)}, "", "too long"},
		{"empty", nil, "", "no evidence"},
	} {
		path := filepath.Join(t.TempDir(), "evidence.jsonl")
		if err := os.WriteFile(path, []byte(strings.Join(tt.lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := caddymodule.EvidenceCommand(&out, "verify", path)
		if tt.broken == "" && (err != nil || !strings.Contains(out.String(), tt.want)) {
			t.Errorf("%s: %v, printed %q", tt.name, err, out.String())
		}
		if tt.broken != "" && (err == nil || !strings.Contains(err.Error(), tt.broken) || out.Len() > 0) {
			t.Errorf("%s: %v, printed %q, want an error with %q", tt.name, err, out.String(), tt.broken)
		}
		if strings.Contains(tt.broken, "answer") && !errors.Is(err, authstore.ErrBrokenChain) {
			t.Errorf("%s: %v is no ErrBrokenChain", tt.name, err)
		}
	}
}

func TestEvidenceCommandNeedsAFile(t *testing.T) {
	for name, args := range map[string][]string{"nothing": nil, "no file": {"verify"}, "other word": {"make", "x"}, "missing file": {"verify", filepath.Join(t.TempDir(), "x")}} {
		if err := caddymodule.EvidenceCommand(new(bytes.Buffer), args...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
