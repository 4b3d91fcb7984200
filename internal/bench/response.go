// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// head is what the load needs to know of a response.
type head struct {
	status int
	length int64 // of the body; unknown without Content-Length
}

// unknown is the length of a body that ends by other means.
const unknown = -1

var (
	errHead   = errors.New("not the head of an HTTP/1.1 response")
	errLength = errors.New("response without Content-Length")
)

// readHead reads a response up to its body. It allocates nothing and understands
// no more than well-behaved servers send.
func readHead(r *bufio.Reader) (head, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return head{}, err
	}
	if len(line) < len("HTTP/1.1 200\r\n") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return head{}, fmt.Errorf("%w: %.40q", errHead, line)
	}
	status, ok := number(line[9:12])
	if !ok {
		return head{}, fmt.Errorf("%w: %.40q", errHead, line)
	}
	h := head{status: int(status), length: unknown}
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return head{}, err
		}
		if len(line) <= 2 {
			return h, nil
		}
		if value, ok := contentLength(line); ok {
			if h.length, ok = number(value); !ok {
				return head{}, fmt.Errorf("%w: %.40q", errHead, line)
			}
		}
	}
}

const lengthName = "content-length:"

// contentLength returns the value of that header's line.
func contentLength(line []byte) ([]byte, bool) {
	if len(line) < len(lengthName) || line[0]|0x20 != 'c' || !bytes.EqualFold(line[:len(lengthName)], []byte(lengthName)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(lengthName):]), true
}

// number reads digits, and nothing else.
func number(b []byte) (int64, bool) {
	n, err := strconv.ParseUint(string(b), 10, 62) // the conversion stays on the stack
	return int64(n), err == nil
}

// readResponse reads a whole response and returns its status.
func readResponse(r *bufio.Reader) (int, error) {
	h, err := readHead(r)
	if err != nil {
		return 0, err
	}
	if h.status < http.StatusOK || h.status == http.StatusNoContent || h.status == http.StatusNotModified {
		return h.status, nil
	}
	if h.length == unknown {
		return h.status, fmt.Errorf("%w, status %d", errLength, h.status)
	}
	_, err = r.Discard(int(h.length))
	return h.status, err
}
