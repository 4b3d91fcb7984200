// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func keyRules() []rule {
	return []rule{
		{"a key that was never put is ErrNotFound", missingKey},
		{"a table without keys reads as empty", emptyTable},
		{"what is put is got in later transactions", putAndGet},
		{"put replaces what was there", putReplaces},
		{"delete removes the key and nothing else", deleteRemoves},
		{"deleting a key that is not there is no error", deleteMissing},
		{"a transaction sees its own writes at once", ownWrites},
		{"tables do not see each other's keys", tablesAreApart},
	}
}

func byteRules() []rule {
	return []rule{
		{"any JSON document comes back", anyDocument},
		{"keys and tables are any bytes", anyBytes},
		{"a long key and a large value come back whole", largeRecord},
		{"bytes given in are copied", bytesInAreCopied},
		{"bytes handed out are copies", bytesOutAreCopies},
	}
}

func missingKey(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "b", `1`})
	check := func(tx authstore.Tx) error { return expectMissing(tx, "t", "a", "b\x00", "bb", "c", "B") }
	mustView(t, b, check)
	mustUpdate(t, b, check)
}

func emptyTable(t *testing.T, _ Harness, b authstore.Backend) {
	check := func(tx authstore.Tx) error {
		if err := expectMissing(tx, "never used", "a"); err != nil {
			return err
		}
		return expectKeys(tx, "never used", "", "")
	}
	mustView(t, b, check)
	mustUpdate(t, b, check)

	mustPut(t, b, record{"never used", "a", `1`})
	mustUpdate(t, b, func(tx authstore.Tx) error { return tx.Delete("never used", "a") })
	mustView(t, b, check)
}

func putAndGet(t *testing.T, _ Harness, b authstore.Backend) {
	one, two := record{"t", "one", `{"n":1}`}, record{"u", "two", `{"n":2}`}
	mustPut(t, b, one)
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, one) })
	mustPut(t, b, two)
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, one, two) })
	mustUpdate(t, b, func(tx authstore.Tx) error { return expect(tx, one, two) })
}

func putReplaces(t *testing.T, _ Harness, b authstore.Backend) {
	for _, value := range []string{`"short"`, `"a good deal longer than before"`, `1`} {
		mustPut(t, b, record{"t", "k", value})
		mustView(t, b, func(tx authstore.Tx) error {
			if err := expect(tx, record{"t", "k", value}); err != nil {
				return err
			}
			return expectKeys(tx, "t", "", "", "k")
		})
	}
}

func deleteRemoves(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "a", `1`}, record{"t", "b", `2`}, record{"t", "c", `3`}, record{"u", "b", `4`})
	mustUpdate(t, b, func(tx authstore.Tx) error { return tx.Delete("t", "b") })
	mustView(t, b, func(tx authstore.Tx) error {
		if err := expectMissing(tx, "t", "b"); err != nil {
			return err
		}
		if err := expectKeys(tx, "t", "", "", "a", "c"); err != nil {
			return err
		}
		return expect(tx, record{"t", "a", `1`}, record{"t", "c", `3`}, record{"u", "b", `4`})
	})
}

func deleteMissing(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "a", `1`})
	mustUpdate(t, b, func(tx authstore.Tx) error {
		if err := tx.Delete("t", "b"); err != nil {
			return err
		}
		return tx.Delete("never used", "a")
	})
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, record{"t", "a", `1`}) })
}

func ownWrites(t *testing.T, _ Harness, b authstore.Backend) {
	mustPut(t, b, record{"t", "a", `1`}, record{"t", "b", `2`})
	check := func(tx authstore.Tx) error {
		if err := expect(tx, record{"t", "a", `10`}, record{"t", "c", `31`}); err != nil {
			return err
		}
		if err := expectMissing(tx, "t", "b", "d"); err != nil {
			return err
		}
		return expectKeys(tx, "t", "", "", "a", "c")
	}
	mustUpdate(t, b, func(tx authstore.Tx) error {
		err := put(tx, record{"t", "a", `10`}, record{"t", "c", `30`}, record{"t", "c", `31`}, record{"t", "d", `4`})
		if err != nil {
			return err
		}
		for _, key := range []string{"b", "d"} {
			if err := tx.Delete("t", key); err != nil {
				return err
			}
		}
		return check(tx)
	})
	mustView(t, b, check)
}

func tablesAreApart(t *testing.T, _ Harness, b authstore.Backend) {
	// The pairs are such that tables and keys joined by a common separator, or
	// by none, would be taken for one another.
	records := []record{
		{"a", "b/c", `1`}, {"a/b", "c", `2`}, {"a", "bc", `3`}, {"ab", "c", `4`},
		{"a:b", "c", `5`}, {"a", "b:c", `6`}, {"a\x00b", "c", `7`}, {"a", "b\x00c", `8`},
		{"a\xff", "c", `9`}, {"A", "bc", `10`},
	}
	mustPut(t, b, records...)
	mustView(t, b, func(tx authstore.Tx) error {
		if err := expect(tx, records...); err != nil {
			return err
		}
		if err := expectKeys(tx, "a", "", "", "b\x00c", "b/c", "b:c", "bc"); err != nil {
			return err
		}
		return expectKeys(tx, "ab", "", "", "c")
	})
}

func anyDocument(t *testing.T, _ Harness, b authstore.Backend) {
	documents := []string{
		`null`, `true`, `0`, `-12345`, `""`, `"é 雪 🙂 \" \\ \n"`, `[]`, `{}`,
		`{"name":"Zoë","tags":["a","b"],"nested":{"deep":[1,[2,[3]]]},"none":null}`,
	}
	for i, doc := range documents {
		mustPut(t, b, record{"t", fmt.Sprint(i), doc})
	}
	mustView(t, b, func(tx authstore.Tx) error {
		for i, doc := range documents {
			if err := expect(tx, record{"t", fmt.Sprint(i), doc}); err != nil {
				return err
			}
		}
		return nil
	})
}

// strangeKeys are in ascending order, bytewise. Some are no valid UTF-8.
func strangeKeys() []string {
	return []string{
		"\x00", "\x00\x00", "\x00a", "\x01", " ", "'", "/", "10", "9", "A", "Z", "\\", "a", "a\x00", "a\x00b",
		"a\x01", "a b", "a%", "aa", "a\xff", "b", "~", "\x7f", "\x80", "\xc3", "\xc3\xa9", "\xe2\x82\xac",
		"\xfe\xff", "\xff", "\xff\x00", "\xff\xff",
	}
}

func anyBytes(t *testing.T, _ Harness, b authstore.Backend) {
	keys := strangeKeys()
	mustUpdate(t, b, func(tx authstore.Tx) error {
		for i, key := range keys {
			if err := put(tx, record{"t", key, fmt.Sprint(i)}, record{key, "k", fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	mustView(t, b, func(tx authstore.Tx) error {
		for i, key := range keys {
			if err := expect(tx, record{"t", key, fmt.Sprint(i)}, record{key, "k", fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func largeRecord(t *testing.T, _ Harness, b authstore.Backend) {
	// No limit is part of the contract; these sizes are what usher may need.
	key := strings.Repeat("0123456789abcdef", 1<<10/16)
	value := `"` + strings.Repeat("0123456789abcdef", 64<<10/16) + `"`
	mustPut(t, b, record{"t", key, value}, record{"t", key + "x", `1`})
	mustView(t, b, func(tx authstore.Tx) error {
		return expect(tx, record{"t", key, value}, record{"t", key + "x", `1`})
	})
}

func bytesInAreCopied(t *testing.T, _ Harness, b authstore.Backend) {
	want := record{"t", "k", `"given"`}
	mustUpdate(t, b, func(tx authstore.Tx) error {
		value := []byte(want.value)
		if err := tx.Put(want.table, want.key, value); err != nil {
			return err
		}
		spoil(value)
		return expect(tx, want)
	})
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, want) })
}

func bytesOutAreCopies(t *testing.T, _ Harness, b authstore.Backend) {
	want := record{"t", "k", `"stored"`}
	var kept [][]byte
	spoilAll := func(tx authstore.Tx) error {
		kept = nil
		value, err := tx.Get(want.table, want.key)
		if err != nil {
			return err
		}
		spoil(value)
		kept = append(kept, value)
		return tx.Scan(want.table, "", "", func(_ string, value []byte) error {
			spoil(value)
			kept = append(kept, value)
			return expect(tx, want)
		})
	}
	// Once on what the transaction itself has put, then on what was stored.
	mustUpdate(t, b, func(tx authstore.Tx) error {
		if err := put(tx, want); err != nil {
			return err
		}
		return spoilAll(tx)
	})
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, want) })
	mustView(t, b, spoilAll)
	mustUpdate(t, b, spoilAll)
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, want) })

	// What was handed out stays as it is, whatever is written later.
	mustPut(t, b, record{"t", "k", `"replaced"`})
	for _, value := range kept {
		if len(bytes.Trim(value, "#")) != 0 {
			t.Errorf("bytes handed out have changed after the transaction: %q", value)
		}
	}
	mustView(t, b, func(tx authstore.Tx) error { return expect(tx, record{"t", "k", `"replaced"`}) })
}

func spoil(value []byte) {
	for i := range value {
		value[i] = '#'
	}
}
