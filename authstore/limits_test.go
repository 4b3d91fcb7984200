// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

const day = 24 * time.Hour

func TestLimitsThatAreNotSetAreTheDefaults(t *testing.T) {
	tests := map[string]struct{ set, want authstore.SessionLimits }{
		"none":             {authstore.SessionLimits{}, authstore.SessionLimits{Idle: 100 * day, Absolute: 400 * day}},
		"idle":             {authstore.SessionLimits{Idle: time.Hour}, authstore.SessionLimits{Idle: time.Hour, Absolute: 400 * day}},
		"long absolute":    {authstore.SessionLimits{Absolute: 200 * day}, authstore.SessionLimits{Idle: 100 * day, Absolute: 200 * day}},
		"short absolute":   {authstore.SessionLimits{Absolute: 7 * day}, authstore.SessionLimits{Idle: 7 * day, Absolute: 7 * day}},
		"both":             {authstore.SessionLimits{Idle: day, Absolute: 7 * day}, authstore.SessionLimits{Idle: day, Absolute: 7 * day}},
		"defaults by name": {authstore.SessionLimits{Idle: idle, Absolute: absolute}, authstore.SessionLimits{Idle: idle, Absolute: absolute}},
	}
	for name, tt := range tests {
		if got := tt.set.InForce(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// limited is nova with limits.
func limited(idle, absolute time.Duration) authstore.Publisher {
	p := nova()
	p.Session = authstore.SessionLimits{Idle: idle, Absolute: absolute}
	return p
}

// act is what a test does at a time after the start: declare limits, or use the
// session, or look whether it lives.
type act struct {
	after          time.Duration
	idle, absolute time.Duration // declared, if either is set
	use            bool
	alive          bool // looked at when nothing else is done
}

// play starts a session and does the acts in their order.
func (w *world) play(t *testing.T, acts []act) {
	t.Helper()
	s := w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	for _, a := range acts {
		w.clock.Add(a.after - w.Now().Sub(s.Created))
		switch {
		case a.idle != 0 || a.absolute != 0:
			w.mustDeclare(t, limited(a.idle, a.absolute))
		case a.use:
			if err := w.TouchSessions(t.Context(), map[string]time.Time{"s1": w.Now(), "gone": w.Now()}); err != nil {
				t.Fatal(err)
			}
		default:
			if w.wantSession(t, "s1", a.alive); t.Failed() {
				t.Fatalf("after %v", a.after)
			}
			live, err := w.CustomerSessions(t.Context(), s.CustomerID)
			if err != nil || len(live) == 1 != a.alive {
				t.Fatalf("after %v: in the list %v, %v", a.after, live, err)
			}
		}
	}
}

const (
	ms = time.Millisecond
	h  = time.Hour
)

func TestSessionsEndByTheLimitsOfTheirPublisher(t *testing.T) {
	tests := map[string][]act{
		"defaults": {
			{after: 100*day - ms, alive: true}, {after: 100 * day},
		},
		"defaults, used": {
			{after: 99 * day, use: true}, {after: 198 * day, use: true}, {after: 297 * day, use: true}, {after: 396 * day, use: true},
			{after: 400*day - ms, alive: true}, {after: 400 * day},
		},
		"unused": {
			{idle: h}, {after: h - ms, alive: true}, {after: h},
		},
		"used": {
			{idle: h}, {after: h - ms, use: true}, {after: 2*h - 2*ms, alive: true}, {after: 2*h - ms},
		},
		"used too late": {
			{idle: h}, {after: h, use: true}, {after: h},
		},
		"absolute, used": {
			{idle: h, absolute: 2 * h}, {after: 50 * time.Minute, use: true}, {after: 100 * time.Minute, use: true},
			{after: 2*h - ms, alive: true}, {after: 2 * h, use: true}, {after: 2 * h},
		},
		"absolute alone": {
			{absolute: h}, {after: h - ms, use: true}, {after: h - ms, alive: true}, {after: h},
		},
	}
	for name, acts := range tests {
		t.Run(name, func(t *testing.T) { onBackends(t, func(t *testing.T, w *world) { w.play(t, acts) }) })
	}
}

func TestChangedLimitsHoldForSessionsThatExist(t *testing.T) {
	tests := map[string][]act{
		"lower idle ends at once": {
			{after: 2 * h, alive: true}, {after: 2 * h, idle: h}, {after: 2 * h},
		},
		"lower idle spares what was used": {
			{after: 2 * h, use: true}, {after: 2 * h, idle: h}, {after: 3*h - ms, alive: true}, {after: 3 * h},
		},
		"lower absolute ends at once": {
			{after: 2 * h, use: true}, {after: 2 * h, absolute: h}, {after: 2 * h},
		},
		"greater idle holds for the living": {
			{idle: h}, {after: h - ms, idle: 3 * h}, {after: 3*h - ms, alive: true}, {after: 3 * h},
		},
		"greater absolute holds for the living": {
			{absolute: h}, {after: h - ms, absolute: 3 * h}, {after: 3*h - ms, alive: true}, {after: 3 * h},
		},
		"greater idle brings nothing back": {
			{idle: h}, {after: h, idle: 3 * h}, {after: h}, {after: h, use: true}, {after: h},
		},
		"greater absolute brings nothing back": {
			{absolute: h}, {after: h, absolute: 3 * h}, {after: h},
		},
		"to the defaults brings nothing back": {
			{idle: h, absolute: 2 * h}, {after: h, idle: idle, absolute: absolute}, {after: h},
		},
		"lower and back brings nothing back": { // though nobody came by meanwhile
			{after: 2 * h, idle: h}, {after: 2*h + ms, idle: 5 * h}, {after: 2*h + ms},
		},
		"what was over stays so through later changes": {
			{idle: h}, {after: h, idle: 3 * h}, {after: h + ms, idle: 5 * h}, {after: h + 2*ms, absolute: 300 * day}, {after: h + 2*ms},
		},
		"lower and back spares what was used": {
			{after: 2 * h, use: true}, {after: 2 * h, idle: h}, {after: 2*h + ms, idle: 5 * h}, {after: 7*h - ms, alive: true}, {after: 7 * h},
		},
		"the same again changes nothing": {
			{idle: h}, {after: h - ms, idle: h}, {after: h - ms, alive: true}, {after: h},
		},
	}
	for name, acts := range tests {
		t.Run(name, func(t *testing.T) { onBackends(t, func(t *testing.T, w *world) { w.play(t, acts) }) })
	}
}

func TestLimitsAreThoseOfThePublisher(t *testing.T) {
	w := newWorld(t)
	other := orbit()
	other.Session.Idle = 2 * h
	w.mustDeclare(t, limited(h, 0), other)
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "nova")
	r := registration("bob@example.com")
	r.Customer.PublisherID = other.ID
	bob, err := w.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	w.mustStart(t, bob, "orbit")
	w.clock.Add(h)
	w.wantSession(t, "nova", false)
	w.wantSession(t, "orbit", true)
	w.clock.Add(h)
	w.wantSession(t, "orbit", false)
}

func TestLimitsOutliveTheirDeclarationAndTheProcess(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, limited(h, 0))
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	w.mustDeclare(t, orbit())
	w.clock.Add(h)
	w.wantSession(t, "s1", false)
	w.Store = authstore.New(w.faulty, w.clock.Now)
	w.mustDeclare(t, orbit())
	w.wantSession(t, "s1", false)
	w.mustDeclare(t, limited(3*h, 0)) // declared again, with more
	w.wantSession(t, "s1", false)
}

func TestFailedDeclarationLeavesTheLimits(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, limited(3*h, 0))
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	w.clock.Add(2 * h)
	w.faulty.FailCommit(errStep)
	if err := w.DeclarePublishers(t.Context(), []authstore.Publisher{limited(h, 0)}); err == nil {
		t.Fatal("no error")
	}
	w.wantSession(t, "s1", true)
}

func TestDefaultsWriteNoLimits(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova(), orbit())
	w.mustDeclare(t, limited(idle, absolute), orbit())
	if n := w.stored(t, "session_limits"); n != 0 {
		t.Errorf("%d records", n)
	}
	w.mustDeclare(t, limited(h, 0), orbit())
	before := w.watch.writes.Load()
	w.mustDeclare(t, limited(h, 0), orbit())
	if n := w.stored(t, "session_limits"); n != 1 || w.watch.writes.Load() != before {
		t.Errorf("%d records, %d writes the second time", n, w.watch.writes.Load()-before)
	}
}

// The news of a use may come when the session would be over without it.
func TestUseThatIsToldLateCounts(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, limited(h, 0))
	s := w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	w.clock.Add(h + time.Minute)
	w.wantSession(t, "s1", false)
	if err := w.TouchSessions(t.Context(), map[string]time.Time{"s1": s.Created.Add(h)}); err != nil {
		t.Fatal(err)
	}
	w.wantSession(t, "s1", false)
	if err := w.TouchSessions(t.Context(), map[string]time.Time{"s1": s.Created.Add(h - ms)}); err != nil {
		t.Fatal(err)
	}
	w.wantSession(t, "s1", true)
}

func TestSweepRemovesWhatIsOverByItsLimitsAnHourLater(t *testing.T) {
	for name, p := range map[string]authstore.Publisher{"idle": limited(h, 0), "absolute": limited(0, h)} {
		t.Run(name, func(t *testing.T) {
			onBackends(t, func(t *testing.T, w *world) {
				c := w.mustRegister(t, "ann@example.com")
				w.mustStart(t, c, "s1")
				w.mustDeclare(t, p)
				for _, step := range []struct {
					after time.Duration
					want  int
				}{{2*h - ms, 1}, {ms, 0}} {
					w.clock.Add(step.after)
					if _, _, err := w.Sweep(t.Context(), authstore.SweepCursor{}); err != nil {
						t.Fatal(err)
					}
					if n := w.stored(t, "sessions"); n != step.want {
						t.Errorf("%d sessions, want %d", n, step.want)
					}
				}
			})
		})
	}
}

func TestSweepGoesByLimitsThatThisProcessHasNotDeclared(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, limited(300*day, 0))
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	w.Store = authstore.New(w.faulty, w.clock.Now)
	for _, want := range []int{1, 0} {
		w.clock.Add(150*day + h)
		if _, _, err := w.Sweep(t.Context(), authstore.SweepCursor{}); err != nil {
			t.Fatal(err)
		}
		if n := w.stored(t, "sessions"); n != want {
			t.Errorf("%d sessions, want %d", n, want)
		}
	}
}

func TestSignInAtASiteIsUse(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, limited(h, 0))
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	w.clock.Add(h - ms)
	if err := w.IssueTicket(t.Context(), "d1", authstore.Ticket{Purpose: forSignIn, SessionID: "s1", Expires: w.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RedeemSignIn(t.Context(), signIn("d1", "https://news.example", "secret")); err != nil {
		t.Fatal(err)
	}
	w.clock.Add(h - ms)
	w.wantSession(t, "s1", true)
	w.clock.Add(ms)
	w.wantSession(t, "s1", false)
}
