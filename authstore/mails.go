// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
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

var mails = queue[Mail]{items: tableMails, index: tableCustomerMails, place: func(m *Mail) place {
	return place{owner: idKey(m.CustomerID), id: &m.ID, created: &m.Created, due: &m.Due, tries: &m.Tries}
}}

// QueueMail keeps a mail until it is sent. What is empty of ID, Created and Due
// is filled in.
func (s *Store) QueueMail(ctx context.Context, m Mail) error {
	return s.b.Update(ctx, func(tx Tx) error { return s.queueMail(tx, m) })
}

// QueueMailOnce is QueueMail unless a mail of the kind waits for the customer
// already.
func (s *Store) QueueMailOnce(ctx context.Context, m Mail) error {
	return s.b.Update(ctx, func(tx Tx) error {
		waiting, err := mails.waiting(tx, idKey(m.CustomerID))
		if err != nil {
			return err
		}
		for id, due := range waiting {
			other, err := get[Mail](tx, tableMails, itemKey("", due, id))
			if err != nil || other.Kind == m.Kind {
				return err
			}
		}
		return s.queueMail(tx, m)
	})
}

// queueMail is QueueMail inside the transaction of what the mail tells.
func (s *Store) queueMail(tx Tx, m Mail) error { return mails.add(s, tx, m) }

// ClaimMails takes up to n mails that are due, the longest due first. Each
// counts a try and is due again after the lease, so that no two workers have
// the same mail at a time, and one whose worker has died is not lost.
func (s *Store) ClaimMails(ctx context.Context, n int, lease time.Duration) ([]Mail, error) {
	return mails.claim(ctx, s, "", n, lease)
}

// MailSent removes a mail that was sent, or that is not to be sent any more. It
// does so too when the lease is over and another worker has it.
func (s *Store) MailSent(ctx context.Context, m Mail) error {
	return s.b.Update(ctx, func(tx Tx) error { return mails.drop(tx, "", idKey(m.CustomerID), m.ID) })
}

// MailFailed says when a mail that was claimed and could not be sent is tried
// again. A mail that is gone, or that another worker has, stays so.
func (s *Store) MailFailed(ctx context.Context, m Mail, due time.Time) error {
	return s.b.Update(ctx, func(tx Tx) error { return mails.again(tx, m, due) })
}

// dropMails removes the mails that wait for a customer.
func dropMails(tx Tx, customer int64) error {
	waiting, err := mails.waiting(tx, idKey(customer))
	if err != nil {
		return err
	}
	for id := range waiting {
		if err := mails.drop(tx, "", idKey(customer), id); err != nil {
			return err
		}
	}
	return nil
}
