// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// traffic is a steady stream of requests from signed-in viewers that does not
// wait for answers before it goes on (an open loop): a server that hesitates
// is seen to hesitate.
type traffic struct {
	stop    chan struct{}
	stopped chan struct{}

	mu     sync.Mutex
	took   []time.Duration // guarded by mu; of requests that were served
	failed []string        // guarded by mu
	again  int             // guarded by mu; requests whose connection was lost and that were sent again
	wait   sync.WaitGroup
}

// rate is how many requests traffic sends in a second.
const rate = 200

// traffic begins a stream to both sites, by cookie and by token.
func (s *server) traffic(t testing.TB, v *visitor, jwt string) *traffic {
	t.Helper()
	l := &traffic{stop: make(chan struct{}), stopped: make(chan struct{})}
	client := s.client()
	cookie := func(site string) string { return "usher=" + v.cookies(site)["usher"] }
	kinds := []struct{ target, name, value string }{
		{s.newsURL + "/account", "Cookie", cookie(s.newsURL)},
		{s.sportsURL + "/account", "Cookie", cookie(s.sportsURL)},
		{s.newsURL + "/api", "Authorization", "Bearer " + jwt},
		{s.sportsURL + "/api", "Authorization", "Bearer " + jwt},
	}
	go func() {
		defer close(l.stopped)
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-l.stop:
				return
			case <-tick.C:
			}
			k := kinds[i%len(kinds)]
			l.wait.Go(func() { l.request(client, k.target, k.name, k.value) })
		}
	}()
	return l
}

func (l *traffic) request(client *http.Client, target, name, value string) {
	req, err := http.NewRequest("GET", target, nil)
	if err != nil {
		panic(err) // our own addresses always parse
	}
	req.Header.Set(name, value)
	req.Header.Set("Accept", "application/json")
	begun := time.Now()
	res, err := client.Do(req)
	if err != nil {
		// When Caddy changes its listeners, the kernel resets connections that
		// wait to be accepted by the old ones, with or without usher.
		l.mu.Lock()
		l.again++
		l.mu.Unlock()
		res, err = client.Do(req)
	}
	fault := ""
	if err != nil {
		fault = err.Error()
	} else {
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			fault = fmt.Sprintf("%s: status %d, %v, %.200s", target, res.StatusCode, err, body)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if fault != "" {
		l.failed = append(l.failed, fault)
		return
	}
	l.took = append(l.took, time.Since(begun))
}

func (l *traffic) hasFailed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failed) > 0
}

// served returns how many requests were answered well.
func (l *traffic) served() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.took)
}

// end stops the traffic when there was enough of it to say anything, which takes
// longer on a slow machine, and requires that every request was served.
func (l *traffic) end(t testing.TB, atLeast int) {
	t.Helper()
	waitUntil(t, "enough requests", func() bool { return l.served() >= atLeast || l.hasFailed() })
	close(l.stop)
	<-l.stopped
	l.wait.Wait()
	slices.Sort(l.took)
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", len(l.failed), len(l.failed)+len(l.took), l.failed[0])
	}
	if len(l.took) == 0 {
		t.Fatal("no request was served")
	}
	t.Logf("%d requests served, %d failed, %d sent again; median %s, 99%% %s, slowest %s", len(l.took), len(l.failed), l.again,
		l.took[len(l.took)/2], l.took[len(l.took)*99/100], l.took[len(l.took)-1])
}

// signedInAtBoth returns a visitor who is signed in at both sites, and a token.
func (s *server) signedInAtBoth(t testing.TB, name string) (*visitor, account) {
	t.Helper()
	viewer := s.register(t, name)
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	v.visit(s.sportsURL + "/")
	return v, viewer
}
