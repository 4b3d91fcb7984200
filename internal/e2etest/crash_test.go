// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestKillLosesNoAccountAndNoSession(t *testing.T) {
	t.Parallel()
	s := start(t, withConsents)
	v := s.visitor(t)
	v.signUp(s.newsURL+"/", "survivor@viewer.test", accepted...)
	spent := s.login(t, "survivor@viewer.test")
	next := granted(t, s.refresh(t, spent.RefreshToken))
	other := s.login(t, "survivor@viewer.test")

	gone := s.visitor(t)
	gone.signIn(s.newsURL+"/", "survivor@viewer.test")
	gone.visit(s.sportsURL + "/")
	ended := gone.twin()
	gone.submit(s.newsURL+"/.usher/logout", nil)

	s.kill()
	s.restart()

	if !v.signedIn(s.newsURL) {
		t.Error("the site's cookie does not count any more")
	}
	if hops := v.visit(s.sportsURL + "/second?site=1"); len(hops) != 4 || hops[3].status != 200 {
		t.Errorf("the hub's cookie does not sign in at a second site any more: %v", places(hops))
	}
	s.visitor(t).fetch(s.newsURL+"/account", bearer(next.JWT)).says(t, 200)
	granted(t, s.refresh(t, next.RefreshToken))
	granted(t, s.refresh(t, other.RefreshToken))
	s.login(t, "survivor@viewer.test")
	if ended.signedIn(s.newsURL) || ended.signedIn(s.sportsURL) || ended.knows() {
		t.Error("a session that was ended before the crash is alive again")
	}
}

func TestKillWhileRegisteringLeavesWholeCustomersOnly(t *testing.T) {
	t.Parallel()
	s := start(t, standard)
	const total, enough = 24, 6
	accepted := make(chan string, total)
	var crowd sync.WaitGroup
	for i := range total {
		email := fmt.Sprintf("crash-%d@viewer.test", i)
		crowd.Go(func() {
			// Not register, which would fail the test: most of these die.
			body := fmt.Sprintf(`{"email":%q,"password":%q,"publisherId":%q,"locale":"en_US","country":"US","currency":"USD"}`, email, password, publisherID)
			if s.tryPost("/customers", body) == 200 {
				accepted <- email
			}
		})
	}
	var survivors []string
	for range enough {
		survivors = append(survivors, <-accepted)
	}
	s.kill()
	crowd.Wait()
	close(accepted)
	for email := range accepted {
		survivors = append(survivors, email)
	}
	s.restart()

	for _, email := range survivors {
		s.login(t, email)
	}
	lost := 0
	for i := range total {
		// Whoever was not answered is a customer or is none, and can register.
		email := fmt.Sprintf("crash-%d@viewer.test", i)
		switch a := s.post(t, "/auths", credentials(email, password)); a.status {
		case 200:
		case 401:
			if lost++; lost == 1 {
				s.register(t, fmt.Sprintf("crash-%d", i))
			}
		default:
			t.Errorf("%s: login answers %d: %s", email, a.status, a.body)
		}
	}
}

func TestStoreAndMailAreFilesOfTheServerAlone(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	s.register(t, "private")
	info, err := os.Stat(filepath.Join(s.dir, "usher.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the store: %v, %v; want mode 0600", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "outbox")); err == nil && info.Mode().Perm() != 0o700 {
		t.Errorf("the outbox has mode %v, want 0700", info.Mode())
	}
}
