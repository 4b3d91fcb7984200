// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

func TestStartedSessionIsStoredWithTheLastLogin(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.clock.Add(time.Hour)
		s := w.mustStart(t, c, "s1")
		if got, err := w.Session(t.Context(), "s1"); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("stored %+v, %v; want %+v", got, err, s)
		}
		c, err := w.Customer(t.Context(), c.ID)
		if err != nil || !c.LastLogin.Equal(w.Now()) || c.LastIP != "192.0.2.1" || c.Registered.Equal(c.LastLogin) {
			t.Errorf("customer %+v, %v", c, err)
		}
	})
}

func TestLastAddressIsTheOneThatIsGivenOrStays(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	for i, tt := range []struct{ given, want string }{{"198.51.100.1", "198.51.100.1"}, {"", "198.51.100.1"}, {"2001:db8::1", "2001:db8::1"}} {
		s := w.newSession(c, fmt.Sprint("s", i))
		if err := w.StartSession(t.Context(), authstore.SessionStart{Session: s, LastIP: tt.given}); err != nil {
			t.Fatal(err)
		}
		got, err := w.Customer(t.Context(), c.ID)
		if err != nil || got.LastIP != tt.want {
			t.Errorf("last address %q, %v, want %q", got.LastIP, err, tt.want)
		}
		if kept, err := w.Session(t.Context(), s.ID); err != nil || kept.IP != "192.0.2.7" {
			t.Errorf("the session's address %q, %v", kept.IP, err)
		}
	}
}

func TestSessionNeedsACustomer(t *testing.T) {
	w := newWorld(t)
	err := w.StartSession(t.Context(), authstore.SessionStart{Session: w.newSession(authstore.Customer{ID: 123_456_789}, "s1")})
	if !errors.Is(err, authstore.ErrNotFound) || w.records() != "" {
		t.Errorf("got %v, stored %q", err, w.records())
	}
}

func TestStartEndsTheSessionItReplaces(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c, bob := w.mustStartThree(t), w.mustRegister(t, "bob@example.com")
		w.mustStart(t, bob, "b1")
		for i, tt := range []struct {
			replaces string
			marked   int
		}{{"a1", 1}, {"b1", 2}, {"b1", 2}, {"unknown", 2}, {"", 2}} {
			id := fmt.Sprint("new", i)
			err := w.StartSession(t.Context(), authstore.SessionStart{Session: w.newSession(c, id), Replaces: tt.replaces, EndedFor: endedFor})
			if err != nil {
				t.Fatal(err)
			}
			w.wantSession(t, id, true)
			if ended, err := w.EndedSessions(t.Context()); err != nil || len(ended) != tt.marked {
				t.Errorf("in place of %q: ended %v, %v", tt.replaces, ended, err)
			}
		}
		for id, alive := range map[string]bool{"a1": false, "a2": true, "b1": false} {
			w.wantSession(t, id, alive)
		}
		refused := authstore.SessionStart{Session: w.newSession(authstore.Customer{ID: 123_456_789}, "none"), Replaces: "a2", EndedFor: endedFor}
		if err := w.StartSession(t.Context(), refused); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("nobody's: %v, want ErrNotFound", err)
		}
		w.wantSession(t, "a2", true)
	})
}

func TestSessionStartsOnlyWhileItsProofHolds(t *testing.T) {
	tests := map[string]struct {
		overtake func(w *world, c authstore.Customer, i authstore.Identity) error
		starts   bool
	}{
		"nothing happened": {func(*world, authstore.Customer, authstore.Identity) error { return nil }, true},
		"another password": {func(w *world, _ authstore.Customer, i authstore.Identity) error {
			_, err := w.SetPassword(t.Context(), i, i.Password, "new")
			return err
		}, false},
		"another address": {func(w *world, c authstore.Customer, _ authstore.Identity) error { w.move(t, c, forReset); return nil }, false},
		"address of another": {func(w *world, c authstore.Customer, _ authstore.Identity) error {
			w.move(t, c, forReset)
			w.mustRegister(t, "ann@example.com")
			return nil
		}, false},
		"disabled": {func(w *world, c authstore.Customer, _ authstore.Identity) error {
			_, err := w.DisableCustomer(t.Context(), c.ID, endedFor)
			return err
		}, false},
		"erased": {func(w *world, c authstore.Customer, _ authstore.Identity) error {
			_, err := w.EraseCustomer(t.Context(), c.ID, endedFor)
			return err
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegister(t, "ann@example.com")
			_, proof, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "ann@example.com")
			if err == nil {
				err = tt.overtake(w, c, proof)
			}
			if err != nil {
				t.Fatal(err)
			}
			before := w.records()
			err = w.StartSession(t.Context(), authstore.SessionStart{Session: w.newSession(c, "s1"), Proofs: []authstore.Identity{proof}})
			if tt.starts && err != nil || !tt.starts && (!errors.Is(err, authstore.ErrNotFound) || w.records() != before) {
				t.Errorf("got %v, want it started: %t", err, tt.starts)
			}
			w.wantSession(t, "s1", tt.starts)
		})
	}
}

func TestSessionThatIsOverByTimeCountsAsGone(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	s := w.mustStart(t, c, "s1")
	w.clock.Add(idle - time.Millisecond)
	w.wantSession(t, "s1", true)
	w.clock.Add(time.Millisecond) // the limit itself is too late
	w.wantSession(t, "s1", false)
	_, err := w.JudgeSession(t.Context(), "s1", endedFor, func(*authstore.Session) (authstore.Verdict, error) {
		t.Error("a session that is over was judged")
		return authstore.Save, nil
	})
	if !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("JudgeSession: %v, want ErrNotFound", err)
	}
	if live, err := w.CustomerSessions(t.Context(), c.ID); len(live) != 0 || err != nil {
		t.Errorf("CustomerSessions: %v, %v", live, err)
	}
	before := w.records()
	if err := w.TouchSessions(t.Context(), map[string]time.Time{s.ID: w.Now()}); err != nil || w.records() != before {
		t.Errorf("TouchSessions: %v; it must not bring a session back", err)
	}
}

func TestSessionIDThatIsUnknownIsNotFound(t *testing.T) {
	w := newWorld(t)
	w.wantSession(t, "s1", false)
	w.wantSession(t, "", false)
}

func TestVerdictDecidesWhatBecomesOfASession(t *testing.T) {
	no := errors.New("no")
	tests := []struct {
		name        string
		verdict     authstore.Verdict
		err         error
		alive       bool
		agent       string
		endedMarked bool
	}{
		{"keep", authstore.Keep, nil, true, "", false},
		{"save", authstore.Save, nil, true, "changed", false},
		{"end", authstore.End, nil, false, "", true},
		{"error of save", authstore.Save, no, true, "", false},
		{"error of end", authstore.End, no, true, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegister(t, "ann@example.com")
			w.mustStart(t, c, "s1")
			_, err := w.JudgeSession(t.Context(), "s1", endedFor, func(s *authstore.Session) (authstore.Verdict, error) {
				s.UserAgent += "changed"
				return tt.verdict, tt.err
			})
			if !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			got, err := w.Session(t.Context(), "s1")
			if (err == nil) != tt.alive || got.UserAgent != tt.agent {
				t.Errorf("stored %+v, %v", got, err)
			}
			ended, err := w.EndedSessions(t.Context())
			if _, marked := ended["s1"]; err != nil || marked != tt.endedMarked {
				t.Errorf("ended %v, %v", ended, err)
			}
			if live, err := w.CustomerSessions(t.Context(), c.ID); err != nil || len(live) == 1 != tt.alive {
				t.Errorf("sessions of the customer: %v, %v", live, err)
			}
		})
	}
}

func TestJudgementsOfASessionDoNotOverwriteEachOther(t *testing.T) {
	const n = 30
	onBackends(t, func(t *testing.T, w *world) {
		w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
		errs := parallel(n, func(i int) error {
			_, err := w.JudgeSession(t.Context(), "s1", endedFor, func(s *authstore.Session) (authstore.Verdict, error) {
				if s.Sites == nil {
					s.Sites = map[string]authstore.SiteSession{}
				}
				s.Sites[fmt.Sprint(i)] = authstore.SiteSession{}
				return authstore.Save, nil
			})
			return err
		})
		if s, err := w.Session(t.Context(), "s1"); err != nil || len(s.Sites) != n || count(errs, nil) != n {
			t.Errorf("%d of %d are there, %v, %v", len(s.Sites), n, err, errs)
		}
	})
}

func TestEndedSessionsOfACustomerExceptOne(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		ann, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
		for _, id := range []string{"a1", "a2", "a3"} {
			w.mustStart(t, ann, id)
		}
		w.mustStart(t, bob, "b1")
		ids, err := w.EndCustomerSessions(t.Context(), ann.ID, "a2", endedFor)
		slices.Sort(ids)
		if err != nil || !slices.Equal(ids, []string{"a1", "a3"}) {
			t.Errorf("ended %v, %v", ids, err)
		}
		for id, alive := range map[string]bool{"a1": false, "a2": true, "a3": false, "b1": true} {
			w.wantSession(t, id, alive)
		}
		ids, err = w.EndCustomerSessions(t.Context(), ann.ID, "", endedFor)
		if err != nil || !slices.Equal(ids, []string{"a2"}) {
			t.Errorf("then ended %v, %v", ids, err)
		}
		ids, err = w.EndCustomerSessions(t.Context(), 123_456_789, "", endedFor)
		if err != nil || len(ids) != 0 {
			t.Errorf("of nobody: %v, %v", ids, err)
		}
	})
}

func TestEndedSessionIsKnownWhileItsTokensMayLive(t *testing.T) {
	w := newWorld(t)
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	_, err := w.JudgeSession(t.Context(), "s1", endedFor, func(*authstore.Session) (authstore.Verdict, error) { return authstore.End, nil })
	if err != nil {
		t.Fatal(err)
	}
	until := w.Now().Add(endedFor)
	w.clock.Add(endedFor - time.Millisecond)
	if ended, err := w.EndedSessions(t.Context()); err != nil || len(ended) != 1 || !ended["s1"].Equal(until) {
		t.Errorf("just before: %v, %v", ended, err)
	}
	w.clock.Add(time.Millisecond)
	if ended, err := w.EndedSessions(t.Context()); err != nil || len(ended) != 0 {
		t.Errorf("afterwards: %v, %v", ended, err)
	}
}

func TestLateNewsOfUseDoesNotMoveTheLastUseBack(t *testing.T) {
	w := newWorld(t)
	s := w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	if s.Touch(s.Seen) || s.Touch(s.Seen.Add(-time.Minute)) {
		t.Error("an earlier use changed the session")
	}
	before := w.records()
	if err := w.TouchSessions(t.Context(), map[string]time.Time{"s1": s.Seen.Add(-time.Hour)}); err != nil || w.records() != before {
		t.Errorf("%v, stored %s", err, w.records())
	}
}

// A note of use that comes at the same time must not bring an ended session
// back, nor undo a change.
func TestUseDoesNotUndoAnEnd(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		for i := range 15 {
			id := fmt.Sprint("s", i)
			s := w.mustStart(t, c, id)
			errs := parallel(2, func(i int) error {
				if i == 0 {
					return w.TouchSessions(context.Background(), map[string]time.Time{id: s.Seen.Add(time.Minute)})
				}
				_, err := w.JudgeSession(context.Background(), id, endedFor, func(*authstore.Session) (authstore.Verdict, error) { return authstore.End, nil })
				return err
			})
			if count(errs, nil) != 2 {
				t.Fatal(errs)
			}
			w.wantSession(t, id, false)
		}
	})
}
