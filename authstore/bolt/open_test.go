// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

func TestOpenCreatesFileAndDirectoriesForTheOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes on Windows")
	}
	path := filepath.Join(t.TempDir(), "a", "b", "usher.db")
	mustOpen(t, path)
	for name, want := range map[string]os.FileMode{
		path:                             0o600,
		filepath.Dir(path):               0o700 | os.ModeDir,
		filepath.Dir(filepath.Dir(path)): 0o700 | os.ModeDir,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("mode of %s = %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestOpenOfAHeldFileNamesPathAndRemedySoon(t *testing.T) {
	path := newPath(t)
	mustOpen(t, path)
	start := time.Now()
	_, err := Open(path, Options{LockTimeout: 100 * time.Millisecond})
	if err == nil {
		t.Fatal("second Open of a file = nil, want an error")
	}
	for _, want := range []string{path, "reload", "stop it first"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if d := time.Since(start); d > defaultLockTimeout {
		t.Errorf("second Open took %v, want about 100ms", d)
	}
}

func TestOpenRefusesWhatIsNoStore(t *testing.T) {
	garbage := newPath(t)
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no store "), 10_000), fileMode); err != nil {
		t.Fatal(err)
	}
	inTheWay := filepath.Join(newPath(t), "usher.db")
	if err := os.WriteFile(filepath.Dir(inTheWay), nil, fileMode); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"garbage":           garbage,
		"directory":         t.TempDir(),
		"file as directory": inTheWay,
	} {
		b, err := Open(path, Options{})
		if err == nil {
			b.Close()
			t.Errorf("Open of %s = nil, want an error", name)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("Open of %s: error %q does not name the path", name, err)
		}
	}
}

// Reading behind the end of a file would end the process, so Open must notice.
func TestOpenRefusesAFileThatWasCutShort(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("bbolt fills the file up again on Windows")
	}
	path := newPath(t)
	b := mustOpen(t, path)
	for round := range 3 {
		err := b.Update(t.Context(), func(tx authstore.Tx) error {
			for i := range 1000 {
				if err := tx.Put("t", fmt.Sprint(round, i), bytes.Repeat([]byte("1"), 500)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	used := usedSize(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for i := int64(99); i > 0; i -= 7 {
		if err := os.Truncate(path, used*i/100); err != nil {
			t.Fatal(err)
		}
		b, err := Open(path, Options{})
		if err == nil {
			b.Close()
			t.Fatalf("Open of %d%% of a file = nil, want an error", i)
		}
		if !strings.Contains(err.Error(), "restore a snapshot") {
			t.Errorf("error %q does not name the remedy", err)
		}
	}
}

func usedSize(t *testing.T, b *Backend) int64 {
	t.Helper()
	btx, err := b.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer btx.Rollback()
	return btx.Size()
}
