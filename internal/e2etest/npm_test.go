// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// This file installs packages from npm when tests run. What they are is in
// testdata; nothing of them is kept in the repository.

// missing is an error that tells what this machine lacks.
type missing string

func (m missing) Error() string { return string(m) }

// installed installs what package-lock.json in testdata/<name> lists, whose
// checksums npm verifies, and returns the folder with what prepare makes of it.
// It does so once for each state of the sources on a machine. prepare finds the
// sources and node_modules in work and leaves its files in result.
func installed(name string, sources []string, prepare func(work, result string) error) (string, error) {
	texts, all := map[string][]byte{}, sha256.New()
	for _, source := range sources {
		text, err := os.ReadFile(filepath.Join("testdata", name, source))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%s %d\n%s\n", source, len(text), text)
		texts[source] = text
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = scratch // a machine without a home
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
			return missing("install the packages nodejs and npm")
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
	return npm(work, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
}

// installTime bounds an installation, and what is built of it.
const installTime = 4 * time.Minute

// offline is in what npm writes when it cannot reach its registry.
var offline = regexp.MustCompile(`code (ENOTFOUND|EAI_AGAIN|ECONN\w+|E\w*TIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E5\d\d)\b`)

func npm(dir string, args ...string) error {
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
		return missing("npm cannot reach its registry:\n" + string(bytes.TrimSpace(out)))
	}
	return fmt.Errorf("running npm %s: %w\n%s", strings.Join(args, " "), err, out)
}
