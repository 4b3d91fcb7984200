// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package npmtest installs packages from npm when tests run, once for each state of
// their lists on a machine. Nothing of them is kept in the repository, and nothing runs
// that they bring for their installation.
package npmtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

//go:embed axe
var lists embed.FS

// Axe returns a script that brings axe-core, which finds what keeps people out of
// pages, to the page where it runs. It gives a promise, and holds the source packed: to
// quote it as it is takes as long as to run it. Errors: Missing.
var Axe = sync.OnceValues(func() (string, error) {
	folder, err := Installed(lists, "axe", []string{"package.json", "package-lock.json"}, func(work, result string) error {
		return os.Rename(filepath.Join(work, "node_modules", "axe-core", "axe.min.js"), filepath.Join(result, "axe.min.js"))
	})
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(filepath.Join(folder, "axe.min.js"))
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(source) // into memory
	w.Close()
	return fmt.Sprintf(unpack, base64.StdEncoding.EncodeToString(packed.Bytes())), nil
})

const unpack = `new Response(new Blob([Uint8Array.from(atob("%s"), c => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("gzip")))
	.text().then(source => { (0, eval)(source); return true })`

// Missing is an error that tells what this machine lacks.
type Missing string

func (m Missing) Error() string { return string(m) }

// Installed installs what package-lock.json in a folder lists, whose checksums npm
// verifies, and returns the folder with what prepare makes of it. It does so once for
// each state of the sources on a machine. prepare finds the sources and node_modules
// in work and leaves its files in result. Errors: Missing.
func Installed(from fs.FS, name string, sources []string, prepare func(work, result string) error) (string, error) {
	texts, all := map[string][]byte{}, sha256.New()
	for _, source := range sources {
		text, err := fs.ReadFile(from, path.Join(name, source))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%s %d\n%s\n", source, len(text), text)
		texts[source] = text
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		if cache, err = os.MkdirTemp("", "usher-npm-"); err != nil { // a machine without a home
			return "", err
		}
	}
	folder := filepath.Join(cache, "usher-"+name, hex.EncodeToString(all.Sum(nil)[:12]))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	result := filepath.Join(work, "site")
	if err := install(texts, work, result); err != nil {
		return "", err
	}
	if err := prepare(work, result); err != nil {
		return "", err
	}
	if err := os.Rename(result, folder); err != nil {
		if _, err := os.Stat(folder); err != nil { // and not because another test was faster
			return "", err
		}
	}
	return folder, nil
}

func install(sources map[string][]byte, work, result string) error {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return Missing("install the packages nodejs and npm")
		}
	}
	if err := os.Mkdir(result, 0o755); err != nil {
		return err
	}
	for name, text := range sources {
		if err := os.WriteFile(filepath.Join(work, name), text, 0o644); err != nil {
			return err
		}
	}
	return Run(work, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
}

// installTime bounds an installation, and what is built of it.
const installTime = 4 * time.Minute

// offline is in what npm writes when it cannot reach its registry.
var offline = regexp.MustCompile(`code (ENOTFOUND|EAI_AGAIN|ECONN\w+|E\w*TIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E5\d\d)\b`)

// Run runs npm in a folder. Errors: Missing.
func Run(dir string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second // what npm started may hold its output open
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case offline.Match(out), ctx.Err() != nil:
		return Missing("npm cannot reach its registry:\n" + string(bytes.TrimSpace(out)))
	}
	return fmt.Errorf("running npm %s: %w\n%s", strings.Join(args, " "), err, out)
}
