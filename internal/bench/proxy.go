// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// proxy is a Caddy before the app, in a process of its own.
type proxy struct {
	address string
	pid     int
	folder  string
	host    string // of its site
	mint    *mint  // of a gated site
}

// kind is what a proxy is made of.
type kind struct {
	usher     bool   // usher's binary rather than stock Caddy
	algorithm string // the gate's; empty for a bare reverse_proxy
	viewers   int    // how many the gate's store knows, for renewals
	options   string // in the gate's block
}

// caddyfile is alike for all variants but for the gate's own lines. The hub is on
// another port, so that each port has one site.
const caddyfile = `{
	admin off
	auto_https off
	persist_config off
	log {
		level ERROR%s
	}
%s}
http://%s {
	bind 127.0.0.1
%s	reverse_proxy %s {
		transport http {
			keepalive_idle_conns_per_host 512
		}
	}
}
`

// gateOptions and hubSite are what a gated site needs beside its own line.
const (
	gateOptions = `	usher http://%s {
		store bolt %s
		mail outbox %s
		signing_algorithm %s
	}
`
	hubSite = `http://%s {
	bind 127.0.0.1
	usher
}
`
)

// unlogged keeps reverse_proxy from writing down every request's headers for a log
// entry that nobody sees: Caddy encodes it before it knows.
const unlogged = "\n\t\texclude http.handlers.reverse_proxy"

// proxy starts a proxy and waits until it answers.
func (s *stage) proxy(k kind) (*proxy, error) {
	s.proxies++
	name := fmt.Sprint("proxy", s.proxies)
	p := &proxy{folder: filepath.Join(s.dir, name)}
	err := os.Mkdir(p.folder, 0o700)
	if err != nil {
		return nil, err
	}
	if p.address, err = freeAddress(); err != nil {
		return nil, err
	}
	p.host = strings.Replace(p.address, "127.0.0.1", "news.localhost", 1)
	config := fmt.Sprintf(caddyfile, s.logging, "", p.host, "", s.app)
	if k.algorithm != "" {
		if config, err = s.gateConfig(p, k); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(p.file("Caddyfile"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	binary := s.stock
	if k.usher {
		binary = s.usher
	}
	cmd := s.command(s.ctx, proxyCore, binary, "run", "--adapter", "caddyfile", "--config", p.file("Caddyfile"))
	cmd.Env = append(cmd.Env, "XDG_DATA_HOME="+p.folder, "XDG_CONFIG_HOME="+p.folder)
	if err := s.start(cmd, name); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, s.await(p)
}

// gateConfig makes the store of a gated site and returns its Caddyfile.
func (s *stage) gateConfig(p *proxy, k kind) (string, error) {
	hub, err := freeAddress()
	if err != nil {
		return "", err
	}
	hub = strings.Replace(hub, "127.0.0.1", "hub.localhost", 1)
	store := p.file("usher.db")
	if p.mint, err = openMint(s.ctx, store, "http://"+hub, "http://"+p.host, k.algorithm, k.viewers, p.file("expired")); err != nil {
		return "", err
	}
	options := fmt.Sprintf(gateOptions, hub, store, p.file("outbox"), k.algorithm)
	line := fmt.Sprintf("\tusher_gate {\n\t\t%s\n\t}\n", k.options)
	return fmt.Sprintf(caddyfile, s.logging, options, p.host, line, s.app) + fmt.Sprintf(hubSite, hub), nil
}

func (p *proxy) file(name string) string { return filepath.Join(p.folder, name) }

// await waits until a proxy answers, whatever it says.
func (s *stage) await(p *proxy) error {
	for tries := 0; ; tries++ {
		err := p.ask()
		if err == nil || s.ctx.Err() != nil {
			return err
		}
		if tries == 400 {
			said, _ := os.ReadFile(p.folder + ".log")
			return fmt.Errorf("a proxy does not answer: %w\n%s", err, said)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *proxy) ask() error {
	conn, err := net.DialTimeout("tcp", p.address, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(append(request("/", p.host, nil), "\r\n"...)); err != nil {
		return err
	}
	_, err = readHead(bufio.NewReader(conn))
	return err
}

// freeAddress returns a loopback address where nobody listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// browser is what a browser sends with a click on a link, beside Host and Cookie.
var browser = []string{
	"Connection: keep-alive",
	"Cache-Control: max-age=0",
	`Sec-CH-UA: "Chromium";v="142", "Not_A Brand";v="99"`,
	"Sec-CH-UA-Mobile: ?0",
	`Sec-CH-UA-Platform: "Windows"`,
	"Upgrade-Insecure-Requests: 1",
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
	"Sec-Fetch-Site: same-origin",
	"Sec-Fetch-Mode: navigate",
	"Sec-Fetch-User: ?1",
	"Sec-Fetch-Dest: document",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: de-DE,de;q=0.9,en;q=0.8",
}

// upgrade is what begins a WebSocket.
var upgrade = []string{
	"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
}
