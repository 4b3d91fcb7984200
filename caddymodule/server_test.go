// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// object is a JSON object.
type object = map[string]any

// server is Caddy in this process, on a port of loopback. There is one at a
// time, because Caddy has one configuration.
type server struct {
	port  string
	store string // the store's file
	usher object // configuration of the app
	http  object // configuration of the HTTP server
	logs  object
}

// newServer describes a hub and a gated site at news.localhost that tells what
// the app behind the gate is told.
func newServer(t *testing.T) *server {
	t.Helper()
	port := freePort(t)
	dir := t.TempDir()
	s := &server{port: port, store: filepath.Join(dir, "usher.db")}
	s.usher = object{
		"hub":   s.origin("hub"),
		"store": object{"module": "bolt", "path": s.store},
		"mail":  object{"module": "outbox", "directory": filepath.Join(dir, "outbox")},
	}
	s.http = object{
		"listen":          []string{"127.0.0.1:" + port},
		"automatic_https": object{"disable": true},
		"routes": []object{
			s.route("hub", object{"handler": "usher"}),
			s.route("news", s.gate("news"), tell),
		},
	}
	s.logs = object{"default": object{"writer": object{"output": "discard"}}}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// origin returns the origin of a host below localhost.
func (s *server) origin(name string) string { return "http://" + name + ".localhost:" + s.port }

// route sends requests for a host below localhost to handlers.
func (s *server) route(name string, handlers ...object) object {
	return object{"match": []object{{"host": []string{name + ".localhost"}}}, "handle": handlers, "terminal": true}
}

// gate is the handler of a gate with an open path of each kind.
func (s *server) gate(name string) object {
	return object{
		"handler": "usher_gate", "sites": []string{s.origin(name)},
		"public": []string{"/about"}, "optional": []string{"/articles/*"},
	}
}

// tell is an app that answers with what it is told.
var tell = object{
	"handler": "static_response",
	"body": "path={http.request.uri} id={http.auth.user.id} publisher={http.auth.user.publisher_id} session={http.auth.user.session_id} " +
		"email={http.auth.user.email} consents={http.auth.user.consents} " +
		"header-id={http.request.header.X-Usher-Customer-Id} header-email={http.request.header.X-Usher-Email}",
}

// config returns the configuration as Caddy's JSON, with changes to the app's.
func (s *server) config(t *testing.T, change object) []byte {
	t.Helper()
	usher := maps.Clone(s.usher)
	maps.Copy(usher, change)
	b, err := json.Marshal(object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"logging": object{"logs": s.logs},
		"apps":    object{"usher": usher, "http": object{"servers": object{"main": s.http}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start loads the configuration, instead of the one that runs.
func (s *server) start(t *testing.T, change object) {
	t.Helper()
	if err := caddy.Load(s.config(t, change), true); err != nil {
		t.Fatalf("loading: %v", err)
	}
}

// browser keeps cookies and reaches every name at the server.
type browser struct {
	*http.Client
	t *testing.T
	s *server
}

func (s *server) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DisableKeepAlives: true, // a reload closes connections that wait for more
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+s.port)
		},
	}
	return &browser{&http.Client{Transport: transport, Jar: jar}, t, s}
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body string
}

// send sends a request to a host below localhost.
func (b *browser) send(method, name, path, body string, headers ...string) answer {
	b.t.Helper()
	response := b.try(func() *http.Request {
		r, err := http.NewRequest(method, b.s.origin(name)+path, strings.NewReader(body))
		if err != nil {
			b.t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		for i := 0; i < len(headers); i += 2 {
			switch headers[i] {
			case "Host":
				r.Host = headers[i+1]
			case "Accept":
				r.Header.Set("Accept", headers[i+1])
			default:
				r.Header.Add(headers[i], headers[i+1])
			}
		}
		return r
	})
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response, string(content)}
}

// try sends a request until it is answered: after a reload Caddy may still
// close a connection or two that its old socket has accepted.
func (b *browser) try(request func() *http.Request) *http.Response {
	b.t.Helper()
	var err error
	for range 10 {
		var response *http.Response
		if response, err = b.Do(request()); err == nil {
			return response
		}
	}
	b.t.Fatal(err)
	return nil
}

func (b *browser) get(name, path string, headers ...string) answer {
	b.t.Helper()
	return b.send("GET", name, path, "", headers...)
}

const password = "correct horse 9"

// register creates an account at the hub, in the browser.
func (b *browser) register(email string) {
	b.t.Helper()
	form := url.Values{"email": {email}, "password": {password}}
	a := b.send("POST", "hub", "/register", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, email) {
		b.t.Fatalf("registering %s: %s", email, a.Status)
	}
}

// registerSlowly begins to create an account and returns when the server reads the
// form, of which nothing has come. What it returns sends the form, and returns the
// status of the answer.
func (b *browser) registerSlowly(email string) (end func() int) {
	b.t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+b.s.port)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	form := url.Values{"email": {email}, "password": {password}}.Encode()
	fmt.Fprintf(c, "POST /register HTTP/1.1\r\nHost: hub.localhost:%s\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Sec-Fetch-Site: same-origin\r\nAccept: text/html\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", b.s.port, len(form))
	answers := bufio.NewReader(c)
	line, err := answers.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		b.t.Fatalf("the server does not read the form: %q, %v", line, err)
	}
	answers.ReadString('\n')
	return func() int {
		b.t.Helper()
		io.WriteString(c, form)
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
}

// told returns what the app behind the gate was told, by name.
func (a answer) told() map[string]string {
	told := map[string]string{}
	for _, word := range strings.Fields(a.body) {
		name, value, _ := strings.Cut(word, "=")
		told[name] = value
	}
	return told
}

// signedIn checks that the app knows who asks.
func (b *browser) signedIn(name, path, email string) {
	b.t.Helper()
	a := b.get(name, path)
	if a.StatusCode != http.StatusOK || a.told()["email"] != email || a.told()["header-email"] != email {
		b.t.Fatalf("%s%s: %s %.300s", name, path, a.Status, a.body)
	}
}
