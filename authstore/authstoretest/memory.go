// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/usher-sso/usher/authstore"
)

var (
	errEnded    = errors.New("transaction has ended")
	errScanning = errors.New("write to a table that is being scanned")
)

// Memory is the reference backend: it keeps everything in memory and is meant
// to be obviously right. Tables are never changed in place. An Update works on
// copies of the tables it writes to, which replace the old ones when it
// succeeds; what fails is just dropped, and a View keeps what it began with.
//
// It reports two misuses that the contract forbids but other backends may
// suffer in silence: writing to a table inside its Scan, and using a Tx after
// its end.
type Memory struct {
	// Retry lets every Update run its function twice, each time from the same
	// state, and keep what the second run did. With it a test finds functions
	// that are not fit to run again. Set it before the first use.
	Retry bool

	turn chan struct{} // holds one token while an Update runs

	mu      sync.Mutex // guards closed and tables
	closed  bool
	tables  map[string]table
	running sync.WaitGroup // Views and Updates
}

// table is sorted by key. Its values are never changed.
type table []cell

type cell struct {
	key   string
	value []byte
}

// find returns where key is, or where it would go.
func (t table) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t, key, func(c cell, key string) int { return strings.Compare(c.key, key) })
}

// NewMemory returns an empty backend.
func NewMemory() *Memory {
	return &Memory{turn: make(chan struct{}, 1), tables: map[string]table{}}
}

// View implements authstore.Backend.
func (m *Memory) View(ctx context.Context, fn func(authstore.Tx) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.running.Done()
	tx := &memoryTx{tables: m.current()}
	defer tx.end()
	return fn(tx)
}

// Update implements authstore.Backend.
func (m *Memory) Update(ctx context.Context, fn func(authstore.Tx) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.running.Done()
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil { // both were ready
		return err
	}
	if m.Retry {
		_, _ = m.attempt(fn)
	}
	tables, err := m.attempt(fn)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables = tables
	return nil
}

// attempt runs fn and returns the tables as they are then.
func (m *Memory) attempt(fn func(authstore.Tx) error) (map[string]table, error) {
	tx := &memoryTx{tables: maps.Clone(m.current()), mine: map[string]bool{}, writable: true}
	defer tx.end()
	return tx.tables, fn(tx)
}

// Close implements authstore.Backend.
func (m *Memory) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.running.Wait()
	return nil
}

// enter counts a transaction in, unless it may not begin.
func (m *Memory) enter(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return authstore.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.running.Add(1)
	return nil
}

func (m *Memory) current() map[string]table {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tables
}

type memoryTx struct {
	tables   map[string]table
	mine     map[string]bool // tables that are copies of this Update already
	writable bool
	ended    bool
	scanning []string // tables of the Scans that are running
}

// Get implements authstore.Tx.
func (tx *memoryTx) Get(table, key string) ([]byte, error) {
	if tx.ended {
		return nil, errEnded
	}
	cells := tx.tables[table]
	i, found := cells.find(key)
	if !found {
		return nil, authstore.ErrNotFound
	}
	return bytes.Clone(cells[i].value), nil
}

// Put implements authstore.Tx.
func (tx *memoryTx) Put(table, key string, value []byte) error {
	if err := tx.own(table); err != nil {
		return err
	}
	if table == "" || key == "" {
		return errors.New("table and key must not be empty")
	}
	cells, c := tx.tables[table], cell{key, bytes.Clone(value)}
	i, found := cells.find(key)
	if found {
		cells[i] = c
	} else {
		tx.tables[table] = slices.Insert(cells, i, c)
	}
	return nil
}

// Delete implements authstore.Tx.
func (tx *memoryTx) Delete(table, key string) error {
	if err := tx.own(table); err != nil {
		return err
	}
	cells := tx.tables[table]
	if i, found := cells.find(key); found {
		tx.tables[table] = slices.Delete(cells, i, i+1)
	}
	return nil
}

// Scan implements authstore.Tx.
func (tx *memoryTx) Scan(table, from, to string, fn func(key string, value []byte) error) error {
	if tx.ended {
		return errEnded
	}
	tx.scanning = append(tx.scanning, table)
	defer func() { tx.scanning = tx.scanning[:len(tx.scanning)-1] }()

	cells := tx.tables[table]
	start, _ := cells.find(from)
	for _, c := range cells[start:] {
		if to != "" && c.key >= to {
			return nil
		}
		err := fn(c.key, bytes.Clone(c.value))
		if errors.Is(err, authstore.ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// own makes table one that this transaction may change.
func (tx *memoryTx) own(table string) error {
	switch {
	case tx.ended:
		return errEnded
	case !tx.writable:
		return authstore.ErrReadOnly
	case slices.Contains(tx.scanning, table):
		return fmt.Errorf("%w: %q", errScanning, table)
	}
	if !tx.mine[table] {
		tx.tables[table] = slices.Clone(tx.tables[table])
		tx.mine[table] = true
	}
	return nil
}

func (tx *memoryTx) end() { tx.ended = true }

// Interface guards.
var (
	_ authstore.Backend = (*Memory)(nil)
	_ authstore.Tx      = (*memoryTx)(nil)
)
