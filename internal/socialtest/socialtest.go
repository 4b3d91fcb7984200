// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package socialtest plays the providers of social sign-in for tests: Google,
// Facebook, Apple and Twitch under their own names, with their paths, parameters,
// field names and errors, and whole OpenID providers on this machine. It verifies
// what the real ones verify, and lies and breaks down when a test tells it to. It
// leaves this machine for nothing but to fetch the sources of an OpenID provider.
package socialtest

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// Provider is one of those who are played.
type Provider string

// The providers. They are at the addresses that they have in the world.
const (
	Google   Provider = "google"
	Facebook Provider = "facebook"
	Apple    Provider = "apple"
	Twitch   Provider = "twitch"
)

// Client is an app that is registered with a provider.
type Client struct {
	ID           string
	Secret       string   // Apple's clients have a key instead; see RegisterApple
	RedirectURIs []string // compared as they are written

	apple *appleKey
}

// Person has an account with a provider.
type Person struct {
	Subject    string // what the provider calls them; Facebook's and Twitch's are numbers
	Email      string // "" if the provider knows none, or gives none away
	Unverified bool   // nobody has proved that the address is theirs
	Private    bool   // the address is a relay of Apple's

	Name, GivenName, FamilyName string
	Picture                     string
}

// Internet is the part of the internet that the providers are. It ends with its
// test.
type Internet struct {
	now     func() time.Time
	ended   chan struct{} // closed at the end, for those who keep others waiting
	pages   *http.ServeMux
	address string              // where all names are, with TLS
	proxy   string              // address of the proxy that leads there
	names   map[string]Provider // hosts where only servers call
	desks   []desk

	mu        sync.Mutex
	providers map[Provider]*state // guarded by mu, and all in it
}

// state is what a provider knows, and how it is told to behave.
type state struct {
	clients map[string]Client
	people  []Person
	codes   map[string]*grant
	tokens  map[string]*grant
	known   map[string]bool // who has been at which client before

	broken   map[Endpoint]Fault
	lies     []Lie
	rewrites map[Endpoint][]func(map[string]any)
	asked    map[Endpoint]int
}

// New starts the providers. What they write has its dates by now.
func New(t testing.TB, now func() time.Time) *Internet {
	t.Helper()
	in := &Internet{
		now: now, ended: make(chan struct{}), pages: http.NewServeMux(),
		names: map[string]Provider{}, providers: map[Provider]*state{},
	}
	for _, p := range []Provider{Google, Facebook, Apple, Twitch} {
		in.providers[p] = &state{
			clients: map[string]Client{}, codes: map[string]*grant{}, tokens: map[string]*grant{}, known: map[string]bool{},
			broken: map[Endpoint]Fault{}, rewrites: map[Endpoint][]func(map[string]any){}, asked: map[Endpoint]int{},
		}
	}
	in.google()
	in.facebook()
	in.apple()
	in.twitch()
	if err := in.listen(t); err != nil {
		t.Fatalf("playing the internet: %v", err)
	}
	return in
}

// Register makes a client known to a provider, or changes it.
func (in *Internet) Register(p Provider, c Client) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.providers[p].clients[c.ID] = c
}

// Add gives people accounts with a provider, or changes those of the same
// subject.
func (in *Internet) Add(p Provider, people ...Person) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.providers[p]
	for _, person := range people {
		s.people = slices.DeleteFunc(s.people, func(one Person) bool { return one.Subject == person.Subject })
		s.people = append(s.people, person)
	}
}

// person returns who has the account; the caller holds mu.
func (s *state) person(subject string) (Person, error) {
	at := slices.IndexFunc(s.people, func(p Person) bool { return p.Subject == subject })
	if at < 0 {
		return Person{}, fmt.Errorf("nobody has the account %q", subject)
	}
	return s.people[at], nil
}

func random() string { return rand.Text() }

// hostOf returns a host without its port.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
