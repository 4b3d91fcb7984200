// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

//lint:file-ignore SA1019 the transport of net/http sends no :protocol, without which there is no extended CONNECT

// The app takes web sockets (RFC 6455) at paths that end in /socket: it sends
// back each text, with the customer's id before it.

// serveSocket answers a web socket's request, and the first text of it.
func serveSocket(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // the app speaks HTTP/1.1
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(rawTime))
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if text, err := readText(rw); err == nil {
		text = r.Header.Get("X-Usher-Customer-Id") + ":" + text
		conn.Write(append([]byte{0x81, byte(len(text))}, text...))
	}
}

// readText reads a frame of text, which is short here.
func readText(r io.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	if head[0] != 0x81 || head[1]&0x7f > 125 {
		return "", fmt.Errorf("a frame that begins with %x", head)
	}
	mask := make([]byte, head[1]>>7*4) // clients mask what they send
	text := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(r, mask); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	for i := range text {
		if len(mask) > 0 {
			text[i] ^= mask[i%4]
		}
	}
	return string(text), nil
}

// writeText writes a frame of text as clients do; a mask of zeros is one.
func writeText(w io.Writer, text string) error {
	_, err := w.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
	return err
}

// socket asks a site for a web socket over HTTP/1.1 and returns the status, and
// what the app says to "hello" if it was 101.
func (s *server) socket(t testing.TB, host, path string, lines ...string) (status int, said string) {
	t.Helper()
	conn, err := s.dialer().Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(rawTime))
	if s.hosts.scheme == "https" {
		conn = tls.Client(conn, &tls.Config{RootCAs: s.roots(), ServerName: host})
	}
	lines = append([]string{"GET " + path + " HTTP/1.1", "Host: " + host}, append(lines, asSocket...)...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return res.StatusCode, ""
	}
	if err = writeText(conn, "hello"); err == nil {
		said, err = readText(reader)
	}
	if err != nil {
		t.Fatalf("the socket at %s%s: %v", host, path, err)
	}
	return res.StatusCode, said
}

// TestWebSocketsPassWithASession: the gate decides before the upgrade, and is
// out of the way after it.
func TestWebSocketsPassWithASession(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{"plain": borrow(t, standard), "TLS": borrowAt(t, real, secured())} {
		viewer := s.register(t, "socket")
		v := s.visitor(t)
		v.signIn(s.newsURL+"/", viewer.email)
		var cookie string
		for name, value := range v.cookies(s.newsURL) {
			cookie += "; " + name + "=" + value
		}
		cookie = "Cookie: lang=de" + cookie
		for _, tt := range []struct {
			who, path, proof string
			status           int
			said             string
		}{
			{"a stranger", "/socket", "X-A: b", 401, ""},
			{"a stranger with made-up proof", "/socket", "Authorization: Bearer a.b.c", 401, ""},
			{"a stranger who claims to be the viewer", "/socket", "X-Usher-Customer-Id: " + viewer.id, 401, ""},
			{"a viewer", "/socket", cookie, 101, viewer.id + ":hello"},
			{"an app", "/socket", bearer(viewer.JWT), 101, viewer.id + ":hello"},
			{"a stranger at an optional path", "/open/socket", "X-Usher-Customer-Id: " + viewer.id, 101, ":hello"},
			{"a viewer at an optional path", "/open/socket", cookie, 101, viewer.id + ":hello"},
			{"a viewer at a public path", "/assets/socket", cookie, 101, ":hello"},
		} {
			probe := name + ", " + tt.who
			status, said := s.socket(t, s.hosts.news, tt.path, "X-Probe: "+probe, "Origin: "+s.newsURL, tt.proof)
			if calls := len(s.news.calls(probe)); status != tt.status || said != tt.said || calls != map[int]int{101: 1}[status] {
				t.Errorf("%s: status %d, the app said %q and was called %d times; want %d and %q", probe, status, said, calls, tt.status, tt.said)
			}
		}
		v.submit(s.newsURL+"/.usher/logout", nil).says(t, 303)
		if status, _ := s.socket(t, s.hosts.news, "/socket", cookie); status != 401 {
			t.Errorf("%s, after the sign-out: status %d", name, status)
		}
	}
}

// extended asks a site for a web socket over HTTP/2, by extended CONNECT
// (RFC 8441). Errors: errNotOffered when the server does not announce it.
func (s *server) extended(t testing.TB, path string, lines ...string) (status int, said string, err error) {
	t.Helper()
	transport := &http2.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots()},
		DialTLSContext: func(ctx context.Context, network, _ string, config *tls.Config) (net.Conn, error) {
			return (&tls.Dialer{NetDialer: s.dialer(), Config: config}).DialContext(ctx, network, "127.0.0.1:"+s.port)
		},
	}
	defer transport.CloseIdleConnections()
	body, send := io.Pipe()
	defer send.Close()
	ctx, cancel := context.WithTimeout(context.Background(), rawTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodConnect, s.newsURL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range append(lines, ":protocol: websocket", "Sec-WebSocket-Version: 13", "Origin: "+s.newsURL, "Sec-Fetch-Mode: websocket") {
		cut := strings.LastIndex(line, ": ")
		req.Header[http.CanonicalHeaderKey(line[:cut])] = []string{line[cut+2:]}
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		if strings.Contains(err.Error(), "extended connect not supported") {
			err = errNotOffered
		}
		return 0, "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, "", nil
	}
	if err = writeText(send, "hello"); err == nil {
		said, err = readText(res.Body)
	}
	return res.StatusCode, said, err
}

var errNotOffered = errors.New("the server offers no web sockets over HTTP/2")

// TestWebSocketsOverHTTP2: Go's servers, and so Caddy's, offer them only where
// the operator sets GODEBUG=http2xconnect=1. Without, browsers open a connection
// for HTTP/1.1, and who tries all the same is refused; with, the table holds.
func TestWebSocketsOverHTTP2(t *testing.T) {
	off := borrowAt(t, real, secured())
	if _, _, err := off.extended(t, "/socket"); !errors.Is(err, errNotOffered) {
		t.Errorf("not offered as a rule: %v", err)
	}
	for _, path := range []string{"/socket", "/open/socket", "/assets/socket"} {
		status := off.http2(t, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", off.hosts.news, ":path", path)
		if n := len(off.news.all()); status >= 100 && status < 400 || n > 0 {
			t.Errorf("%s, not offered: status %d, and the app was called %d times", path, status, n)
		}
	}

	t.Setenv("GODEBUG", "http2xconnect=1")
	s := startAt(t, real, secured())
	viewer := s.register(t, "socket")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/", viewer.email)
	cookie := "Cookie: __Host-usher=" + v.cookies(s.newsURL)["__Host-usher"]
	for _, tt := range []struct {
		who, path, proof string
		status           int
		said             string
	}{
		{"a stranger", "/socket", "X-A: b", 401, ""},
		{"a stranger who takes HTML", "/socket", asHTML, 401, ""},
		{"a viewer", "/socket", cookie, 200, viewer.id + ":hello"},
		{"an app", "/socket", bearer(viewer.JWT), 200, viewer.id + ":hello"},
		{"a stranger at an optional path", "/open/socket", "Referer: " + s.sportsURL + "/", 200, ":hello"},
		{"a viewer at an optional path", "/open/socket", cookie, 200, viewer.id + ":hello"},
		{"a viewer at a public path", "/assets/socket", cookie, 200, ":hello"},
	} {
		status, said, err := s.extended(t, tt.path, "X-Probe: "+tt.who, tt.proof)
		if calls := len(s.news.calls(tt.who)); err != nil || status != tt.status || said != tt.said || calls != map[int]int{200: 1}[status] {
			t.Errorf("%s: status %d, the app said %q and was called %d times, %v; want %d and %q", tt.who, status, said, calls, err, tt.status, tt.said)
		}
	}
}
