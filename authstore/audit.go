// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// tableAudit holds what was done in the dashboard, by publisher, newest first.
const tableAudit = "audit"

// AuditEntry is one thing that was done for a publisher, or tried.
type AuditEntry struct {
	ID          string            `json:"id"` // its place in the publisher's log
	Time        time.Time         `json:"time"`
	PublisherID int64             `json:"publisherId"`
	Actor       string            `json:"actor"`     // id of the staff member, or what else acted
	ActorName   string            `json:"actorName"` // as it was called then
	Act         string            `json:"act"`       // such as "customer.disable"
	Target      string            `json:"target,omitempty"`
	Detail      map[string]string `json:"detail,omitempty"` // no secrets, and nothing that an erased customer would want gone
	IP          string            `json:"ip,omitempty"`
	Error       string            `json:"error,omitempty"` // why it was not done, or not known to be; "" when it was
}

// Audit adds an entry to the log of its publisher and returns it with its id and
// time. It is written before the act that it tells of.
func (s *Store) Audit(ctx context.Context, e AuditEntry) (AuditEntry, error) {
	all := []AuditEntry{e}
	err := s.AuditAll(ctx, all)
	return all[0], err
}

// maxAudited is more entries than a Store ever writes.
const maxAudited = 999_999_999_999

// AuditAll adds entries, each to the log of its publisher, and gives them their ids
// and times. Those of one millisecond are in the order in which this Store was given
// them; beside those of another node, in either. None at all costs a transaction, too, so that the time that an answer
// takes does not tell whether anything was written.
func (s *Store) AuditAll(ctx context.Context, entries []AuditEntry) error {
	now := s.Now()
	for i := range entries {
		entries[i].Time = now
		entries[i].ID = fmt.Sprintf("%s-%012d-%s", newestFirst(now), maxAudited-s.audited.Add(1), rand.Text()[:12])
	}
	return s.b.Update(ctx, func(tx Tx) error {
		for _, e := range entries {
			if err := put(tx, tableAudit, key(idKey(e.PublisherID), e.ID), e); err != nil {
				return err
			}
		}
		return nil
	})
}

// AuditFailed notes in an entry why the act that it tells of was not done.
func (s *Store) AuditFailed(ctx context.Context, e AuditEntry, why string) error {
	e.Error = why
	return s.b.Update(ctx, func(tx Tx) error {
		return put(tx, tableAudit, key(idKey(e.PublisherID), e.ID), e)
	})
}

// latest is a time, in milliseconds, beyond which no record is dated: the year
// 2286.
const latest = 9_999_999_999_999

// newestFirst returns a time as keys hold it that are to be found newest first.
func newestFirst(t time.Time) string { return fmt.Sprintf("%013d", latest-t.UnixMilli()) }

// AuditQuery asks for a page of a publisher's log. What is empty is no condition.
type AuditQuery struct {
	Publisher    int64
	Actor        string    // exactly
	Act          string    // or the beginning of one that ends in a dot, such as "customer."
	Target       string    // exactly
	From, Before time.Time // half-open
	After        string    // Next of the page before
	Limit        int       // entries of a page
}

// maxAuditScan bounds how many entries one page looks at, so that a rare one does
// not cost the time of the whole log.
const maxAuditScan = 5000

// AuditPage is a part of a log, newest first.
type AuditPage struct {
	Entries []AuditEntry
	Next    string // where the next page begins; "" at the end
	Partial bool   // the page ends because enough was looked at, and not because it is full
}

// AuditLog returns a page of a publisher's log. Errors: ErrCursor.
func (s *Store) AuditLog(ctx context.Context, q AuditQuery) (page AuditPage, err error) {
	from, to := prefix(idKey(q.Publisher))
	if !q.From.IsZero() {
		to = from + newestFirst(q.From.Add(-time.Millisecond))
	}
	start := from
	if !q.Before.IsZero() {
		start = from + newestFirst(q.Before.Add(-time.Millisecond))
	}
	if q.After != "" {
		if strings.Trim(q.After, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return page, ErrCursor
		}
		start = max(start, from+q.After)
	}
	err = s.b.View(ctx, func(tx Tx) error {
		page = AuditPage{}
		looked := 0
		return scan(tx, tableAudit, start, to, func(k string, e AuditEntry) error {
			if len(page.Entries) == q.Limit || looked == maxAuditScan {
				page.Next, page.Partial = k[len(from):], len(page.Entries) < q.Limit
				return ErrStop
			}
			looked++
			if q.fits(e) {
				page.Entries = append(page.Entries, e)
			}
			return nil
		})
	})
	return page, err
}

func (q AuditQuery) fits(e AuditEntry) bool {
	act := q.Act == "" || e.Act == q.Act || strings.HasSuffix(q.Act, ".") && strings.HasPrefix(e.Act, q.Act)
	return act && (q.Actor == "" || e.Actor == q.Actor) && (q.Target == "" || e.Target == q.Target)
}
