// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
)

func TestMemoryConforms(t *testing.T) {
	authstoretest.RunBackend(t, authstoretest.Harness{
		Open: func(*testing.T) authstore.Backend { return authstoretest.NewMemory() },
	})
}

// The suite itself must be fit for backends that run a function again.
func TestMemoryThatRetriesConforms(t *testing.T) {
	authstoretest.RunBackend(t, authstoretest.Harness{
		Open: func(*testing.T) authstore.Backend {
			m := authstoretest.NewMemory()
			m.Retry = true
			return m
		},
	})
}

func TestMemoryRetryRunsTwiceFromTheSameState(t *testing.T) {
	m := authstoretest.NewMemory()
	m.Retry = true
	runs := 0
	err := m.Update(context.Background(), func(tx authstore.Tx) error {
		runs++
		if _, err := tx.Get("t", "k"); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("run %d: Get = %v, want ErrNotFound", runs, err)
		}
		return tx.Put("t", "k", []byte(`1`))
	})
	if err != nil || runs != 2 {
		t.Errorf("Update = %v after %d runs, want nil after 2", err, runs)
	}
}

func TestMemoryRefusesWritesToTheTableBeingScanned(t *testing.T) {
	m := authstoretest.NewMemory()
	err := m.Update(context.Background(), func(tx authstore.Tx) error {
		if err := tx.Put("t", "k", []byte(`1`)); err != nil {
			return err
		}
		return tx.Scan("t", "", "", func(key string, _ []byte) error { return tx.Delete("t", key) })
	})
	if err == nil {
		t.Error("Delete inside a Scan of the same table = nil, want an error")
	}
}

func TestMemoryRefusesTransactionsThatHaveEnded(t *testing.T) {
	m := authstoretest.NewMemory()
	var leaked authstore.Tx
	if err := m.Update(context.Background(), func(tx authstore.Tx) error { leaked = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := leaked.Put("t", "k", []byte(`1`)); err == nil {
		t.Error("Put after the end = nil, want an error")
	}
	if _, err := leaked.Get("t", "k"); err == nil || errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("Get after the end = %v, want an error of its own", err)
	}
	if err := leaked.Scan("t", "", "", nil); err == nil {
		t.Error("Scan after the end = nil, want an error")
	}
}

func TestMemoryUpdateThatWaitsHeedsItsContext(t *testing.T) {
	m := authstoretest.NewMemory()
	ctx, cancel := context.WithCancel(context.Background())
	err := m.Update(context.Background(), func(authstore.Tx) error {
		waiting := make(chan error)
		go func() { waiting <- m.Update(ctx, func(authstore.Tx) error { return nil }) }()
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("Update that waits = %v, want context.Canceled", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
