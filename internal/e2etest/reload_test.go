// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// version asks the news site which configuration it has.
func (s *server) version(t testing.TB) string {
	t.Helper()
	a := s.visitor(t).send("GET", s.newsURL+"/assets/version", "")
	if a.status != 200 {
		t.Fatalf("the site answered %d\n%s", a.status, a.body)
	}
	return a.header.Get("X-Config")
}

func TestReloadsUnderLoadLoseNoRequest(t *testing.T) {
	// Not parallel: the numbers are worth reading only when nothing else runs.
	s := start(t, standard)
	v, viewer := s.signedInAtBoth(t, "reloader")
	l := s.traffic(t, v, viewer.JWT)
	begun := time.Now()
	const span = 6 * time.Second
	for i := range 3 {
		waitUntil(t, "the next reload", func() bool { return time.Since(begun) >= span*time.Duration(i+1)/4 })
		version := strconv.Itoa(i + 2)
		if out, err := s.reload(standard, version); err != nil {
			t.Fatalf("reloading: %v\n%s", err, out)
		}
		if got := s.version(t); got != version {
			t.Errorf("after the reload the site has configuration %s, want %s", got, version)
		}
	}
	waitUntil(t, "the end", func() bool { return time.Since(begun) >= span })
	l.end(t, int(span/time.Second)*rate/2)
}

// waitUntil polls a condition.
func waitUntil(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(startTime); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// edit changes a Caddyfile in one place.
func edit(t testing.TB, caddyfile, from, to string) string {
	t.Helper()
	if strings.Count(caddyfile, from) != 1 {
		t.Fatalf("%q is not in the Caddyfile once", from)
	}
	return strings.Replace(caddyfile, from, to, 1)
}

func TestRefusedReloadLeavesTheOldConfigurationServing(t *testing.T) {
	t.Parallel()
	s := start(t, withConsents)
	v := s.visitor(t)
	v.signUp(s.newsURL+"/", "steady@viewer.test", accepted...)
	v.visit(s.sportsURL + "/")
	jwt := s.login(t, "steady@viewer.test").JWT
	rival := "\tpublisher 100000002 {\n\t\t\tsites " + s.newsURL + "\n\t\t}\n\t}\n}"
	tests := []struct{ what, caddyfile, says string }{
		{"unknown option", edit(t, withConsents, "mail outbox", "male outbox"), "male"},
		{"unknown option of a gate", strings.Replace(withConsents, "public /assets/*", "publik /assets/*", 1), "publik"},
		{"two publishers claim one host", edit(t, edit(t, withConsents, "publisher 100000001 {", "publisher 100000001 {\n\t\t\tsites "+s.newsURL+" "+s.sportsURL),
			"\t}\n}\n{{.Hub}}", rival+"\n{{.Hub}}"), "100000001"},
		{"text of a consent changed under its version", edit(t, withConsents, "I accept the", "I like the"), "version"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			l := s.traffic(t, v, jwt)
			if out, err := s.reload(tt.caddyfile, "bad"); err == nil || !strings.Contains(out, tt.says) {
				t.Errorf("the reload ended with %v, want an error that names %q:\n%s", err, tt.says, out)
			}
			l.end(t, rate/20)
			if got := s.version(t); got != "1" {
				t.Errorf("the site now has configuration %s", got)
			}
			if !v.signedIn(s.newsURL) || !v.knows() {
				t.Error("the viewer is not signed in any more")
			}
		})
	}
	if out, err := s.reload(withConsents, "2"); err != nil || s.version(t) != "2" {
		t.Errorf("a good configuration is refused afterwards: %v\n%s", err, out)
	}
}

// load gives the running server a configuration as JSON, through the admin API.
func (s *server) load(t testing.TB, config string) (status int, body string) {
	t.Helper()
	var res *http.Response
	waitUntil(t, "an answer of the admin endpoint, which each load replaces", func() bool {
		var err error
		res, err = http.Post("http://"+s.admin+"/load", "application/json", strings.NewReader(config))
		return err == nil
	})
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// adapt returns a Caddyfile as JSON.
func (s *server) adapt(t testing.TB, caddyfile, version string) string {
	t.Helper()
	s.write(caddyfile, version)
	var config, log bytes.Buffer
	if err := commandTo(t, &config, &log, s.dir, "adapt", "--config", s.configPath(), "--adapter", "caddyfile"); err != nil {
		t.Fatalf("adapt: %v\n%s", err, &log)
	}
	return config.String()
}

func TestViewersNeverMeetAConfigurationThatIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, withConsents)
	s.visitor(t).signUp(s.newsURL+"/", "bystander@viewer.test", accepted...)
	jwt := s.login(t, "bystander@viewer.test").JWT
	bad := s.adapt(t, edit(t, withConsents, "I accept the", "I like the"), "bad")

	var done atomic.Bool
	var asked, met atomic.Int64
	var crowd sync.WaitGroup
	for range 16 {
		crowd.Go(func() {
			client := s.client() // each request on a new connection, which a new configuration would accept
			client.Transport.(*http.Transport).DisableKeepAlives = true
			for !done.Load() {
				req, err := http.NewRequest("GET", s.newsURL+"/api", nil)
				if err != nil {
					panic(err) // our own addresses always parse
				}
				req.Header.Set("Authorization", "Bearer "+jwt)
				res, err := client.Do(req)
				if err != nil {
					continue // see traffic.request
				}
				res.Body.Close()
				asked.Add(1)
				if res.StatusCode != 200 || res.Header.Get("X-Config") != "1" {
					met.Add(1)
				}
			}
		})
	}
	// Apps start in any order, and what one order does wrong shows for a moment
	// only.
	for range 60 {
		if status, body := s.load(t, bad); status == 200 || !strings.Contains(body, "version") {
			t.Errorf("the reload ended with %d: %s", status, body)
		}
	}
	done.Store(true)
	crowd.Wait()
	if met.Load() > 0 {
		t.Errorf("%d of %d requests were answered by a configuration that was refused", met.Load(), asked.Load())
	}
}

func TestValidateWorksBesideARunningServer(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	v, _ := s.signedInAtBoth(t, "validator")
	begun := time.Now()
	out, err := command(t, s.dir, "validate", "--config", s.configPath(), "--adapter", "caddyfile")
	took := time.Since(begun)
	if err != nil || !strings.Contains(out, "Valid configuration") {
		t.Errorf("validate: %v\n%s", err, out)
	}
	// A validation that waited for the store's lock would take three seconds and
	// fail. The race detector and a busy machine take their time, too.
	if limit := 2500 * time.Millisecond; took > limit && !withRace {
		t.Errorf("validate took %s, want at most %s", took, limit)
	}
	t.Logf("validate took %s", took)
	if !v.signedIn(s.newsURL) {
		t.Error("the server let go of its sessions")
	}
	s.register(t, "after-validation")
}

func TestSecondServerOnTheSameStoreSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	text, err := os.ReadFile(s.configPath())
	if err != nil {
		t.Fatal(err)
	}
	second := strings.NewReplacer(":"+s.port, ":"+freePort(t), s.admin, "localhost:"+freePort(t)).Replace(string(text))
	path := filepath.Join(s.dir, "Caddyfile.second")
	if err := os.WriteFile(path, []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, s.dir, "run", "--config", path, "--adapter", "caddyfile")
	if err == nil || !strings.Contains(out, "another process holds this file") || !strings.Contains(out, "reload it instead") {
		t.Errorf("a second server: %v\n%s", err, out)
	}
	s.register(t, "first-goes-on")
}
