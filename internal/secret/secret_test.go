// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/secret"
)

func TestSecretsAreLongAndNeverRepeat(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s, id := secret.New(), secret.NewID()
		if len(s) != 43 || len(id) != 22 {
			t.Fatalf("lengths %d and %d, want 43 and 22", len(s), len(id))
		}
		if seen[s] || seen[id] {
			t.Fatal("a random value came twice")
		}
		seen[s], seen[id] = true, true
	}
}

func TestMatchesOnlyItsOwnSecret(t *testing.T) {
	s := secret.New()
	tests := map[string]struct {
		digest, given string
		want          bool
	}{
		"own":          {secret.Digest(s), s, true},
		"other":        {secret.Digest(s), secret.New(), false},
		"empty given":  {secret.Digest(s), "", false},
		"empty digest": {"", "", false},
		"digest given": {secret.Digest(s), secret.Digest(s), false},
	}
	for name, tt := range tests {
		if got := secret.Matches(tt.digest, tt.given); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestDerivedKeysDifferByPurposeAndRoot(t *testing.T) {
	a, b := secret.NewRoot(), secret.NewRoot()
	if string(a.Derive("x")) == string(a.Derive("y")) || string(a.Derive("x")) == string(b.Derive("x")) {
		t.Fatal("two purposes or two roots share a key")
	}
	if again := string(a.Derive("x")); again != string(a.Derive("x")) {
		t.Fatal("a key is not the same twice")
	}
}

func TestSealedValueOpensOnlyWithItsKeyAndContext(t *testing.T) {
	root := secret.NewRoot()
	s := secret.NewSealer(root, "test")
	sealed := s.Seal([]byte("value"), "news")
	if got, err := s.Open(sealed, "news"); err != nil || string(got) != "value" {
		t.Fatalf("got %q, %v", got, err)
	}
	if strings.Contains(sealed, "value") || sealed == s.Seal([]byte("value"), "news") {
		t.Fatal("sealing hides nothing")
	}
	flipped := []byte(sealed)
	flipped[20] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"other context": func() ([]byte, error) { return s.Open(sealed, "sports") },
		"other purpose": func() ([]byte, error) { return secret.NewSealer(root, "other").Open(sealed, "news") },
		"other root":    func() ([]byte, error) { return secret.NewSealer(secret.NewRoot(), "test").Open(sealed, "news") },
		"changed":       func() ([]byte, error) { return s.Open(string(flipped), "news") },
		"cut":           func() ([]byte, error) { return s.Open(sealed[:10], "news") },
		"empty":         func() ([]byte, error) { return s.Open("", "news") },
		"not base64":    func() ([]byte, error) { return s.Open("!!!", "news") },
	} {
		if got, err := open(); !errors.Is(err, secret.ErrForged) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestMarkIsBoundToValueAndPurpose(t *testing.T) {
	root := secret.NewRoot()
	m := secret.NewMarker(root, "refresh")
	mark := m.Mark("a")
	if !m.Check("a", mark) || m.Check("b", mark) || m.Check("a", "") || secret.NewMarker(root, "x").Check("a", mark) {
		t.Fatal("mark is not bound to its value and purpose")
	}
}
