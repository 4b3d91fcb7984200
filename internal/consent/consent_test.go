// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package consent_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
)

var defs = []authstore.ConsentDefinition{
	{Name: "terms", Version: "2", Label: "I agree", Value: "https://nova.example/terms", Required: true},
	{Name: "marketing", Version: "1", Label: "Send me news"},
	{Name: "age", Version: "1", Label: "I am of age", Required: true},
}

func yes(name, version string) consent.Answer {
	return consent.Answer{Name: name, Version: version, State: authstore.Accepted}
}

func no(name, version string) consent.Answer {
	return consent.Answer{Name: name, Version: version, State: authstore.Declined}
}

func TestAnswersBecomeEvidenceOfTheTextThatWasShown(t *testing.T) {
	records, err := consent.Records(defs, []consent.Answer{yes("terms", "2"), no("marketing", "1")}, "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	want := []authstore.ConsentRecord{
		{Name: "terms", Version: "2", TextHash: defs[0].TextHash(), State: authstore.Accepted, IP: "192.0.2.7"},
		{Name: "marketing", Version: "1", TextHash: defs[1].TextHash(), State: authstore.Declined, IP: "192.0.2.7"},
	}
	if !slices.Equal(records, want) {
		t.Errorf("got %+v, want %+v", records, want)
	}
	if records, err := consent.Records(defs, nil, ""); len(records) != 0 || err != nil {
		t.Errorf("of no answers: %v, %v", records, err)
	}
}

func TestOneBadAnswerRefusesThemAll(t *testing.T) {
	tests := []struct {
		name string
		bad  consent.Answer
		want error
	}{
		{"unknown", yes("privacy", "1"), consent.ErrUnknown},
		{"no name", yes("", "1"), consent.ErrUnknown},
		{"another case", yes("Terms", "2"), consent.ErrUnknown},
		{"old version", yes("terms", "1"), consent.ErrVersion},
		{"coming version", yes("terms", "3"), consent.ErrVersion},
		{"version spelt otherwise", yes("terms", "2.0"), consent.ErrVersion},
		{"no version", yes("terms", ""), consent.ErrVersion},
		{"no state", consent.Answer{Name: "terms", Version: "2"}, consent.ErrState},
		{"unknown state", consent.Answer{Name: "terms", Version: "2", State: "maybe"}, consent.ErrState},
		{"state in another case", consent.Answer{Name: "terms", Version: "2", State: "Accepted"}, consent.ErrState},
	}
	for _, tt := range tests {
		for _, answers := range [][]consent.Answer{{tt.bad, yes("marketing", "1")}, {yes("marketing", "1"), tt.bad}} {
			records, err := consent.Records(defs, answers, "")
			if !errors.Is(err, tt.want) || len(records) != 0 {
				t.Errorf("%s: %v, %v; want %v and no records", tt.name, records, err, tt.want)
			}
		}
	}
}

// inForce returns answers by name; each is written "name version state".
func inForce(answers ...string) map[string]authstore.ConsentAnswer {
	m := map[string]authstore.ConsentAnswer{}
	for _, a := range answers {
		p := strings.Fields(a)
		m[p[0]] = authstore.ConsentAnswer{Version: p[1], State: authstore.ConsentState(p[2])}
	}
	return m
}

func TestConsentIsDueUntilItsNewestVersionIsAccepted(t *testing.T) {
	tests := []struct {
		answers  []string
		due      bool
		accepted string
	}{
		{nil, true, "[]"},
		{[]string{"terms 2 accepted", "age 1 accepted"}, false, "[terms age]"},
		{[]string{"age 1 accepted", "marketing 1 accepted", "terms 2 accepted"}, false, "[terms marketing age]"},
		{[]string{"terms 1 accepted", "age 1 accepted"}, true, "[age]"},
		{[]string{"terms 3 accepted", "age 1 accepted"}, true, "[age]"},
		{[]string{"terms 2 declined", "age 1 accepted"}, true, "[age]"},
		{[]string{"terms 2 accepted"}, true, "[terms]"},
		{[]string{"terms 2 accepted", "age 1 accepted", "marketing 1 declined"}, false, "[terms age]"},
		{[]string{"terms 2 accepted", "age 1 accepted", "gone 1 accepted"}, false, "[terms age]"},
	}
	for _, tt := range tests {
		answers := inForce(tt.answers...)
		if due := consent.Due(defs, answers, time.Now()); due != tt.due {
			t.Errorf("%v: due %t, want %t", tt.answers, due, tt.due)
		}
		if got := fmt.Sprint(consent.Accepted(defs, answers)); got != tt.accepted {
			t.Errorf("%v: accepted %s, want %s", tt.answers, got, tt.accepted)
		}
	}
	if consent.Due(defs[1:2], nil, time.Now()) || consent.Due(nil, nil, time.Now()) {
		t.Error("something is due although nothing is required")
	}
}

func TestConsentNamesAreUsableAsIDs(t *testing.T) {
	for _, name := range []string{"terms", "broadcaster_terms", "a", "a1_", strings.Repeat("a", 64)} {
		if err := consent.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "Terms", "1terms", "_terms", "terms-1", "terms 1", "terms.1", "térms", "terms\n", "terms\x00", `terms"`, "<b>", strings.Repeat("a", 65),
	} {
		if err := consent.CheckName(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}
