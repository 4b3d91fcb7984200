// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// This file has what tests share, because it takes longer to start than most of
// them take: servers, which serve one test after the other, and a browser.

// loan is a server that tests borrow.
type loan struct {
	*server
	had map[string]bool // the tests that have had it, whose accounts it knows
}

// loans are the servers that tests borrow and have given back.
var loans struct {
	mu   sync.Mutex
	free map[string][]*loan // guarded by mu; by names and Caddyfile
	lent int                // guarded by mu; how often one was lent
}

// borrow returns a server at loopback names that is this test's alone until it
// ends, but may have served others before: no two tests are to use one e-mail
// address. What a test is to stop or to give another configuration, and where it
// leaves requests behind that nobody waits for, it starts for itself.
func borrow(t testing.TB, caddyfile string) *server {
	t.Helper()
	return borrowAt(t, loopback, caddyfile)
}

// borrowAt borrows a server at the given names.
func borrowAt(t testing.TB, h hosts, caddyfile string) *server {
	t.Helper()
	if runtime.GOOS != "linux" {
		return startAt(t, h, caddyfile) // elsewhere 127.0.0.1 is the only loopback address
	}
	kind := fmt.Sprint(h, caddyfile)
	l, n := lend(t.Name(), kind)
	if l == nil {
		dir, err := os.MkdirTemp(scratch, "server-")
		if err != nil {
			t.Fatal(err)
		}
		l = &loan{newServer(t, h, withRace, dir), map[string]bool{}}
	}
	l.t = t
	t.Cleanup(func() { l.back(kind) })
	if l.cmd == nil {
		l.begin(caddyfile)
	}
	l.had[t.Name()] = true
	// The tries of others are not counted against this test.
	l.from = fmt.Sprintf("127.1.%d.%d", n/250, n%250+1)
	return l.server
}

// lend returns a server of a kind that a test has not had, or nil, and a number
// that no other test gets.
func lend(test, kind string) (l *loan, n int) {
	loans.mu.Lock()
	defer loans.mu.Unlock()
	loans.lent++
	free := loans.free[kind]
	at := slices.IndexFunc(free, func(l *loan) bool { return !l.had[test] })
	if at >= 0 {
		l = free[at]
		loans.free[kind] = slices.Delete(free, at, at+1)
	}
	return l, loans.lent
}

// back judges what a test has made of the server, and keeps it for the next if
// that is good.
func (l *loan) back(kind string) {
	if !l.t.Failed() && l.runs() {
		if l.judge(); !l.t.Failed() {
			l.forget()
			loans.mu.Lock()
			defer loans.mu.Unlock()
			if loans.free == nil {
				loans.free = map[string][]*loan{}
			}
			loans.free[kind] = append(loans.free[kind], l)
			return
		}
	}
	l.finish()
}

// runs tells whether the server has been started and not ended.
func (l *loan) runs() bool {
	if l.cmd == nil || l.over {
		return false
	}
	select {
	case <-l.ended:
		return false
	default:
		return true
	}
}

// forget removes what reached the apps and the outbox.
func (l *loan) forget() {
	l.news.forget()
	l.sports.forget()
	mails, err := filepath.Glob(filepath.Join(l.dir, "outbox", "*.eml"))
	if err != nil {
		panic(err) // the pattern is well-formed
	}
	for _, mail := range mails {
		os.Remove(mail)
	}
}

// endShared ends what tests have shared. It returns false, and says why, if
// something is wrong that no test has noticed.
func endShared() (good bool) {
	var faults []string
	for _, free := range loans.free {
		for _, l := range free {
			if err := l.halt(); err != nil {
				faults = append(faults, err.Error())
			}
			log, err := os.ReadFile(l.log)
			if err != nil {
				faults = append(faults, err.Error())
			} else if fault := fault(string(log[l.judged:])); fault != "" {
				faults = append(faults, fault)
			}
		}
	}
	if sharing.browser != nil {
		if err := sharing.browser.quit(); err != nil {
			fmt.Fprintln(os.Stderr, "closing the browser:", err)
		}
	}
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, "--- FAIL: after all tests,", fault)
	}
	return len(faults) == 0
}
