// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// app is what stands behind a gate. It knows nothing of usher: it tells what
// it received, and remembers it.
type app struct {
	server *httptest.Server

	mu   sync.Mutex
	seen []echo // guarded by mu
}

// echo is a request as it arrived at the app.
type echo struct {
	Method  string
	Target  string // the request target as it was on the wire
	Host    string
	Header  http.Header
	Trailer http.Header
}

// probeHeader names a request, so that a test finds it again at the app.
const probeHeader = "X-Probe"

func startApp() *app {
	a := &app{}
	a.server = httptest.NewServer(a)
	return a
}

func (a *app) addr() string { return strings.TrimPrefix(a.server.URL, "http://") }

// ServeHTTP answers with JSON, or to browsers with a page that holds the same.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // trailers come after the body
	e := echo{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Trailer: r.Trailer}
	a.mu.Lock()
	a.seen = append(a.seen, e)
	a.mu.Unlock()
	body, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings always encode
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/socket"):
		serveSocket(w, r)
	case r.URL.Path == "/assets/third-party":
		servePage(w, `<title>Third party</title><iframe src="`+html.EscapeString(r.URL.Query().Get("of"))+`"></iframe>`)
	case r.URL.Path == "/assets/set-cookie":
		// Browsers take Secure cookies from loopback names without TLS too.
		http.SetCookie(w, &http.Cookie{Name: "tracker", Value: "1", Path: "/", Secure: true, SameSite: http.SameSiteNoneMode})
		servePage(w, "<title>Cookie set</title>")
	case strings.Contains(r.Header.Get("Accept"), "text/html"):
		servePage(w, fmt.Sprintf(`<title>App</title><h1>%s</h1><p id="customer">%s</p><p id="email">%s</p><pre>%s</pre>
<form method="post" action="/.usher/logout"><button>Sign out</button></form>`,
			html.EscapeString(r.RequestURI), html.EscapeString(r.Header.Get("X-Usher-Customer-Id")),
			html.EscapeString(r.Header.Get("X-Usher-Email")), html.EscapeString(string(body))))
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}
}

func servePage(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,">%s`, body)
}

// forget forgets the requests that have reached the app.
func (a *app) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = nil
}

// calls returns the requests that reached the app with the given probe.
func (a *app) calls(probe string) []echo {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []echo
	for _, e := range a.seen {
		if e.Header.Get(probeHeader) == probe {
			found = append(found, e)
		}
	}
	return found
}

// all returns every request that reached the app.
func (a *app) all() []echo {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]echo(nil), a.seen...)
}

// told returns everything that a server could read as usher's word on who is
// asking, by folded name: case and every character but letters and digits make
// no difference, as in CGI variables.
func (e echo) told() map[string][]string {
	told := map[string][]string{}
	for _, headers := range []http.Header{e.Header, e.Trailer} {
		for name, values := range headers {
			if folded := fold(name); strings.HasPrefix(folded, "x-usher-") {
				told[folded] = append(told[folded], values...)
			}
		}
	}
	return told
}

func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// at returns the requests that reached the app at a path.
func (a *app) at(path string) []echo {
	var found []echo
	for _, e := range a.all() {
		if e.Target == path {
			found = append(found, e)
		}
	}
	return found
}
