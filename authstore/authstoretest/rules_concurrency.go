// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// How hard the rules about concurrency try. More finds no more faults, and a
// backend on a slow disk has to get through in seconds.
const (
	workers = 8
	rounds  = 20
)

func concurrencyRules() []rule {
	return []rule{
		{"concurrent increments lose nothing", noLostUpdates},
		{"updates that fail leave their neighbours alone", failuresAreAlone},
		{"write skew between two keys is impossible", noWriteSkewOnKeys},
		{"write skew on a key that is not there is impossible", noWriteSkewOnMissing},
		{"write skew on a scan is impossible", noWriteSkewOnScan},
		{"a view sees all of an update or nothing", viewsAreWhole},
		{"a view sees the same as long as it lasts", viewsAreStable},
		{"a view never sees what is taken back", noDirtyReads},
	}
}

func noLostUpdates(t *testing.T, _ Harness, b authstore.Backend) {
	parallel(t, workers, func(int) error {
		for range rounds {
			err := b.Update(context.Background(), func(tx authstore.Tx) error { return add(tx, "t", "counter", 1) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	mustView(t, b, func(tx authstore.Tx) error {
		return expect(tx, record{"t", "counter", fmt.Sprint(workers * rounds)})
	})
}

// failuresAreAlone lets every second update fail or panic after it has written
// to the same keys that the good ones write to.
func failuresAreAlone(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "stays", `1`})
	parallel(t, workers, func(i int) error {
		own := fmt.Sprintf("own%d", i)
		for j := range rounds {
			if j%2 == 1 {
				if err := failAfterWrites(b, own, j%4 == 1); err != nil {
					return err
				}
				continue
			}
			err := b.Update(context.Background(), func(tx authstore.Tx) error {
				if err := add(tx, "t", "counter", 1); err != nil {
					return err
				}
				return add(tx, "t", own, 1)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	mustView(t, b, func(tx authstore.Tx) error {
		for i := range workers {
			if err := expect(tx, record{"t", fmt.Sprintf("own%d", i), fmt.Sprint(rounds / 2)}); err != nil {
				return err
			}
		}
		if err := expectMissing(tx, "t", "junk"); err != nil {
			return err
		}
		return expect(tx, record{"t", "stays", `1`}, record{"t", "counter", fmt.Sprint(workers * rounds / 2)})
	})
}

func failAfterWrites(b authstore.Backend, own string, panics bool) error {
	errFail := errors.New("failing on purpose")
	err := recovered(func() error {
		return b.Update(context.Background(), func(tx authstore.Tx) error {
			if err := add(tx, "t", "counter", 1000); err != nil {
				return err
			}
			err := put(tx, record{"t", "junk", `1`}, record{"t", "stays", `"junk"`}, record{"t", own, `"junk"`})
			if err != nil {
				return err
			}
			if err := tx.Delete("t", "stays"); err != nil {
				return err
			}
			if panics {
				panic(errFail)
			}
			return errFail
		})
	})
	if err == nil {
		return errors.New("an update that fails returned nil")
	}
	return nil
}

// noWriteSkewOnKeys is the tale of the two doctors on call: each may leave only
// if the other stays, and both ask at the same time.
func noWriteSkewOnKeys(t *testing.T, _ Harness, b authstore.Backend) {
	for range rounds {
		mustPut(t, b, record{"oncall", "0", `1`}, record{"oncall", "1", `1`})
		parallel(t, 2, func(i int) error {
			return b.Update(context.Background(), func(tx authstore.Tx) error {
				other, err := number(tx, "oncall", fmt.Sprint(1-i))
				if err != nil || other == 0 {
					return err
				}
				return add(tx, "oncall", fmt.Sprint(i), -1)
			})
		})
		mustView(t, b, func(tx authstore.Tx) error {
			first, err := number(tx, "oncall", "0")
			if err != nil {
				return err
			}
			return expect(tx, record{"oncall", "1", fmt.Sprint(1 - first)})
		})
	}
}

func noWriteSkewOnMissing(t *testing.T, _ Harness, b authstore.Backend) {
	for round := range rounds {
		table := fmt.Sprintf("claim%d", round)
		parallel(t, 2, func(i int) error {
			return b.Update(context.Background(), func(tx authstore.Tx) error {
				_, err := tx.Get(table, fmt.Sprint(1-i))
				if !errors.Is(err, authstore.ErrNotFound) {
					return err
				}
				return put(tx, record{table, fmt.Sprint(i), `1`})
			})
		})
		expectOneKey(t, b, table)
	}
}

func noWriteSkewOnScan(t *testing.T, _ Harness, b authstore.Backend) {
	for round := range rounds {
		table := fmt.Sprintf("claim%d", round)
		parallel(t, 2, func(i int) error {
			return b.Update(context.Background(), func(tx authstore.Tx) error {
				taken := false
				err := tx.Scan(table, "", "", func(string, []byte) error {
					taken = true
					return authstore.ErrStop
				})
				if err != nil || taken {
					return err
				}
				return put(tx, record{table, fmt.Sprint(i), `1`})
			})
		})
		expectOneKey(t, b, table)
	}
}

func expectOneKey(t *testing.T, b authstore.Backend, table string) {
	t.Helper()
	n := 0
	mustView(t, b, func(tx authstore.Tx) error {
		n = 0
		return tx.Scan(table, "", "", func(string, []byte) error {
			n++
			return nil
		})
	})
	if n != 1 {
		t.Fatalf("%d of 2 transactions that exclude each other succeeded, want 1", n)
	}
}

// whileWriting runs view again and again, while other goroutines run write.
func whileWriting(t *testing.T, b authstore.Backend, write func(i int) error, view func(authstore.Tx) error) {
	t.Helper()
	const writers = workers / 2
	var left atomic.Int32
	left.Store(writers)
	parallel(t, workers, func(i int) error {
		if i < writers {
			defer left.Add(-1)
			for range rounds {
				if err := write(i); err != nil {
					return err
				}
			}
			return nil
		}
		for left.Load() > 0 {
			if err := b.View(context.Background(), view); err != nil {
				return err
			}
			runtime.Gosched()
		}
		return nil
	})
}

// viewsAreWhole moves amounts between accounts of two tables; no view may see
// an amount that is nowhere or twice.
func viewsAreWhole(t *testing.T, _ Harness, b authstore.Backend) {
	const accounts, amount = 5, 100
	mustUpdate(t, b, func(tx authstore.Tx) error {
		for i := range accounts {
			err := put(tx, record{"left", fmt.Sprint(i), fmt.Sprint(amount)}, record{"right", fmt.Sprint(i), fmt.Sprint(amount)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	transfer := func(i int) error {
		return b.Update(context.Background(), func(tx authstore.Tx) error {
			if err := add(tx, "left", fmt.Sprint(i%accounts), -1); err != nil {
				return err
			}
			return add(tx, "right", fmt.Sprint((i+1)%accounts), 1)
		})
	}
	audit := func(tx authstore.Tx) error {
		sum := 0
		for _, table := range []string{"left", "right"} {
			err := tx.Scan(table, "", "", func(key string, _ []byte) error {
				n, err := number(tx, table, key)
				sum += n
				return err
			})
			if err != nil {
				return err
			}
		}
		if want := 2 * accounts * amount; sum != want {
			return fmt.Errorf("sum of all accounts = %d, want %d", sum, want)
		}
		return nil
	}
	whileWriting(t, b, transfer, audit)
	mustView(t, b, audit)
}

func viewsAreStable(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "0", `0`}, record{"u", "0", `0`})
	write := func(i int) error {
		return b.Update(context.Background(), func(tx authstore.Tx) error {
			if err := add(tx, "t", "0", 1); err != nil {
				return err
			}
			return add(tx, "u", "0", 1)
		})
	}
	whileWriting(t, b, write, func(tx authstore.Tx) error {
		first, err := number(tx, "t", "0")
		if err != nil {
			return err
		}
		for range 10 {
			runtime.Gosched() // let a writer in
			if err := expect(tx, record{"t", "0", fmt.Sprint(first)}, record{"u", "0", fmt.Sprint(first)}); err != nil {
				return fmt.Errorf("the view has changed: %w", err)
			}
		}
		return nil
	})
}

func noDirtyReads(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, before()...)
	errFail := errors.New("failing on purpose")
	write := func(i int) error {
		err := b.Update(context.Background(), func(tx authstore.Tx) error {
			if err := makeMess(tx); err != nil {
				return err
			}
			runtime.Gosched() // let a view look
			return errFail
		})
		if !errors.Is(err, errFail) {
			return fmt.Errorf("Update = %w, want the error of its function", err)
		}
		return nil
	}
	whileWriting(t, b, write, expectNoMess)
}
