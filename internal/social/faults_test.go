// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"context"
	"errors"
	"testing"

	"github.com/usher-sso/usher/internal/social"
)

// Each step is one transaction: what is not written whole is not written, the failure is
// not taken for a refusal, and the step can be taken again.
func TestStoreThatFailsKeepsNothingOfAStepAndLetsItBeTakenAgain(t *testing.T) {
	fault := errors.New("disk on fire")
	w := newWorld(t)
	w.mustRegister(t, nova, "has@example.com")
	known := w.mustEnter(t, nova, byGoogle("known", "known@example.com"))
	if err := w.Link(t.Context(), nova, known.Customer, byFacebook("second", "")); err != nil {
		t.Fatal(err)
	}
	byPassword, _ := w.mustWait(t, nova, byGoogle("1", "has@example.com"))
	byCode, _ := w.mustWait(t, nova, byGoogle("2", "has@example.com"))
	code, _ := w.mustCode(t, nova, byCode)
	completes, _ := w.mustWait(t, orbit, byFacebook("3", ""))
	sends, _ := w.mustWait(t, strict, byFacebook("4", "ann@example.com"))
	appCode, attempt, deletes := w.mustGrant(t, known), w.NewAttempt("google", nova.ID, "", social.Enter, ""), w.deletionOf("second")
	for _, step := range []struct {
		name string
		run  func(ctx context.Context) error
	}{
		{"Spend", func(ctx context.Context) error { return w.Spend(ctx, attempt) }},
		{"Enter, known", func(ctx context.Context) error {
			_, err := w.Enter(ctx, nova, byGoogle("known", ""), german, atHome)
			return err
		}},
		{"Enter, new", func(ctx context.Context) error {
			_, err := w.Enter(ctx, nova, byGoogle("5", "new@example.com"), german, atHome)
			return err
		}},
		{"Enter, waiting", func(ctx context.Context) error {
			_, err := w.Enter(ctx, nova, byFacebook("6", ""), german, atHome)
			return err
		}},
		{"Complete", func(ctx context.Context) error {
			_, err := w.Complete(ctx, orbit, completes, social.Completion{Email: "new@example.com", Answers: agreed}, atHome)
			return err
		}},
		{"SendCode", func(ctx context.Context) error { return w.SendCode(ctx, strict, sends, "192.0.2.7") }},
		{"ProveByPassword", func(ctx context.Context) error {
			_, err := w.ProveByPassword(ctx, nova, byPassword, password, atHome)
			return err
		}},
		{"ProveByCode", func(ctx context.Context) error {
			_, err := w.ProveByCode(ctx, nova, byCode, code, atHome)
			return err
		}},
		{"Link", func(ctx context.Context) error { return w.Link(ctx, nova, known.Customer, byFacebook("7", "")) }},
		{"RedeemApp", func(ctx context.Context) error {
			_, err := w.RedeemApp(ctx, nova, appCode, verifier, appURI, inApp)
			return err
		}},
		{"Unlink", func(ctx context.Context) error {
			return w.Unlink(ctx, nova, known.Customer, facebook, "7", known.Session.ID)
		}},
		{"GrantApp", func(ctx context.Context) error {
			_, err := w.GrantApp(ctx, nova, known.Session, social.AppRequest{Redirect: appURI, Challenge: challenge})
			return err
		}},
		{"Delete", func(ctx context.Context) error { _, err := w.Delete(ctx, deletes); return err }},
	} {
		before := w.records()
		w.faulty.FailCommit(fault)
		if err := step.run(t.Context()); !errors.Is(err, fault) || w.records() != before {
			t.Errorf("%s: %v, want the fault and nothing stored", step.name, err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := step.run(gone); !errors.Is(err, context.Canceled) || w.records() != before {
			t.Errorf("%s, whoever asks has gone: %v", step.name, err)
		}
		if err := step.run(t.Context()); err != nil || w.records() == before {
			t.Errorf("%s, afterwards: %v", step.name, err)
		}
	}
}
