// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package publisher_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/publisher"
)

// watched is a directory that a Watcher keeps in step with a store.
type watched struct {
	*publisher.Watcher
	clock   *authstoretest.Clock
	faulty  *authstoretest.Faulty
	changed []string // names of the first publisher, each time that something changed
	refuse  error    // what Changed answers
}

// follow returns a Watcher over a store in which two() are declared.
func follow(t *testing.T) *watched {
	t.Helper()
	w := &watched{clock: authstoretest.NewClock()}
	memory := authstoretest.NewMemory()
	memory.Retry = true
	t.Cleanup(func() { _ = memory.Close() })
	w.faulty = authstoretest.NewFaulty(memory)
	store := authstore.New(w.faulty, w.clock.Now)
	declared := two()
	declared[0].Unnamed = true
	if err := store.DeclarePublishers(t.Context(), declared); err != nil {
		t.Fatal(err)
	}
	w.Watcher = &publisher.Watcher{
		Declared: declared, Store: store, Directory: mustDirectory(t, declared),
		Changed: func(_ context.Context, publishers []authstore.Publisher, _ map[int64]authstore.Settings) error {
			w.changed = append(w.changed, publishers[0].Name)
			return w.refuse
		},
	}
	w.mustRefresh(t)
	return w
}

func (w *watched) mustRefresh(t *testing.T) {
	t.Helper()
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// mustName gives the first publisher another name.
func (w *watched) mustName(t *testing.T, name string) {
	t.Helper()
	have, err := w.Store.Settings(t.Context(), 100_000_002)
	if err == nil {
		_, err = w.Store.ChangeSettings(t.Context(), 100_000_002, have.Revision, func(s *authstore.Settings) error {
			s.Name = name
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *watched) wantName(t *testing.T, want string) {
	t.Helper()
	if p, _ := w.Directory.BySite("https://psv.clubs.example"); p.Name != want {
		t.Errorf("the directory tells of %q, want %q", p.Name, want)
	}
}

func TestSettingsOfAnyNodeComeInForceWithARefresh(t *testing.T) {
	w := follow(t)
	w.wantName(t, "Nova")
	w.mustName(t, "Nova II")
	w.wantName(t, "Nova")
	before := w.Directory.Generation()
	w.mustRefresh(t)
	w.wantName(t, "Nova II")
	if w.Directory.Generation() <= before {
		t.Error("the directory does not tell that it has changed")
	}
}

func TestRefreshWithoutAChangeReplacesNothing(t *testing.T) {
	w := follow(t)
	before := w.Directory.Generation()
	w.clock.Add(24 * time.Hour)
	w.mustRefresh(t)
	if w.Directory.Generation() != before || len(w.changed) != 1 {
		t.Errorf("generation %d after %d, changed %q", w.Directory.Generation(), before, w.changed)
	}
}

func TestScheduledVersionsComeInForceInTime(t *testing.T) {
	w := follow(t)
	for i, number := range []string{"1", "2"} {
		of, v := authstore.ManagedConsent{Name: "news"}, authstore.ConsentVersion{Version: number, Label: "News"}
		err := w.Store.SaveDraft(t.Context(), 100_000_002, of, v)
		if err == nil {
			err = w.Store.PublishVersion(t.Context(), 100_000_002, "news", number, w.clock.Now().Add(time.Duration(i+1)*time.Hour), time.Time{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.mustRefresh(t)
	for _, want := range []string{"", "1", "2", "2"} {
		p, _ := w.Directory.ByID(100_000_002)
		got := ""
		if len(p.Consents) > 0 {
			got = p.Consents[0].Version
		}
		if got != want {
			t.Errorf("version %q is in force, want %q", got, want)
		}
		w.clock.Add(time.Hour)
		w.mustRefresh(t)
	}
}

// A configuration that failed to load may have declared other publishers before it
// failed.
func TestAnotherDeclarationChangesNothingHere(t *testing.T) {
	w := follow(t)
	other := two()
	other[0].Sites, other[0].Unnamed = []string{"https://other.example"}, true
	if err := w.Store.DeclarePublishers(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.mustName(t, "Nova II")
	w.mustRefresh(t)
	w.wantName(t, "Nova II")
}

func TestFailedRefreshKeepsWhatWasThereAndIsTriedAgain(t *testing.T) {
	w := follow(t)
	w.mustName(t, "Nova II")
	fault := errors.New("disk on fire")
	w.faulty.FailView(fault)
	if err := w.Refresh(t.Context()); !errors.Is(err, fault) {
		t.Errorf("%v, want %v", err, fault)
	}
	w.wantName(t, "Nova")
	w.mustRefresh(t)
	w.wantName(t, "Nova II")
}

func TestWhoCouldNotFollowAChangeIsToldAgain(t *testing.T) {
	w := follow(t)
	w.mustName(t, "Nova II")
	w.refuse = errors.New("no")
	if err := w.Refresh(t.Context()); !errors.Is(err, w.refuse) {
		t.Errorf("%v, want %v", err, w.refuse)
	}
	w.wantName(t, "Nova II")
	w.refuse = nil
	w.mustRefresh(t)
	w.mustRefresh(t)
	if got := strings.Join(w.changed, ", "); got != "Nova, Nova II, Nova II" {
		t.Errorf("told of %s", got)
	}
}

func TestConflictingSettingsKeepTheDirectory(t *testing.T) {
	w := follow(t)
	w.Declared = append(w.Declared, authstore.Publisher{ID: 100_000_003, Offers: []string{"S100000002_DE"}})
	err := w.Store.DeclarePublishers(t.Context(), two()) // not the third, so that its offer is free
	if err == nil {
		_, err = w.Store.ChangeSettings(t.Context(), 100_000_002, 0, func(s *authstore.Settings) error {
			s.Offers = []string{"S100000002_DE"}
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	before := w.Directory.Generation()
	if err := w.Refresh(t.Context()); !errors.Is(err, publisher.ErrConflict) || w.Directory.Generation() != before {
		t.Errorf("%v, generation %d after %d", err, w.Directory.Generation(), before)
	}
}

func TestFailureOfWatchingIsReportedOnceUntilItWorks(t *testing.T) {
	w := follow(t)
	var failing atomic.Bool
	var reported []error
	tick := make(chan time.Time) // when one is taken, the look before is over
	w.Tick, w.Report = tick, func(err error) { reported = append(reported, err) }
	fault := errors.New("no")
	w.Changed = func(context.Context, []authstore.Publisher, map[int64]authstore.Settings) error {
		if failing.Load() {
			return fault
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { w.Watch(ctx) })
	for _, name := range []string{"Nova II", "Nova III"} {
		failing.Store(true)
		w.mustName(t, name)
		for range 3 {
			tick <- time.Time{}
		}
		failing.Store(false)
		for range 3 {
			tick <- time.Time{}
		}
		w.wantName(t, name)
	}
	cancel()
	group.Wait()
	if len(reported) != 2 || !errors.Is(reported[0], fault) || !errors.Is(reported[1], fault) {
		t.Errorf("reported %v, want each of the two failures once", reported)
	}
}

func TestReadersNeverSeeHalfAChange(t *testing.T) {
	d := mustDirectory(t, two())
	names := publisher.Derive(d, func(all []authstore.Publisher) string { return all[0].Name + all[1].Name })
	var group sync.WaitGroup
	group.Go(func() {
		for i := range 500 {
			next := two()
			if i%2 == 0 {
				next[0].Name, next[1].Name = "A", "B"
			}
			if err := d.Replace(next); err != nil {
				t.Error(err)
			}
		}
	})
	for range 2 {
		group.Go(func() {
			for range 2000 {
				if got := names.Get(); got != "AB" && got != "NovaOrbit" {
					t.Errorf("half a change: %s", got)
					return
				}
			}
		})
	}
	group.Wait()
	if got := names.Get(); got != "NovaOrbit" || d.Generation() != 501 {
		t.Errorf("in the end %s, generation %d", got, d.Generation())
	}
}

func TestRefusedReplacementKeepsTheDirectory(t *testing.T) {
	d := mustDirectory(t, two())
	bad := two()
	bad[1].Name, bad[1].ID = "Twice", bad[0].ID
	if err := d.Replace(bad); err == nil || d.Generation() != 1 {
		t.Errorf("%v, generation %d", err, d.Generation())
	}
	if p, ok := d.ByID(100_000_001); !ok || p.Name != "Orbit" {
		t.Errorf("it tells of %+v", p)
	}
}
