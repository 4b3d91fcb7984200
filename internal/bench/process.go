// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stage holds the processes of one scenario: the app and the proxies before it.
type stage struct {
	*bench
	ctx     context.Context
	stop    context.CancelFunc
	dir     string
	app     string // its address
	appPID  int
	running sync.WaitGroup
	proxies int
	logging string // a line more in the block of every proxy's log
}

// The cores of pinned processes.
const (
	proxyCore = "0"
	loadCore  = "1"
)

// newStage starts the app.
func (b *bench) newStage(ctx context.Context, name string) (*stage, error) {
	s := &stage{bench: b, dir: filepath.Join(b.dir, name)}
	s.ctx, s.stop = context.WithCancel(ctx)
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return s, fmt.Errorf("making a folder: %w", err)
	}
	cmd := b.command(s.ctx, loadCore, b.self, appCommand)
	if _, err := cmd.StdinPipe(); err != nil { // its end ends the app
		return s, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s, err
	}
	if err := s.start(cmd, "app"); err != nil {
		return s, err
	}
	s.appPID = cmd.Process.Pid
	s.app, err = bufio.NewReader(out).ReadString('\n')
	s.app = strings.TrimSpace(s.app)
	return s, err
}

// close ends all processes of the stage.
func (s *stage) close() {
	s.stop()
	s.running.Wait()
	os.RemoveAll(s.dir)
}

// command returns a command that ends with its context: asked first, then killed.
func (b *bench) command(ctx context.Context, core string, argv ...string) *exec.Cmd {
	if b.pin {
		argv = append([]string{"taskset", "-c", core}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = os.Environ()
	if b.pin {
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// start starts a process of the stage; what it says of errors goes to a file.
func (s *stage) start(cmd *exec.Cmd, name string) error {
	said, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		return fmt.Errorf("making a log: %w", err)
	}
	defer said.Close()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	s.running.Go(func() { cmd.Wait() })
	return nil
}

// page returns the load of the app's page with one of the lines of a file in each
// request.
func (b *bench) page(lines string) load {
	return load{Path: "/", Lines: lines, Conns: b.conns, Status: http.StatusOK}
}

// generate puts a load on a proxy, in a process of its own, and returns the
// outcome and the CPU time that making it took, in seconds.
func (b *bench) generate(ctx context.Context, p *proxy, l load, seconds float64) (outcome, float64, error) {
	l.Address, l.Host, l.Seconds = p.address, p.host, seconds
	spec, err := json.Marshal(l)
	if err != nil {
		return outcome{}, 0, err
	}
	cmd := b.command(ctx, loadCore, b.self, loadCommand)
	if !b.pin { // the rest of the machine is for the proxy and the app
		cmd.Env = append(cmd.Env, "GOMAXPROCS="+strconv.Itoa(max(1, runtime.NumCPU()/4)))
	}
	cmd.Stdin = bytes.NewReader(spec)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return outcome{}, 0, fmt.Errorf("the load generator: %w %s", err, said.String())
	}
	var o outcome
	if err := json.Unmarshal(out, &o); err != nil {
		return o, 0, fmt.Errorf("reading the outcome: %w", err)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if o.Bad > 0 {
		err = fmt.Errorf("%d of %d responses were not what they should be, the first: %s", o.Bad, o.N+o.Bad, o.First)
	} else if o.N+o.Bytes == 0 {
		err = errors.New("nothing was answered")
	}
	return o, used.Seconds(), err
}
