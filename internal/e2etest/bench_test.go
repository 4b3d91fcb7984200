// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// measured is the Caddyfile of the benchmark: the hub, and beside it a bare
// respond of the size of what the API answers.
const measured = `
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
			consent terms {
				label "I accept the [terms of use](https://news.example.com/terms)."
				required
			}
			consent marketing {
				label "Send me news about new programmes and offers."
			}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	header Content-Type application/json
	respond /customer %q
	respond /consents %q
}
`

const (
	// benchConnections is how many clients ask at the same time.
	benchConnections = 32

	// benchTurn is how many requests each of them sends in a turn.
	benchTurn = 300
)

// BenchmarkAPI measures what reading a customer and their consents costs in
// CPU, against Caddy's own respond with the same bytes, both in one server, in
// turns. One iteration is one turn of each; the figures to quote are the
// medians of the ratios. They are of the whole server process, from Linux's
// account of it.
func BenchmarkAPI(b *testing.B) {
	s := start(b, fmt.Sprintf(measured, "{}", "{}"))
	if _, err := s.cpu(); err != nil {
		b.Skipf("SKIPPED: the CPU time of another process cannot be read here: %v", err)
	}
	who := s.registerAt(b, "100000001", "bench")
	customer := "/customers/" + who.id
	given := `{"consents":[{"name":"terms","version":"1","state":"accepted"},{"name":"marketing","version":"1","state":"declined"}]}`
	v := s.visitor(b)
	v.send("PUT", s.hub+customer+"/consents", given, bearer(who.JWT), "Content-Type: application/json").says(b, http.StatusOK)
	pages := []struct{ name, api, bare string }{
		{"customer", customer, "/customer"},
		{"consents", customer + "/consents", "/consents"},
	}
	bodies := make([]any, len(pages))
	for i, p := range pages {
		bodies[i] = v.send("GET", s.hub+p.api, "", bearer(who.JWT)).body
	}
	if out, err := s.reload(fmt.Sprintf(measured, bodies...), "2"); err != nil {
		b.Fatalf("reloading: %v\n%s", err, out)
	}
	ratios := map[string][]float64{}
	for b.Loop() {
		for _, p := range pages {
			bare := s.cost(b, strings.TrimPrefix(s.newsURL, "http://"), p.bare, bearer(who.JWT))
			api := s.cost(b, strings.TrimPrefix(s.hub, "http://"), p.api, bearer(who.JWT))
			ratios[p.name] = append(ratios[p.name], api/bare)
		}
	}
	for name, all := range ratios {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], name+"/respond")
	}
}

// ticksPerSecond is the unit of Linux's account of processes, on all platforms
// that Go knows.
const ticksPerSecond = 100

// cpu returns the seconds of CPU that the server has used so far.
func (s *server) cpu() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name before may hold blanks
	fields := strings.Fields(after)
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return float64(user+system) / ticksPerSecond, err
}

// cost returns the seconds of CPU that one turn of requests takes.
func (s *server) cost(b *testing.B, host, path, authorization string) float64 {
	b.Helper()
	before, err := s.cpu()
	if err != nil {
		b.Fatal(err)
	}
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\nAccept: application/json\r\n\r\n", path, host, authorization)
	var group sync.WaitGroup
	for range benchConnections {
		group.Go(func() {
			if err := s.ask(request, benchTurn); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
	after, err := s.cpu()
	if err != nil || b.Failed() {
		b.Fatal("the turn failed: ", err)
	}
	return after - before
}

// ask sends a request a number of times on one connection.
func (s *server) ask(request string, times int) error {
	conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(rawTime))
	reader := bufio.NewReader(conn)
	for range times {
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %s", res.Status)
		}
	}
	return nil
}
