// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// This file is the load that stays on one response: streams, and WebSockets.

// ask sends the one request of a connection and reads the head of the answer.
func (c *client) ask() error {
	c.prepare()
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	h, err := readHead(c.r)
	if err == nil && h.status != c.Status {
		err = fmt.Errorf("status %d in place of %d", h.status, c.Status)
	}
	return err
}

// watch counts the bytes of a stream until the slice ends.
func (c *client) watch() error {
	if err := c.ask(); err != nil {
		return err
	}
	c.conn.SetDeadline(c.end)
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.r.Read(buffer)
		c.bytes += int64(n)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
	}
}

// message is what a WebSocket sends, and gets back.
var message = bytes.Repeat([]byte("usher "), 20)

// echo sends one message after the other and waits for each to come back.
func (c *client) echo() error {
	if c.Status != http.StatusSwitchingProtocols {
		return errors.New("a WebSocket begins with status 101")
	}
	if err := c.ask(); err != nil {
		return err
	}
	sent, want := frame(message, [4]byte{'m', 'a', 's', 'k'}), frame(message, [4]byte{})
	got := make([]byte, len(want))
	for now := time.Now(); now.Before(c.end); {
		if _, err := c.conn.Write(sent); err != nil {
			return err
		}
		if _, err := io.ReadFull(c.r, got); err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("a message came back as %.40q", got)
		}
		done := time.Now()
		c.seen.record(done.Sub(now))
		now = done
	}
	return nil
}
