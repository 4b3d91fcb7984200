// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/social"
)

func TestAttemptCountsOnlyForItsAnswerInTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	store := authstore.New(authstoretest.NewMemory(), func() time.Time { return now })
	root := secret.NewRoot()
	s := social.NewService(social.Config{Store: store, Root: root})
	other := social.NewService(social.Config{Store: store, Root: secret.NewRoot()})
	a := s.NewAttempt("google", 100000001, "state=x&site=y", social.Enter, "")
	sealed := s.Seal(a)
	for _, hidden := range []string{a.State, a.Nonce, a.Verifier, "google"} {
		if strings.Contains(sealed, hidden) {
			t.Errorf("the browser can read %q", hidden)
		}
	}
	flipped := []byte(sealed)
	flipped[30] ^= 1
	for name, tt := range map[string]struct {
		service       *social.Service
		sealed, state string
		after         time.Duration
		good          bool
	}{
		"its own":          {s, sealed, a.State, 0, true},
		"at the last":      {s, sealed, a.State, social.AttemptLife - time.Second, true},
		"too late":         {s, sealed, a.State, social.AttemptLife, false},
		"another answer":   {s, sealed, s.NewAttempt("google", 100000001, "", social.Enter, "").State, 0, false},
		"no state":         {s, sealed, "", 0, false},
		"nothing kept":     {s, "", a.State, 0, false},
		"changed":          {s, string(flipped), a.State, 0, false},
		"another server's": {other, sealed, a.State, 0, false},
	} {
		now = a.Expires.Add(tt.after - social.AttemptLife)
		got, err := tt.service.Open(tt.sealed, tt.state)
		if tt.good && (err != nil || got.Nonce != a.Nonce || got.Verifier != a.Verifier || got.Query != a.Query || got.Publisher != a.Publisher) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if !tt.good && !errors.Is(err, social.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
}

func TestAttemptsShareNothing(t *testing.T) {
	s := social.NewService(social.Config{Store: authstore.New(authstoretest.NewMemory(), time.Now), Root: secret.NewRoot()})
	seen := map[string]bool{}
	for range 1000 {
		a := s.NewAttempt("google", 100000001, "", social.Enter, "")
		for _, v := range []string{a.State, a.Nonce, a.Verifier} {
			if len(v) < 43 || seen[v] {
				t.Fatalf("%q is short, or came twice", v)
			}
			seen[v] = true
		}
	}
}
