// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"testing"
)

func TestMessagesComeThroughTheirFrames(t *testing.T) {
	var buffer [maxMessage]byte
	sent := frame(message, [4]byte{1, 2, 3, 4})
	got, err := readFrame(bufio.NewReader(bytes.NewReader(sent)), &buffer)
	if err != nil || !bytes.Equal(got, message) {
		t.Fatalf("got %q, %v", got, err)
	}
	unmasked := frame(message, [4]byte{})
	if _, err := readFrame(bufio.NewReader(bytes.NewReader(unmasked)), &buffer); !errors.Is(err, errFrame) {
		t.Errorf("a client's frame without a mask: %v", err)
	}
}

func TestAcceptIsThatOfTheStandard(t *testing.T) {
	if got := accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455, section 1.3
		t.Errorf("got %s", got)
	}
}
