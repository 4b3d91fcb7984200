// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

const lease = 2 * time.Minute

func (w *world) mustQueue(t *testing.T, m authstore.Mail) {
	t.Helper()
	if err := w.QueueMail(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// claimed returns the ids of up to n mails that are due.
func (w *world) claimed(t *testing.T, n int) (ids []string) {
	t.Helper()
	for _, m := range w.mustClaim(t, n) {
		ids = append(ids, m.ID)
	}
	return ids
}

func (w *world) mustClaim(t *testing.T, n int) []authstore.Mail {
	t.Helper()
	all, err := w.ClaimMails(t.Context(), n, lease)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestQueuedMailIsClaimedByOneAtATime(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		queued := authstore.Mail{Kind: "reset", PublisherID: 100_000_001, CustomerID: 7, To: "ann@example.com", Data: map[string]string{"page": "x"}}
		w.mustQueue(t, queued)
		var mu sync.Mutex
		var got []authstore.Mail
		errs := parallel(20, func(int) error {
			mails, err := w.ClaimMails(t.Context(), 5, lease)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, mails...)
			return err
		})
		if count(errs, nil) != 20 || len(got) != 1 {
			t.Fatalf("claimed %+v, %v", got, errs)
		}
		m := got[0]
		if m.ID == "" || strings.Trim(m.ID, "abcdefghijklmnopqrstuvwxyz234567") != "" || m.Tries != 1 || !m.Created.Equal(w.Now()) || !m.Due.Equal(w.Now().Add(lease)) {
			t.Errorf("claimed %+v", m)
		}
		if m.Kind != "reset" || m.PublisherID != queued.PublisherID || m.CustomerID != 7 || m.To != "ann@example.com" || m.Data["page"] != "x" {
			t.Errorf("claimed %+v, want %+v", m, queued)
		}
		w.clock.Add(lease - time.Millisecond)
		if again := w.mustClaim(t, 1); len(again) != 0 {
			t.Errorf("claimed %+v within the lease", again)
		}
		w.clock.Add(time.Millisecond)
		if again := w.mustClaim(t, 1); len(again) != 1 || again[0].ID != m.ID || again[0].Tries != 2 {
			t.Errorf("claimed %+v after the lease", again)
		}
	})
}

func TestMailsAreClaimedInTheOrderInWhichTheyAreDue(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		for i, id := range []string{"c", "a", "later", "b"} {
			due := w.Now().Add(time.Duration(i) * time.Second)
			if id == "later" {
				due = w.Now().Add(time.Hour)
			}
			w.mustQueue(t, authstore.Mail{ID: id, CustomerID: int64(i), Due: due})
		}
		if got := w.claimed(t, 9); !slices.Equal(got, []string{"c"}) {
			t.Errorf("at once: %v", got)
		}
		w.clock.Add(3 * time.Second)
		if got := w.claimed(t, 1); !slices.Equal(got, []string{"a"}) {
			t.Errorf("one: %v", got)
		}
		if got := w.claimed(t, 9); !slices.Equal(got, []string{"b"}) {
			t.Errorf("the rest: %v", got)
		}
	})
}

func TestMailIsTriedAgainUntilItIsSent(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustQueue(t, authstore.Mail{ID: "a", CustomerID: 7})
		m := w.mustClaim(t, 1)[0]
		if err := w.MailFailed(t.Context(), m, w.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got := w.claimed(t, 1); len(got) != 0 {
			t.Errorf("claimed %v too early", got)
		}
		w.clock.Add(time.Minute)
		m = w.mustClaim(t, 1)[0]
		if m.Tries != 2 {
			t.Errorf("claimed %+v", m)
		}
		for range 2 { // saying so twice is no error
			if err := w.MailSent(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.MailFailed(t.Context(), m, w.Now()); err != nil { // nor is being late
			t.Fatal(err)
		}
		w.clock.Add(lease)
		if got := w.claimed(t, 1); len(got) != 0 || w.stored(t, "mails")+w.stored(t, "customer_mails") != 0 {
			t.Errorf("claimed %v, and something is left", got)
		}
	})
}

func TestMailOfAKindThatWaitsIsEnough(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		once := func(id string, customer int64, kind authstore.MailKind) {
			t.Helper()
			if err := w.QueueMailOnce(t.Context(), authstore.Mail{ID: id, CustomerID: customer, Kind: kind}); err != nil {
				t.Fatal(err)
			}
		}
		errs := parallel(10, func(i int) error {
			return w.QueueMailOnce(t.Context(), authstore.Mail{ID: fmt.Sprint(i), CustomerID: 7, Kind: "verify"})
		})
		if count(errs, nil) != 10 || w.stored(t, "mails") != 1 {
			t.Errorf("%d mails, %v", w.stored(t, "mails"), errs)
		}
		once("other kind", 7, "reset")
		once("other customer", 8, "verify")
		if n := w.stored(t, "mails"); n != 3 {
			t.Errorf("%d mails, want 3", n)
		}
		for _, m := range w.mustClaim(t, 9) {
			once("while it is under way", m.CustomerID, m.Kind)
			if err := w.MailSent(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.stored(t, "mails"); n != 0 {
			t.Errorf("%d mails are left", n)
		}
		once("after it was sent", 7, "verify")
		if n := w.stored(t, "mails"); n != 1 {
			t.Errorf("%d mails, want 1", n)
		}
	})
}

// A worker may be slower than its lease.
func TestLateWorkerDoesNotPutAMailBack(t *testing.T) {
	w := newWorld(t)
	w.mustQueue(t, authstore.Mail{ID: "a"})
	late := w.mustClaim(t, 1)[0]
	w.clock.Add(lease)
	now := w.mustClaim(t, 1)[0]
	before := w.records()
	if err := w.MailFailed(t.Context(), late, w.Now()); err != nil || w.records() != before {
		t.Errorf("it failed: %v, stored\n%s", err, w.records())
	}
	if err := w.MailSent(t.Context(), late); err != nil || w.stored(t, "mails") != 0 {
		t.Errorf("it was sent: %v, %d left", err, w.stored(t, "mails"))
	}
	if err := w.MailFailed(t.Context(), now, w.Now()); err != nil || w.stored(t, "mails") != 0 {
		t.Errorf("the other one failed: %v, %d left", err, w.stored(t, "mails"))
	}
}

func TestLookingForMailsWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.mustQueue(t, authstore.Mail{ID: "a", Due: w.Now().Add(time.Hour)})
	before := w.watch.writes.Load()
	if got := w.claimed(t, 5); len(got) != 0 || w.watch.writes.Load() != before {
		t.Errorf("claimed %v with %d writes", got, w.watch.writes.Load()-before)
	}
}

func TestErasureRemovesWaitingMailsOfOneCustomer(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		ann, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
		for i := range 3 {
			w.mustQueue(t, authstore.Mail{ID: fmt.Sprint("a", i), CustomerID: ann.ID, To: "ann@example.com", Due: w.Now().Add(time.Duration(i) * time.Hour)})
		}
		w.mustQueue(t, authstore.Mail{ID: "b", CustomerID: bob.ID})
		if _, err := w.EraseCustomer(t.Context(), ann.ID, endedFor); err != nil {
			t.Fatal(err)
		}
		w.clock.Add(24 * time.Hour)
		if got := w.claimed(t, 9); !slices.Equal(got, []string{"b"}) {
			t.Errorf("left are %v", got)
		}
	})
}

// What a change tells is queued with it, or neither is kept.
func TestChangesQueueTheirMails(t *testing.T) {
	tell := []authstore.Mail{{Kind: "x", To: "old@example.com"}}
	for name, change := range map[string]func(t *testing.T, w *world, c authstore.Customer) error{
		"registration": func(t *testing.T, w *world, _ authstore.Customer) error {
			r := registration("bob@example.com")
			r.Tell = tell
			_, err := w.Register(t.Context(), r)
			return err
		},
		"address": func(t *testing.T, w *world, c authstore.Customer) error {
			_, err := w.ChangeEmail(t.Context(), authstore.EmailChange{Customer: c.ID, Address: "n@example.com", From: "ann@example.com", To: "n@example.com", Kills: forReset, Tell: tell})
			return err
		},
		"password": func(t *testing.T, w *world, c authstore.Customer) error {
			r := reset(c, "d1")
			r.Tell = tell
			_, _, err := w.ResetPassword(t.Context(), r)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, fault := newWorld(t), errors.New("disk on fire")
			c := w.mustRegister(t, "ann@example.com")
			w.mustIssueReset(t, c, "d1")
			w.faulty.FailCommit(fault)
			if err := change(t, w, c); !errors.Is(err, fault) || w.stored(t, "mails") != 0 {
				t.Errorf("without the change: %v, %d mails", err, w.stored(t, "mails"))
			}
			if err := change(t, w, c); err != nil {
				t.Fatal(err)
			}
			got := w.mustClaim(t, 9)
			if len(got) != 1 || got[0].Kind != "x" || got[0].PublisherID != c.PublisherID || got[0].CustomerID == 0 || (name != "registration") != (got[0].CustomerID == c.ID) {
				t.Errorf("queued %+v", got)
			}
		})
	}
}

func TestRespellingAnAddressTellsNobodyAndKeepsItVerified(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustIssueReset(t, c, "d1")
	if _, _, err := w.ResetPassword(t.Context(), reset(c, "d1")); err != nil {
		t.Fatal(err)
	}
	e := authstore.EmailChange{Customer: c.ID, Address: "Ann@example.com", From: "ann@example.com", To: "ann@example.com", Tell: []authstore.Mail{{Kind: "x"}}}
	got, err := w.ChangeEmail(t.Context(), e)
	if err != nil || !got.EmailVerified.Equal(w.Now()) || w.stored(t, "mails") != 0 {
		t.Errorf("respelled: %+v, %v, %d mails", got, err, w.stored(t, "mails"))
	}
	e.To, e.Address = "new@example.com", "new@example.com"
	if got, err = w.ChangeEmail(t.Context(), e); err != nil || !got.EmailVerified.IsZero() || w.stored(t, "mails") != 1 {
		t.Errorf("changed: %+v, %v, %d mails", got, err, w.stored(t, "mails"))
	}
}
