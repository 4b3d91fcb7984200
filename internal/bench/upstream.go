// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	// bodySize is the size of a plain response.
	bodySize = 1 << 10

	// A stream sends a chunk at each beat: 2.6 Mbit/s, as video does.
	chunkSize = 16 << 10
	beat      = 50 * time.Millisecond
)

// serveApp is the hidden subcommand that is the app behind the proxies. It writes
// its address to the standard output and ends with its standard input.
func serveApp() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Println(listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	body := bytes.Repeat([]byte("x"), bodySize)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/ws", echo)
	return http.Serve(listener, mux)
}

// stream sends chunks until the client has gone.
func stream(w http.ResponseWriter, r *http.Request) {
	chunk := bytes.Repeat([]byte("x"), chunkSize)
	controller, tick := http.NewResponseController(w), time.NewTicker(beat)
	defer tick.Stop()
	w.Header().Set("Content-Type", "video/mp4")
	for {
		if _, err := w.Write(chunk); err != nil || controller.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// echo is a WebSocket that sends back what it gets.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept(r.Header.Get("Sec-WebSocket-Key")))
	sendBack(conn, rw.Reader)
}

func sendBack(w io.Writer, r *bufio.Reader) {
	var buffer [maxMessage]byte
	for {
		message, err := readFrame(r, &buffer)
		if err != nil {
			return
		}
		if _, err := w.Write(frame(message, [4]byte{})); err != nil {
			return
		}
	}
}
