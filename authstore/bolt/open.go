// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	// defaultLockTimeout is long enough for a server that is just stopping to
	// let go of the file, and short enough that a second server, started by
	// mistake, says so before its operator looks elsewhere.
	defaultLockTimeout = 3 * time.Second

	// fileMode and dirMode keep other accounts of the machine away from
	// password hashes and personal data.
	fileMode = 0o600
	dirMode  = 0o700

	// minMapSize is the address space, not memory, set aside for the file. bbolt
	// maps the file anew when it outgrows the mapping, and for that it makes
	// writers and new readers wait until all running Views have ended: one slow
	// snapshot would stop the gateway.
	minMapSize = 1 << 30
)

// Options are the settings of Open. The zero value is right for a server.
type Options struct {
	// LockTimeout is how long Open waits for another process to let go of the
	// file. Zero or less means three seconds.
	LockTimeout time.Duration
}

// Open opens the file at path. If it is not there, it is created with mode
// 0600, and missing directories with mode 0700; the mode of an existing file is
// left to its owner.
//
// Only one process may have the file open. To share it between the old and the
// new configuration of one process is up to the caller.
func Open(path string, opts Options) (*Backend, error) {
	if opts.LockTimeout <= 0 {
		opts.LockTimeout = defaultLockTimeout
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("creating the directory of %s: %w", path, err)
	}
	info, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	var size int64
	if !isNew {
		if info.IsDir() {
			return nil, fmt.Errorf("opening %s: it is a directory; name a file in it", path)
		}
		size = info.Size()
	}

	if size > 0 {
		if err := checkWhole(path, opts); err != nil {
			return nil, explain(path, err)
		}
	}
	db, err := openFile(path, boltOptions(opts, size))
	if err != nil {
		return nil, explain(path, err)
	}
	if isNew {
		if err := syncDir(dir); err != nil {
			return nil, errors.Join(fmt.Errorf("syncing the directory of %s: %w", path, err), db.Close())
		}
	}
	return newBackend(db, path), nil
}

func boltOptions(opts Options, size int64) *bbolt.Options {
	return &bbolt.Options{
		Timeout:         opts.LockTimeout,
		InitialMmapSize: mapSize(size),

		// The default, a sorted array, is scanned for every allocation and gets
		// slow once expired sessions have left many holes.
		FreelistType: bbolt.FreelistMapType,

		// The list of free pages is written with each commit, which the Updates
		// of a batch share. Otherwise Open would read the whole file to find the
		// free pages, and a restart of the gateway would take minutes.
		NoFreelistSync: false,

		// Nothing reads them, and each View would take a lock to count itself.
		NoStatistics: true,
	}
}

// mapSize returns how much of the file to map for now: room to double before
// the first new mapping.
func mapSize(size int64) int {
	if runtime.GOOS == "windows" || strconv.IntSize < 64 {
		// Windows makes the file as large as its mapping; with 32 bits the
		// address space is too dear. bbolt then doubles the mapping as needed.
		return 0
	}
	return int(max(2*size, minMapSize))
}

// errDamaged says that a file is a store, but not all of one.
var errDamaged = errors.New("file is damaged")

// checkWhole refuses a file that is shorter than it says, for example a copy
// that ran out of disk. Reading behind its end would not be an error but end
// the process, so this comes first, and opens the file in the one way in which
// bbolt reads no more than the first two pages.
func checkWhole(path string, opts Options) error {
	db, err := openFile(path, &bbolt.Options{ReadOnly: true, Timeout: opts.LockTimeout, NoStatistics: true})
	if err != nil {
		return err
	}
	defer db.Close()
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return db.View(func(btx *bbolt.Tx) error {
		if info.Size() < btx.Size() {
			return fmt.Errorf("%w: it has %d bytes of %d", errDamaged, info.Size(), btx.Size())
		}
		return nil
	})
}

// openFile turns a panic, which is how bbolt reports that the list of free
// pages makes no sense, into an error. The lock then stays with this process,
// because nobody can unmap the file.
func openFile(path string, opts *bbolt.Options) (db *bbolt.DB, err error) {
	defer func() {
		if v := recover(); v != nil {
			db, err = nil, fmt.Errorf("%w: %v", errDamaged, v)
		}
	}()
	return bbolt.Open(path, fileMode, opts)
}

// explain adds the remedy to the errors that an operator can do something about.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("opening %s: another process holds this file; if a server is already running, "+
			"reload it instead of starting a second one, or stop it first", path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch),
		errors.Is(err, berrors.ErrChecksum), errors.Is(err, errDamaged):
		return fmt.Errorf("opening %s: not a usable store file; move it away and restore a snapshot in its place: %w", path, err)
	default:
		return fmt.Errorf("opening %s: %w", path, err)
	}
}

// syncDir makes the name of a new file durable: without it a crash of the
// machine may lose the file together with everything that was synced into it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
