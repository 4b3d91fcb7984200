// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

func mustTotals(t *testing.T, s *authstore.Store) authstore.Totals {
	t.Helper()
	totals, err := s.Totals(t.Context(), nova().ID)
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

func mustConsentTallies(t *testing.T, s *authstore.Store) []authstore.ConsentTally {
	t.Helper()
	tallies, err := s.ConsentTallies(t.Context(), nova().ID)
	if err != nil {
		t.Fatal(err)
	}
	return tallies
}

func TestTotalsFollowCustomers(t *testing.T) {
	w := newWorld(t)
	want := func(step string, want authstore.Totals) {
		t.Helper()
		if got := mustTotals(t, w.Store); got != want {
			t.Errorf("%s: %+v, want %+v", step, got, want)
		}
	}
	want("empty", authstore.Totals{})
	c := w.mustRegister(t, "ann@example.com")
	w.mustRegister(t, "bob@example.com")
	want("registered", authstore.Totals{Customers: 2, Unverified: 2})
	w.mustIssueAt(t, "undo", w.mailed(c, forUndo, "ann@example.com"))
	if _, err := w.VerifyEmail(t.Context(), authstore.EmailVerification{Digest: "undo", Purpose: forUndo, Publisher: c.PublisherID}); err != nil {
		t.Fatal(err)
	}
	want("verified", authstore.Totals{Customers: 2, Unverified: 1})
	for range 2 {
		if _, err := w.DisableCustomer(t.Context(), c.ID, endedFor); err != nil {
			t.Fatal(err)
		}
	}
	want("disabled twice", authstore.Totals{Customers: 2, Unverified: 1, Disabled: 1})
	for range 2 {
		w.erase(c)
	}
	want("erased twice", authstore.Totals{Customers: 1, Unverified: 1, Erased: 1})
	if other, err := w.Totals(t.Context(), orbit().ID); err != nil || other != (authstore.Totals{}) {
		t.Errorf("another publisher has %+v, %v", other, err)
	}
}

func TestConsentTalliesAreOfTheAnswersInForce(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
	w.mustAnswer(t, ann, answer("terms", "1", authstore.Accepted), answer("marketing", "1", authstore.Declined))
	w.mustAnswer(t, bob, answer("terms", "1", authstore.Accepted))
	w.mustAnswer(t, ann, answer("terms", "1", authstore.Accepted))
	w.mustAnswer(t, bob, answer("terms", "2", authstore.Accepted), answer("terms", "2", authstore.Declined))
	want := []authstore.ConsentTally{{"marketing", "1", authstore.Declined, 1}, {"terms", "1", authstore.Accepted, 1}, {"terms", "2", authstore.Declined, 1}}
	if got := mustConsentTallies(t, w.Store); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.erase(bob)
	if got := mustConsentTallies(t, w.Store); !slices.Equal(got, want[:2]) {
		t.Errorf("after an erasure %v, want %v", got, want[:2])
	}
}

func TestAnswerTalliesFollowWhatIsCounted(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
	count := func(c authstore.Customer, buckets map[string]string) {
		t.Helper()
		err := w.ChangeCapture(t.Context(), c.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error {
			a.Buckets = buckets
			a.Counted = map[string]string{"forged": "yes"} // is the store's own
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(want ...authstore.AnswerTally) {
		t.Helper()
		if got, err := w.AnswerTallies(t.Context(), nova().ID); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	count(ann, map[string]string{"team": "Ajax", "country": "NL"})
	count(bob, map[string]string{"team": "Ajax"})
	want(authstore.AnswerTally{"country", "NL", 1}, authstore.AnswerTally{"team", "Ajax", 2})
	count(ann, map[string]string{"team": "PSV"})
	count(bob, nil) // says nothing of it
	want(authstore.AnswerTally{"team", "Ajax", 1}, authstore.AnswerTally{"team", "PSV", 1})
	w.erase(bob)
	want(authstore.AnswerTally{"team", "PSV", 1})
	count(ann, map[string]string{})
	want()
}

func TestAnswersAreCountedAnewInSteps(t *testing.T) {
	w := newWorld(t)
	var many []authstore.Import
	for i := range 1100 {
		in := authstore.Import{Customer: authstore.Customer{PublisherID: nova().ID, Email: fmt.Sprint(i), Registered: w.Now()}}
		in.Capture = authstore.CaptureAnswers{Submitted: w.Now(), Values: map[string]string{"team": fmt.Sprint(i % 2)}}
		if i%4 == 0 {
			in.Capture.Buckets = map[string]string{"team": "old"}
		}
		many = append(many, in)
	}
	if err := w.ImportCustomers(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for next := ""; steps == 0 || next != ""; steps++ {
		var err error
		next, err = w.RecountAnswers(t.Context(), nova().ID, next, func(_ authstore.Customer, a authstore.CaptureAnswers) map[string]string {
			return map[string]string{"team": a.Values["team"]}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []authstore.AnswerTally{{"team", "0", 550}, {"team", "1", 550}}
	if got, err := w.AnswerTallies(t.Context(), nova().ID); err != nil || !slices.Equal(got, want) || steps != 3 {
		t.Errorf("got %v, %v in %d steps, want %v", got, err, steps, want)
	}
}

func TestQuestionsThatAnswersAreCountedByAreNotedPerPublisher(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustDeclare(t, nova(), orbit())
		for _, by := range []string{"first", "second"} {
			if err := w.NoteAnswersCounted(t.Context(), nova().ID, by); err != nil {
				t.Fatal(err)
			}
			got, err := w.AnswersCounted(t.Context(), nova().ID)
			other, otherErr := w.AnswersCounted(t.Context(), orbit().ID)
			if got != by || other != "" || err != nil || otherErr != nil {
				t.Errorf("got %q, %q, %v, %v; want %q and nothing", got, other, err, otherErr, by)
			}
		}
	})
}

func TestLongNamesAreCountedApart(t *testing.T) {
	w := newWorld(t)
	long := fmt.Sprintf("%01000d", 0)
	w.mustAnswer(t, w.mustRegister(t, "ann@example.com"), answer(long+"a", long, authstore.Accepted), answer(long+"b", "1", authstore.Accepted))
	got := mustConsentTallies(t, w.Store)
	if len(got) != 2 || got[0].Name != long+"a" || got[0].Version != long || got[1].Name != long+"b" {
		t.Errorf("got %v", got)
	}
	q := authstore.CustomerQuery{Publisher: nova().ID, Consent: long + "a", ConsentVersion: long, ConsentState: authstore.Accepted}
	if n := len(mustList(t, w, q).Customers); n != 1 {
		t.Errorf("%d found, want 1", n)
	}
}

// live has customers do things on four days from 1 March on.
func (w *world) live(t *testing.T) {
	t.Helper()
	r := registration("ann@example.com")
	s := w.newSession(r.Customer, "s1")
	r.Session = &s
	ann, err := w.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	w.mustRegister(t, "bob@example.com") // signs nobody in
	w.mustStart(t, ann, "s2")
	w.clock.Add(time.Hour)
	w.touch(t, "s1") // counted on that day already
	w.clock.Add(24 * time.Hour)
	w.touch(t, "s1", "s2", "gone")
	w.touch(t, "s1")
	w.clock.Add(48 * time.Hour)
	_, err = w.JudgeSession(t.Context(), "s1", endedFor, func(s *authstore.Session) (authstore.Verdict, error) {
		s.Touch(w.Now())
		return authstore.Save, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := map[int64]map[string]int64{ann.PublisherID: {"2026-03-03": 7, "2026-03-04": 1}, orbit().ID: {"2026-03-03": 9}}
	if err := w.AddFailedLogins(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
}

// touch says that sessions are used now.
func (w *world) touch(t *testing.T, ids ...string) {
	t.Helper()
	seen := map[string]time.Time{}
	for _, id := range ids {
		seen[id] = w.Now()
	}
	if err := w.TouchSessions(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
}

func TestDaysCountWhatHappenedOnThem(t *testing.T) {
	w := newWorld(t) // noon of 1 March
	w.live(t)
	want := []authstore.Day{
		{Day: "2026-02-28"}, {Day: "2026-03-01", Registrations: 2, Logins: 2, Active: 2}, {Day: "2026-03-02", Active: 2},
		{Day: "2026-03-03", Failed: 7}, {Day: "2026-03-04", Active: 1, Failed: 1},
	}
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, span := range []struct{ from, to time.Time }{
		{midnight.AddDate(0, 0, -1), midnight.AddDate(0, 0, 4)},
		{midnight.Add(-time.Hour), midnight.AddDate(0, 0, 3).Add(time.Nanosecond)}, // parts of days are days
	} {
		if got, err := w.Activity(t.Context(), nova().ID, span.from, span.to); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: got %+v, %v, want %+v", span, got, err, want)
		}
	}
	if got, err := w.Activity(t.Context(), nova().ID, midnight, midnight); err != nil || len(got) != 0 {
		t.Errorf("no time has %v, %v", got, err)
	}
	if _, err := w.Activity(t.Context(), nova().ID, time.Time{}, midnight); !errors.Is(err, authstore.ErrTooManyDays) {
		t.Errorf("all of history: %v", err)
	}
}

func TestSecondSignInAtASiteCountsTheDayOfASession(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustStart(t, c, "s1")
	w.clock.Add(24 * time.Hour)
	ticket := authstore.Ticket{Purpose: forSignIn, PublisherID: c.PublisherID, SessionID: "s1", Expires: w.Now().Add(time.Minute)}
	if err := w.IssueTicket(t.Context(), "d1", ticket); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RedeemSignIn(t.Context(), signIn("d1", "https://news.example", "secret")); err != nil {
		t.Fatal(err)
	}
	got, err := w.Activity(t.Context(), c.PublisherID, w.Now(), w.Now().Add(time.Nanosecond))
	if err != nil || !slices.Equal(got, []authstore.Day{{Day: "2026-03-02", Active: 1}}) {
		t.Errorf("got %+v, %v", got, err)
	}
}
