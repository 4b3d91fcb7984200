// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// BenchmarkGate measures a gated site against bare reverse_proxy, both running
// in this process over the same app, in turns. One iteration is one round of
// each; the figures to quote are the ratios.
func BenchmarkGate(b *testing.B) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("x"), 1024))
	}))
	defer app.Close()
	port := serve(b, strings.TrimPrefix(app.URL, "http://"))
	jwt := signUp(b, port)

	var ratios []float64
	for b.Loop() {
		bare := requestsPerSecond(b, port, "bare.localhost", jwt)
		gated := requestsPerSecond(b, port, "gated.localhost", jwt)
		ratios = append(ratios, gated/bare)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "gated/bare")
	b.ReportMetric(ratios[0], "min")
	b.ReportMetric(ratios[len(ratios)-1], "max")
}

// serve runs a hub, a gated and a bare site, and returns their port.
func serve(b *testing.B, app string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	config := fmt.Sprintf(`{
	admin off
	persist_config off
	default_bind 127.0.0.1
	usher http://hub.localhost:%[1]s {
		store bolt %[2]s
	}
}
http://hub.localhost:%[1]s {
	usher
}
http://gated.localhost:%[1]s {
	usher_gate
	reverse_proxy %[3]s
}
http://bare.localhost:%[1]s {
	reverse_proxy %[3]s
}
`, port, filepath.Join(b.TempDir(), "usher.db"), app)
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	if err != nil {
		b.Fatal(err)
	}
	var cfg caddy.Config
	if err := json.Unmarshal(adapted, &cfg); err != nil {
		b.Fatal(err)
	}
	cfg.Logging = silent()
	if err := caddy.Run(&cfg); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { caddy.Stop() })
	return port
}

// client reaches every name on loopback.
func client(port string, connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		},
		MaxIdleConnsPerHost: connections,
	}}
}

func signUp(b *testing.B, port string) string {
	b.Helper()
	body := `{"email":"ann@example.com","password":"kq7vrtzm-9","publisherId":"100000000"}`
	res, err := client(port, 1).Post("http://hub.localhost:"+port+"/customers", "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ ResponseData struct{ JWT string } }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.ResponseData.JWT == "" {
		b.Fatalf("no token: %v, status %s", err, res.Status)
	}
	return answer.ResponseData.JWT
}

const (
	benchConnections = 32
	benchRound       = 500 * time.Millisecond
)

func requestsPerSecond(b *testing.B, port, host, jwt string) float64 {
	b.Helper()
	c := client(port, benchConnections)
	defer c.CloseIdleConnections()
	var done, failed atomic.Int64
	var group sync.WaitGroup
	begun := time.Now()
	for range benchConnections {
		group.Go(func() {
			for time.Since(begun) < benchRound {
				r, _ := http.NewRequest("GET", "http://"+host+":"+port+"/", nil)
				r.Header.Set("Authorization", "Bearer "+jwt)
				res, err := c.Do(r)
				if err != nil {
					failed.Add(1)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					failed.Add(1)
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	if failed.Load() > 0 {
		b.Fatalf("%d requests to %s failed", failed.Load(), host)
	}
	return float64(done.Load()) / time.Since(begun).Seconds()
}
