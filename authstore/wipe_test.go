// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func TestWipedPublisherHasNothingLeftAndOthersLoseNothing(t *testing.T) {
	w, ann := inhabited(t)
	p := orbit()
	r := registration("ann@example.com")
	r.Customer.PublisherID, r.Customer.ExternalID = p.ID, "crm"
	r.Answers = []authstore.ConsentRecord{answer("terms", "1", authstore.Accepted)}
	other, err := w.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	more := []authstore.Import{{Customer: authstore.Customer{PublisherID: ann.PublisherID, Email: "x", ExternalID: "x", LastName: "y"}}, {Customer: authstore.Customer{PublisherID: ann.PublisherID, Email: "gone"}}}
	if err := w.ImportCustomers(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	w.erase(mustList(t, w, authstore.CustomerQuery{Publisher: ann.PublisherID, Search: "gone"}).Customers[0])
	live, err := w.CustomerSessions(t.Context(), ann.ID)
	if err != nil || len(live) == 0 {
		t.Fatal(live, err)
	}
	var ended []string
	steps := 0
	for again := true; again; steps++ {
		var ids []string
		if ids, again, err = w.WipePublisher(t.Context(), ann.PublisherID, endedFor, 1); err != nil {
			t.Fatal(err)
		}
		ended = append(ended, ids...)
	}
	if steps != 3 || !slices.Contains(ended, live[0].ID) || len(ended) < len(live) {
		t.Errorf("%d steps, ended %v", steps, ended)
	}
	for _, record := range w.memory.Records() {
		for _, trace := range []string{fmt.Sprint(ann.ID), fmt.Sprint(ann.PublisherID, "\x00")} {
			// What staff have set is no customer's.
			kept := []string{"announcements", "receiver_announcements", "consent_versions", "managed_consents", "managed_versions", "tickets"}
			if (strings.Contains(record.Key, trace) || strings.Contains(record.Value, trace)) && !slices.Contains(kept, record.Table) {
				t.Errorf("%s %q %s is left", record.Table, record.Key, record.Value)
			}
		}
	}
	if page := mustList(t, w, authstore.CustomerQuery{Publisher: p.ID, Consent: "terms", ConsentState: authstore.Accepted}); len(page.Customers) != 1 || page.Customers[0].ID != other.ID {
		t.Errorf("another publisher has %+v", page.Customers)
	}
	if _, _, err := w.CustomerByIdentity(t.Context(), p.ID, authstore.ProviderPassword, "ann@example.com"); err != nil {
		t.Error(err)
	}
}

func TestImportedCustomersAreAsTheyWere(t *testing.T) {
	w := newWorld(t)
	before := w.Now().AddDate(-1, 0, 0)
	in := authstore.Import{
		Customer: authstore.Customer{ID: 123_456_789, PublisherID: nova().ID, Email: "Ann@example.com", ExternalID: "crm", Registered: before, LastLogin: w.Now()},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: "ann@example.com", Password: "hash"},
		Answers:  []authstore.ConsentRecord{answer("terms", "1", authstore.Accepted)},
		Capture:  authstore.CaptureAnswers{Submitted: before, Values: map[string]string{"team": "Ajax"}, Buckets: map[string]string{"team": "Ajax"}},
	}
	if err := w.ImportCustomers(t.Context(), []authstore.Import{in}); err != nil {
		t.Fatal(err)
	}
	c, i, err := w.CustomerByIdentity(t.Context(), nova().ID, authstore.ProviderPassword, "ann@example.com")
	if err != nil || c != in.Customer || i.Password != "hash" || i.CustomerID != c.ID {
		t.Errorf("%+v, %+v, %v", c, i, err)
	}
	st, err := w.Standing(t.Context(), c.ID)
	if err != nil || st.Capture.Values["team"] != "Ajax" || !st.Capture.Submitted.Equal(before) || !st.Consents["terms"].Time.Equal(before) {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := w.ConsentHistory(t.Context(), c.ID); err != nil {
		t.Error(err)
	}
	stored := w.records()
	for name, change := range map[string]func(*authstore.Import){
		"id":          func(in *authstore.Import) { in.Identity.Subject, in.Customer.ExternalID = "x", "x" },
		"identity":    func(in *authstore.Import) { in.Customer.ID, in.Customer.ExternalID = 0, "x" },
		"external id": func(in *authstore.Import) { in.Customer.ID, in.Identity.Subject = 0, "x" },
		"size of id":  func(in *authstore.Import) { in.Customer.ID, in.Identity.Subject, in.Customer.ExternalID = 7, "x", "x" },
	} {
		again := in
		change(&again)
		err := w.ImportCustomers(t.Context(), []authstore.Import{{Customer: authstore.Customer{PublisherID: 1}}, again})
		taken := errors.Is(err, authstore.ErrTaken) || errors.Is(err, authstore.ErrExternalIDTaken) || name == "size of id"
		if err == nil || !taken || w.records() != stored {
			t.Errorf("taken %s: %v", name, err)
		}
	}
}
