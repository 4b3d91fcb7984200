// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

func TestEndIsSeenAtOnceByAllManagersOfTheProcess(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.AtHub)
	other := w.another(t)
	before := other.Endings()
	if err := w.End(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if !other.Ended(s.ID) || !w.memory.Ended(s.ID) {
		t.Error("another Manager does not know")
	}
	if before == 0 || other.Endings() == before {
		t.Errorf("another Manager need not look: %d endings, %d before", other.Endings(), before)
	}
	if _, err := other.AtHub(t.Context(), given.Hub); !errors.Is(err, session.ErrRefused) {
		t.Errorf("AtHub: %v, want ErrRefused", err)
	}
	if err := w.End(t.Context(), s.ID); err != nil {
		t.Errorf("ending it again: %v", err)
	}
	if err := w.End(t.Context(), "unknown"); err != nil {
		t.Errorf("ending an unknown one: %v", err)
	}
}

func TestEndIsKnownAfterARestart(t *testing.T) {
	w := newWorld(t)
	ended, _ := w.mustStart(t, session.AtHub)
	live, given := w.mustStart(t, session.AtHub)
	if err := w.End(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}
	w.restart(t)
	if !w.Ended(ended.ID) || w.Ended(live.ID) {
		t.Errorf("ended: %t, live one ended: %t", w.Ended(ended.ID), w.Ended(live.ID))
	}
	if err := w.useAtHub(t, given.Hub); err != nil {
		t.Errorf("the live one: %v", err)
	}
}

// A token may be signed in the moment before the end, and lives a quarter of an
// hour.
func TestEndIsRememberedAsLongAsAnyTokenLives(t *testing.T) {
	w := newWorld(t)
	w.tokenLife = session.LongestTokenLife
	w.Manager = w.another(t)
	s, _ := w.mustStart(t, session.AtHub)
	raw, _, err := w.AccessToken(t.Context(), s, site)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.End(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	flush := func() {
		t.Helper()
		if err := w.memory.Flush(t.Context(), w.store); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Add(session.LongestTokenLife - time.Second)
	if _, err := w.keys.Verify(raw, site); err != nil {
		t.Errorf("a second before the token ends: %v", err)
	}
	w.clock.Add(time.Second)
	flush()
	if _, err := w.keys.Verify(raw, site); err == nil || !w.Ended(s.ID) {
		t.Errorf("when the token ends: %v, remembered: %t", err, w.Ended(s.ID))
	}
	w.restart(t)
	if !w.Ended(s.ID) {
		t.Error("a restart forgets it early")
	}
	w.clock.Add(time.Minute)
	flush()
	if w.Ended(s.ID) {
		t.Error("it is never forgotten")
	}
}

func TestEndOfAllSessionsOfACustomerSparesOne(t *testing.T) {
	w := newWorld(t)
	mine, given := w.mustStart(t, session.AtHub)
	other, _ := w.mustStart(t, session.AtHub)
	_, api := w.mustStart(t, session.ByAPI)
	if err := w.EndAll(t.Context(), w.customer.ID, mine.ID); err != nil {
		t.Fatal(err)
	}
	if w.Ended(mine.ID) || !w.Ended(other.ID) {
		t.Errorf("mine ended: %t, other ended: %t", w.Ended(mine.ID), w.Ended(other.ID))
	}
	if _, _, err := w.Refresh(t.Context(), api.Refresh); !errors.Is(err, session.ErrRefused) {
		t.Errorf("refresh token of an ended session: %v, want ErrRefused", err)
	}
	if err := w.useAtHub(t, given.Hub); err != nil {
		t.Errorf("mine: %v", err)
	}
	if err := w.EndAll(t.Context(), w.customer.ID, ""); err != nil || !w.Ended(mine.ID) {
		t.Errorf("ending all: %v, mine ended: %t", err, w.Ended(mine.ID))
	}
}

func TestWhatEndsAllSessionsEndsThemAtOnce(t *testing.T) {
	ends := map[string]func(w *world) error{
		"reset": func(w *world) error {
			err := w.store.IssueNewest(t.Context(), "ticket", authstore.Ticket{
				Purpose: "reset", CustomerID: w.customer.ID, Data: map[string]string{"subject": "ann@example.com"}, Expires: w.store.Now().Add(time.Hour),
			})
			if err == nil {
				_, err = w.EndByReset(t.Context(), authstore.PasswordReset{Digest: "ticket", Purpose: "reset", Customer: w.customer.ID, Encoded: "new"})
			}
			return err
		},
		"erasure":   func(w *world) error { return w.EndErased(t.Context(), w.customer.ID) },
		"disabling": func(w *world) error { return w.EndByDisabling(t.Context(), w.customer.ID) },
		"withdrawal": func(w *world) error {
			withdrawn, err := w.EndByWithdrawal(t.Context(), authstore.ConsentChange{
				Customer: w.customer.ID, Answers: []authstore.ConsentRecord{{Name: "terms", Version: "2", State: authstore.Declined}},
				Withdraws: func(map[string]authstore.ConsentAnswer) bool { return true },
			})
			if err == nil && !withdrawn {
				t.Error("withdrawal: not told")
			}
			return err
		},
	}
	for name, end := range ends {
		w := newWorld(t)
		s, given := w.mustStart(t, session.AtHub)
		other := w.another(t)
		if err := end(w); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !other.Ended(s.ID) {
			t.Errorf("%s: another Manager does not know", name)
		}
		if _, err := other.AtHub(t.Context(), given.Hub); !errors.Is(err, session.ErrRefused) {
			t.Errorf("%s: AtHub: %v, want ErrRefused", name, err)
		}
		w.restart(t)
		if !w.Ended(s.ID) {
			t.Errorf("%s: forgotten by a restart", name)
		}
	}
}

func TestReusedCodeEndsTheSessionAtOnce(t *testing.T) {
	w := newWorld(t)
	s, proof := w.mustStartAtSite(t)
	if _, err := w.Redeem(t.Context(), code("code", secret.New())); !errors.Is(err, authstore.ErrUsed) {
		t.Errorf("second use: %v, want ErrUsed", err)
	}
	if !w.Ended(s.ID) {
		t.Error("the session has not ended")
	}
	if _, err := w.AtSite(t.Context(), s.ID, site, proof); !errors.Is(err, session.ErrRefused) {
		t.Errorf("the site session: %v, want ErrRefused", err)
	}
}

func TestSessionEndsWithoutUse(t *testing.T) {
	w := newWorld(t)
	_, given := w.mustStart(t, session.AtHub)
	_, api := w.mustStart(t, session.ByAPI)
	w.clock.Add(session.Idle)
	if err := w.useAtHub(t, given.Hub); !errors.Is(err, session.ErrRefused) {
		t.Errorf("AtHub: %v, want ErrRefused", err)
	}
	if _, _, err := w.Refresh(t.Context(), api.Refresh); !errors.Is(err, session.ErrRefused) {
		t.Errorf("Refresh: %v, want ErrRefused", err)
	}
}

func TestUseKeepsASessionUntilItsLongestLife(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.AtHub)
	_, api := w.mustStart(t, session.ByAPI)
	refresh := api.Refresh
	const step = 50 * day
	for used := step; used < session.Longest; used += step {
		w.clock.Add(step)
		if err := w.useAtHub(t, given.Hub); err != nil {
			t.Fatalf("at the hub after %v: %v", used, err)
		}
		var err error
		if _, refresh, err = w.Refresh(t.Context(), refresh); err != nil {
			t.Fatalf("refresh after %v: %v", used, err)
		}
		if err := w.memory.Flush(t.Context(), w.store); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Add(step - time.Millisecond)
	if err := w.useAtHub(t, given.Hub); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	w.clock.Add(time.Millisecond)
	if err := w.useAtHub(t, given.Hub); !errors.Is(err, session.ErrRefused) {
		t.Errorf("session of %v after 400 days: %v, want ErrRefused", s.Created, err)
	}
	if _, _, err := w.Refresh(t.Context(), refresh); !errors.Is(err, session.ErrRefused) {
		t.Errorf("refresh after 400 days: %v, want ErrRefused", err)
	}
}

func TestFlushNotesUseEveryFiveMinutesAtMost(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.AtHub)
	use := func() {
		t.Helper()
		if err := w.useAtHub(t, given.Hub); err != nil {
			t.Fatal(err)
		}
		if err := w.memory.Flush(t.Context(), w.store); err != nil {
			t.Fatal(err)
		}
	}
	wantSeen := func(after time.Duration) {
		t.Helper()
		got, err := w.store.Session(t.Context(), s.ID)
		if err != nil || got.Seen.Sub(s.Created) != after {
			t.Errorf("seen %v after the start, %v; want %v", got.Seen.Sub(s.Created), err, after)
		}
	}
	w.clock.Add(time.Minute)
	use()
	wantSeen(time.Minute)
	w.clock.Add(5*time.Minute - time.Second)
	use()
	wantSeen(time.Minute)
	w.clock.Add(time.Second)
	use()
	wantSeen(6 * time.Minute)
}

func TestFlushWithoutUseDoesNotAskTheStore(t *testing.T) {
	w := newWorld(t)
	w.faulty.FailUpdate(errors.New("asked"))
	if err := w.memory.Flush(t.Context(), w.store); err != nil {
		t.Error(err)
	}
}

func TestFlushDoesNotBringAnEndedSessionBack(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.AtHub)
	w.clock.Add(time.Hour)
	if err := w.useAtHub(t, given.Hub); err != nil {
		t.Fatal(err)
	}
	if err := w.End(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.memory.Flush(t.Context(), w.store); err != nil {
		t.Error(err)
	}
	if _, err := w.store.Session(t.Context(), s.ID); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("afterwards: %v, want ErrNotFound", err)
	}
}

func TestMemoryNeedsTheStoreToBegin(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	w.faulty.FailView(fault)
	if _, err := session.LoadMemory(t.Context(), w.store); !errors.Is(err, fault) {
		t.Errorf("got %v, want the fault: without the ended sessions nobody could be refused", err)
	}
}
