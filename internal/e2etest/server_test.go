// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/usher-sso/usher/internal/socialtest"
)

// server is one running usher with a hub and two sites in front of two apps,
// on ports and with data of its own. It ends with its test, which fails when
// the server has raced, panicked or met an error that it did not expect.
type server struct {
	t     testing.TB
	hosts hosts
	race  bool     // the binary has the race detector
	dir   string   // of the store, the outbox and Caddy's own data
	env   []string // what the process has in its environment besides
	port  string   // of the hub and the sites
	admin string   // address of Caddy's admin API
	from  string   // address that tests speak to it from

	hub, newsURL, sportsURL string // origins
	news, sports            *app

	internet *socialtest.Internet // where viewers have accounts elsewhere; may be nil

	cmd   *exec.Cmd
	log   string        // path of what the server writes
	ended chan struct{} // closed when the process has ended; exit is set then
	exit  error
	over  bool // the test has ended the process

	judged int // how much of the log a test before has answered for
}

// hosts are the names of the hub and the sites.
type hosts struct{ scheme, hub, news, sports string }

// loopback names need no TLS, and each is a site of its own to browsers.
var loopback = hosts{"http", "hub.localhost", "news.localhost", "sports.localhost"}

// standard is the Caddyfile of most tests: no consents, so that accounts can be
// made through the API alone, and open paths beside the protected ones.
const standard = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			offers S100000001_US
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	header X-Config "{{.Version}}"
	usher_gate {
		public /assets/* /robots.txt
		optional /open/*
	}
	reverse_proxy {{.NewsApp}}
}
{{.Sports}} {
	usher_gate {
		public /assets/*
		optional /open/*
	}
	reverse_proxy {{.SportsApp}}
}
`

// startTime bounds how long a server may take until it serves. A binary with
// the race detector on a busy machine is slow.
const startTime = time.Minute

// start starts a server at loopback names.
func start(t testing.TB, caddyfile string) *server {
	t.Helper()
	return startAt(t, loopback, caddyfile)
}

// startAt starts a server at the given names.
func startAt(t testing.TB, h hosts, caddyfile string) *server {
	t.Helper()
	s := newServer(t, h, withRace, t.TempDir())
	t.Cleanup(s.finish)
	return s.begin(caddyfile)
}

// startForBrowsers starts a server at loopback names that serves browsers alone,
// or little else. It has no race detector; see binaries.
func startForBrowsers(t testing.TB, caddyfile string) *server {
	t.Helper()
	s := newServer(t, loopback, false, t.TempDir())
	t.Cleanup(s.finish)
	return s.begin(caddyfile)
}

// newServer returns a server that does not run yet, and its apps, which do.
func newServer(t testing.TB, h hosts, race bool, dir string) *server {
	t.Helper()
	mustBuild(t, race)
	return &server{t: t, hosts: h, race: race, dir: dir, from: "127.0.0.1", log: filepath.Join(dir, "server.log"), news: startApp(), sports: startApp()}
}

// begin runs the server on ports that nobody else has.
func (s *server) begin(caddyfile string) *server {
	s.t.Helper()
	for {
		s.port, s.admin = freePort(s.t), "localhost:"+freePort(s.t)
		s.hub, s.newsURL, s.sportsURL = s.at(s.hosts.hub), s.at(s.hosts.news), s.at(s.hosts.sports)
		s.write(caddyfile, "1")
		if s.boot() {
			return s
		}
		// What it has declared already names the port that it could not have.
		if err := os.Remove(filepath.Join(s.dir, "usher.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.t.Fatal(err)
		}
	}
}

func (s *server) at(host string) string { return s.hosts.scheme + "://" + host + ":" + s.port }

// given are the ports that were handed out. Caddy shares its ports with
// whoever listens in the same way, so two servers at one port would not fail
// but take each other's requests.
var given sync.Map

func freePort(t testing.TB) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		if _, taken := given.LoadOrStore(port, true); !taken {
			return port
		}
	}
}

func (s *server) configPath() string { return filepath.Join(s.dir, "Caddyfile") }

// write writes the configuration. version tells one from another: the news
// site sends it in X-Config.
func (s *server) write(caddyfile, version string) {
	s.t.Helper()
	options := []string{
		"admin " + s.admin, "default_bind 127.0.0.1", "persist_config off", "grace_period 5s",
		"auto_https disable_redirects", "local_certs", "skip_install_trust",
		"servers {", "\tprotocols h1 h2", "}",
	}
	var text strings.Builder
	parsed := template.Must(template.New("Caddyfile").Parse(caddyfile))
	err := parsed.Execute(&text, map[string]string{
		"Options": strings.Join(options, "\n\t"), "Dir": s.dir, "Version": version, "Port": s.port,
		"Hub": s.hub, "News": s.newsURL, "Sports": s.sportsURL,
		"NewsApp": s.news.addr(), "SportsApp": s.sports.addr(),
	})
	if err == nil {
		err = os.WriteFile(s.configPath(), []byte(text.String()), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// boot runs the server until it serves. It returns false when another process
// was faster to take a port.
func (s *server) boot() bool {
	s.t.Helper()
	return s.bootWith("run", "--config", s.configPath(), "--adapter", "caddyfile")
}

func (s *server) bootWith(args ...string) bool {
	s.t.Helper()
	s.run(args...)
	deadline := time.Now().Add(startTime)
	for !s.serves() {
		select {
		case <-s.ended:
			if strings.Contains(s.logged(), "address already in use") {
				os.Remove(s.log)
				s.over = true
				return false
			}
			s.t.Fatalf("the server ended: %v\n%s", s.exit, s.logged())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not serve after %s:\n%s", startTime, s.logged())
		}
	}
	return true
}

// run starts the process.
func (s *server) run(args ...string) {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(mustBuild(s.t, s.race), args...)
	cmd.Dir, cmd.Env = s.dir, append(environment(s.dir), s.env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	s.cmd, s.ended, s.over = cmd, ended, false
	go func() {
		s.exit = cmd.Wait()
		close(ended)
	}()
}

// serves tells whether the hub answers, and the sites where they need
// certificates: the server serves before it has made them.
func (s *server) serves() bool {
	t := s.transport()
	defer t.CloseIdleConnections()
	if s.hosts.scheme == "https" {
		for _, host := range []string{s.hosts.hub, s.hosts.news, s.hosts.sports} {
			conn, err := tls.DialWithDialer(s.dialer(), "tcp", "127.0.0.1:"+s.port, &tls.Config{RootCAs: s.roots(), ServerName: host})
			if err != nil {
				return false
			}
			conn.Close()
		}
	}
	res, err := (&http.Client{Transport: t, Timeout: 5 * time.Second}).Get(s.hub + "/.well-known/jwks.json")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == 200
}

func (s *server) logged() string {
	b, err := os.ReadFile(s.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
	return string(b)
}

// kill ends the server without a word of warning.
func (s *server) kill() {
	s.over = true
	s.cmd.Process.Kill()
	<-s.ended
}

// restart starts the server again where it was.
func (s *server) restart() {
	s.t.Helper()
	for deadline := time.Now().Add(startTime); !s.boot(); {
		if time.Now().After(deadline) {
			s.t.Fatal("somebody else keeps the server's port")
		}
	}
}

// unexpected is what no server may log, whatever is done to it.
var unexpected = regexp.MustCompile(`(?i)panic|DATA RACE|fatal error|answering a request|judging a request|rendering a page`)

// stopTime bounds how long a server may take to stop when it is asked to.
const stopTime = 30 * time.Second

// finish stops the server and judges what it wrote.
func (s *server) finish() {
	if s.cmd != nil {
		s.stop()
	}
	s.judge()
	s.news.server.Close()
	s.sports.server.Close()
}

// judge fails the test for what the server logged in the course of it.
func (s *server) judge() {
	log := s.logged()[s.judged:]
	s.judged += len(log)
	if fault := fault(log); fault != "" {
		s.t.Error(fault)
	}
	if s.t.Failed() {
		s.t.Logf("end of the server's log:\n%s", log[max(0, len(log)-6000):])
	}
}

// fault returns what a server that has written the log is to be blamed for, or
// "".
func fault(log string) string {
	at := unexpected.FindStringIndex(log)
	if at == nil {
		return ""
	}
	return "the server logged what it never should:\n" + log[at[0]:min(at[0]+6000, len(log))]
}

// stop stops the server, which is to end well.
func (s *server) stop() {
	if s.over {
		return
	}
	if err := s.halt(); err != nil {
		s.t.Error(err)
	}
}

// halt asks the server to stop and waits for that.
func (s *server) halt() error {
	select {
	case <-s.ended:
		return fmt.Errorf("the server ended by itself: %v", s.exit)
	default:
	}
	s.over = true
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		if s.exit != nil {
			return fmt.Errorf("the server stopped with %w", s.exit)
		}
	case <-time.After(stopTime):
		s.kill()
		return fmt.Errorf("the server did not stop within %s", stopTime)
	}
	return nil
}

// reload gives the running server another configuration, as operators do.
func (s *server) reload(caddyfile, version string) (string, error) {
	s.t.Helper()
	s.write(caddyfile, version)
	return command(s.t, s.dir, "reload", "--config", s.configPath(), "--adapter", "caddyfile", "--address", s.admin)
}
