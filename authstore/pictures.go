// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// MaxPicture bounds a picture in bytes, so that its record is one that every
// backend keeps.
const MaxPicture = 45 << 10

const tablePictures = "pictures" // by publisher and id

type picture struct {
	Content []byte `json:"content"`
}

// PutPicture stores a picture of a publisher's brand and returns its id, which is
// that of the same picture at any time. Errors: ErrUnstorable for one that is larger
// than MaxPicture, or empty.
func (s *Store) PutPicture(ctx context.Context, publisher int64, content []byte) (id string, err error) {
	if len(content) == 0 || len(content) > MaxPicture {
		return "", fmt.Errorf("%w: a picture has 1 byte to %d KiB", ErrUnstorable, MaxPicture>>10)
	}
	sum := sha256.Sum256(content)
	id = hex.EncodeToString(sum[:16])
	err = s.b.Update(ctx, func(tx Tx) error {
		return put(tx, tablePictures, key(idKey(publisher), id), picture{content})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// pictures returns the ids of the pictures of a brand; nil is none.
func (b *Brand) pictures() []string {
	if b == nil {
		return nil
	}
	return []string{b.Logo, b.Favicon}
}

// dropPictures removes those that are in use no longer. A node that has not heard of
// the change shows no picture instead, for as long.
func dropPictures(tx Tx, publisher int64, before, after []string) error {
	for _, id := range before {
		if id == "" || slices.Contains(after, id) {
			continue
		}
		if err := tx.Delete(tablePictures, key(idKey(publisher), id)); err != nil {
			return err
		}
	}
	return nil
}

// Picture returns a picture of a publisher's, or ErrNotFound.
func (s *Store) Picture(ctx context.Context, publisher int64, id string) (content []byte, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		p, err := get[picture](tx, tablePictures, key(idKey(publisher), id))
		content = p.Content
		return err
	})
	return content, err
}
