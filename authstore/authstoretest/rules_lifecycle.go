// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// closeRules lists what is asked of every backend, and of one that can be
// checked.
func closeRules(checks bool) []rule {
	rules := []rule{
		{"after close every method is ErrClosed", closedBackend},
		{"close may be called twice, also at once", closeTwice},
		{"close waits for an update that runs", closeWaitsForUpdate},
		{"close waits for a view that runs", closeWaitsForView},
		{"close in the middle of work loses nothing that was acknowledged", closeWhileBusy},
	}
	if checks {
		rules = append(rules, rule{"a backend that can be checked is fine until closed", checker})
	}
	return rules
}

// durabilityRules lists what is asked of a backend that the harness can reopen,
// and of one that makes snapshots which the harness can restore.
func durabilityRules(reopens, snapshots bool) (rules []rule) {
	if reopens {
		rules = append(rules,
			rule{"what was written is there after reopening", reopenSeesAll},
			rule{"what failed is not there after reopening", reopenSeesNoFailures})
	}
	if snapshots {
		rules = append(rules,
			rule{"a snapshot opens and holds the same", snapshotEquals},
			rule{"a snapshot taken while writing is consistent", snapshotIsConsistent})
	}
	return rules
}

func closedBackend(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	ran := false
	fn := func(authstore.Tx) error {
		ran = true
		return nil
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, ctx := range []context.Context{context.Background(), ended} {
		if err := b.View(ctx, fn); !errors.Is(err, authstore.ErrClosed) {
			t.Errorf("View after Close = %v, want ErrClosed", err)
		}
		if err := b.Update(ctx, fn); !errors.Is(err, authstore.ErrClosed) {
			t.Errorf("Update after Close = %v, want ErrClosed", err)
		}
	}
	if s, ok := b.(authstore.Snapshotter); ok {
		if err := s.Snapshot(context.Background(), io.Discard); !errors.Is(err, authstore.ErrClosed) {
			t.Errorf("Snapshot after Close = %v, want ErrClosed", err)
		}
	}
	if ran {
		t.Error("a function ran after Close")
	}
}

func closeTwice(t *testing.T, _ Harness, b authstore.Backend) {
	parallel(t, 3, func(int) error { return b.Close() })
	if err := b.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

func closeWaitsForUpdate(t *testing.T, h Harness, b authstore.Backend) {
	closeWaits(t, b, func(fn func() error) error {
		return b.Update(context.Background(), func(tx authstore.Tx) error {
			if err := put(tx, record{"t", "late", `1`}); err != nil {
				return err
			}
			return fn()
		})
	})
	if h.Reopen != nil {
		again := closeAfter(t, h.Reopen(t, b))
		mustView(t, again, func(tx authstore.Tx) error { return expect(tx, record{"t", "late", `1`}) })
	}
}

func closeWaitsForView(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	closeWaits(t, b, func(fn func() error) error {
		return b.View(context.Background(), func(tx authstore.Tx) error {
			if err := fn(); err != nil {
				return err
			}
			return expectNoMess(tx) // still readable while Close waits
		})
	})
}

// closeWaits closes b while run is inside its function.
func closeWaits(t *testing.T, b authstore.Backend, run func(fn func() error) error) {
	t.Helper()
	var (
		started  = make(chan struct{})
		start    = sync.OnceFunc(func() { close(started) })
		closing  = make(chan struct{})
		finished atomic.Bool
	)
	parallel(t, 2, func(i int) error {
		if i == 0 {
			defer start() // also when run fails
			return run(func() error {
				finished.Store(false)
				start()
				<-closing
				finished.Store(true)
				return nil
			})
		}
		<-started
		close(closing) // now both run; Close must not win
		if err := b.Close(); err != nil {
			return fmt.Errorf("Close: %w", err)
		}
		if !finished.Load() {
			return errors.New("Close returned before the transaction had ended")
		}
		return nil
	})
}

func closeWhileBusy(t *testing.T, h Harness, b authstore.Backend) {
	var (
		done  atomic.Int32
		acked [workers]int
	)
	parallel(t, workers, func(i int) error {
		for n := 1; ; n++ {
			err := b.Update(context.Background(), func(tx authstore.Tx) error {
				return tx.Put("t", fmt.Sprint(i), fmt.Append(nil, n))
			})
			if errors.Is(err, authstore.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			acked[i] = n
			if done.Add(1) != 2*workers { // in full swing
				continue
			}
			if err := b.Close(); err != nil {
				return fmt.Errorf("Close: %w", err)
			}
		}
	})
	if h.Reopen == nil {
		return
	}
	again := closeAfter(t, h.Reopen(t, b))
	mustView(t, again, func(tx authstore.Tx) error {
		for i, want := range acked {
			got, err := number(tx, "t", fmt.Sprint(i))
			if err != nil {
				return err
			}
			if got != want { // more would be one that returned ErrClosed
				return fmt.Errorf("worker %d: %d is stored, %d was acknowledged", i, got, want)
			}
		}
		return nil
	})
}

func checker(t *testing.T, _ Harness, b authstore.Backend) {
	c := b.(authstore.Checker)
	mustPut(t, b, before()...)
	if err := c.Check(context.Background()); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
	mustView(t, b, expectNoMess)
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := c.Check(context.Background()); !errors.Is(err, authstore.ErrClosed) {
		t.Errorf("Check after Close = %v, want ErrClosed", err)
	}
}

func reopenSeesAll(t *testing.T, h Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	for range 3 {
		mustUpdate(t, b, func(tx authstore.Tx) error {
			if err := put(tx, record{"t", "brief", `1`}); err != nil {
				return err
			}
			return add(tx, "opened", "times", 1)
		})
		mustUpdate(t, b, func(tx authstore.Tx) error { return tx.Delete("t", "brief") })
		if err := b.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		b = closeAfter(t, h.Reopen(t, b))
		mustView(t, b, expectNoMess)
	}
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, record{"opened", "times", `3`}) })
}

func reopenSeesNoFailures(t *testing.T, h Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	failuresAreAlone(t, h, b) // uses other keys of the same table
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	b = closeAfter(t, h.Reopen(t, b))
	mustView(t, b, func(tx authstore.Tx) error {
		if err := expectMissing(tx, "t", "junk"); err != nil {
			return err
		}
		return expect(tx, append(before(), record{"t", "counter", fmt.Sprint(workers * rounds / 2)})...)
	})
}

func mustSnapshot(t *testing.T, b authstore.Backend) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := b.(authstore.Snapshotter).Snapshot(context.Background(), &buf); err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	return buf.Bytes()
}

func snapshotEquals(t *testing.T, h Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	snapshot := mustSnapshot(t, b)
	mustUpdate(t, b, makeMess) // the copy must not follow

	restored := closeAfter(t, h.Restore(t, snapshot))
	mustView(t, restored, expectNoMess)
	mustPut(t, restored, record{"t", "a", `"only in the copy"`})
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, record{"t", "a", `11`}) })
}

func snapshotIsConsistent(t *testing.T, h Harness, b authstore.Backend) {
	same := func(tx authstore.Tx) error {
		n, err := number(tx, "t", "n")
		if err != nil {
			return err
		}
		m, err := number(tx, "u", "n")
		if err == nil && n != m {
			err = fmt.Errorf("one half of an update is %d, the other %d", n, m)
		}
		return err
	}
	var snapshots [][]byte
	parallel(t, workers, func(i int) error {
		if i == 0 {
			for range 5 {
				var buf bytes.Buffer
				if err := b.(authstore.Snapshotter).Snapshot(context.Background(), &buf); err != nil {
					return err
				}
				snapshots = append(snapshots, buf.Bytes())
			}
			return nil
		}
		for range rounds {
			err := b.Update(context.Background(), func(tx authstore.Tx) error {
				if err := add(tx, "t", "n", 1); err != nil {
					return err
				}
				return add(tx, "u", "n", 1)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, s := range snapshots {
		mustView(t, closeAfter(t, h.Restore(t, s)), same)
	}
}
