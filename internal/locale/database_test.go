// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/locale/localetest"
)

// databaseOf makes a database of networks and their countries.
func databaseOf(t *testing.T, countries map[string]string) *Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "countries.mmdb")
	if err := localetest.Write(path, countries); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDatabaseComesBeforeTheTable(t *testing.T) {
	r := NewResolver(databaseOf(t, map[string]string{
		"193.99.144.0/24": "AT", // the table says DE
		"2a02:2e0::/32":   "CH",
		"10.0.0.0/8":      "SE", // an operator's own
		"8.8.8.0/24":      "EU",
		"203.0.113.0/24":  "XX",
	}))
	tests := []struct {
		name, said, addr, accept string
		want                     string
	}{
		{"over the table", "", "193.99.144.80", "pl-PL", "pl_AT"},
		{"IPv4 mapped into IPv6", "", "::ffff:193.99.144.80", "", "de_AT"},
		{"IPv6", "", "2a02:2e0:3fe:1001:302::", "", "de_CH"},
		{"private network that it knows", "", "10.1.2.3", "", "sv_SE"},
		{"said country comes first", "PL", "193.99.144.80", "", "pl_PL"},
		{"said is no country", "T1", "193.99.144.80", "", "de_AT"},

		{"address that it does not know", "", "83.0.0.1", "", "pl_PL"},
		{"private network that it does not know", "", "192.168.0.1", "fr-CH", "fr_CH"},
		{"zone", "", "fe80::1%eth0", "fr-CH", "fr_CH"},
		{"it says no country, the table does", "", "8.8.8.8", "", "en_US"},
		{"it says no country, nor does the table", "", "203.0.113.7", "fr-CH", "fr_CH"},
		{"no address", "", "", "fr-CH", "fr_CH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var addr netip.Addr
			if tt.addr != "" {
				addr = netip.MustParseAddr(tt.addr)
			}
			if got := r.Resolve(tt.said, addr, tt.accept).Locale; got != tt.want {
				t.Errorf("Resolve(%q, %s, %q): %s, want %s", tt.said, addr, tt.accept, got, tt.want)
			}
		})
	}
}

func TestDatabaseThatIsReplacedStaysAsItWasRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "countries.mmdb")
	if err := localetest.Write(path, map[string]string{"193.99.144.0/24": "AT"}); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := NewResolver(d).Resolve("", netip.MustParseAddr("193.99.144.80"), "").Country; got != "AT" {
		t.Errorf("got %s, want AT", got)
	}
}

func TestUnusableDatabaseIsRefusedWithARemedy(t *testing.T) {
	dir := t.TempDir()
	text, asn, empty, huge := filepath.Join(dir, "text"), filepath.Join(dir, "asn"), filepath.Join(dir, "empty"), filepath.Join(dir, "huge")
	for _, err := range []error{
		os.WriteFile(text, []byte("not a database"), 0o600),
		localetest.WriteMember(asn, "asn", map[string]string{"8.8.8.0/24": "US"}),
		localetest.Write(empty, nil),
		os.WriteFile(huge, nil, 0o600),
		os.Truncate(huge, maxDatabase+1), // a hole, which takes no room
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]string{
		filepath.Join(dir, "missing"): "; write the path of a file that the server may read",
		dir:                           "it is no regular file; write the path of an .mmdb file",
		text:                          "use an unpacked .mmdb file",
		asn:                           `it is of type "Test-asn" and has no country.iso_code; use a country database`,
		empty:                         "has no country.iso_code",
		huge:                          "it is larger than 512 MiB; use a country database",
	}
	for path, want := range tests {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := OpenDatabase(path)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
				t.Errorf("got: %v\nwant the path and: %s", err, want)
			}
		})
	}
}
