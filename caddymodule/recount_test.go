// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/caddymodule"
)

// answered are the numbers of answers to the question.
func answered(t *testing.T, store *authstore.Store) map[string]int64 {
	t.Helper()
	tallies, err := store.AnswerTallies(context.Background(), 100_000_000)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int64{}
	for _, a := range tallies {
		have[a.Bucket] = a.Count
	}
	return have
}

func TestAnswersAreCountedAnewWhenTheQuestionsChange(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	store := caddymodule.OpenStore(s.store)
	var many []authstore.Import
	for i := range 1100 { // more than one step
		in := authstore.Import{Customer: authstore.Customer{PublisherID: 100_000_000, Email: fmt.Sprint(i, "@example.com"), Registered: store.Now()}}
		in.Capture = authstore.CaptureAnswers{Submitted: store.Now(), Values: map[string]string{"custom_1": []string{"Ajax", "PSV"}[i%2]}}
		many = append(many, in)
	}
	if err := store.ImportCustomers(context.Background(), many); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		enabled bool
		choices []string
		want    map[string]int64
	}{
		{true, []string{"Ajax", "Feyenoord"}, map[string]int64{"Ajax": 550, "answered": 550}},
		{true, []string{"PSV", "Ajax"}, map[string]int64{"Ajax": 550, "PSV": 550}},
		{false, []string{"PSV", "Ajax"}, map[string]int64{}},
		{true, nil, map[string]int64{"answered": 1100}},
	} {
		s.mustSet(t, func(set *authstore.Settings) {
			set.Capture = &authstore.Capture{Enabled: step.enabled, Fields: []authstore.CaptureField{{Key: "custom_1", Question: "Team?", Choices: step.choices}}}
		})
		soon(t, fmt.Sprintf("numbers by the choices %q", step.choices), func() bool { return maps.Equal(answered(t, store), step.want) })
	}
}

func TestAnswersFromBeforeTheyWereCountedAreCountedAtAStart(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	store, ctx := caddymodule.OpenStore(s.store), context.Background()
	in := authstore.Import{Customer: authstore.Customer{PublisherID: 100_000_000, Email: "ann@example.com", Registered: store.Now()}}
	in.Capture = authstore.CaptureAnswers{Submitted: store.Now(), Values: map[string]string{"custom_1": "Ajax"}}
	s.mustSet(t, func(set *authstore.Settings) {
		set.Capture = &authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "custom_1", Question: "Team?"}}}
	})
	soon(t, "a note of the questions", func() bool {
		by, err := store.AnswersCounted(ctx, 100_000_000)
		return err == nil && by != ""
	})
	// As a store from before has it: answers that nothing counts, and no note.
	if err := store.ImportCustomers(ctx, []authstore.Import{in}); err != nil {
		t.Fatal(err)
	}
	if err := store.NoteAnswersCounted(ctx, 100_000_000, ""); err != nil {
		t.Fatal(err)
	}
	s.start(t, nil) // a reload begins as a start does
	soon(t, "the number", func() bool { return answered(t, store)["answered"] == 1 })
}
