// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

// mustRefresh spends a refresh token and returns the next.
func (w *world) mustRefresh(t *testing.T, raw string) string {
	t.Helper()
	_, next, err := w.Refresh(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// wantReuse spends a refresh token that ends its session.
func (w *world) wantReuse(t *testing.T, raw string) {
	t.Helper()
	id, _, _ := strings.Cut(raw, ".")
	s, next, err := w.Refresh(t.Context(), raw)
	if !errors.Is(err, session.ErrReused) || !errors.Is(err, session.ErrRefused) || next != "" || s.ID != id {
		t.Errorf("session %q, %v; want the session and ErrReused", s.ID, err)
	}
	if _, err := w.store.Session(t.Context(), id); !errors.Is(err, authstore.ErrNotFound) || !w.Ended(id) {
		t.Errorf("the session afterwards: %v, ended: %t", err, w.Ended(id))
	}
	if _, _, err := w.Refresh(t.Context(), raw); !errors.Is(err, session.ErrRefused) || errors.Is(err, session.ErrReused) {
		t.Errorf("once more: %v, want a plain ErrRefused", err)
	}
}

func TestRefreshGivesANewTokenEachTime(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.ByAPI)
	seen, raw := map[string]bool{given.Refresh: true}, given.Refresh
	for i := range 5 {
		w.clock.Add(time.Hour)
		got, next, err := w.Refresh(t.Context(), raw)
		if err != nil || got.ID != s.ID || seen[next] {
			t.Fatalf("refresh %d: %+v, %v", i, got, err)
		}
		if !got.Seen.Equal(w.store.Now()) {
			t.Errorf("refresh %d: seen %v", i, got.Seen)
		}
		seen[next], raw = true, next
		if len(next) > 110 || len(strings.Split(next, ".")) != 4 {
			t.Errorf("token of %d bytes: %s", len(next), next)
		}
	}
}

func TestUsedRefreshTokenGivesTheSameSuccessorWithinTenSeconds(t *testing.T) {
	w := newWorld(t)
	_, given := w.mustStart(t, session.ByAPI)
	w.clock.Add(time.Hour)
	first := w.mustRefresh(t, given.Refresh)
	for range 3 {
		w.clock.Add(3 * time.Second)
		if again := w.mustRefresh(t, given.Refresh); again != first {
			t.Error("another successor")
		}
	}
	w.clock.Add(time.Second - time.Millisecond)
	if again := w.mustRefresh(t, given.Refresh); again != first {
		t.Error("another successor in the last millisecond")
	}
	w.clock.Add(time.Millisecond) // asking did not lengthen it
	w.wantReuse(t, given.Refresh)
	if _, _, err := w.Refresh(t.Context(), first); !errors.Is(err, session.ErrRefused) {
		t.Errorf("the successor: %v, want ErrRefused", err)
	}
}

func TestOlderRefreshTokenEndsTheSessionAtOnce(t *testing.T) {
	w := newWorld(t)
	_, given := w.mustStart(t, session.ByAPI)
	second := w.mustRefresh(t, given.Refresh)
	third := w.mustRefresh(t, second)
	w.wantReuse(t, given.Refresh) // two generations back, and no second has passed
	for _, raw := range []string{second, third} {
		if _, _, err := w.Refresh(t.Context(), raw); !errors.Is(err, session.ErrRefused) {
			t.Errorf("a later one: %v, want ErrRefused", err)
		}
	}
}

func TestReuseEndsNoOtherSession(t *testing.T) {
	w := newWorld(t)
	_, other := w.mustStart(t, session.ByAPI)
	_, given := w.mustStart(t, session.ByAPI)
	w.mustRefresh(t, given.Refresh)
	w.clock.Add(time.Minute)
	w.wantReuse(t, given.Refresh)
	w.mustRefresh(t, other.Refresh)
}

func TestForgedRefreshTokenIsRefusedWithoutAskingTheStore(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.ByAPI)
	current := w.mustRefresh(t, given.Refresh)
	_, other := w.mustStart(t, session.ByAPI)
	p, q := strings.Split(current, "."), strings.Split(other.Refresh, ".")
	anotherRoot := secret.NewMarker(secret.NewRoot(), "refresh")
	anotherPurpose := secret.NewMarker(w.root, "access")
	body := s.ID + ".1." + secret.New()
	if err := w.stored.Close(); err != nil { // whoever asks it from now on gets ErrClosed
		t.Fatal(err)
	}
	join := func(parts ...string) string { return strings.Join(parts, ".") }
	for name, forged := range map[string]string{
		"empty": "", "dots": "...", "no mark": join(p[:3]...), "empty mark": join(p[0], p[1], p[2], ""), "wrong mark": join(p[0], p[1], p[2], secret.NewID()),
		"mark of another": join(p[0], p[1], p[2], q[3]), "session of another": join(q[0], p[1], p[2], p[3]), "secret of another": join(p[0], p[1], q[2], p[3]),
		"older generation": join(p[0], "0", p[2], p[3]), "newer generation": join(p[0], "2", p[2], p[3]), "generation spelt otherwise": join(p[0], "+1", p[2], p[3]),
		"behind": current + "A", "before": "A" + current, "truncated": current[:len(current)-1], "longer": current + strings.Repeat("A", 1<<20),
		"marked with another root": body + "." + anotherRoot.Mark(body), "marked for another purpose": body + "." + anotherPurpose.Mark(body),
		"session id alone": s.ID, "access token": "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
	} {
		if _, next, err := w.Refresh(t.Context(), forged); err != session.ErrRefused || next != "" {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		}
	}
	if w.Ended(s.ID) {
		t.Error("a forged token ended the session")
	}
	if _, _, err := w.Refresh(t.Context(), current); !errors.Is(err, authstore.ErrClosed) {
		t.Errorf("the genuine one: %v, want the store's error", err)
	}
}

// Only this server can make these, but a bug elsewhere might.
func TestMarkedTextThatIsNoRefreshTokenIsRefused(t *testing.T) {
	w := newWorld(t)
	s, _ := w.mustStart(t, session.ByAPI)
	mark := secret.NewMarker(w.root, "refresh")
	for _, body := range []string{"", ".", "..", s.ID, s.ID + ".0", s.ID + ".x.y", s.ID + ".0.a.b", ".0.", s.ID + ".99999999999999999999.y"} {
		if _, _, err := w.Refresh(t.Context(), body+"."+mark.Mark(body)); !errors.Is(err, session.ErrRefused) {
			t.Errorf("%q: %v, want ErrRefused", body, err)
		}
	}
	if w.Ended(s.ID) {
		t.Error("one of them ended the session")
	}
}

func TestRefreshTokenOfASessionThatIsOverIsRefused(t *testing.T) {
	w := newWorld(t)
	s, given := w.mustStart(t, session.ByAPI)
	if err := w.End(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*session.Manager{w.Manager, w.another(t)} {
		if _, _, err := m.Refresh(t.Context(), given.Refresh); !errors.Is(err, session.ErrRefused) || errors.Is(err, session.ErrReused) {
			t.Errorf("got %v, want a plain ErrRefused", err)
		}
	}
	w.clock.Add(day)
	if err := w.memory.Flush(t.Context(), w.store); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Refresh(t.Context(), given.Refresh); !errors.Is(err, session.ErrRefused) {
		t.Errorf("when the end is forgotten: %v, want ErrRefused", err)
	}
}

func TestParallelRefreshesYieldOneSuccessor(t *testing.T) {
	file, err := bolt.Open(filepath.Join(t.TempDir(), "usher.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	twice := authstoretest.NewMemory()
	twice.Retry = true
	for name, b := range map[string]authstore.Backend{"memory": twice, "bolt": file} {
		t.Run(name, func(t *testing.T) {
			defer b.Close()
			w := newWorld(t)
			w.store = authstore.New(b, w.clock.Now)
			c, err := w.store.Register(t.Context(), authstore.Registration{Customer: w.customer})
			if err != nil {
				t.Fatal(err)
			}
			w.customer = c
			w.restart(t)
			_, given := w.mustStart(t, session.ByAPI)
			raw := given.Refresh
			for range 3 {
				raw = w.refreshTogether(t, 20, raw)
				w.clock.Add(time.Minute)
			}
		})
	}
}

// refreshTogether spends a token n times at once, by two Managers, and returns
// the one successor.
func (w *world) refreshTogether(t *testing.T, n int, raw string) string {
	t.Helper()
	managers := []*session.Manager{w.Manager, w.another(t)}
	next := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if _, next[i], err = managers[i%2].Refresh(context.Background(), raw); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, other := range next {
		if other != next[0] {
			t.Fatal("two successors")
		}
	}
	return next[0]
}

// losesAnswers commits and then fails, as a database does whose connection
// breaks in the wrong moment.
type losesAnswers struct {
	authstore.Backend
	lose error
}

func (b *losesAnswers) Update(ctx context.Context, fn func(authstore.Tx) error) error {
	err := b.Backend.Update(ctx, fn)
	if err == nil {
		err, b.lose = b.lose, nil
	}
	return err
}

func TestClientMayTryAgainAfterAFailedRefresh(t *testing.T) {
	fault := errors.New("connection lost")
	w := newWorld(t)
	_, given := w.mustStart(t, session.ByAPI)
	w.faulty.FailCommit(fault)
	if _, next, err := w.Refresh(t.Context(), given.Refresh); !errors.Is(err, fault) || next != "" {
		t.Errorf("not kept: %v, %q", err, next)
	}
	second := w.mustRefresh(t, given.Refresh)

	loses := &losesAnswers{Backend: w.stored, lose: fault}
	w.store = authstore.New(loses, w.clock.Now)
	w.restart(t)
	if _, next, err := w.Refresh(t.Context(), second); !errors.Is(err, fault) || next != "" {
		t.Errorf("kept: %v, %q", err, next)
	}
	w.clock.Add(9 * time.Second)
	third := w.mustRefresh(t, second)
	w.mustRefresh(t, third)
}

func TestGenerationsGoOnBeyondOneDigit(t *testing.T) {
	w := newWorld(t)
	_, given := w.mustStart(t, session.ByAPI)
	raw := given.Refresh
	for i := range 25 {
		if got := strings.Split(raw, ".")[1]; got != strconv.Itoa(i) {
			t.Fatal(fmt.Sprint("generation ", got, " at ", i))
		}
		raw = w.mustRefresh(t, raw)
	}
}
