// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
)

func TestBackendConforms(t *testing.T) {
	authstoretest.RunBackend(t, authstoretest.Harness{
		Open: func(t *testing.T) authstore.Backend { return mustOpen(t, newPath(t)) },
		Reopen: func(t *testing.T, closed authstore.Backend) authstore.Backend {
			return mustOpen(t, closed.(*Backend).path)
		},
		Restore: func(t *testing.T, snapshot []byte) authstore.Backend {
			path := newPath(t)
			if err := os.WriteFile(path, snapshot, fileMode); err != nil {
				t.Fatal(err)
			}
			return mustOpen(t, path)
		},
	})
}

func TestViewGoesOnBesideAnUpdate(t *testing.T) {
	b := mustOpen(t, newPath(t))
	mustPut(t, b, "k", `"old"`)
	inside, seen := make(chan struct{}), make(chan struct{})
	written := make(chan error)
	err := b.View(t.Context(), func(tx authstore.Tx) error {
		go func() {
			written <- b.Update(context.Background(), func(tx authstore.Tx) error {
				close(inside)
				<-seen
				return tx.Put("t", "k", []byte(`"new"`))
			})
		}()
		<-inside
		expect(t, tx, "k", `"old"`)
		close(seen)
		if err := <-written; err != nil {
			return err
		}
		expect(t, tx, "k", `"old"`) // even after the commit
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	expectStored(t, b, "k", `"new"`)
}

// Without the room that mapSize leaves, the update would wait for the view.
func TestGrowingFileDoesNotWaitForViews(t *testing.T) {
	if mapSize(0) == 0 {
		t.Skip("the mapping grows with the file on this platform")
	}
	b := mustOpen(t, newPath(t))
	err := b.View(t.Context(), func(authstore.Tx) error {
		done := make(chan error)
		go func() {
			done <- b.Update(context.Background(), func(tx authstore.Tx) error {
				return tx.Put("t", "big", bytes.Repeat([]byte("1"), 4<<20))
			})
		}()
		return <-done
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUpdateThatWaitsHeedsItsContextAtOnce(t *testing.T) {
	b := mustOpen(t, newPath(t))
	release := block(t, b)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		waiting <- b.Update(ctx, func(tx authstore.Tx) error { return tx.Put("t", "late", []byte(`1`)) })
	}()
	waitForQueue(b, 1)
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("Update that waits = %v, want context.Canceled", err)
	}
	release()
	expectStored(t, b, "late", "")
}

func TestUpdatesThatWaitAreRefusedByClose(t *testing.T) {
	b := mustOpen(t, newPath(t))
	release := block(t, b)
	defer release()
	waiting := make(chan error)
	go func() { waiting <- b.Update(context.Background(), func(authstore.Tx) error { return nil }) }()
	waitForQueue(b, 1)
	closed := make(chan error)
	go func() { closed <- b.Close() }()
	if err := <-waiting; !errors.Is(err, authstore.ErrClosed) {
		t.Errorf("Update that waits = %v, want ErrClosed", err)
	}
	if err := b.View(t.Context(), nil); !errors.Is(err, authstore.ErrClosed) {
		t.Errorf("View while closing = %v, want ErrClosed", err)
	}
	release()
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestWritesToTheTableBeingScannedAreRefused(t *testing.T) {
	b := mustOpen(t, newPath(t))
	mustPut(t, b, "k", `1`)
	for name, write := range map[string]func(authstore.Tx) error{
		"Put":    func(tx authstore.Tx) error { return tx.Put("t", "k2", []byte(`1`)) },
		"Delete": func(tx authstore.Tx) error { return tx.Delete("t", "k") },
	} {
		err := b.Update(t.Context(), func(tx authstore.Tx) error {
			return tx.Scan("t", "", "", func(string, []byte) error {
				return tx.Scan("t", "", "", func(string, []byte) error { return write(tx) })
			})
		})
		if !errors.Is(err, errScanning) {
			t.Errorf("%s inside a Scan of the same table = %v, want %v", name, err, errScanning)
		}
	}
	err := b.Update(t.Context(), func(tx authstore.Tx) error {
		if err := tx.Scan("t", "", "", func(string, []byte) error { return nil }); err != nil {
			return err
		}
		return tx.Delete("t", "k")
	})
	if err != nil {
		t.Errorf("Delete after a Scan = %v, want nil", err)
	}
}

func TestTransactionThatHasEndedIsRefused(t *testing.T) {
	b := mustOpen(t, newPath(t))
	var leaked authstore.Tx
	leak := func(tx authstore.Tx) error {
		leaked = tx
		return tx.Put("t", "k", []byte(`1`))
	}
	if err := b.Update(t.Context(), leak); err != nil {
		t.Fatal(err)
	}
	if _, err := leaked.Get("t", "k"); !errors.Is(err, errEnded) {
		t.Errorf("Get = %v, want %v", err, errEnded)
	}
	if err := leaked.Put("t", "k", nil); !errors.Is(err, errEnded) {
		t.Errorf("Put = %v, want %v", err, errEnded)
	}
	if err := leaked.Delete("t", "k"); !errors.Is(err, errEnded) {
		t.Errorf("Delete = %v, want %v", err, errEnded)
	}
	if err := leaked.Scan("t", "", "", nil); !errors.Is(err, errEnded) {
		t.Errorf("Scan = %v, want %v", err, errEnded)
	}
}

func TestCheckWritesOnlyAfterACommitHasFailed(t *testing.T) {
	b := mustOpen(t, newPath(t))
	start := commits(t, b)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := commits(t, b) - start; n != 0 {
		t.Errorf("commits by Check of a healthy backend = %d, want 0", n)
	}
	b.failing.Store(true)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := commits(t, b) - start; n != 1 {
		t.Errorf("commits by Check of a failing backend = %d, want 1", n)
	}
	if b.failing.Load() {
		t.Error("backend is still failing after a commit that succeeded")
	}
}

func TestSnapshotEndsWithItsContext(t *testing.T) {
	b := mustOpen(t, newPath(t))
	mustPut(t, b, "k", `1`)
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Snapshot(ctx, writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	}))
	if err == nil {
		t.Error("Snapshot whose context ends = nil, want an error")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "usher.db") }

func mustOpen(t testing.TB, path string) *Backend {
	t.Helper()
	b, err := Open(path, Options{LockTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func mustPut(t testing.TB, b *Backend, key, value string) {
	t.Helper()
	err := b.Update(context.Background(), func(tx authstore.Tx) error { return tx.Put("t", key, []byte(value)) })
	if err != nil {
		t.Fatal(err)
	}
}

// expect checks a key of table t; want == "" means that it is not there.
func expect(t testing.TB, tx authstore.Tx, key, want string) {
	t.Helper()
	got, err := tx.Get("t", key)
	if string(got) != want || (want == "") != errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("value of %q = %q, %v, want %q", key, got, err, want)
	}
}

func expectStored(t testing.TB, b *Backend, key, want string) {
	t.Helper()
	err := b.View(context.Background(), func(tx authstore.Tx) error {
		expect(t, tx, key, want)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// commits returns a number that grows by one with each commit of bbolt.
func commits(t testing.TB, b *Backend) int {
	t.Helper()
	btx, err := b.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer btx.Rollback()
	return btx.ID()
}

// block occupies the writer with the commit of an update until release is
// called, which waits for that update.
func block(t testing.TB, b *Backend) (release func()) {
	t.Helper()
	committing, hold, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- b.Update(context.Background(), func(btx authstore.Tx) error {
			btx.(*tx).btx.OnCommit(func() { close(committing); <-hold })
			return btx.Put("t", "blocker", []byte(`1`))
		})
	}()
	<-committing
	released := false
	return func() {
		if released {
			return
		}
		released = true
		close(hold)
		if err := <-done; err != nil {
			t.Errorf("update that occupied the writer: %v", err)
		}
	}
}

// waitForQueue returns when n updates wait for their turn.
func waitForQueue(b *Backend, n int) {
	for len(b.queue) < n {
		runtime.Gosched()
	}
}
