// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// fileTime is the first part of a file's name: UTC with a fixed number of
// digits, so that names sort by time, and no colon, which some systems refuse.
const fileTime = "20060102T150405.000000000Z"

// Outbox is a Mailer that writes each message into a folder as a file of its
// own, for development, for tests, and for operators whose own program carries
// mail on. Make one with NewOutbox.
//
// A file is named by time and the message's id, which is also in its Message-ID:
// "20260102T150405.000000000Z-f3k….eml". The name says nothing about the
// recipient. Files are mode 0600, because they hold addresses and links that
// sign people in; nobody but the operator ever deletes them.
type Outbox struct {
	// Now tells the time for Date headers and file names. Defaults to time.Now;
	// change it only before the first Send.
	Now func() time.Time

	dir string
}

// NewOutbox returns an Outbox that writes to dir. The folder is made, mode 0700,
// by the first Send and not before, so that checking a configuration leaves no
// traces. The mode of a folder that exists is left alone.
func NewOutbox(dir string) *Outbox {
	return &Outbox{Now: time.Now, dir: dir}
}

// Send writes m as one .eml file (RFC 5322; multipart/alternative when there is
// HTML). The file appears complete or not at all, also to programs that watch
// the folder and after a crash: its content is on disk before it gets its name.
// See Mailer for the meaning of errors; after one, no file was made.
func (o *Outbox) Send(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := o.Now().UTC()
	m.ID = cmp.Or(m.ID, newID()) // no two names are equal
	msg, err := compose(m, now)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("making the outbox folder: %w", err)
	}
	path := filepath.Join(o.dir, now.Format(fileTime)+"-"+m.ID+".eml")
	// Composed in memory first: the library forgets some errors of its writer, and
	// a full disk must not pass for a delivered message.
	var text bytes.Buffer
	if _, err := msg.WriteTo(&text); err != nil {
		return fmt.Errorf("composing a message: %w", err)
	}
	if err := writeAtomic(path, text.Bytes()); err != nil {
		return fmt.Errorf("writing a message to the outbox: %w", err)
	}
	return nil
}

// writeAtomic writes content beside path and then renames it to path.
//
// The folder itself is not synced: a power cut may lose the name of the newest
// message, whose recipient will ask for another one, and each sync costs.
func writeAtomic(path string, content []byte) (err error) {
	// Hidden, and not ending in .eml: watchers pass it over. CreateTemp makes
	// files with mode 0600.
	f, err := os.CreateTemp(filepath.Dir(path), ".usher-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // already closed, or the first error is the one to tell
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Interface guard.
var _ Mailer = (*Outbox)(nil)
