// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/usher-sso/usher/authstore"
)

var (
	// errEnded says that a Tx was used after the function it was given to had
	// returned. Without this, the write would go into somebody else's update.
	errEnded = errors.New("transaction has ended")

	// errScanning says that a function given to Scan wrote to the table being
	// scanned. bbolt would go on and silently skip keys.
	errScanning = errors.New("write to a table that is being scanned")
)

// tx is one View or Update. Several may share one bbolt transaction, one after
// the other; see batch.
type tx struct {
	btx      *bbolt.Tx
	writable bool
	ended    bool
	changed  bool     // there is something to commit
	scanning []string // tables of the Scans that are running, innermost last
	log      []entry  // how to undo, in the order of the writes
}

// entry is what a write has replaced.
type entry struct {
	table, key string
	old        []byte // nil if the key was not there
}

// Get implements authstore.Tx.
func (t *tx) Get(table, key string) ([]byte, error) {
	if t.ended {
		return nil, errEnded
	}
	bucket := t.btx.Bucket([]byte(table))
	if bucket == nil {
		return nil, authstore.ErrNotFound
	}
	value := bucket.Get([]byte(key))
	if value == nil {
		return nil, authstore.ErrNotFound
	}
	return clone(value), nil
}

// Put implements authstore.Tx.
func (t *tx) Put(table, key string, value []byte) error {
	if err := t.mayWrite(table); err != nil {
		return err
	}
	bucket, err := t.btx.CreateBucketIfNotExists([]byte(table))
	if err != nil {
		return fmt.Errorf("creating table %q: %w", table, err)
	}
	t.remember(bucket, table, key)
	// bbolt keeps the value until the commit, hence the copy.
	if err := bucket.Put([]byte(key), clone(value)); err != nil {
		return fmt.Errorf("putting into table %q: %w", table, err)
	}
	return nil
}

// Delete implements authstore.Tx.
func (t *tx) Delete(table, key string) error {
	if err := t.mayWrite(table); err != nil {
		return err
	}
	bucket := t.btx.Bucket([]byte(table))
	if bucket == nil || bucket.Get([]byte(key)) == nil {
		return nil
	}
	t.remember(bucket, table, key)
	if err := bucket.Delete([]byte(key)); err != nil {
		return fmt.Errorf("deleting from table %q: %w", table, err)
	}
	return nil
}

// Scan implements authstore.Tx.
func (t *tx) Scan(table, from, to string, fn func(key string, value []byte) error) error {
	if t.ended {
		return errEnded
	}
	bucket := t.btx.Bucket([]byte(table))
	if bucket == nil {
		return nil
	}
	t.scanning = append(t.scanning, table)
	defer func() { t.scanning = t.scanning[:len(t.scanning)-1] }()

	c := bucket.Cursor()
	for k, v := c.Seek([]byte(from)); k != nil && (to == "" || string(k) < to); k, v = c.Next() {
		err := fn(string(k), clone(v))
		if errors.Is(err, authstore.ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) mayWrite(table string) error {
	switch {
	case t.ended:
		return errEnded
	case !t.writable:
		return authstore.ErrReadOnly
	case slices.Contains(t.scanning, table):
		return fmt.Errorf("%w: %q", errScanning, table)
	}
	return nil
}

// remember notes what a write is about to replace. It does so before the write,
// so that a panic in the middle of it can be undone as well.
func (t *tx) remember(bucket *bbolt.Bucket, table, key string) {
	e := entry{table: table, key: key}
	if old := bucket.Get([]byte(key)); old != nil {
		e.old = clone(old)
	}
	t.log = append(t.log, e)
	t.changed = true
}

// undo puts back what was there before, latest first, because a key may have
// been written more than once. A table created on the way stays, empty, which
// nobody can tell from one that is not there.
func (t *tx) undo() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	for _, e := range slices.Backward(t.log) {
		bucket := t.btx.Bucket([]byte(e.table))
		if e.old == nil {
			err = bucket.Delete([]byte(e.key))
		} else {
			err = bucket.Put([]byte(e.key), e.old)
		}
		if err != nil {
			return fmt.Errorf("restoring a key of table %q: %w", e.table, err)
		}
	}
	return nil
}

// end makes the Tx refuse everything from now on.
func (t *tx) end() { t.ended = true }

// clone copies value. Unlike bytes.Clone it never returns nil, which in bbolt
// means that a key is not there.
func clone(value []byte) []byte {
	return append(make([]byte, 0, len(value)), value...)
}

// Interface guard.
var _ authstore.Tx = (*tx)(nil)
