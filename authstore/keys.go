// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"errors"
)

// Keys returns all keys of the installation, the root included.
func (s *Store) Keys(ctx context.Context) (keys []Key, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		keys = nil
		return scan(tx, tableKeys, "", "", func(_ string, k Key) error {
			keys = append(keys, k)
			return nil
		})
	})
	return keys, err
}

// RootKey returns the installation's root key, storing fresh as that key when
// there is none yet.
func (s *Store) RootKey(ctx context.Context, fresh []byte) (root Key, err error) {
	now := s.Now()
	err = s.b.Update(ctx, func(tx Tx) (err error) {
		root, err = get[Key](tx, tableKeys, RootKeyID)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		root = Key{ID: RootKeyID, Secret: fresh, Created: now, Activates: now}
		return put(tx, tableKeys, RootKeyID, root)
	})
	return root, err
}

// ChangeKeys lets fn decide, over the keys as they are, which to store and
// which to forget, in one transaction: two nodes that rotate at the same
// moment make one new key. fn may run more than once. It returns the keys as
// they are afterwards.
func (s *Store) ChangeKeys(ctx context.Context, fn func(keys []Key) (store []Key, forget []string, err error)) (keys []Key, err error) {
	err = s.b.Update(ctx, func(tx Tx) error {
		keys = nil
		list := func(_ string, k Key) error { keys = append(keys, k); return nil }
		if err := scan(tx, tableKeys, "", "", list); err != nil {
			return err
		}
		store, forget, err := fn(keys)
		if err != nil {
			return err
		}
		for _, k := range store {
			if err := put(tx, tableKeys, k.ID, k); err != nil {
				return err
			}
		}
		for _, id := range forget {
			if err := tx.Delete(tableKeys, id); err != nil {
				return err
			}
		}
		keys = nil
		return scan(tx, tableKeys, "", "", list)
	})
	return keys, err
}
