// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// Endpoint is what servers ask a provider for. Pages for people are none.
type Endpoint string

// The endpoints. Not all providers have all of them.
const (
	Discovery Endpoint = "discovery"
	Keys      Endpoint = "keys"
	Tokens    Endpoint = "tokens"
	Profile   Endpoint = "profile" // userinfo, /me, /helix/users
	Debug     Endpoint = "debug"   // Facebook's debug_token
)

var endpoints = []Endpoint{Discovery, Keys, Tokens, Profile, Debug}

// Fault is a way in which an endpoint fails.
type Fault int

// The faults.
const (
	Failing  Fault = iota + 1 // status 500 and a page
	Refusing                  // no connection
	Hanging                   // a connection, and no answer
	Endless                   // an answer that begins well and does not end
	Garbled                   // status 200 and a page where JSON belongs
)

// enough is what an endless answer has sent when it falls silent: more than any
// limit, and less than hurts.
const enough = 64 << 20

// Break breaks endpoints of a provider, or all of them if none is named.
func (in *Internet) Break(p Provider, f Fault, at ...Endpoint) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(at) == 0 {
		at = endpoints
	}
	for _, e := range at {
		in.providers[p].broken[e] = f
	}
}

// Lie changes all id_tokens that a provider signs from now on.
func (in *Internet) Lie(p Provider, lies ...Lie) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.providers[p]
	s.lies = append(s.lies, lies...)
}

// Rewrite changes all JSON that an endpoint answers with from now on, errors
// included.
func (in *Internet) Rewrite(p Provider, at Endpoint, change func(map[string]any)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.providers[p]
	s.rewrites[at] = append(s.rewrites[at], change)
}

// Mend ends everything that Break, Lie and Rewrite began at a provider.
func (in *Internet) Mend(p Provider) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.providers[p]
	s.lies = nil
	clear(s.broken)
	clear(s.rewrites)
}

// Asked tells how many requests an endpoint has received, broken or not.
func (in *Internet) Asked(p Provider, at Endpoint) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.providers[p].asked[at]
}

// refuses tells whether a host takes no connections: people call there neither.
func (in *Internet) refuses(host string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.providers[in.names[host]]
	return s != nil && !slices.ContainsFunc(endpoints, func(e Endpoint) bool { return s.broken[e] != Refusing })
}

// answer is what an endpoint says.
type answer struct {
	status int
	body   map[string]any
}

func ok(body map[string]any) answer { return answer{http.StatusOK, body} }

// serve serves an endpoint. The functions that answer are called one after the
// other, with mu held.
func (in *Internet) serve(p Provider, at Endpoint, pattern string, say func(*http.Request) answer) {
	in.pages.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in.mu.Lock()
		s := in.providers[p]
		s.asked[at]++
		fault := s.broken[at]
		var a answer
		if fault == 0 {
			a = say(r)
			for _, change := range s.rewrites[at] {
				change(a.body)
			}
		}
		in.mu.Unlock()
		if fault != 0 {
			in.fail(w, r, fault)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(a.status)
		json.NewEncoder(w).Encode(a.body)
	})
}

// fail fails as it is told to.
func (in *Internet) fail(w http.ResponseWriter, r *http.Request, f Fault) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	switch f {
	case Failing:
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "<!doctype html><title>Error 500</title><h1>That is an error.</h1>")
	case Garbled:
		io.WriteString(w, "<!doctype html><title>Welcome</title><h1>Sign in to the network of this hotel</h1>")
	case Refusing:
		panic(http.ErrAbortHandler)
	case Endless:
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		io.WriteString(w, `{"padding":"`)
		chunk := make([]byte, 64<<10)
		for i := range chunk {
			chunk[i] = 'x'
		}
		for sent := 0; sent < enough; sent += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		fallthrough
	case Hanging:
		select {
		case <-r.Context().Done():
		case <-in.ended:
		}
	default:
		panic(fmt.Sprintf("fault %d", f))
	}
}
