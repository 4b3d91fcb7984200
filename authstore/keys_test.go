// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func TestRootKeyIsTheSameForAllCallers(t *testing.T) {
	const n = 20
	onBackends(t, func(t *testing.T, w *world) {
		roots := make([]authstore.Key, n)
		errs := parallel(n, func(i int) (err error) {
			roots[i], err = w.RootKey(t.Context(), []byte{byte(i)})
			return err
		})
		if count(errs, nil) != n {
			t.Fatal(errs)
		}
		for i, root := range roots {
			if root.ID != authstore.RootKeyID || len(root.Secret) != 1 || root.Secret[0] != roots[0].Secret[0] {
				t.Errorf("caller %d has %+v, caller 0 has %+v", i, root, roots[0])
			}
		}
		keys, err := w.Keys(t.Context())
		if err != nil || len(keys) != 1 || keys[0].Secret[0] != roots[0].Secret[0] {
			t.Errorf("stored %+v, %v", keys, err)
		}
	})
}

func keyIDs(keys []authstore.Key) (ids []string) {
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestChangeOfKeysStoresAndForgetsInOneStep(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		change := func(want []string, store []authstore.Key, forget ...string) {
			t.Helper()
			keys, err := w.ChangeKeys(t.Context(), func([]authstore.Key) ([]authstore.Key, []string, error) { return store, forget, nil })
			if err != nil || !slices.Equal(keyIDs(keys), want) {
				t.Errorf("returned %v, %v, want %v", keyIDs(keys), err, want)
			}
			if stored, err := w.Keys(t.Context()); err != nil || !slices.Equal(keyIDs(stored), want) {
				t.Errorf("stored %v, %v, want %v", keyIDs(stored), err, want)
			}
		}
		change([]string{"a", "b"}, []authstore.Key{{ID: "a"}, {ID: "b"}})
		change([]string{"b", "c"}, []authstore.Key{{ID: "c"}}, "a")
		change([]string{"b", "c"}, nil, "unknown")
	})
}

func TestRefusedChangeOfKeysKeepsNothing(t *testing.T) {
	w := newWorld(t)
	no := errors.New("no")
	_, err := w.ChangeKeys(t.Context(), func([]authstore.Key) ([]authstore.Key, []string, error) {
		return []authstore.Key{{ID: "a"}}, nil, no
	})
	if !errors.Is(err, no) || w.records() != "" {
		t.Errorf("got %v, stored %q", err, w.records())
	}
}

func TestParallelChangesOfKeysSeeEachOther(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		errs := parallel(20, func(i int) error {
			_, err := w.ChangeKeys(t.Context(), func(keys []authstore.Key) ([]authstore.Key, []string, error) {
				if len(keys) > 0 {
					return nil, nil, nil
				}
				return []authstore.Key{{ID: fmt.Sprint("k", i)}}, nil, nil
			})
			return err
		})
		if keys, err := w.Keys(t.Context()); err != nil || len(keys) != 1 || count(errs, nil) != 20 {
			t.Errorf("stored %v, %v, %v; want one key", keyIDs(keys), err, errs)
		}
	})
}
