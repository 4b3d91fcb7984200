// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
)

// MailKind is what a mail is about. Kinds are constants of the package that
// writes the mails.
type MailKind string

// Mail is a mail that waits to be sent. It holds no secret: a link that proves
// something is made when the mail is sent.
type Mail struct {
	ID          string   `json:"id"` // letters and digits
	Kind        MailKind `json:"kind"`
	PublisherID int64    `json:"publisherId"`

	// CustomerID is whom it is about; 0 is nobody, for a mail that is queued only
	// to cost what another one costs.
	CustomerID int64 `json:"customerId"`

	// To is the address, as mail servers want it. Empty means the customer's own
	// at the time of sending.
	To      string            `json:"to,omitempty"`
	Data    map[string]string `json:"data,omitempty"`
	Created time.Time         `json:"created"`
	Due     time.Time         `json:"due"`
	Tries   int               `json:"tries,omitempty"`
}

// dueForm writes times so that keys sort by them.
const dueForm = "2006-01-02T15:04:05.000Z"

func dueKey(m Mail) string { return m.Due.UTC().Format(dueForm) }

func mailKey(m Mail) string { return key(dueKey(m), m.ID) }

func mailIndex(m Mail) string { return key(idKey(m.CustomerID), m.ID) }

// QueueMail keeps a mail until it is sent. What is empty of ID, Created and Due
// is filled in.
func (s *Store) QueueMail(ctx context.Context, m Mail) error {
	return s.b.Update(ctx, func(tx Tx) error { return s.queueMail(tx, m) })
}

// QueueMailOnce is QueueMail unless a mail of the kind waits for the customer
// already.
func (s *Store) QueueMailOnce(ctx context.Context, m Mail) error {
	return s.b.Update(ctx, func(tx Tx) error {
		waiting, err := customerMails(tx, m.CustomerID)
		if err != nil {
			return err
		}
		for id, due := range waiting {
			other, err := get[Mail](tx, tableMails, key(due, id))
			if err != nil || other.Kind == m.Kind {
				return err
			}
		}
		return s.queueMail(tx, m)
	})
}

// queueMail is QueueMail inside the transaction of what the mail tells.
func (s *Store) queueMail(tx Tx, m Mail) error {
	if m.ID == "" {
		m.ID = strings.ToLower(rand.Text())
	}
	if m.Created.IsZero() {
		m.Created = s.Now()
	}
	if m.Due.IsZero() {
		m.Due = m.Created
	}
	return putMail(tx, m)
}

func putMail(tx Tx, m Mail) error {
	if err := put(tx, tableCustomerMails, mailIndex(m), dueKey(m)); err != nil {
		return err
	}
	return put(tx, tableMails, mailKey(m), m)
}

// ClaimMails takes up to n mails that are due, the longest due first. Each
// counts a try and is due again after the lease, so that no two workers have
// the same mail at a time, and one whose worker has died is not lost.
func (s *Store) ClaimMails(ctx context.Context, n int, lease time.Duration) (claimed []Mail, err error) {
	// Looking is cheap; claiming costs a commit even when there is nothing.
	err = s.b.View(ctx, func(tx Tx) (err error) {
		claimed, err = s.dueMails(tx, 1)
		return err
	})
	if err != nil || len(claimed) == 0 {
		return nil, err
	}
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		if claimed, err = s.dueMails(tx, n); err != nil {
			return err
		}
		for i := range claimed {
			m := &claimed[i]
			if err := tx.Delete(tableMails, mailKey(*m)); err != nil {
				return err
			}
			m.Due, m.Tries = s.Now().Add(lease), m.Tries+1
			if err := putMail(tx, *m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func (s *Store) dueMails(tx Tx, n int) (due []Mail, err error) {
	until := s.Now().Add(time.Millisecond).Format(dueForm) // due now is due
	err = scan(tx, tableMails, "", until, func(_ string, m Mail) error {
		if len(due) == n {
			return ErrStop
		}
		due = append(due, m)
		return nil
	})
	return due, err
}

// MailSent removes a mail that was sent, or that is not to be sent any more. It
// does so too when the lease is over and another worker has it.
func (s *Store) MailSent(ctx context.Context, m Mail) error {
	return s.b.Update(ctx, func(tx Tx) error { return dropMail(tx, m.CustomerID, m.ID) })
}

// dropMail removes a mail, if it is there.
func dropMail(tx Tx, customer int64, id string) error {
	index := key(idKey(customer), id)
	due, err := get[string](tx, tableCustomerMails, index)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.Delete(tableMails, key(due, id)); err != nil {
		return err
	}
	return tx.Delete(tableCustomerMails, index)
}

// MailFailed says when a mail that was claimed and could not be sent is tried
// again. A mail that is gone, or that another worker has, stays so.
func (s *Store) MailFailed(ctx context.Context, m Mail, due time.Time) error {
	return s.b.Update(ctx, func(tx Tx) error {
		has, err := get[string](tx, tableCustomerMails, mailIndex(m))
		if errors.Is(err, ErrNotFound) || err == nil && has != dueKey(m) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := tx.Delete(tableMails, mailKey(m)); err != nil {
			return err
		}
		m := m
		m.Due = due
		return putMail(tx, m)
	})
}

// dropMails removes the mails that wait for a customer.
func dropMails(tx Tx, customer int64) error {
	waiting, err := customerMails(tx, customer)
	if err != nil {
		return err
	}
	for id := range waiting {
		if err := dropMail(tx, customer, id); err != nil {
			return err
		}
	}
	return nil
}

// customerMails returns when the mails that wait for a customer are due, by id.
func customerMails(tx Tx, customer int64) (map[string]string, error) {
	from, to := prefix(idKey(customer))
	waiting := map[string]string{}
	err := scan(tx, tableCustomerMails, from, to, func(k, due string) error {
		waiting[k[len(from):]] = due
		return nil
	})
	return waiting, err
}
