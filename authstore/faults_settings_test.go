// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// managed gives nova settings, a draft, and a version that begins later.
func (w *world) managed(t *testing.T) {
	t.Helper()
	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Offers = []string{"S100000001_DE"} })
	w.mustDraft(t, "later", "1")
	w.mustPublish(t, "later", "1", w.Now().Add(day))
	w.mustDraft(t, "draft", "1")
}

func settingsChanges() []operation {
	return []operation{
		{"ChangeSettings", func(ctx context.Context, w *world, _ authstore.Customer) error {
			set, err := w.Settings(ctx, 100_000_001)
			if err != nil {
				return err
			}
			_, err = w.ChangeSettings(ctx, 100_000_001, set.Revision, func(s *authstore.Settings) error {
				s.Offers, s.Session.Idle = []string{"S100000001_AT"}, time.Hour
				return nil
			})
			return err
		}},
		{"SaveDraft", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.SaveDraft(ctx, 100_000_001, authstore.ManagedConsent{Name: "new"}, version("1"))
		}},
		{"DropDraft", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.DropDraft(ctx, 100_000_001, "draft", "1")
		}},
		{"PublishVersion", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.PublishVersion(ctx, 100_000_001, "draft", "1", time.Time{}, time.Time{})
		}},
		{"Unpublish", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.Unpublish(ctx, 100_000_001, "later", "1")
		}},
		{"RetireConsent", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.RetireConsent(ctx, 100_000_001, "later")
		}},
		{"NoteAnswersCounted", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.NoteAnswersCounted(ctx, 100_000_001, "questions")
		}},
		{"PutPicture", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.PutPicture(ctx, 100_000_001, []byte("picture"))
			return err
		}},
	}
}

func settingsReads() []operation {
	return []operation{
		{"AnswersCounted", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.AnswersCounted(ctx, 100_000_001)
			return err
		}},
		{"Settings", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.Settings(ctx, 100_000_001)
			return err
		}},
		{"SettingsRevision", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.SettingsRevision(ctx)
			return err
		}},
		{"Managed", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.Managed(ctx)
			return err
		}},
		{"DeclaredPublisher", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.DeclaredPublisher(ctx, 100_000_001)
			return err
		}},
		{"ManagedConsents", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.ManagedConsents(ctx, 100_000_001)
			return err
		}},
		{"ConsentVersions", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.ConsentVersions(ctx, 100_000_001, "later")
			return err
		}},
		{"ConsentTexts", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.ConsentTexts(ctx, 100_000_001, "later", "1")
			return err
		}},
	}
}
