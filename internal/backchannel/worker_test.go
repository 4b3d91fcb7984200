// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package backchannel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/backchannel"
)

func TestNothingCrossesBetweenPublishers(t *testing.T) {
	w := newWorld(t)
	both, ours := newApp(t, w, "both"), newApp(t, w, "")
	w.mustDeclareAll(t, map[int64][]*app{nova: {ours, both}, orbit: {both}})
	other := w.mustRegister(t, orbit)
	mine := w.mustEnd(t, w.ann)
	theirs := w.mustEnd(t, other)
	w.worker.DeliverDue(t.Context())
	if got := ours.sessions(); !slices.Equal(got, []string{mine}) {
		t.Errorf("nova's app was told %q, want %q", got, mine)
	}
	want := []string{mine, theirs}
	slices.Sort(want)
	if got := both.sessions(); !slices.Equal(got, want) {
		t.Errorf("the app of both was told %q, want %q", got, want)
	}
}

func TestAppThatWasDownIsToldOnceItIsUp(t *testing.T) {
	for name, down := range map[string]func(http.ResponseWriter, *http.Request){
		"500": status(500), "503": status(503), "404": status(404), "401": status(401), "100 bytes that are no HTTP": notHTTP,
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := newApp(t, w, "")
			w.mustDeclare(t, a)
			id := w.mustEnd(t, w.ann)
			a.answers(down)
			w.worker.DeliverDue(t.Context())
			first := a.heard()
			if r := w.reports(t); len(first) != 1 || len(r) != 1 || errors.Is(r[0], backchannel.ErrDropped) || !strings.Contains(r[0].Error(), a.Listener.Addr().String()) {
				t.Fatalf("told %v, reported %v", first, r)
			}
			a.answers(nil)
			w.worker.DeliverDue(t.Context()) // too early
			w.clock.Add(time.Minute)
			for range 3 {
				w.worker.DeliverDue(t.Context())
				w.clock.Add(time.Hour)
			}
			if got := a.heard(); len(got) != 1 || got[0].sid != id || got[0] != first[0] {
				t.Errorf("then told %v, first %v", got, first)
			}
		})
	}
}

// notHTTP answers with the token, as no HTTP server would.
func notHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(conn, "eyJhbGciOiJFUzI1NiJ9 secret %s\r\n\r\n", r.RequestURI)
	conn.Close()
}

func TestServerThatIsNotThereIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	a.Close()
	w.mustEnd(t, w.ann)
	w.worker.DeliverDue(t.Context())
	if r := w.reports(t); len(r) != 1 || errors.Is(r[0], backchannel.ErrDropped) || w.waiting() != 1 {
		t.Errorf("reported %v, %d wait", r, w.waiting())
	}
}

func TestPausesGrowUntilADayHasPassed(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	a.answers(status(500))
	w.mustEnd(t, w.ann)
	begun := w.clock.Now()
	for _, pause := range []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, 30 * time.Minute} {
		if w.worker.DeliverDue(t.Context()); len(a.heard()) != 1 {
			t.Fatalf("no try before the pause of %s", pause)
		}
		w.clock.Add(pause - pause/10 - time.Millisecond)
		if w.worker.DeliverDue(t.Context()); len(a.heard()) != 0 {
			t.Fatalf("tried again well before %s", pause)
		}
		w.clock.Add(pause / 5)
	}
	w.reports(t)
	var last []error
	for w.waiting() > 0 {
		w.worker.DeliverDue(t.Context())
		last = w.reports(t)
		w.clock.Add(30*time.Minute + 3*time.Minute)
	}
	took := w.clock.Now().Sub(begun)
	if len(last) != 1 || !errors.Is(last[0], backchannel.ErrDropped) || took < 23*time.Hour || took > 25*time.Hour {
		t.Errorf("after %s: %v", took, last)
	}
}

func TestRefusalIsFinal(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	a.answers(status(400))
	w.mustEnd(t, w.ann)
	w.worker.DeliverDue(t.Context())
	r := w.reports(t)
	if len(r) != 1 || !errors.Is(r[0], backchannel.ErrDropped) || !strings.Contains(r[0].Error(), a.Listener.Addr().String()) || w.waiting() != 0 {
		t.Errorf("reported %v, %d wait", r, w.waiting())
	}
}

func TestAnyStatusOfSuccessWillDo(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	for _, code := range []int{200, 201, 202, 204, 299} {
		a.answers(status(code))
		w.mustEnd(t, w.ann)
		if w.worker.DeliverDue(t.Context()); w.waiting() != 0 || len(w.reports(t)) != 0 || len(a.heard()) != 1 {
			t.Errorf("status %d: %d wait", code, w.waiting())
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	a, stranger := newApp(t, w, ""), newApp(t, w, "")
	w.mustDeclare(t, a)
	for _, code := range []int{301, 302, 303, 307, 308} {
		a.answers(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, stranger.URL+"/logout", code) })
		w.mustEnd(t, w.ann)
		w.worker.DeliverDue(t.Context())
		if r := w.reports(t); len(r) != 1 || !strings.Contains(r[0].Error(), fmt.Sprint("status ", code)) {
			t.Errorf("status %d: reported %v", code, r)
		}
	}
	if got := stranger.heard(); len(got) != 0 || w.waiting() != 5 {
		t.Errorf("a stranger was told %v, %d wait", got, w.waiting())
	}
}

// endless answers with a body that never ends.
func endless(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 8<<10)); err != nil {
				return
			}
		}
	}
}

func TestOversizedAnswerIsCutOff(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	for waits, code := range []int{200, 500} {
		a.answers(endless(code))
		w.mustEnd(t, w.ann)
		if w.worker.DeliverDue(t.Context()); w.waiting() != waits { // and it returns
			t.Errorf("status %d: %d wait, want %d", code, w.waiting(), waits)
		}
	}
	w.clock.Add(24 * time.Hour)
	a.answers(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 1000))
		}
	})
	w.reports(t)
	if w.worker.DeliverDue(t.Context()); len(w.reports(t)) != 1 {
		t.Error("a header of 100 kB is read")
	}
}

// A receiver that hangs is left after the timeout, and holds up nobody else.
func TestAppThatHangsHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	dead, live := newApp(t, w, "dead"), newApp(t, w, "live")
	w.mustDeclare(t, dead, live)
	stuck, release := make(chan struct{}, 100), make(chan struct{})
	dead.answers(func(_ http.ResponseWriter, r *http.Request) {
		stuck <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	told := make(chan struct{}, 100)
	live.answers(func(http.ResponseWriter, *http.Request) { told <- struct{}{} })
	const n = 20
	for range n {
		w.mustEnd(t, w.ann)
	}
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { w.worker.Deliver(ctx) })
	for range 4 {
		<-stuck
	}
	for range n { // while the other one has four open
		<-told
	}
	if len(stuck) != 0 {
		t.Errorf("%d more connections to the one that hangs, want 4 in all", len(stuck))
	}
	close(release)
	stop()
	working.Wait()

	impatient := w.newWorker(backchannel.Config{Timeout: 20 * time.Millisecond})
	dead.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w.clock.Add(time.Hour)
	w.mustEnd(t, w.ann)
	w.reports(t)
	impatient.DeliverDue(t.Context())
	r := w.reports(t)
	if len(r) == 0 || w.waiting() != len(r) {
		t.Fatalf("reported %v, %d wait", r, w.waiting())
	}
	for _, err := range r {
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, backchannel.ErrDropped) {
			t.Errorf("reported %v", err)
		}
	}
}

// The process dies after it has claimed, and before the app has heard.
func TestWhatADeadProcessHadClaimedIsToldAfterTheLease(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	id := w.mustEnd(t, w.ann)
	names, err := w.store.DueReceivers(t.Context())
	if err != nil || len(names) != 1 {
		t.Fatalf("due at %q, %v", names, err)
	}
	if _, ok, err := w.store.ClaimAnnouncement(t.Context(), names[0], 30*time.Second); err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.clock.Add(30*time.Second - time.Millisecond)
	if w.worker.DeliverDue(t.Context()); len(a.heard()) != 0 {
		t.Error("told within the lease of another worker")
	}
	w.clock.Add(time.Millisecond)
	w.worker.DeliverDue(t.Context())
	w.worker.DeliverDue(t.Context())
	if got := a.sessions(); !slices.Equal(got, []string{id}) || w.waiting() != 0 {
		t.Errorf("told %q, want %q", got, id)
	}
}

// It was delivered, and the store could not be told so: apps know the jti again.
func TestDeliveryThatCannotBeNotedIsRepeatedWithTheSameID(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	w.mustEnd(t, w.ann)
	a.answers(func(http.ResponseWriter, *http.Request) { w.faulty.FailUpdate(errors.New("disk on fire")) })
	w.worker.DeliverDue(t.Context())
	if r := w.reports(t); len(r) != 1 || !strings.Contains(r[0].Error(), "may arrive twice") {
		t.Errorf("reported %v", r)
	}
	a.answers(nil)
	w.clock.Add(time.Minute)
	w.worker.DeliverDue(t.Context())
	if got := a.heard(); len(got) != 2 || got[0] != got[1] {
		t.Errorf("told %v, want the same twice", got)
	}
}

func TestAppThatIsNoLongerRegisteredIsNotTold(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world, other *app){
		"removed":        func(t *testing.T, w *world, other *app) { w.mustDeclare(t, other) },
		"publisher gone": func(t *testing.T, w *world, other *app) { w.mustDeclareAll(t, map[int64][]*app{orbit: {other}}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, other := newApp(t, w, "a"), newApp(t, w, "b")
			w.mustDeclare(t, a)
			w.mustEnd(t, w.ann)
			change(t, w, other)
			w.worker.DeliverDue(t.Context())
			if len(a.heard()) != 0 || len(other.heard()) != 0 || w.waiting() != 0 || len(w.reports(t)) != 0 {
				t.Error("somebody was told")
			}
		})
	}
}

// An operator who has named the wrong audience need not lose what waits.
func TestAudienceIsThatOfTheConfigurationNow(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "old")
	w.mustDeclare(t, a)
	id := w.mustEnd(t, w.ann)
	a.audience = "new"
	w.mustDeclare(t, a)
	w.worker.DeliverDue(t.Context())
	if got := a.sessions(); !slices.Equal(got, []string{id}) {
		t.Errorf("told %q, want %q", got, id)
	}
}

func TestStoreThatFailsIsReportedAndLosesNothing(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	id := w.mustEnd(t, w.ann)
	for _, fail := range []func(error){w.faulty.FailView, w.faulty.FailUpdate} {
		fail(fault)
		w.worker.DeliverDue(t.Context())
		if r := w.reports(t); len(r) != 1 || !errors.Is(r[0], fault) || errors.Is(r[0], backchannel.ErrDropped) || len(a.heard()) != 0 {
			t.Errorf("reported %v", r)
		}
	}
	w.worker.DeliverDue(t.Context())
	if got := a.sessions(); !slices.Equal(got, []string{id}) {
		t.Errorf("told %q, want %q", got, id)
	}
}

func TestSignOutWakesTheWorkerAndNeverWaitsForIt(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	told, release := make(chan struct{}), make(chan struct{})
	a.answers(func(http.ResponseWriter, *http.Request) {
		told <- struct{}{}
		<-release
	})
	tick := make(chan time.Time)
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	worker := w.newWorker(backchannel.Config{Tick: tick})
	working.Go(func() { worker.Deliver(ctx) })
	w.mustEnd(t, w.ann)
	<-told // without a tick
	for range 8 {
		w.mustEnd(t, w.ann) // while the app has not answered
	}
	close(release)
	for range 8 { // those for which there was no room follow by themselves
		<-told
	}
	// Another process announces, of which a look tells.
	other := authstore.New(w.memory, w.clock.Now)
	id, _ := w.mustStart(t, w.ann)
	if _, err := other.EndCustomerSessions(t.Context(), w.ann.ID, "", time.Minute); err != nil {
		t.Fatal(err)
	}
	tick <- time.Time{}
	<-told
	stop()
	working.Wait()
	if got := a.sessions(); len(got) != 10 || !slices.Contains(got, id) || w.waiting() != 0 {
		t.Errorf("told %d, %d wait", len(got), w.waiting())
	}
}

func TestStoppedWorkerLeavesTheRestToTheNext(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	var want []string
	for range 9 {
		want = append(want, w.mustEnd(t, w.ann))
	}
	slices.Sort(want)
	stuck, release := make(chan struct{}, 100), make(chan struct{})
	a.answers(func(http.ResponseWriter, *http.Request) {
		stuck <- struct{}{}
		<-release
	})
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { w.worker.Deliver(ctx) })
	for range 4 {
		<-stuck
	}
	stop()
	close(release) // what was under way comes to its end
	working.Wait()
	if w.waiting() != 5 {
		t.Errorf("%d wait after the stop, want 5", w.waiting())
	}
	a.answers(nil)
	w.newWorker(backchannel.Config{}).DeliverDue(t.Context())
	if got := a.sessions(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// Workers of several nodes share the work and tell nothing twice.
func TestTwoWorkersTellNothingTwice(t *testing.T) {
	w := newWorld(t)
	a, b := newApp(t, w, "a"), newApp(t, w, "b")
	w.mustDeclare(t, a, b)
	var want []string
	for range 30 {
		want = append(want, w.mustEnd(t, w.ann))
	}
	slices.Sort(want)
	var group sync.WaitGroup
	for range 4 {
		worker := w.newWorker(backchannel.Config{})
		group.Go(func() { worker.DeliverDue(t.Context()) })
	}
	group.Wait()
	for _, x := range []*app{a, b} {
		if got := x.sessions(); !slices.Equal(got, want) {
			t.Errorf("told %d, want each of %d once", len(got), len(want))
		}
	}
}

// Cut off in the middle of a delivery, it is nobody's fault: nothing is
// reported, and the next worker tries at once.
func TestDeliveryThatIsCutOffIsTriedAgainAtOnce(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	w.mustDeclare(t, a)
	id := w.mustEnd(t, w.ann)
	stuck := make(chan struct{})
	a.answers(func(_ http.ResponseWriter, r *http.Request) {
		close(stuck)
		<-r.Context().Done()
	})
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { w.worker.DeliverDue(ctx) })
	<-stuck
	stop()
	working.Wait()
	if r := w.reports(t); len(r) != 0 || w.waiting() != 1 {
		t.Errorf("reported %v, %d wait", r, w.waiting())
	}
	a.answers(nil)
	a.heard()
	w.newWorker(backchannel.Config{}).DeliverDue(t.Context())
	if got := a.sessions(); !slices.Equal(got, []string{id}) {
		t.Errorf("told %q, want %q", got, id)
	}
}

func TestLoopbackNameLeadsToThisMachineWhateverDNSSays(t *testing.T) {
	w := newWorld(t)
	a := newApp(t, w, "")
	a.URL = strings.Replace(a.URL, "127.0.0.1", "no-such-name.localhost", 1)
	a.audience = a.URL
	w.mustDeclare(t, a)
	id := w.mustEnd(t, w.ann)
	w.worker.DeliverDue(t.Context())
	if got := a.sessions(); !slices.Equal(got, []string{id}) {
		t.Errorf("told %q, want %q; %v", got, id, w.reports(t))
	}
}
