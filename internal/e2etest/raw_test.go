// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// rawTime bounds a conversation on a raw connection.
const rawTime = 20 * time.Second

// raw writes lines to the server exactly as they are, with CRLF after each and
// an empty one at the end, and returns the answer. A status of 0 means that
// the server closed the connection instead.
func (s *server) raw(t testing.TB, lines ...string) answer {
	t.Helper()
	return s.rawBytes(t, strings.Join(lines, "\r\n")+"\r\n\r\n")
}

// rawBytes writes bytes to the server and returns the first answer.
func (s *server) rawBytes(t testing.TB, text string) answer {
	t.Helper()
	conn, err := s.dialer().Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(rawTime))
	// The server may refuse and close before it has read everything: what it
	// says then is the result, so a failed write is none.
	conn.Write([]byte(text))
	at := &url.URL{Scheme: "raw", Opaque: strings.SplitN(text, "\r\n", 2)[0]}
	method, _, _ := strings.Cut(text, " ") // tells whether a body follows
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
			t.Fatalf("no answer within %s to\n%q", rawTime, text)
		}
		return answer{header: http.Header{}, at: at}
	}
	return read(t, res, at)
}

// tryPost sends JSON to the API and returns the status, or 0 when there was no
// answer.
func (s *server) tryPost(path, body string) int {
	res, err := s.client().Post(s.hub+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}
