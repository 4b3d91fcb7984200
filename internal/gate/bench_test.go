// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/token"
)

// caller sends one request again and again, as Caddy's handler does it.
type caller struct {
	w        *world
	r        *http.Request
	response *httptest.ResponseRecorder
	cookies  []string
	told     http.Header // what the app is told, which no client sends
}

func newCaller(w *world, cookies ...*http.Cookie) *caller {
	r := request("GET", string(news)+"/live", page, cookies...)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	r.Header.Set("Accept-Language", "en-US,en;q=0.5")
	r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	c := &caller{w: w, r: r, response: httptest.NewRecorder(), cookies: r.Header["Cookie"], told: http.Header{}}
	w.headers.Tell(c.told, new(gate.Identity))
	return c
}

func (c *caller) call() bool {
	if c.cookies != nil {
		c.r.Header["Cookie"] = c.cookies
	}
	for name := range c.told {
		delete(c.r.Header, name)
	}
	c.w.headers.Strip(c.r)
	id, pass, err := c.w.Serve(c.response, c.r, c.r.URL)
	if err != nil || !pass {
		return false
	}
	gate.StripCookies(c.r.Header)
	if id != nil {
		c.w.headers.Tell(c.r.Header, id)
	}
	return true
}

// maxAllocations is what a signed-in request may cost: the values of its headers.
const maxAllocations = 1

func TestSignedInRequestAllocatesNextToNothing(t *testing.T) {
	w := newWorld(t)
	c := newCaller(w, w.signIn(t, news, w.mustViewer(t, ours)))
	if !c.call() {
		t.Fatal("the request is refused")
	}
	if got := testing.AllocsPerRun(1000, func() { c.call() }); got > maxAllocations {
		t.Errorf("%v allocations, want %d at most", got, maxAllocations)
	}
	c.r.Header["Cookie"] = c.cookies
	if got := testing.AllocsPerRun(1000, func() { c.w.Serve(c.response, c.r, c.r.URL) }); got > 0 {
		t.Errorf("%v allocations to decide, want none", got)
	}
}

// BenchmarkDecision is what the gate does to decide on a signed-in viewer's
// request that it has decided on before: with one token again and again, and
// with many.
func BenchmarkDecision(b *testing.B) {
	w := newWorld(b)
	cookie := w.signIn(b, news, w.mustViewer(b, ours))
	b.Run("hot", func(b *testing.B) { decide(b, newCaller(w, cookie), cookie) })
	var many []*http.Cookie
	for i := range 10_000 {
		many = append(many, w.mint(int64(i)))
	}
	b.Run("of_10000", func(b *testing.B) { decide(b, newCaller(w, cookie), many...) })
}

// decide has requests with one cookie after the other decided on.
func decide(b *testing.B, c *caller, cookies ...*http.Cookie) {
	var lines []string
	serve := func(line string) bool {
		c.cookies[0] = line
		_, pass, err := c.w.Serve(c.response, c.r, c.r.URL)
		return pass && err == nil
	}
	for _, cookie := range cookies { // what is measured is what is remembered
		line := cookie.Name + "=" + cookie.Value
		if lines = append(lines, line); !serve(line) {
			b.Fatal("refused")
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; i >= len(lines) {
			i = 0
		}
		if !serve(lines[i]) {
			b.Fatal("refused")
		}
	}
}

// mint returns the cookie of a viewer at news, without the way there.
func (w *world) mint(customer int64) *http.Cookie {
	now := w.clock.Now()
	c := token.Claims{
		SessionID: secret.NewID(), CustomerID: 100_000_000 + customer, PublisherID: ours, Audience: string(news),
		Email: fmt.Sprintf("viewer%d@example.com", customer), Consents: []string{"terms"}, Stamp: w.sessions.Stamp(ours),
		IssuedAt: now, Expires: now.Add(session.TokenLife), SignedInAt: now,
	}
	return &http.Cookie{Name: "__Host-usher", Value: c.SessionID + "~" + secret.New() + "~" + w.tokens.Make(c)}
}

// BenchmarkHandler is all that stands between Caddy and the app: the decision,
// headers that are taken and given, and cookies that are kept back.
func BenchmarkHandler(b *testing.B) {
	w := newWorld(b)
	cookie := w.signIn(b, news, w.mustViewer(b, ours))
	b.Run("one", func(b *testing.B) {
		c := newCaller(w, cookie)
		b.ReportAllocs()
		for b.Loop() {
			if !c.call() {
				b.Fatal("refused")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			c := newCaller(w, cookie)
			for pb.Next() {
				if !c.call() {
					b.Error("refused")
					return
				}
			}
		})
	})
	b.Run("among_others", func(b *testing.B) {
		var all []*http.Cookie
		for i := range 20 {
			all = append(all, &http.Cookie{Name: "tracker" + strconv.Itoa(i), Value: "0123456789abcdef0123456789abcdef"})
		}
		c := newCaller(w, append(all, cookie)...)
		b.ReportAllocs()
		for b.Loop() {
			if !c.call() {
				b.Fatal("refused")
			}
		}
	})
}

// BenchmarkServeMiss is a token that this node sees for the first time.
func BenchmarkServeMiss(b *testing.B) {
	w := newWorld(b)
	cookie := w.signIn(b, news, w.mustViewer(b, ours))
	c := newCaller(w, cookie)
	b.ReportAllocs()
	for b.Loop() {
		w.Forget(cookie.Value, news)
		if !c.call() {
			b.Fatal("refused")
		}
	}
}

// BenchmarkRefused is a flood: forged tokens that are all different, one that
// comes again, and no token at all.
func BenchmarkRefused(b *testing.B) {
	w := newWorld(b)
	cookie := w.signIn(b, news, w.mustViewer(b, ours))
	begin, end := cookie.Value[:len(cookie.Value)-40], cookie.Value[len(cookie.Value)-32:] // of a signature with another middle
	program := func(value string) *caller {
		c := newCaller(w, &http.Cookie{Name: "__Host-usher", Value: value})
		c.r.Header["Accept"] = []string{"*/*"}
		return c
	}
	b.Run("different", func(b *testing.B) {
		c := program("")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c.response.Body.Reset()
			clear(c.response.Header())
			c.cookies = []string{"__Host-usher=" + begin + strconv.Itoa(10_000_000+i%89_999_999) + end}
			if c.call() {
				b.Fatal("passed")
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		c := program(begin + "12345678" + end)
		b.ReportAllocs()
		for b.Loop() {
			c.response.Body.Reset()
			clear(c.response.Header())
			if c.call() {
				b.Fatal("passed")
			}
		}
	})
	b.Run("nobody", func(b *testing.B) {
		c := newCaller(w)
		c.r.Header["Accept"] = []string{"*/*"}
		b.ReportAllocs()
		for b.Loop() {
			c.response.Body.Reset()
			clear(c.response.Header())
			if c.call() {
				b.Fatal("passed")
			}
		}
	})
}
