// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// killPathEnv turns a run of the test binary into the process that is killed,
// and holds the path of the file it writes to.
const killPathEnv = "USHER_BOLT_TEST_KILL_PATH"

// ackPrefix tells acknowledgements from what package testing prints.
const ackPrefix = "acknowledged "

// writeUntilKilled prints each key whose update was acknowledged.
func writeUntilKilled(t *testing.T, path string) {
	b := mustOpen(t, path)
	for worker := range 8 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d-%d", worker, i)
				err := b.Update(context.Background(), func(tx authstore.Tx) error { return tx.Put("t", key, []byte(`1`)) })
				if err != nil {
					panic(err)
				}
				// One call of write(2), so that lines do not mix.
				if _, err := io.WriteString(os.Stdout, ackPrefix+key+"\n"); err != nil {
					panic(err)
				}
			}
		}()
	}
	select {}
}

func TestAcknowledgedUpdatesSurviveTheDeathOfTheProcess(t *testing.T) {
	if path := os.Getenv(killPathEnv); path != "" {
		writeUntilKilled(t, path)
	}
	path := newPath(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), killPathEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = cmd.Process.Kill() })
	defer kill()

	const enough = 300
	var acked []string
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil { // the pipe has ended; a line without its end does not count
			break
		}
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), ackPrefix); ok {
			acked = append(acked, key)
		}
		if len(acked) == enough {
			kill() // and read on: more may have been acknowledged meanwhile
		}
	}
	_ = cmd.Wait()
	if len(acked) < enough {
		t.Fatalf("process ended after %d updates, want to kill it after %d", len(acked), enough)
	}
	b := mustOpen(t, path) // the lock has died with the process
	for _, key := range acked {
		expectStored(t, b, key, `1`)
	}
	mustPut(t, b, "after", `1`)
}
