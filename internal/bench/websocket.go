// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
)

// This file is as much of RFC 6455 as an echo of short binary messages takes.

const (
	binaryFrame = 0x80 | 2 // the last frame of a binary message
	masked      = 0x80

	// maxMessage is what fits into a frame with the shortest head.
	maxMessage = 125
)

// accept answers a client's Sec-WebSocket-Key.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// frame returns a message as it is sent: by a client with a mask, by a server with
// none.
func frame(message []byte, mask [4]byte) []byte {
	f := []byte{binaryFrame, byte(len(message))}
	if mask != [4]byte{} {
		f[1] |= masked
		f = append(f, mask[:]...)
	}
	for i, b := range message {
		f = append(f, b^mask[i%4])
	}
	return f
}

var errFrame = errors.New("not a short binary message of a client")

// readFrame returns the next message of a client, in buffer.
func readFrame(r *bufio.Reader, buffer *[maxMessage]byte) ([]byte, error) {
	var begin [6]byte // two bytes and the mask
	if _, err := io.ReadFull(r, begin[:]); err != nil {
		return nil, err
	}
	n := begin[1] &^ masked
	if begin[0] != binaryFrame || begin[1]&masked == 0 || n > maxMessage {
		return nil, errFrame
	}
	message := buffer[:n]
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, err
	}
	for i := range message {
		message[i] ^= begin[2+i%4]
	}
	return message, nil
}
