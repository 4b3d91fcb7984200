// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// together runs the functions as updates of one batch, in their order, and
// returns their results. A panic counts as an error of type panicError.
func together(t *testing.T, b *Backend, fns ...func(authstore.Tx) error) []error {
	t.Helper()
	release := block(t, b)
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					errs[i] = panicError{v}
				}
			}()
			errs[i] = b.Update(context.Background(), fn)
		})
		waitForQueue(b, i+1)
	}
	release()
	wg.Wait()
	return errs
}

type panicError struct{ value any }

func (p panicError) Error() string { return fmt.Sprint("panic: ", p.value) }

func putter(key, value string) func(authstore.Tx) error {
	return func(tx authstore.Tx) error { return tx.Put("t", key, []byte(value)) }
}

func TestUpdatesThatWaitForACommitShareTheNext(t *testing.T) {
	const n = 100
	b := mustOpen(t, newPath(t))
	start := commits(t, b)
	var fns []func(authstore.Tx) error
	for i := range n {
		fns = append(fns, putter(fmt.Sprint(i), `1`))
	}
	for _, err := range together(t, b, fns...) {
		if err != nil {
			t.Error(err)
		}
	}
	if got := commits(t, b) - start; got != 2 { // one before and one for all
		t.Errorf("commits = %d, want 2", got)
	}
	for i := range n {
		expectStored(t, b, fmt.Sprint(i), `1`)
	}
}

func TestBatchIsBounded(t *testing.T) {
	const n = maxBatch + maxBatch/2
	b := mustOpen(t, newPath(t))
	start := commits(t, b)
	release := block(t, b)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := b.Update(context.Background(), putter("k", `1`)); err != nil {
				t.Error(err)
			}
		})
	}
	waitForQueue(b, maxBatch)
	release()
	wg.Wait()
	if got := commits(t, b) - start; got < 3 {
		t.Errorf("commits = %d, want 3 at least", got)
	}
}

func TestNothingIsCommittedForUpdatesThatKeepNothing(t *testing.T) {
	b := mustOpen(t, newPath(t))
	mustPut(t, b, "k", `1`)
	start := commits(t, b)
	for name, fn := range map[string]func(authstore.Tx) error{
		"only reads":      func(tx authstore.Tx) error { _, err := tx.Get("t", "k"); return err },
		"deletes nothing": func(tx authstore.Tx) error { return tx.Delete("t", "missing") },
		"fails":           func(tx authstore.Tx) error { return errors.Join(tx.Delete("t", "k"), errors.New("no")) },
	} {
		if err := b.Update(t.Context(), fn); (err != nil) != (name == "fails") {
			t.Errorf("update that %s = %v", name, err)
		}
	}
	if got := commits(t, b) - start; got != 0 {
		t.Errorf("commits = %d, want 0", got)
	}
	expectStored(t, b, "k", `1`)
}

// writeOver writes to some keys more than once, in an order that matters when
// it is undone.
func writeOver(tx authstore.Tx) error {
	return errors.Join(
		tx.Put("t", "first", []byte(`"spoilt"`)), tx.Put("t", "first", []byte(`"again"`)), tx.Delete("t", "first"),
		tx.Put("t", "old", []byte(`"spoilt"`)), tx.Delete("t", "old"), tx.Put("t", "old", []byte(`"again"`)),
		tx.Put("t", "junk", []byte(`1`)), tx.Put("new table", "junk", []byte(`1`)))
}

func TestFailuresAreTakenBackWithoutTheirBatch(t *testing.T) {
	b := mustOpen(t, newPath(t))
	mustPut(t, b, "old", `"old"`)
	start := commits(t, b)
	errFail := errors.New("failing on purpose")
	check := func(tx authstore.Tx) error {
		expect(t, tx, "first", `1`) // of the neighbour before
		expect(t, tx, "old", `"old"`)
		expect(t, tx, "junk", "")
		return tx.Scan("new table", "", "", func(key string, _ []byte) error { return errors.New("found " + key) })
	}
	errs := together(t, b,
		putter("first", `1`),
		func(tx authstore.Tx) error { return cmp.Or(writeOver(tx), errFail) },
		check,
		func(tx authstore.Tx) error { panic(cmp.Or(writeOver(tx), errFail)) },
		check,
		putter("last", `2`),
	)
	for i, want := range []error{nil, errFail, nil, panicError{errFail}, nil, nil} {
		if errs[i] != want {
			t.Errorf("update %d = %v, want %v", i, errs[i], want)
		}
	}
	if got := commits(t, b) - start; got != 2 {
		t.Errorf("commits = %d, want 2", got)
	}
	if err := b.View(t.Context(), check); err != nil {
		t.Error(err)
	}
	expectStored(t, b, "last", `2`)
}

func TestGoexitIsTakenBackAndLeavesTheBackendUsable(t *testing.T) {
	b := mustOpen(t, newPath(t))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Update(context.Background(), func(tx authstore.Tx) error {
			if err := tx.Put("t", "junk", []byte(`1`)); err != nil {
				t.Error(err)
			}
			runtime.Goexit() // what t.FailNow does
			return nil
		})
	}()
	<-ended
	mustPut(t, b, "k", `1`)
	expectStored(t, b, "junk", "")
}

func TestContextThatEndsAsTheTurnComesStopsTheUpdate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := &batch{back: make(chan struct{}, 1)}
	err := g.run(ctx, func(*tx) error {
		t.Error("function ran")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v, want context.Canceled", err)
	}
	if len(g.back) != 1 {
		t.Error("the turn was not given back")
	}
}

// sabotage ends the transaction of the batch behind the writer's back.
func sabotage(btx authstore.Tx) error { return btx.(*tx).btx.Rollback() }

func TestAllOfABatchGetTheErrorOfItsCommit(t *testing.T) {
	b := mustOpen(t, newPath(t))
	errFail := errors.New("failing on purpose")
	errs := together(t, b,
		putter("k", `1`),
		func(authstore.Tx) error { return nil },     // has only read
		func(authstore.Tx) error { return errFail }, // might have failed because of k
		sabotageAfterWrite(nil),
	)
	for i, err := range errs {
		if err == nil || errors.Is(err, errFail) || err != errs[0] {
			t.Errorf("update %d = %v, want the error of the commit", i, err)
		}
	}
	expectStored(t, b, "k", "")
	if !b.failing.Load() {
		t.Error("Check does not know of the failed commit")
	}
	mustPut(t, b, "k", `2`)
	expectStored(t, b, "k", `2`)
}

func sabotageAfterWrite(result error) func(authstore.Tx) error {
	return func(tx authstore.Tx) error {
		return errors.Join(tx.Put("t", "junk", []byte(`1`)), sabotage(tx), result)
	}
}

func TestBatchFailsWhenAnUpdateCannotBeTakenBack(t *testing.T) {
	b := mustOpen(t, newPath(t))
	errs := together(t, b,
		putter("k", `1`),
		sabotageAfterWrite(errors.New("failing on purpose")),
		putter("next", `1`), // has not begun, so the next batch takes it
	)
	if errs[0] == nil || errs[0] != errs[1] {
		t.Errorf("updates of the batch = %v and %v, want the same error", errs[0], errs[1])
	}
	if errs[2] != nil {
		t.Errorf("update after the batch = %v, want nil", errs[2])
	}
	expectStored(t, b, "k", "")
	expectStored(t, b, "next", `1`)
}

func TestPanicInCommitDisablesWritesUntilRestart(t *testing.T) {
	path := newPath(t)
	b := mustOpen(t, path)
	mustPut(t, b, "k", `1`)
	err := b.Update(t.Context(), func(btx authstore.Tx) error {
		btx.(*tx).btx.OnCommit(func() { panic("page 7 already freed") })
		return btx.Put("t", "other", []byte(`1`))
	})
	if err == nil {
		t.Error("Update whose commit panics = nil, want an error")
	}
	if err := b.Update(t.Context(), putter("later", `1`)); err == nil {
		t.Error("Update after a commit that panicked = nil, want an error")
	}
	if err := b.Check(t.Context()); err == nil {
		t.Error("Check after a commit that panicked = nil, want an error")
	}
	expectStored(t, b, "k", `1`)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	mustPut(t, mustOpen(t, path), "later", `1`)
}
