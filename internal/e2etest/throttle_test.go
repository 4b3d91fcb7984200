// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// spellings are ways to write one address.
var spellings = []string{
	"kathe@büro.viewer.test", "KATHE@BÜRO.VIEWER.TEST", "Kathe@Büro.Viewer.Test", " kathe@büro.viewer.test ", "kathe@bu\u0308ro.viewer.test",
	"kathe@xn--bro-hoa.viewer.test", "KATHE@XN--BRO-HOA.viewer.test", "kAthe@büro.viewer.TEST", "kathe@BÜRO.viewer.test", "\tkathe@büro.viewer.test\n",
}

func TestEleventhWrongPasswordHasToWait(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	granted(t, s.post(t, "/customers", map[string]string{
		"email": spellings[0], "password": password, "publisherId": publisherID, "locale": "de_DE", "country": "DE", "currency": "EUR",
	}))
	for i, spelling := range spellings {
		if a := s.post(t, "/auths", credentials(spelling, "wrong-password-1")); a.status != 401 {
			t.Fatalf("try %d, as %q: status %d\n%s", i+1, spelling, a.status, a.body)
		}
	}
	for _, spelling := range spellings {
		a := s.post(t, "/auths", credentials(spelling, "wrong-password-1"))
		if a.status != 429 {
			t.Fatalf("try 11, as %q: status %d\n%s", spelling, a.status, a.body)
		}
		checkRefusal(t, a, "REQ0429")
		checkWait(t, a)
	}
	page := s.visitor(t).submit(s.hub+"/login", url.Values{"email": {spellings[0]}, "password": {"wrong-password-1"}}).says(t, 429)
	checkWait(t, page)
	if !strings.Contains(page.body, "too many tries") {
		t.Errorf("the page does not say why:\n%s", page.body)
	}
	// Nobody else has to wait, with or without an account.
	viewer := s.register(t, "neighbour")
	s.login(t, viewer.email)
	s.post(t, "/auths", credentials("nobody@viewer.test", "wrong-password-1")).says(t, 401)
}

// checkWait checks that an answer says how long to wait: some time, and not
// for ever.
func checkWait(t *testing.T, a answer) {
	t.Helper()
	if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 || n > 3600 {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
}

func TestUnknownAddressHasToWaitLikeAKnownOne(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	for i := range 11 {
		want := 401
		if i == 10 {
			want = 429
		}
		s.post(t, "/auths", credentials("unheard-of@viewer.test", "wrong-password-1")).says(t, want)
	}
}

func TestParallelTriesAreCountedOneByOne(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "parallel")
	body := fmt.Sprintf(`{"email":%q,"password":"wrong-password-1","publisherId":%q}`, viewer.email, publisherID)
	got := make(chan int, 30)
	var crowd sync.WaitGroup
	for range cap(got) {
		crowd.Go(func() { got <- s.tryPost("/auths", body) })
	}
	crowd.Wait()
	close(got)
	count := map[int]int{}
	for status := range got {
		count[status]++
	}
	// One try comes back every minute and a half: on a slow machine an eleventh
	// may be fair.
	if count[401] < 10 || count[401] > 11 || count[401]+count[429] != 30 {
		t.Errorf("answers by status: %v, want 10 of 401 and 20 of 429", count)
	}
}

func TestRightPasswordForgivesTheWrongOnes(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "forgetful")
	for range 2 {
		for range 9 {
			s.post(t, "/auths", credentials(viewer.email, "wrong-password-1")).says(t, 401)
		}
		s.login(t, viewer.email)
	}
}

func TestOwnerOnAKnownDeviceIsNotLockedOut(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "owner")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	v.submit(s.newsURL+"/.usher/logout", nil).says(t, 303)
	login := url.Values{"email": {viewer.email}, "password": {"wrong-password-1"}}
	for range 12 {
		s.visitor(t).submit(s.hub+"/login", login)
	}
	s.visitor(t).submit(s.hub+"/login", url.Values{"email": {viewer.email}, "password": {password}}).says(t, 429)
	v.signIn(s.newsURL+"/back", viewer.email)

	// A device that knows the owner is no way around the limit.
	statuses := map[int]int{}
	for range 12 {
		statuses[v.submit(s.hub+"/login", login).status]++
	}
	if statuses[429] == 0 || statuses[401] > 11 {
		t.Errorf("a known device may guess: answers by status %v", statuses)
	}
	// Nor is it one for another account.
	other := s.register(t, "next-door")
	login.Set("email", other.email)
	for range 10 {
		s.visitor(t).submit(s.hub+"/login", login).says(t, 401)
	}
	v.submit(s.hub+"/login", login).says(t, 429)
}
