// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTooManyDrafts says that a publisher has as many drafts as there may be.
var ErrTooManyDrafts = fmt.Errorf("a publisher has %d drafts of consents at most", maxDrafts)

// maxDrafts bounds the versions of a publisher's consents that are not published: every
// node reads all versions whenever settings change.
const maxDrafts = 200

// SaveDraft stores a version of a managed consent that is not published, in place of
// the draft of the same version if there is one; when it was created and what
// publishing says of it are filled in here. The consent is made if there is none of
// the name. Errors: ErrNotFound for a publisher that there never was, ErrDeclared,
// ErrPublished, ErrTooManyDrafts, ErrUnstorable.
func (s *Store) SaveDraft(ctx context.Context, publisher int64, of ManagedConsent, v ConsentVersion) error {
	v.PublisherID, v.Name, v.Created = publisher, of.Name, s.Now()
	v.Begins, v.Published, v.Sequence, v.TransitionUntil = time.Time{}, time.Time{}, 0, time.Time{}
	return s.b.Update(ctx, func(tx Tx) error {
		if err := managing(tx, publisher, v.Name, v.Version); err != nil {
			return err
		}
		_, err := draft(tx, publisher, v.Name, v.Version)
		if errors.Is(err, ErrNotFound) {
			err = roomForDraft(tx, publisher)
		}
		if err != nil {
			return err
		}
		if err := putText(tx, tableManagedConsents, key(idKey(publisher), of.Name), of); err != nil {
			return err
		}
		return putText(tx, tableManagedVersions, versionKey(publisher, v.Name, v.Version), v)
	})
}

// roomForDraft tells whether a publisher may have another draft. Errors:
// ErrTooManyDrafts.
func roomForDraft(tx Tx, publisher int64) error {
	drafts := 0
	from, to := prefix(idKey(publisher))
	err := scan(tx, tableManagedVersions, from, to, func(_ string, v ConsentVersion) error {
		if v.Published.IsZero() {
			drafts++
		}
		return nil
	})
	if err == nil && drafts >= maxDrafts {
		err = ErrTooManyDrafts
	}
	return err
}

// DropDraft removes a version that is not published. Errors: ErrNotFound,
// ErrDeclared, ErrPublished.
func (s *Store) DropDraft(ctx context.Context, publisher int64, name, version string) error {
	return s.b.Update(ctx, func(tx Tx) error {
		if _, err := draft(tx, publisher, name, version); err != nil {
			return err
		}
		if err := tx.Delete(tableManagedVersions, versionKey(publisher, name, version)); err != nil {
			return err
		}
		left, err := managedVersions(tx, publisher, name)
		if err != nil || len(left) > 0 {
			return err
		}
		return tx.Delete(tableManagedConsents, key(idKey(publisher), name))
	})
}
