// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"bytes"
	"sync"
)

// maxMemo bounds a memo to a few megabytes. A full one begins anew.
const maxMemo = 4096

// memo remembers what records decode to: clients read a customer several times
// in a row, and decoding costs more than reading. It is never stale, because it
// is asked with the record as it is stored now. Safe for concurrent use.
type memo[T any] struct {
	mu    sync.RWMutex
	known map[string]decoded[T] // guarded by mu; by key
}

type decoded[T any] struct {
	record []byte
	value  T
}

// get is get for a table that the memo is for. The value is shared: who changes
// what it points to copies that first.
func (m *memo[T]) get(tx Tx, table, key string) (T, error) {
	record, err := tx.Get(table, key)
	if err != nil {
		var none T
		return none, err
	}
	m.mu.RLock()
	have, ok := m.known[key]
	m.mu.RUnlock()
	if ok && bytes.Equal(have.record, record) {
		return have.value, nil
	}
	var v T
	if err := decode(table, key, record, &v); err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxMemo {
		m.known = map[string]decoded[T]{}
	}
	m.known[key] = decoded[T]{record, v}
	return v, nil
}
