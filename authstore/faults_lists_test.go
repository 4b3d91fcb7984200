// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"

	"github.com/usher-sso/usher/authstore"
)

func listChanges() []operation {
	return []operation{
		{"IndexCustomers", func(ctx context.Context, w *world, _ authstore.Customer) error {
			done, err := w.IndexCustomers(ctx)
			if done && err != nil {
				return errors.New("done in spite of an error")
			}
			return err
		}},
		{"AddFailedLogins", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.AddFailedLogins(ctx, map[int64]map[string]int64{c.PublisherID: {"2026-03-01": 1}})
		}},
		{"ImportCustomers", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.ImportCustomers(ctx, []authstore.Import{{
				Customer: authstore.Customer{PublisherID: c.PublisherID, Email: "new@example.com", ExternalID: "x"},
				Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: "new@example.com"},
				Answers:  []authstore.ConsentRecord{answer("terms", "1", authstore.Accepted)},
				Capture:  authstore.CaptureAnswers{Submitted: w.Now(), Buckets: map[string]string{"a": "b"}},
			}})
		}},
		{"WipePublisher", func(ctx context.Context, w *world, c authstore.Customer) error {
			ids, more, err := w.WipePublisher(ctx, c.PublisherID, endedFor, 10)
			if err != nil && (more || len(ids) > 0) {
				return errors.New("wiped in spite of an error")
			}
			return err
		}},
	}
}

func listReads() []operation {
	list := func(q authstore.CustomerQuery) func(context.Context, *world, authstore.Customer) error {
		return func(ctx context.Context, w *world, c authstore.Customer) error {
			q.Publisher = c.PublisherID
			page, err := w.ListCustomers(ctx, q)
			if err == nil && len(page.Customers) != 1 {
				return errors.New("the test is worthless: not one customer")
			}
			return err
		}
	}
	return []operation{
		{"ListCustomers", list(authstore.CustomerQuery{})},
		{"ListCustomers, filtered", list(authstore.CustomerQuery{Unverified: true, Consent: "terms", ConsentState: authstore.Accepted})},
		{"ListCustomers, without", list(authstore.CustomerQuery{Consent: "unknown", Sort: authstore.ByEmail})},
		{"ListCustomers, search", list(authstore.CustomerQuery{Search: "ann"})},
		{"Totals", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.Totals(ctx, c.PublisherID)
			return err
		}},
		{"ConsentTallies", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.ConsentTallies(ctx, c.PublisherID)
			return err
		}},
		{"AnswerTallies", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.AnswerTallies(ctx, c.PublisherID)
			return err
		}},
		{"Activity", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.Activity(ctx, c.PublisherID, w.Now(), w.Now().AddDate(0, 0, 7))
			return err
		}},
		{"EachCustomer", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.EachCustomer(ctx, c.PublisherID, func(authstore.Standing) error { return nil })
		}},
		{"EachConsentRecord", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.EachConsentRecord(ctx, c.PublisherID, func(authstore.ConsentRecord) error { return nil })
		}},
	}
}
