// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load says what the load generator does for one slice. It runs as a process of
// its own, so that neither its CPU nor its garbage is anybody else's.
type load struct {
	Kind    string // "", or one of the kinds below
	Address string // where the proxy listens
	Host    string // of its site
	Path    string
	Headers []string // beside Host and that of Lines
	Lines   string   // a file of header lines, one of which each request carries in turn
	Limit   int      // how many of them; 0 for all
	Once    bool     // each is used once; the slice ends with the last
	Rare    string   // a file of header lines that are used once each,
	Every   int      // by every so manieth request; 0 for none
	From    int      // the first of them that has not been used
	Forge   bool     // each request spoils the token in its line in a way of its own
	Status  int      // the one that every response must have
	Conns   int      // connections
	Rate    float64  // requests a second, of all connections; 0 for as fast as they are answered
	Seconds float64
}

// Kinds of load that are no sequence of requests.
const (
	streamKind = "stream"
	socketKind = "websocket"
)

// request returns the beginning of a request: what is the same in all.
func request(path, host string, headers []string) []byte {
	lines := append([]string{"GET " + path + " HTTP/1.1", "Host: " + host}, headers...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n")
}

// outcome is what the generator saw.
type outcome struct {
	N        int64 // responses, or messages
	Bytes    int64 // of streams
	Bad      int64 // responses with another status, and broken connections
	First    string
	Rare     int // how many rare lines were used
	Seconds  float64
	P50, P99 float64 // µs; with a rate from the time that a request was due
}

// generate is the hidden subcommand: a load on the standard input, its outcome on
// the standard output.
func generate() error {
	var l load
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return fmt.Errorf("reading the load: %w", err)
	}
	g := &generator{load: l, head: request(l.Path, l.Host, l.Headers)}
	if err := g.open(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(g.run())
}

type generator struct {
	load
	head        []byte
	lines, rare [][]byte
	next        atomic.Int64 // how many requests were begun

	mu      sync.Mutex
	all     histogram // guarded by mu
	outcome outcome   // guarded by mu
}

func (g *generator) open() (err error) {
	if g.lines, err = readLines(g.Lines); err != nil {
		return err
	}
	if g.Limit > 0 {
		g.lines = g.lines[:min(g.Limit, len(g.lines))]
	}
	if g.Every > 0 {
		g.rare, err = readLines(g.Rare)
	}
	return err
}

func readLines(path string) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading header lines: %w", err)
	}
	lines := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
	if len(lines[0]) == 0 {
		return nil, fmt.Errorf("no header lines in %s", path)
	}
	return lines, nil
}

// line returns the header line of the next request, or false when there is none
// left.
func (g *generator) line() ([]byte, bool) {
	n := int(g.next.Add(1)) - 1
	if g.Every > 0 && n%g.Every == 0 {
		i := g.From + n/g.Every
		if i >= len(g.rare) {
			return nil, false
		}
		return g.rare[i], true
	}
	if g.Once && n >= len(g.lines) {
		return nil, false
	}
	return g.lines[n%len(g.lines)], true
}

// run puts the load on the proxy and returns what came of it.
func (g *generator) run() outcome {
	clients := make([]*client, g.Conns)
	for i := range clients {
		conn, err := net.DialTimeout("tcp", g.Address, 5*time.Second)
		if err != nil {
			g.fail(err)
			return g.outcome
		}
		defer conn.Close()
		clients[i] = &client{generator: g, conn: conn, r: bufio.NewReaderSize(conn, 16<<10), index: i}
	}
	start := time.Now()
	var group sync.WaitGroup
	for _, c := range clients {
		c.start, c.end = start, start.Add(time.Duration(g.Seconds*float64(time.Second)))
		c.conn.SetDeadline(c.end.Add(patience))
		group.Go(func() {
			if err := c.work(); err != nil {
				g.fail(err)
			}
			g.add(c)
		})
	}
	group.Wait()
	o := g.outcome
	o.Seconds = time.Since(start).Seconds()
	o.P50, o.P99 = g.all.quantile(0.50)/1e3, g.all.quantile(0.99)/1e3
	if g.Every > 0 {
		o.Rare = min((int(g.next.Load())+g.Every-1)/g.Every, len(g.rare)-g.From)
	}
	return o
}

// patience is how long after its end a slice waits for the last responses.
const patience = 10 * time.Second

func (g *generator) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.outcome.Bad++; g.outcome.First == "" {
		g.outcome.First = err.Error()
	}
}

func (g *generator) add(c *client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all.merge(&c.seen)
	g.outcome.N += int64(c.seen.total)
	g.outcome.Bytes += c.bytes
}

// client is one connection.
type client struct {
	*generator
	conn       net.Conn
	r          *bufio.Reader
	index      int
	start, end time.Time
	request    []byte
	seen       histogram
	bytes      int64
	forgeries  int
}

func (c *client) work() error {
	switch {
	case c.Kind == streamKind:
		return c.watch()
	case c.Kind == socketKind:
		return c.echo()
	case c.Rate > 0:
		return c.paced()
	}
	return c.hurried()
}

// hurried sends a request as soon as the one before is answered.
func (c *client) hurried() error {
	for now := time.Now(); now.Before(c.end); {
		if !c.prepare() {
			return nil
		}
		if err := c.exchange(); err != nil {
			return err
		}
		done := time.Now()
		c.seen.record(done.Sub(now))
		now = done
	}
	return nil
}

// paced sends requests at the times when they are due. One that the server's
// slowness delays is as late as its viewer would find it; one that only this
// process overslept is not.
func (c *client) paced() error {
	step := time.Duration(float64(time.Second) * float64(c.Conns) / c.Rate)
	due := c.start.Add(step * time.Duration(c.index) / time.Duration(c.Conns))
	for ; due.Before(c.end); due = due.Add(step) {
		if !c.prepare() {
			return nil
		}
		from := due
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
			from = time.Now()
		}
		if err := c.exchange(); err != nil {
			return err
		}
		c.seen.record(time.Since(from))
	}
	return nil
}

// prepare writes the next request, or tells that there is none.
func (c *client) prepare() bool {
	line, ok := c.line()
	if !ok {
		return false
	}
	c.request = append(append(append(c.request[:0], c.head...), line...), "\r\n\r\n"...)
	if c.Forge {
		end := len(c.request) - afterSignature
		if c.forgeries++; c.forgeries%2 == 0 {
			end -= intoClaims
		}
		spoil(c.request[end-forged : end])
	}
	return true
}

// What is spoilt of a token, by turns: a part of its signature, and of its claims.
const (
	forged = 20

	// afterSignature leaves the end of the line, and the last characters of the
	// signature, some of which would not be base64url of anything.
	afterSignature = 8

	// intoClaims is more than an ES256 signature is long.
	intoClaims = 200
)

func spoil(b []byte) {
	var random [forged * 3 / 4]byte
	rand.Read(random[:])
	base64.RawURLEncoding.Encode(b, random[:])
}

func (c *client) exchange() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	status, err := readResponse(c.r)
	if err != nil {
		return err
	}
	c.check(status)
	return nil
}

func (c *client) check(status int) {
	if status != c.Status {
		c.fail(fmt.Errorf("status %d in place of %d", status, c.Status))
	}
}
