// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// scratch holds the binaries for as long as the tests run.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "usher-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if !endShared() {
		code = 1
	}
	os.RemoveAll(scratch)
	os.Exit(code)
}

// withRace says that the server is to be built with the race detector: where these
// tests have it, and where USHER_RACE is set, which looks for races in the server
// alone and takes a fifth less time.
var withRace = raceDetector || os.Getenv("USHER_RACE") != ""

// binaries are what builds the server, each once: with the race detector, and as
// operators do. Tests that speak to the server themselves do so many at a time,
// and take the first if races are looked for at all. A viewer in a
// browser takes one step after the other, which finds no races but pays for the
// search: servers that serve browsers alone are the second.
var binaries = map[bool]func() (string, error){
	true:  sync.OnceValues(func() (string, error) { return build("usher-race", "-race", unwatched) }),
	false: sync.OnceValues(func() (string, error) { return build("usher") }),
}

// unwatched keeps the race detector from watching a library hash passwords in
// memory of its own, which takes longer than most tests.
const unwatched = "-gcflags=golang.org/x/crypto/argon2=-race=0"

func build(name string, flags ...string) (string, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", err
	}
	if err := lookAtSources(root); err != nil {
		return "", err
	}
	binary := filepath.Join(scratch, name)
	// Nobody debugs these: without what debuggers read they are linked faster.
	args := append([]string{"build", "-ldflags=-s -w", "-o", binary}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/usher")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return binary, nil
}

// lookAtSources makes `go test` notice changes: it keeps a result for as long
// as the files that the test looked at are the same, and it does not see what
// a compiler looks at that the test starts.
func lookAtSources(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path != root:
			return nil // removed while we looked
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir(), filepath.Ext(path) == ".db":
			return nil
		}
		os.Stat(path)
		return nil
	})
}

// mustBuild returns the path of the server's binary, with the race detector or
// without.
func mustBuild(t testing.TB, race bool) string {
	t.Helper()
	binary, err := binaries[race]()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// cliTime bounds a command of the server's that should end by itself.
const cliTime = time.Minute

// command runs a command of the binary to its end, with its own data in dir,
// and returns what it wrote to either output.
func command(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	var all bytes.Buffer
	err := commandTo(t, &all, &all, dir, args...)
	return all.String(), err
}

// commandTo is command with a place for each output.
func commandTo(t testing.TB, stdout, stderr *bytes.Buffer, dir string, args ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cliTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, mustBuild(t, withRace), args...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("usher %s did not end within %s:\n%s", strings.Join(args, " "), cliTime, stderr)
	}
	return err
}

// environment is ours, but for where Caddy keeps its data. With the race detector
// a process waits a second before it exits, for races that are found late: in
// what is started here so often, that is minutes. What serves is asked to stop
// when all has been answered, and tells of its races before.
func environment(dir string) []string {
	return append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir,
		"GORACE="+strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
}
