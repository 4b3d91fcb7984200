// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func transactionRules() []rule {
	return []rule{
		{"an error keeps nothing of the update and is returned unchanged", errorKeepsNothing},
		{"a view returns the error of its function unchanged", viewError},
		{"a write inside a view is ErrReadOnly and changes nothing", viewIsReadOnly},
		{"a panic keeps nothing of the update and leaves the backend usable", panicKeepsNothing},
		{"a panic inside a view leaves the backend usable", viewPanic},
	}
}

func contextRules() []rule {
	return []rule{
		{"a context that has ended stops an update before its function runs", endedContextUpdate},
		{"a context that has ended stops a view before its function runs", endedContextView},
		{"a context that ends while the function runs does not hide the outcome", contextEndsInside},
		{"a context that ends while an update waits keeps nothing or everything", contextEndsWaiting},
	}
}

// before is stored when makeMess runs; after that fails, it must still be all.
func before() []record {
	return []record{{"t", "a", `1`}, {"t", "b", `2`}, {"t", "c", `3`}, {"u", "a", `4`}}
}

// makeMess changes, replaces twice, deletes, brings back and creates.
func makeMess(tx authstore.Tx) error {
	err := put(tx, record{"t", "a", `10`}, record{"t", "a", `11`}, record{"t", "new", `5`}, record{"new", "a", `6`},
		record{"t", "brief", `7`})
	if err != nil {
		return err
	}
	for _, r := range []record{{"t", "b", ""}, {"t", "c", ""}, {"t", "brief", ""}, {"u", "a", ""}} {
		if err := tx.Delete(r.table, r.key); err != nil {
			return err
		}
	}
	return put(tx, record{"t", "c", `30`}, record{"t", "brief", `8`})
}

func expectNoMess(tx authstore.Tx) error {
	if err := expect(tx, before()...); err != nil {
		return err
	}
	if err := expectKeys(tx, "t", "", "", "a", "b", "c"); err != nil {
		return err
	}
	return expectKeys(tx, "new", "", "")
}

func errorKeepsNothing(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	errWant := errors.New("changed my mind")
	err := b.Update(context.Background(), func(tx authstore.Tx) error {
		if err := makeMess(tx); err != nil {
			return err
		}
		return errWant
	})
	if err != errWant { // unchanged, so not errors.Is
		t.Errorf("Update = %v, want the error of its function", err)
	}
	mustView(t, b, expectNoMess)
	mustUpdate(t, b, expectNoMess)
}

func viewError(t *testing.T, _ Harness, b authstore.Backend) {
	errWant := errors.New("not what I was looking for")
	if err := b.View(context.Background(), func(authstore.Tx) error { return errWant }); err != errWant {
		t.Errorf("View = %v, want the error of its function", err)
	}
}

func viewIsReadOnly(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	mustView(t, b, func(tx authstore.Tx) error {
		for _, r := range append(before(), record{"t", "new", `1`}, record{"new", "a", `1`}) {
			if err := tx.Put(r.table, r.key, []byte(`0`)); !errors.Is(err, authstore.ErrReadOnly) {
				return fmt.Errorf("Put(%q, %q) in a View = %v, want ErrReadOnly", r.table, r.key, err)
			}
			if err := tx.Delete(r.table, r.key); !errors.Is(err, authstore.ErrReadOnly) {
				return fmt.Errorf("Delete(%q, %q) in a View = %v, want ErrReadOnly", r.table, r.key, err)
			}
		}
		return expectNoMess(tx)
	})
	mustView(t, b, expectNoMess)
}

// recovered runs fn and returns its error, or its panic as one.
func recovered(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return fn()
}

func panicKeepsNothing(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	// Whether the caller gets the panic or an error is the backend's choice.
	err := recovered(func() error {
		return b.Update(context.Background(), func(tx authstore.Tx) error {
			if err := makeMess(tx); err != nil {
				return err
			}
			panic("out of cheese")
		})
	})
	if err == nil {
		t.Error("Update with a function that panics = nil, want a panic or an error")
	}
	mustView(t, b, expectNoMess)
	mustPut(t, b, record{"t", "a", `100`})
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, record{"t", "a", `100`}) })
}

func viewPanic(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	err := recovered(func() error {
		return b.View(context.Background(), func(authstore.Tx) error { panic("out of cheese") })
	})
	if err == nil {
		t.Error("View with a function that panics = nil, want a panic or an error")
	}
	mustView(t, b, expectNoMess)
	mustPut(t, b, record{"t", "a", `100`})
}

func endedContextUpdate(t *testing.T, _ Harness, b authstore.Backend) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 { // a choice between two ready channels would show up
		ran := false
		err := b.Update(ctx, func(tx authstore.Tx) error {
			ran = true
			return put(tx, record{"t", "a", `1`})
		})
		if !errors.Is(err, context.Canceled) || ran {
			t.Fatalf("Update = %v and its function ran: %t, want context.Canceled and false", err, ran)
		}
	}
	mustView(t, b, func(tx authstore.Tx) error { return expectMissing(tx, "t", "a") })
}

func endedContextView(t *testing.T, _ Harness, b authstore.Backend) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ran := false
	err := b.View(ctx, func(authstore.Tx) error {
		ran = true
		return nil
	})
	if !errors.Is(err, context.Canceled) || ran {
		t.Errorf("View = %v and its function ran: %t, want context.Canceled and false", err, ran)
	}
}

func contextEndsInside(t *testing.T, _ Harness, b authstore.Backend) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := b.Update(ctx, func(tx authstore.Tx) error {
		cancel()
		return put(tx, record{"t", "a", `1`})
	})
	expectOutcome(t, b, err, record{"t", "a", `1`})
}

func contextEndsWaiting(t *testing.T, _ Harness, b authstore.Backend) {
	for i := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		mine, other := record{"t", fmt.Sprintf("mine%d", i), `1`}, record{"t", "other", fmt.Sprint(i)}
		var err error
		parallel(t, 3, func(j int) error {
			switch j {
			case 0:
				err = b.Update(ctx, func(tx authstore.Tx) error { return put(tx, mine) })
			case 1:
				return b.Update(context.Background(), func(tx authstore.Tx) error { return put(tx, other) })
			default:
				cancel()
			}
			return nil
		})
		expectOutcome(t, b, err, mine)
		mustView(t, b, func(tx authstore.Tx) error { return expect(tx, other) })
	}
}

// expectOutcome holds the result of an Update against what is stored.
func expectOutcome(t *testing.T, b authstore.Backend, err error, r record) {
	t.Helper()
	mustView(t, b, func(tx authstore.Tx) error {
		if err == nil {
			return expect(tx, r)
		}
		return expectMissing(tx, r.table, r.key)
	})
}
