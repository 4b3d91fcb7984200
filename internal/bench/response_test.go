// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

func TestReadResponse(t *testing.T) {
	tests := map[string]struct {
		given  string
		status int
		bad    bool
	}{
		"a body":            {given: "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello", status: 200},
		"another spelling":  {given: "HTTP/1.1 401 Unauthorized\r\ncontent-length:5\r\n\r\nhello", status: 401},
		"no reason":         {given: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", status: 200},
		"no content":        {given: "HTTP/1.1 204 No Content\r\n\r\n", status: 204},
		"switching":         {given: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", status: 101},
		"no length":         {given: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad: true},
		"a length of words": {given: "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", bad: true},
		"a signed length":   {given: "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", bad: true},
		"no status":         {given: "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", bad: true},
		"another protocol":  {given: "SSH-2.0-OpenSSH_9.6\r\n\r\n", bad: true},
		"cut in the head":   {given: "HTTP/1.1 200 OK\r\nContent-Le", bad: true},
		"cut in the body":   {given: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", bad: true},
		"nothing":           {given: "", bad: true},
	}
	const next = "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx"
	for name, tt := range tests {
		given := tt.given
		if !tt.bad {
			given += next
		}
		r := bufio.NewReader(strings.NewReader(given))
		status, err := readResponse(r)
		if (err != nil) != tt.bad || !tt.bad && status != tt.status {
			t.Errorf("%s: got %d, %v", name, status, err)
			continue
		}
		if rest, _ := io.ReadAll(r); !tt.bad && string(rest) != next {
			t.Errorf("%s: left %q for the next one", name, rest)
		}
	}
}

func TestReadingAResponseAllocatesNothing(t *testing.T) {
	const response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
	source := strings.NewReader("")
	r := bufio.NewReader(source)
	allocations := testing.AllocsPerRun(100, func() {
		source.Reset(response)
		r.Reset(source)
		if _, err := readResponse(r); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations for a response", allocations)
	}
}
