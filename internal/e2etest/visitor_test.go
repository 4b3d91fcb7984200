// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// dialer makes connections from this test's address.
func (s *server) dialer() *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.from)}}
}

// transport reaches every name at this server, whatever DNS says.
func (s *server) transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return s.dialer().DialContext(ctx, network, "127.0.0.1:"+s.port)
		},
		TLSClientConfig:     &tls.Config{RootCAs: s.roots()},
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 64,
	}
}

// roots returns the server's own certificate authority.
func (s *server) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	if pem, err := os.ReadFile(filepath.Join(s.dir, "caddy", "pki", "authorities", "local", "root.crt")); err == nil {
		pool.AppendCertsFromPEM(pem)
	}
	return pool
}

// client returns a client that follows no redirect and keeps no cookie.
func (s *server) client() *http.Client {
	t := s.transport()
	s.t.Cleanup(t.CloseIdleConnections)
	return &http.Client{
		Transport: t, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// visitor is a browser as servers see it: it keeps cookies, sends what
// browsers send along, and follows a redirect only when told to.
type visitor struct {
	t      testing.TB
	s      *server
	client *http.Client
}

func (s *server) visitor(t testing.TB) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, s: s, client: s.client()}
	v.client.Jar = jar
	return v
}

// answer is a response, read to its end.
type answer struct {
	status int
	proto  string
	header http.Header
	body   string
	at     *url.URL
}

// send sends a request with headers given as lines.
func (v *visitor) send(method, target, body string, lines ...string) answer {
	v.t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		req.Header.Add(name, strings.TrimSpace(value))
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	return read(v.t, res, req.URL)
}

func read(t testing.TB, res *http.Response, at *url.URL) answer {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the answer of %s: %v", at, err)
	}
	return answer{status: res.StatusCode, proto: res.Proto, header: res.Header, body: string(b), at: at}
}

// What browsers send along.
var (
	asPage   = []string{"Accept: text/html,*/*;q=0.8", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: none"}
	asScript = []string{"Accept: application/json", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Sec-Fetch-Site: same-origin"}
)

// open asks for a page, as a person does who types its address.
func (v *visitor) open(target string, lines ...string) answer {
	v.t.Helper()
	return v.send("GET", target, "", append(lines, asPage...)...)
}

// fetch asks for data, as the script of a page does.
func (v *visitor) fetch(target string, lines ...string) answer {
	v.t.Helper()
	return v.send("GET", target, "", append(lines, asScript...)...)
}

// visit opens a page and follows redirects to the end. It returns all answers.
func (v *visitor) visit(target string) []answer {
	v.t.Helper()
	return v.follow(v.open(target))
}

// maxHops is where browsers give up, too.
const maxHops = 20

func (v *visitor) follow(a answer) []answer {
	v.t.Helper()
	all := []answer{a}
	for a.redirects() {
		if len(all) > maxHops {
			v.t.Fatalf("more than %d redirects, the last to %s", maxHops, a.to())
		}
		a = v.open(a.to())
		all = append(all, a)
	}
	return all
}

// submit sends a form of a page of the same origin and follows nothing.
func (v *visitor) submit(target string, fields url.Values) answer {
	v.t.Helper()
	at, err := url.Parse(target)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.send("POST", target, fields.Encode(), "Content-Type: application/x-www-form-urlencoded",
		"Origin: "+at.Scheme+"://"+at.Host, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate",
		"Sec-Fetch-Dest: document", "Accept: text/html,*/*;q=0.8")
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)

// fill sends the first form of a page. fields are names and values in turn.
func (v *visitor) fill(page answer, fields ...string) answer {
	v.t.Helper()
	m := formAction.FindStringSubmatch(page.body)
	if m == nil {
		v.t.Fatalf("no form at %s:\n%s", page.at, page.body)
	}
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return v.submit(page.resolve(v.t, m[1]), values)
}

// click follows the link with the given words.
func (v *visitor) click(page answer, words string) answer {
	v.t.Helper()
	m := regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>` + regexp.QuoteMeta(words) + `<`).FindStringSubmatch(page.body)
	if m == nil {
		v.t.Fatalf("no link %q at %s:\n%s", words, page.at, page.body)
	}
	return v.open(page.resolve(v.t, m[1]))
}

func (a answer) resolve(t testing.TB, ref string) string {
	t.Helper()
	u, err := a.at.Parse(html.UnescapeString(ref))
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

func (a answer) redirects() bool { return a.status >= 300 && a.status < 400 && a.to() != "" }

// to returns where a redirect leads, made absolute.
func (a answer) to() string {
	u, err := a.at.Parse(a.header.Get("Location"))
	if err != nil || a.header.Get("Location") == "" {
		return ""
	}
	return u.String()
}

// json reads the answer's body into v.
func (a answer) json(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%s answered %d with what is no JSON: %v\n%s", a.at, a.status, err, a.body)
	}
}

// cookies returns what the visitor's browser sends to an origin, by name.
func (v *visitor) cookies(origin string) map[string]string {
	v.t.Helper()
	at, err := url.Parse(origin)
	if err != nil {
		v.t.Fatal(err)
	}
	all := map[string]string{}
	for _, c := range v.client.Jar.Cookies(at) {
		all[c.Name] = c.Value
	}
	return all
}

// keep puts cookies into the visitor's browser.
func (v *visitor) keep(origin string, cookies map[string]string) {
	v.t.Helper()
	at, err := url.Parse(origin)
	if err != nil {
		v.t.Fatal(err)
	}
	for name, value := range cookies {
		v.client.Jar.SetCookies(at, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: at.Scheme == "https"}})
	}
}

// twin returns another browser that holds the same cookies, as a thief has who
// copied them.
func (v *visitor) twin() *visitor {
	v.t.Helper()
	w := v.s.visitor(v.t)
	for _, origin := range []string{v.s.hub, v.s.newsURL, v.s.sportsURL} {
		w.keep(origin, v.cookies(origin))
	}
	return w
}

// says checks the status of an answer.
func (a answer) says(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s answered %d, want %d; Location %q\n%s", a.at, a.status, status, a.header.Get("Location"), a.body)
	}
	return a
}
