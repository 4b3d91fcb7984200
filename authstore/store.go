// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package authstore owns what usher remembers: the records, the operations on
// them, and the contract that a storage plugin implements. Uniqueness, single
// use, expiry and indexes live here, in Store, once; a Backend only keeps keys
// and values. It knows nothing of HTTP, hashing or tokens, and imports the
// standard library alone.
package authstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ErrTaken says that a name that must be unique belongs to somebody else.
var ErrTaken = errors.New("already taken")

// Store holds the typed operations above a Backend. Each method is one
// transaction. Safe for concurrent use.
type Store struct {
	b   Backend
	now func() time.Time

	customers  memo[Customer]
	answers    memo[map[string]ConsentAnswer]
	publishers memo[Publisher]

	limits    atomic.Pointer[map[int64]limits] // by publisher; nil until some are declared
	audited   atomic.Int64                     // entries of audit logs so far
	announced chan struct{}
}

// New returns a Store over b that tells the time by now.
func New(b Backend, now func() time.Time) *Store {
	return &Store{b: b, now: now, announced: make(chan struct{}, 1)}
}

// Now returns the store's time in UTC, whole milliseconds, as records keep it.
func (s *Store) Now() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// Clock returns the time as precisely as it is known, for what is compared and not
// stored.
func (s *Store) Clock() time.Time { return s.now() }

// Backend returns what the store stands on, for its optional abilities.
func (s *Store) Backend() Backend { return s.b }

// The tables. Their names are part of the stored format.
const (
	tablePublishers         = "publishers"
	tableSites              = "sites"
	tableOffers             = "offers"
	tableConsentVersions    = "consent_versions"
	tableCustomers          = "customers"
	tableIdentities         = "identities"
	tableCustomerIdentities = "customer_identities"
	tableExternalIDs        = "external_ids"
	tableConsents           = "consents"     // the answers in force, by customer
	tableConsentLog         = "consent_log"  // every answer, by customer and sequence
	tableConsentHead        = "consent_head" // the newest link of the chain, by customer
	tableCaptures           = "captures"
	tableSessions           = "sessions"
	tableCustomerSessions   = "customer_sessions"
	tableSessionLimits      = "session_limits" // those that are not the defaults, or were not, by publisher
	tableEnded              = "ended"
	tableTickets            = "tickets"
	tableCustomerTickets    = "customer_tickets" // the newest ticket, by customer, purpose and address
	tableAddressTickets     = "address_tickets"  // the newest ticket, by publisher, purpose and address
	tableMails              = "mails"            // what waits to be sent, by the time it is due
	tableCustomerMails      = "customer_mails"   // when a mail that waits is due, by customer and id
	tableKeys               = "keys"

	tableAnnouncements         = "announcements"          // ends of sessions that wait to be told, by receiver and time
	tableReceiverAnnouncements = "receiver_announcements" // when one that waits is due, by receiver and id
)

// key joins the parts of a key. Ids and names cannot hold a NUL, so no two
// lists of parts make the same key; free text comes last only.
func key(parts ...string) string { return strings.Join(parts, "\x00") }

func idKey(id int64) string { return strconv.FormatInt(id, 10) }

func parseID(key string) (int64, error) { return strconv.ParseInt(key, 10, 64) }

// prefix returns the range of all keys that start with the given parts.
func prefix(parts ...string) (from, to string) {
	p := key(parts...)
	return p + "\x00", p + "\x01"
}

func get[T any](tx Tx, table, key string) (T, error) {
	var v T
	b, err := tx.Get(table, key)
	if err != nil {
		return v, err
	}
	return v, decode(table, key, b, &v)
}

func put(tx Tx, table, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", table, err)
	}
	return tx.Put(table, key, b)
}

func exists(tx Tx, table, key string) (bool, error) {
	_, err := tx.Get(table, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func scan[T any](tx Tx, table, from, to string, fn func(key string, v T) error) error {
	return tx.Scan(table, from, to, func(key string, b []byte) error {
		var v T
		if err := decode(table, key, b, &v); err != nil {
			return err
		}
		return fn(key, v)
	})
}

func decode(table, key string, b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decoding %s %q: %w", table, key, err)
	}
	return nil
}
