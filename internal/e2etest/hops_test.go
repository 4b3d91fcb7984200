// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// commits returns the number of the last transaction that was written to the
// store. It grows by one with each commit; bbolt keeps it in the two first pages
// of the file, in turn.
func (s *server) commits(t testing.TB) int {
	t.Helper()
	f, err := os.Open(filepath.Join(s.dir, "usher.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size, magic = 80, 0xED0CDAED // of the page's head and what is told about the file
	last, next := uint64(0), int64(0)
	for range 2 {
		meta := make([]byte, size)
		if _, err := f.ReadAt(meta, next); err != nil || binary.NativeEndian.Uint32(meta[16:]) != magic {
			t.Fatalf("reading the store's first pages: %v, %x", err, meta)
		}
		last = max(last, binary.NativeEndian.Uint64(meta[64:]))
		next = int64(binary.NativeEndian.Uint32(meta[24:])) // the size of a page
	}
	return int(last)
}

// TestSignInAtAnotherSiteIsWrittenTwice: the hub notes the code, and the site
// spends it. Nothing else on the way is written.
func TestSignInAtAnotherSiteIsWrittenTwice(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "hopper")
	v, stranger := s.hubOnly(t, viewer.email), s.visitor(t)
	writes := map[string][]int{}
	count := func(what string, do func() answer) answer {
		before := s.commits(t)
		a := do()
		writes[what] = append(writes[what], s.commits(t)-before)
		return a
	}
	for range 5 { // mails, and what is noted now and then, are written too
		question := count("a site's question", func() answer { return v.open(s.newsURL+"/.usher/login").says(t, 302) })
		grant := count("the hub's answer", func() answer { return v.open(question.to()).says(t, 302) })
		count("the callback", func() answer { return v.open(grant.to()).says(t, 303) })
		count("a page for the viewer", func() answer { return v.open(s.newsURL+"/page").says(t, 200) })
		question = count("a page for a stranger", func() answer { return stranger.open(s.newsURL+"/page").says(t, 302) })
		denial := count("the hub's answer about a stranger", func() answer { return stranger.open(question.to()+"&prompt=none").says(t, 302) })
		count("a stranger's callback", func() answer { return stranger.open(denial.to()).says(t, 303) })
	}
	for what, all := range writes {
		if got, want := slices.Min(all), map[string]int{"the hub's answer": 1, "the callback": 1}[what]; got != want {
			t.Errorf("%s: commits each time %v, want %d", what, all, want)
		}
	}
}

// hopping is the Caddyfile of the benchmark: the hub, a site, and beside them a
// bare redirect.
const hopping = `
{
	{{.Options}}
	log {
		level ERROR
	}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			sites {{.News}}
			consent terms {
				label "I accept the [terms of use](https://news.example.com/terms)."
				required
			}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	usher_gate
	respond "page"
}
{{.Sports}} {
	redir {{.Hub}}/a/page/with/an/address/as/long/as/the/ones/of/a/sign-in?{uri} 302
}
`

const (
	// hopViewers is how many viewers sign in at the same time, each on a
	// connection of their own.
	hopViewers = 32

	// hopTurn is how often each of them does in a turn.
	hopTurn = 40
)

// BenchmarkHops measures signing in at another site with a live session at the
// hub: the two redirects of the hub and the site's callback, with the store on
// disk. It tells how many a second, their CPU, and how that compares with two
// of Caddy's own redirects, in turns in one server. One iteration is one turn of
// each; the figures are medians. Of the writes, it tells how many commits a hop
// takes when it is alone, and when others share them.
func BenchmarkHops(b *testing.B) {
	s := start(b, hopping)
	if _, err := s.cpu(); err != nil {
		b.Skipf("SKIPPED: the CPU time of another process cannot be read here: %v", err)
	}
	hoppers := make([]*hopper, hopViewers)
	for i := range hoppers {
		hoppers[i] = s.hopper(b, "hopper"+strconv.Itoa(i))
	}
	figures := map[string][]float64{}
	note := func(unit string, value float64) { figures[unit] = append(figures[unit], value) }
	alone := hoppers[0]
	alone.prepare(b, 10)
	commits := s.commits(b)
	alone.hop(b)
	note("commits/hop-alone", float64(s.commits(b)-commits)/10)

	const hops = hopViewers * hopTurn
	for b.Loop() {
		together(hoppers, func(h *hopper) { h.prepare(b, hopTurn) })
		commits, cpu, begun := s.commits(b), s.used(b), time.Now()
		together(hoppers, func(h *hopper) { h.hop(b) })
		took, hopped := time.Since(begun).Seconds(), s.used(b)-cpu
		note("hops/s", hops/took)
		note("cpu-µs/hop", hopped/hops*1e6)
		note("commits/hop", float64(s.commits(b)-commits)/hops)
		cpu = s.used(b)
		const times = 4 // as they cost so little, for the sake of the clock
		together(hoppers, func(h *hopper) { h.redirect(b, times*2*hopTurn) })
		note("hop/two-redirs", hopped*times/(s.used(b)-cpu))
	}
	for unit, all := range figures {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], unit)
	}
}

// used is cpu for those who know that it can be read.
func (s *server) used(b *testing.B) float64 {
	b.Helper()
	if b.Failed() {
		b.FailNow()
	}
	seconds, err := s.cpu()
	if err != nil {
		b.Fatal(err)
	}
	return seconds
}

func together(hoppers []*hopper, do func(*hopper)) {
	var group sync.WaitGroup
	for _, h := range hoppers {
		group.Go(func() { do(h) })
	}
	group.Wait()
}

// hopper is a viewer with a session at the hub, on a connection of their own.
type hopper struct {
	s       *server
	conn    net.Conn
	reader  *bufio.Reader
	session string   // the hub's cookie
	asked   []asking // sign-ins that a site has begun
}

// asking is a sign-in that a site has begun: its question and its cookie.
type asking struct{ question, cookie string }

func (s *server) hopper(b *testing.B, name string) *hopper {
	b.Helper()
	v := s.visitor(b)
	v.submit(s.hub+"/register", url.Values{"email": {name + "@viewer.test"}, "password": {password}, "consent.terms": {"1"}}).says(b, 303)
	conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &hopper{s: s, conn: conn, reader: bufio.NewReader(conn), session: "usher-hub=" + v.cookies(s.hub)["usher-hub"]}
}

// get asks for an address and returns the answer, which must be a redirect.
func (h *hopper) get(b *testing.B, address, cookie string) *http.Response {
	h.conn.SetDeadline(time.Now().Add(rawTime))
	host, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	if cookie != "" {
		cookie = "Cookie: " + cookie + "\r\n"
	}
	_, err := fmt.Fprintf(h.conn, "GET /%s HTTP/1.1\r\nHost: %s\r\n%sAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n", path, host, cookie)
	var res *http.Response
	if err == nil {
		res, err = http.ReadResponse(h.reader, nil)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
	}
	if err == nil && res.StatusCode/100 != 3 {
		err = fmt.Errorf("%s answered %s", address, res.Status)
	}
	if err != nil {
		b.Error(err)
		return &http.Response{Header: http.Header{}}
	}
	return res
}

// prepare has the site begin a number of sign-ins.
func (h *hopper) prepare(b *testing.B, times int) {
	for range times {
		res := h.get(b, h.s.newsURL+"/page?x=1", "")
		cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
		h.asked = append(h.asked, asking{res.Header.Get("Location"), cookie})
	}
}

// hop ends all of them well.
func (h *hopper) hop(b *testing.B) {
	for _, a := range h.asked {
		back := h.get(b, a.question, h.session).Header.Get("Location")
		end := h.get(b, back, a.cookie)
		if to := end.Header.Get("Location"); to != h.s.newsURL+"/page?x=1" {
			b.Errorf("a hop ends at %q", to)
			return
		}
	}
	h.asked = nil
}

// redirect asks for Caddy's own redirect.
func (h *hopper) redirect(b *testing.B, times int) {
	for range times {
		h.get(b, h.s.sportsURL+"/page?x=1", h.session)
	}
}
