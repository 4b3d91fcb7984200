// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"os/exec"
	"strconv"
	"testing"
)

// This file has the journeys of viewers who have to come back later.

// maxTries is above every limit on tries: 10 for an account's password, 60 for
// the mails and codes that one network asks for.
const maxTries = 100

// tooOften tries until the server wants no more.
func (w *walk) tooOften(try func() answer) {
	w.t.Helper()
	for range maxTries {
		if try().status == 429 {
			return
		}
	}
	w.t.Fatalf("nothing was refused of %d tries", maxTries)
}

// guessed is when somebody has tried too many passwords of an account.
func (w *walk) guessed(name string) {
	w.t.Helper()
	w.tooOften(func() answer { return w.s.post(w.t, "/auths", credentials(w.email(name), "wrong-password-1")) })
}

// refusedAtLast is tooOften in the browser, which comes after others have tried
// too often: on a slow machine one more try may be fair by then.
func (w *walk) refusedAtLast(try func() int) int {
	w.t.Helper()
	w.forgive("status of 4")
	for range 2 {
		if status := try(); status == 429 {
			return status
		}
	}
	return try()
}

func TestViewerTriesTooOften(t *testing.T) {
	j := setOut(t, wanting(brand))
	j.part("to sign in", func(t *testing.T, w *walk) {
		w.account("guesses")
		w.guessed("guesses")
		w.open(w.s.newsURL + "/live")
		w.refused(w.refusedAtLast(func() int { return w.login(w.email("guesses"), "wrong-password-1") }), 429)
		w.look("login-too-often")
	})
	j.part("to confirm it is them", func(t *testing.T, w *walk) {
		w.account("borrowed")
		w.goTo("/account/email", w.email("borrowed"))
		w.guessed("borrowed")
		w.refused(w.refusedAtLast(func() int {
			w.fill("email", w.email("elsewhere"), "current", "wrong-password-1")
			return w.send()
		}), 429)
		w.look("account-email-too-often")
	})
	j.part("to get a mail", func(t *testing.T, w *walk) {
		nobody := url.Values{"email": {"nobody@viewer.test"}}
		w.tooOften(func() answer { return w.s.visitor(t).submit(w.s.hub+"/forgot", nobody) })
		if status := w.refusedAtLast(func() int {
			w.open(w.s.hub + "/forgot")
			w.write("email", w.email("mails"))
			return w.send()
		}); status != 429 {
			t.Fatalf("status %d\n%s", status, w.shows())
		}
		w.look("error-too-often")
		w.click("main .actions a")
		w.wantsPage("/forgot")
	})
}

// fullDisk lets the server write nothing any more, or lets it write again. Its
// log ends there too: what finish must not find in it is to be expected now.
func (s *server) fullDisk(full bool) {
	s.t.Helper()
	limit := "unlimited"
	if full {
		limit = "0"
	}
	// The soft limit only: the hard one could not be raised again.
	if out, err := exec.Command("prlimit", "--pid", strconv.Itoa(s.cmd.Process.Pid), "--fsize="+limit+":").CombinedOutput(); err != nil {
		s.t.Fatalf("limiting what the server writes: %v\n%s", err, out)
	}
}

func TestViewerComesWhileTheStoreIsOutOfOrder(t *testing.T) {
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Skip("!!! NO PRLIMIT: install the package util-linux, or nothing tells what viewers see when the disk is full")
	}
	j := setOut(t, wanting(brand))
	j.part("and once more", func(t *testing.T, w *walk) {
		w.account("stays")
		w.open(w.s.newsURL + "/live")
		w.login(w.email("stays"), password)
		w.wants(w.s.newsURL + "/live")

		w.forgive("status of 50")
		w.s.fullDisk(true)
		defer w.s.fullDisk(false)
		w.open(w.s.newsURL + "/live")
		w.wants(w.s.newsURL + "/live") // who is in stays in
		if status := w.click("form button"); status != 503 {
			t.Fatalf("a sign-out that cannot be noted: status %d\n%s", status, w.shows())
		}
		w.look("error-site-unavailable")
		other := w.onAnotherDevice()
		other.forgive("status of 500")
		other.open(w.s.hub + "/login")
		if status := other.login(w.email("stays"), password); status != 500 {
			t.Errorf("a sign-in that cannot be noted: status %d\n%s", status, other.shows())
		}
		other.look("error-internal")

		w.s.fullDisk(false)
		w.click("main .actions a")
		w.wants(w.s.newsURL + "/")
		w.click("form button")
		w.wantsPage("/signed-out")
		other.click("main .actions a")
		other.login(w.email("stays"), password)
		other.wantsPage("/")
	})
}
