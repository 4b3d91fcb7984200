// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Announcement is the end of a session that waits to be told to one receiver of
// the publisher's. It holds no secret: what proves it is made when it is sent.
type Announcement struct {
	ID          string    `json:"id"` // letters and digits; the same at every try
	PublisherID int64     `json:"publisherId"`
	CustomerID  int64     `json:"customerId"`
	SessionID   string    `json:"sessionId"`
	URL         string    `json:"url"` // of the receiver
	Created     time.Time `json:"created"`
	Due         time.Time `json:"due"`
	Tries       int       `json:"tries,omitempty"`
}

var announcements = queue[Announcement]{items: tableAnnouncements, index: tableReceiverAnnouncements, place: func(a *Announcement) place {
	lane := a.lane()
	return place{lane: lane, owner: lane, id: &a.ID, created: &a.Created, due: &a.Due, tries: &a.Tries}
}}

// lane names the receiver. It is a digest, because keys are shorter than a URL
// may be.
func (a Announcement) lane() string {
	sum := sha256.Sum256([]byte(a.URL))
	return idKey(a.PublisherID) + ":" + hex.EncodeToString(sum[:16])
}

// Announced returns a channel that has something to receive after announcements
// were stored through this Store. It tells once of many, and nothing of those
// that other processes store.
func (s *Store) Announced() <-chan struct{} { return s.announced }

// DueReceivers names the receivers for which announcements are due, for
// ClaimAnnouncement.
func (s *Store) DueReceivers(ctx context.Context) (names []string, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		names = nil
		until := s.Now().Add(time.Millisecond).Format(dueForm) // due now is due
		for from, more := "", true; more; {
			more = false
			err := tx.Scan(tableAnnouncements, from, "", func(k string, _ []byte) error {
				lane, rest, _ := strings.Cut(k, "\x00")
				if rest < until {
					names = append(names, lane)
				}
				_, from = prefix(lane) // the earliest of a receiver is enough
				more = true
				return ErrStop
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return names, err
}

// ClaimAnnouncement takes the announcement that is due longest for a receiver;
// ok is false when there is none. It counts a try and is due again after the
// lease, so that no two workers have it at a time, and it is not lost when its
// worker dies.
func (s *Store) ClaimAnnouncement(ctx context.Context, receiver string, lease time.Duration) (a Announcement, ok bool, err error) {
	claimed, err := announcements.claim(ctx, s, receiver, 1, lease)
	if err != nil || len(claimed) == 0 {
		return Announcement{}, false, err
	}
	return claimed[0], true, nil
}

// AnnouncementDone removes an announcement that has arrived, or that is not to
// be sent any more. It does so too when the lease is over and another worker has
// it.
func (s *Store) AnnouncementDone(ctx context.Context, a Announcement) error {
	return s.b.Update(ctx, func(tx Tx) error { return announcements.drop(tx, a.lane(), a.lane(), a.ID) })
}

// AnnouncementFailed says when an announcement that was claimed and has not
// arrived is tried again. One that is gone, or that another worker has, stays so.
func (s *Store) AnnouncementFailed(ctx context.Context, a Announcement, due time.Time) error {
	return s.b.Update(ctx, func(tx Tx) error { return announcements.again(tx, a, due) })
}
