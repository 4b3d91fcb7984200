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

// withReceivers gives a publisher two receivers.
func withReceivers(p authstore.Publisher) authstore.Publisher {
	p.Receivers = []authstore.Receiver{
		{URL: "https://radio.example/logout", Audience: "radio"},
		{URL: "https://tv.example/logout?tenant=" + strings.Repeat("7", 900), Audience: "tv"},
	}
	return p
}

func (w *world) mustEnd(t *testing.T, id string) {
	t.Helper()
	_, err := w.JudgeSession(t.Context(), id, endedFor, func(*authstore.Session) (authstore.Verdict, error) { return authstore.End, nil })
	if err != nil {
		t.Fatal(err)
	}
}

// mustClaimEnds claims all announcements that are due.
func (w *world) mustClaimEnds(t *testing.T) (all []authstore.Announcement) {
	t.Helper()
	names, err := w.DueReceivers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		for {
			a, ok, err := w.ClaimAnnouncement(t.Context(), name, lease)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			all = append(all, a)
		}
	}
	return all
}

// told returns which sessions' ends are due at which receivers, sorted.
func (w *world) told(t *testing.T) (all []string) {
	t.Helper()
	for _, a := range w.mustClaimEnds(t) {
		host, _, _ := strings.Cut(strings.TrimPrefix(a.URL, "https://"), "/")
		all = append(all, fmt.Sprintf("%d %s %s", a.PublisherID, host, a.SessionID))
	}
	slices.Sort(all)
	return all
}

// wakes tells whether a worker would be woken.
func (w *world) wakes() bool {
	select {
	case <-w.Announced():
		return true
	default:
		return false
	}
}

// ends are all ways to end sessions, and which of a1, a2 and a3 they end.
var ends = map[string]struct {
	end  func(t *testing.T, w *world, c authstore.Customer) error
	want []string
}{
	"a session": {func(t *testing.T, w *world, _ authstore.Customer) error { w.mustEnd(t, "a1"); return nil }, []string{"a1"}},
	"all but one": {func(t *testing.T, w *world, c authstore.Customer) error {
		_, err := w.EndCustomerSessions(t.Context(), c.ID, "a2", endedFor)
		return err
	}, []string{"a1", "a3"}},
	"new password": {func(t *testing.T, w *world, c authstore.Customer) error {
		_, err := w.ChangePassword(t.Context(), change(t, w, c)) // keeps a2
		return err
	}, []string{"a1", "a3"}},
	"reset": {func(t *testing.T, w *world, c authstore.Customer) error {
		w.mustIssueReset(t, c, "d1")
		_, _, err := w.ResetPassword(t.Context(), reset(c, "d1"))
		return err
	}, []string{"a1", "a2", "a3"}},
	"undo of an address": {func(t *testing.T, w *world, c authstore.Customer) error {
		w.mustIssueAt(t, "u1", w.mailed(c, forUndo, "ann@example.com"))
		_, _, err := w.UndoEmailChange(t.Context(), w.undo(c))
		return err
	}, []string{"a1", "a2", "a3"}},
	"erasure": {func(t *testing.T, w *world, c authstore.Customer) error {
		_, err := w.EraseCustomer(t.Context(), c.ID, endedFor)
		return err
	}, []string{"a1", "a2", "a3"}},
	"disabling": {func(t *testing.T, w *world, c authstore.Customer) error {
		_, err := w.DisableCustomer(t.Context(), c.ID, endedFor)
		return err
	}, []string{"a1", "a2", "a3"}},
	"withdrawn consent": {func(t *testing.T, w *world, c authstore.Customer) error {
		_, _, err := w.ChangeConsents(t.Context(), withdrawal(c, true))
		return err
	}, []string{"a1", "a2", "a3"}},
	"another sign-in": {func(t *testing.T, w *world, c authstore.Customer) error {
		return w.StartSession(t.Context(), authstore.SessionStart{Session: w.newSession(c, "new"), Replaces: "a1", EndedFor: endedFor})
	}, []string{"a1"}},
	"another registration": {func(t *testing.T, w *world, _ authstore.Customer) error {
		r := registration("bob@example.com")
		r.Replaces, r.EndedFor = "a1", endedFor
		_, err := w.Register(t.Context(), r)
		return err
	}, []string{"a1"}},
	"code used twice": {func(t *testing.T, w *world, c authstore.Customer) error {
		ticket := authstore.Ticket{Purpose: forSignIn, SessionID: "a3", Expires: w.Now().Add(time.Minute)}
		if err := w.IssueTicket(t.Context(), "code", ticket); err != nil {
			t.Fatal(err)
		}
		if _, err := w.RedeemSignIn(t.Context(), signIn("code", "https://news.example", "secret")); err != nil {
			t.Fatal(err)
		}
		_, err := w.RedeemSignIn(t.Context(), signIn("code", "https://news.example", "secret"))
		if errors.Is(err, authstore.ErrUsed) {
			return nil
		}
		return err
	}, []string{"a3"}},
}

// mustStartThree stores a customer with the sessions a1, a2 and a3.
func (w *world) mustStartThree(t *testing.T) authstore.Customer {
	t.Helper()
	c := w.mustRegister(t, "ann@example.com")
	for _, id := range []string{"a1", "a2", "a3"} {
		w.mustStart(t, c, id)
	}
	return c
}

func TestEachEndIsAnnouncedOnceToEachReceiver(t *testing.T) {
	for name, tt := range ends {
		t.Run(name, func(t *testing.T) {
			onBackends(t, func(t *testing.T, w *world) {
				w.mustDeclare(t, withReceivers(nova()), withReceivers(orbit()))
				if err := tt.end(t, w, w.mustStartThree(t)); err != nil {
					t.Fatal(err)
				}
				var want []string
				for _, host := range []string{"radio.example", "tv.example"} {
					for _, id := range tt.want {
						want = append(want, "100000001 "+host+" "+id)
					}
				}
				if !w.wakes() || w.wakes() {
					t.Error("the worker is not woken once")
				}
				if got := w.told(t); !slices.Equal(got, want) {
					t.Errorf("told %q, want %q", got, want)
				}
			})
		})
	}
}

// Without receivers an end costs what it cost before: the session, its index,
// and the mark.
func TestEndWithoutReceiversWritesNothingMore(t *testing.T) {
	gone := withReceivers(nova())
	for name, declared := range map[string][]authstore.Publisher{
		"none": {nova()}, "another publisher's": {nova(), withReceivers(orbit())}, "no publisher": nil, "no longer declared": {gone},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustDeclare(t, declared...)
			if name == "no longer declared" {
				w.mustDeclare(t, orbit())
			}
			w.mustStartThree(t)
			before := w.watch.writes.Load()
			w.mustEnd(t, "a1")
			const runs, each = 2, 3
			if n := w.watch.writes.Load() - before; n != runs*each {
				t.Errorf("%d writes, want %d", n, runs*each)
			}
			if got := w.told(t); len(got) != 0 || w.wakes() {
				t.Errorf("told %q", got)
			}
		})
	}
}

func TestSessionThatIsOverByItselfIsNotAnnounced(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, withReceivers(nova()))
	c := w.mustStartThree(t)
	w.clock.Add(idle + time.Hour)
	w.mustStart(t, c, "live")
	if _, _, err := w.Sweep(t.Context(), authstore.SweepCursor{}); err != nil {
		t.Fatal(err)
	}
	if got := w.told(t); len(got) != 0 {
		t.Errorf("swept: told %q", got)
	}
	w.clock.Add(-idle)
	w.mustStart(t, c, "old")
	w.clock.Add(idle) // nobody has swept it yet
	if _, err := w.EndCustomerSessions(t.Context(), c.ID, "", endedFor); err != nil {
		t.Fatal(err)
	}
	if got := w.told(t); !slices.Equal(got, []string{"100000001 radio.example live", "100000001 tv.example live"}) {
		t.Errorf("told %q", got)
	}
}

// The announcement is kept with the end, or neither is.
func TestEndThatIsNotKeptIsNotAnnounced(t *testing.T) {
	for name, tt := range ends {
		if name == "code used twice" || name == "a session" { // they insist on success
			continue
		}
		t.Run(name, func(t *testing.T) {
			w, fault := newWorld(t), errors.New("disk on fire")
			w.mustDeclare(t, withReceivers(nova()))
			c := w.mustStartThree(t)
			w.mustIssueReset(t, c, "d1")
			w.mustIssueAt(t, "u1", w.mailed(c, forUndo, "ann@example.com"))
			fail := func() error {
				switch name {
				case "reset":
					_, _, err := w.ResetPassword(t.Context(), reset(c, "d1"))
					return err
				case "undo of an address":
					_, _, err := w.UndoEmailChange(t.Context(), w.undo(c))
					return err
				}
				return tt.end(t, w, c)
			}
			w.faulty.FailCommit(fault)
			if err := fail(); !errors.Is(err, fault) || w.stored(t, "announcements")+w.stored(t, "receiver_announcements") != 0 || w.wakes() {
				t.Errorf("got %v, %d announcements", err, w.stored(t, "announcements"))
			}
			w.wantSession(t, "a1", true)
		})
	}
}

func TestAnnouncementIsClaimedByOneAtATimeAndKeepsItsID(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustDeclare(t, withReceivers(nova()))
		c := w.mustStartThree(t)
		w.mustEnd(t, "a1")
		names, err := w.DueReceivers(t.Context())
		if err != nil || len(names) != 2 {
			t.Fatalf("due at %q, %v", names, err)
		}
		var mu sync.Mutex
		var got []authstore.Announcement
		errs := parallel(20, func(int) error {
			a, ok, err := w.ClaimAnnouncement(t.Context(), names[0], lease)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				got = append(got, a)
			}
			return err
		})
		if count(errs, nil) != 20 || len(got) != 1 {
			t.Fatalf("claimed %+v, %v", got, errs)
		}
		first := got[0]
		if first.ID == "" || first.Tries != 1 || first.CustomerID != c.ID || !first.Created.Equal(w.Now()) || !first.Due.Equal(w.Now().Add(lease)) {
			t.Errorf("claimed %+v", first)
		}
		if still, err := w.DueReceivers(t.Context()); err != nil || !slices.Equal(still, names[1:]) {
			t.Errorf("still due at %q, %v", still, err)
		}
		w.clock.Add(lease) // its worker has died
		again, ok, err := w.ClaimAnnouncement(t.Context(), names[0], lease)
		if err != nil || !ok || again.ID != first.ID || again.Tries != 2 {
			t.Errorf("after the lease: %+v, %t, %v", again, ok, err)
		}
		if err := w.AnnouncementFailed(t.Context(), first, w.Now()); err != nil { // the late one puts nothing back
			t.Fatal(err)
		}
		if still, err := w.DueReceivers(t.Context()); err != nil || !slices.Equal(still, names[1:]) {
			t.Errorf("after the late one: due at %q, %v", still, err)
		}
		if err := w.AnnouncementFailed(t.Context(), again, w.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		w.clock.Add(time.Second)
		rest := w.mustClaimEnds(t)
		if len(rest) != 2 || rest[0].ID != first.ID && rest[1].ID != first.ID {
			t.Errorf("then due are %+v", rest)
		}
		for range 2 { // saying so twice is no error
			for _, a := range rest {
				if err := w.AnnouncementDone(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := w.stored(t, "announcements") + w.stored(t, "receiver_announcements"); n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}

// A receiver of one publisher and of another are two, at one address too.
func TestReceiversOfTwoPublishersAreApart(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustDeclare(t, withReceivers(nova()), withReceivers(orbit()))
		w.mustStartThree(t)
		r := registration("ann@example.com")
		r.Customer.PublisherID = orbit().ID
		other, err := w.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		w.mustStart(t, other, "b1")
		w.mustEnd(t, "b1")
		w.clock.Add(time.Second)
		w.mustEnd(t, "a1")
		names, err := w.DueReceivers(t.Context())
		if err != nil || len(names) != 4 {
			t.Fatalf("due at %q, %v", names, err)
		}
		want := []string{"100000001 radio.example a1", "100000001 tv.example a1", "100000002 radio.example b1", "100000002 tv.example b1"}
		if got := w.told(t); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestLookingForAnnouncementsWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, withReceivers(nova()))
	w.mustStartThree(t)
	w.mustEnd(t, "a1")
	claimed := w.mustClaimEnds(t)
	before := w.watch.writes.Load()
	if got := w.mustClaimEnds(t); len(claimed) != 2 || len(got) != 0 || w.watch.writes.Load() != before {
		t.Errorf("claimed %+v with %d writes", got, w.watch.writes.Load()-before)
	}
}
