// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func scanRules() []rule {
	return []rule{
		{"keys come in ascending order bytewise", scanOrder},
		{"from is included and to is not", scanBounds},
		{"the values are those of the keys", scanValues},
		{"ErrStop ends a scan early and without an error", scanStop},
		{"an error ends a scan and is returned unchanged", scanError},
		{"a scan sees the transaction's own puts and deletes", scanOwnWrites},
		{"the function may read", scanReads},
		{"the function may write to another table", scanWritesElsewhere},
		{"a long table is scanned whole", scanLong},
	}
}

func scanOrder(t *testing.T, _ Harness, b authstore.Backend) {
	keys := strangeKeys()
	if !slices.IsSorted(keys) {
		t.Fatal("strangeKeys is not in order")
	}
	mustUpdate(t, b, func(tx authstore.Tx) error {
		for _, key := range slices.Backward(keys) {
			if err := put(tx, record{"t", key, `1`}); err != nil {
				return err
			}
		}
		return expectKeys(tx, "t", "", "", keys...)
	})
	mustView(t, b, func(tx authstore.Tx) error { return expectKeys(tx, "t", "", "", keys...) })

	// Every pair of bounds, against the definition.
	mustView(t, b, func(tx authstore.Tx) error {
		for _, from := range keys {
			for _, to := range keys {
				var want []string
				for _, k := range keys {
					if from <= k && k < to {
						want = append(want, k)
					}
				}
				if err := expectKeys(tx, "t", from, to, want...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func scanBounds(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "b", `1`}, record{"t", "d", `2`}, record{"t", "f", `3`}, record{"u", "c", `4`})
	cases := []struct {
		from, to string
		want     []string
	}{
		{"", "", []string{"b", "d", "f"}},
		{"b", "", []string{"b", "d", "f"}},
		{"b\x00", "", []string{"d", "f"}},
		{"d", "", []string{"d", "f"}},
		{"f", "", []string{"f"}},
		{"f\x00", "", nil},
		{"z", "", nil},
		{"", "b", nil},
		{"", "b\x00", []string{"b"}},
		{"", "d", []string{"b"}},
		{"", "z", []string{"b", "d", "f"}},
		{"b", "f", []string{"b", "d"}},
		{"c", "e", []string{"d"}},
		{"d", "d", nil},
		{"f", "b", nil},
		{"z", "a", nil},
	}
	check := func(tx authstore.Tx) error {
		for _, c := range cases {
			if err := expectKeys(tx, "t", c.from, c.to, c.want...); err != nil {
				return err
			}
		}
		return nil
	}
	mustView(t, b, check)
	mustUpdate(t, b, check)
}

func scanValues(t *testing.T, _ Harness, b authstore.Backend) {
	want := map[string]string{"a": `1`, "b": `{"x":[2]}`, "c": `"three"`}
	for key, value := range want {
		mustPut(t, b, record{"t", key, value})
	}
	mustView(t, b, func(tx authstore.Tx) error {
		return tx.Scan("t", "", "", func(key string, value []byte) error {
			if !sameJSON(value, []byte(want[key])) {
				return fmt.Errorf("value of %q = %s, want %s", key, value, want[key])
			}
			return nil
		})
	})
}

func scanStop(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "a", `1`}, record{"t", "b", `2`}, record{"t", "c", `3`})
	check := func(tx authstore.Tx) error {
		var seen []string
		err := tx.Scan("t", "", "", func(key string, _ []byte) error {
			seen = append(seen, key)
			if key == "b" {
				return authstore.ErrStop
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("Scan that was stopped: %w", err)
		}
		if !slices.Equal(seen, []string{"a", "b"}) {
			return fmt.Errorf("keys seen = %q, want a and b", seen)
		}
		return expectKeys(tx, "t", "", "", "a", "b", "c") // the transaction is still good
	}
	mustView(t, b, check)
	mustUpdate(t, b, check)
}

func scanError(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "a", `1`}, record{"t", "b", `2`})
	errWant := errors.New("enough")
	scan := func(tx authstore.Tx) error {
		calls := 0
		err := tx.Scan("t", "", "", func(string, []byte) error {
			calls++
			return errWant
		})
		if err != errWant { // unchanged, so not errors.Is
			return fmt.Errorf("Scan = %v, want the error of its function", err)
		}
		if calls != 1 {
			return fmt.Errorf("function ran %d times, want 1", calls)
		}
		return err
	}
	if err := b.View(context.Background(), scan); err != errWant {
		t.Errorf("View = %v, want the error of its function", err)
	}
	if err := b.Update(context.Background(), scan); err != errWant {
		t.Errorf("Update = %v, want the error of its function", err)
	}
}

func scanOwnWrites(t *testing.T, _ Harness, b authstore.Backend) {
	for _, key := range []string{"b", "d", "f", "h"} {
		mustPut(t, b, record{"t", key, `"old"`})
	}
	want := []record{
		{"t", "a", `"new"`}, {"t", "b", `"old"`}, {"t", "d", `"changed"`}, {"t", "e", `"new"`}, {"t", "h", `"old"`}, {"t", "z", `"new"`},
	}
	check := func(tx authstore.Tx) error {
		if err := expectKeys(tx, "t", "", "", "a", "b", "d", "e", "h", "z"); err != nil {
			return err
		}
		if err := expectKeys(tx, "t", "b", "h", "b", "d", "e"); err != nil {
			return err
		}
		return expect(tx, want...)
	}
	mustUpdate(t, b, func(tx authstore.Tx) error {
		if err := put(tx, want[0], want[2], want[3], want[5], record{"t", "g", `"brief"`}); err != nil {
			return err
		}
		for _, key := range []string{"f", "g"} {
			if err := tx.Delete("t", key); err != nil {
				return err
			}
		}
		return check(tx)
	})
	mustView(t, b, check)
}

func scanReads(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "a", `1`}, record{"t", "b", `2`}, record{"u", "a", `"a of u"`})
	check := func(tx authstore.Tx) error {
		outer := 0
		err := tx.Scan("t", "", "", func(key string, _ []byte) error {
			outer++
			if err := expect(tx, record{"t", "b", `2`}, record{"u", "a", `"a of u"`}); err != nil {
				return err
			}
			if err := expectKeys(tx, "u", "", "", "a"); err != nil {
				return err
			}
			return expectKeys(tx, "t", "", "", "a", "b")
		})
		if err == nil && outer != 2 {
			err = fmt.Errorf("outer scan saw %d keys, want 2", outer)
		}
		return err
	}
	mustView(t, b, check)
	mustUpdate(t, b, check)
}

func scanWritesElsewhere(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "a", `1`}, record{"t", "b", `2`}, record{"t", "c", `3`}, record{"u", "b", `"old"`})
	mustUpdate(t, b, func(tx authstore.Tx) error {
		err := tx.Scan("t", "", "", func(key string, value []byte) error {
			if key == "b" {
				return tx.Delete("u", "b")
			}
			return put(tx, record{"u", key, string(value)}, record{"made by " + key, key, string(value)})
		})
		if err != nil {
			return err
		}
		return expectKeys(tx, "u", "", "", "a", "c")
	})
	mustView(t, b, func(tx authstore.Tx) error {
		return expect(tx, record{"u", "a", `1`}, record{"u", "c", `3`}, record{"made by c", "c", `3`}, record{"t", "b", `2`})
	})
}

func scanLong(t *testing.T, _ Harness, b authstore.Backend) {
	const n = 1500 // more than backends like to fetch at once
	key := func(i int) string { return fmt.Sprintf("k%05d", i) }
	var want []string
	for i := range n {
		want = append(want, key(i))
	}
	// Even keys are stored, odd ones belong to the transaction that scans.
	fill := func(tx authstore.Tx, first int) error {
		for i := first; i < n; i += 2 {
			if err := put(tx, record{"t", key(i), fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	}
	mustUpdate(t, b, func(tx authstore.Tx) error { return fill(tx, 0) })
	mustUpdate(t, b, func(tx authstore.Tx) error {
		if err := fill(tx, 1); err != nil {
			return err
		}
		return expectKeys(tx, "t", "", "", want...)
	})
	mustView(t, b, func(tx authstore.Tx) error {
		if err := expectKeys(tx, "t", key(700), key(1200), want[700:1200]...); err != nil {
			return err
		}
		return expectKeys(tx, "t", "", "", want...)
	})
	mustUpdate(t, b, func(tx authstore.Tx) error {
		for _, k := range want[100:] {
			if err := tx.Delete("t", k); err != nil {
				return err
			}
		}
		return expectKeys(tx, "t", "", "", want[:100]...)
	})
	mustView(t, b, func(tx authstore.Tx) error { return expectKeys(tx, "t", "", "", want[:100]...) })
}
