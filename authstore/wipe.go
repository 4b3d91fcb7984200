// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"time"
)

// WipePublisher removes up to n customers of a publisher with everything of
// theirs, evidence of consents included, as if they had never been; it is for
// publishers that are there to try things out, and does not ask whether this is
// one. Their sessions end; it returns the ids of those, and whether there are
// customers left. With the last of them go the publisher's numbers.
func (s *Store) WipePublisher(ctx context.Context, publisher int64, endedFor time.Duration, n int) (endedIDs []string, more bool, err error) {
	err = s.updateEnding(ctx, func(tx *ending) error {
		endedIDs = nil
		from, to := prefix(idKey(publisher))
		ids, err := listedIDs(tx, from, to, len(from), n+1)
		if err != nil {
			return err
		}
		if more = len(ids) > n; more {
			ids = ids[:n]
		}
		for _, id := range ids {
			c, err := get[Customer](tx, tableCustomers, id)
			if err != nil {
				return err
			}
			ended, err := tx.removeCustomer(c, endedFor)
			if err != nil {
				return err
			}
			endedIDs = append(endedIDs, ended...)
		}
		if more {
			return nil
		}
		return dropAll(tx, tableTallies, idKey(publisher))
	})
	if err != nil {
		return nil, false, err
	}
	return endedIDs, more, nil
}

// removeCustomer removes a listed customer and everything of theirs.
func (tx *ending) removeCustomer(c Customer, endedFor time.Duration) (endedIDs []string, err error) {
	id := idKey(c.ID)
	steps := []func() error{
		func() (err error) {
			endedIDs, err = tx.endSessions(c.ID, "", endedFor)
			return err
		},
		func() error { return dropIdentities(tx, c) },
		func() error { return dropExternalID(tx, c) },
		func() error { return dropTickets(tx, c.ID) },
		func() error { return dropMails(tx, c.ID) },
		func() error { return dropAnswers(tx, c) },
		func() error { return unlistConsents(tx, c) },
		func() error { return dropAll(tx, tableConsentLog, id) },
		func() error { return tx.Delete(tableConsentHead, id) },
		func() error { return tx.Delete(tableConsents, id) },
		func() error { return delist(tx, c) },
		func() error { return tx.Delete(tableCustomers, id) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return endedIDs, nil
}

// delist undoes enlist, consents aside.
func delist(tx Tx, c Customer) error {
	if err := relist(tx, entries(c), nil); err != nil {
		return err
	}
	var change Totals
	change.add(c, -1)
	if err := addTotals(tx, c, change); err != nil {
		return err
	}
	return tx.Delete(tablePublisherCustomers, publisherCustomerKey(c))
}

// dropAll removes the keys of a table that begin with a part.
func dropAll(tx Tx, table, part string) error {
	var keys []string
	from, to := prefix(part)
	err := tx.Scan(table, from, to, func(k string, _ []byte) error {
		keys = append(keys, k)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := tx.Delete(table, k); err != nil {
			return err
		}
	}
	return nil
}
