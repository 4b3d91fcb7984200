// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// newTestOutbox returns an outbox in a new folder whose clock stands still.
func newTestOutbox(t *testing.T) (*Outbox, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "var", "outbox")
	o := NewOutbox(dir)
	o.Now = func() time.Time { return testTime }
	return o, dir
}

// mustList returns the names in dir in order.
func mustList(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestOutboxWritesOneReadableFile(t *testing.T) {
	o, dir := newTestOutbox(t)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before the first message: %v, want no folder", err)
	}
	if err := o.Send(t.Context(), valid()); err != nil {
		t.Fatal(err)
	}
	names := mustList(t, dir)
	if len(names) != 1 {
		t.Fatalf("files %q, want one", names)
	}
	match := regexp.MustCompile(`^20260301T123045\.000000678Z-([a-z2-7]{26})\.eml$`).FindStringSubmatch(names[0])
	if match == nil {
		t.Fatalf("file name %q", names[0])
	}
	text, err := os.ReadFile(filepath.Join(dir, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	msg := mustRead(t, string(text))
	if got, want := header(t, msg, "Message-Id"), "<"+match[1]+"@nova.example>"; got != want {
		t.Errorf("Message-Id: %s, want %s as in the file's name", got, want)
	}
	if got, want := header(t, msg, "Date"), "Sun, 01 Mar 2026 12:30:45 +0000"; got != want {
		t.Errorf("Date: %s, want %s", got, want)
	}
}

func TestOutboxIsPrivate(t *testing.T) {
	o, dir := newTestOutbox(t)
	if err := o.Send(t.Context(), valid()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		dir:                                     0o700,
		filepath.Join(dir, mustList(t, dir)[0]): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

func TestOutboxNamesSortByTime(t *testing.T) {
	o, dir := newTestOutbox(t)
	zone := time.FixedZone("east", 5*60*60)
	var subjects []string
	for i, after := range []time.Duration{0, time.Nanosecond, time.Second, 25 * time.Hour} {
		o.Now = func() time.Time {
			if i%2 == 1 { // the clock's zone must not matter
				return testTime.Add(after).In(zone)
			}
			return testTime.Add(after)
		}
		m := valid()
		m.Subject = "after " + after.String()
		subjects = append(subjects, m.Subject)
		if err := o.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, name := range mustList(t, dir) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, header(t, mustRead(t, string(text)), "Subject"))
	}
	if !slices.Equal(got, subjects) {
		t.Errorf("in order of names: %q, want %q", got, subjects)
	}
}

func TestOutboxParallelMessagesOfOneInstantAllArrive(t *testing.T) {
	o, dir := newTestOutbox(t)
	const n = 50
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := o.Send(context.Background(), valid()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	names := mustList(t, dir)
	if len(names) != n {
		t.Errorf("%d files, want %d", len(names), n)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".eml") {
			t.Errorf("temporary file %s was left behind", name)
		}
	}
}

func TestOutboxFailuresLeaveNothing(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	invalid := valid()
	invalid.Subject = "x\r\nBcc: eve@evil.example"
	tests := []struct {
		name string
		ctx  context.Context
		m    Message
		want error
	}{
		{"ended context", ended, valid(), context.Canceled},
		{"invalid message", t.Context(), invalid, ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, dir := newTestOutbox(t)
			if err := o.Send(tt.ctx, tt.m); !errors.Is(err, tt.want) {
				t.Errorf("Send: %v, want %v", err, tt.want)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("folder: %v, want none", err)
			}
		})
	}
}

func TestOutboxThatCannotBeMadeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := NewOutbox(filepath.Join(file, "outbox")).Send(t.Context(), valid())
	if err == nil || errors.Is(err, ErrInvalid) {
		t.Errorf("Send: %v, want an error of the file system", err)
	}
}

func TestWriteAtomicRemovesTheTemporaryFileOnError(t *testing.T) {
	dir := t.TempDir()
	// A folder in the place of the file makes the last step, the rename, fail.
	path := filepath.Join(dir, "message.eml")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeAtomic(path, []byte("text")); err == nil {
		t.Fatal("writeAtomic replaced a folder")
	}
	if names := mustList(t, dir); !slices.Equal(names, []string{"message.eml"}) {
		t.Errorf("left behind: %q", names)
	}
}
