// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Command native-app shows how an app that brings its own pages signs a viewer
// in, keeps them signed in, and fetches what a gate protects.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const publisherID = "100000001"

var (
	hub  = orElse(os.Getenv("HUB"), "http://hub.localhost:8080")
	site = orElse(os.Getenv("SITE"), "http://video.localhost:8080")
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	a := &app{file: orElse(os.Getenv("TOKENS"), filepath.Join(os.TempDir(), "native-app-tokens.json"))}
	switch {
	case len(args) == 1 && args[0] == "register":
		return a.enter(ctx, "/customers")
	case len(args) == 1 && args[0] == "sign-in":
		return a.enter(ctx, "/auths")
	case len(args) == 2 && args[0] == "watch":
		return a.watch(ctx, args[1])
	case len(args) == 1 && args[0] == "sign-out":
		return a.signOut(ctx)
	}
	return errors.New("usage: native-app register | sign-in | watch <path> | sign-out")
}

// app is one signed-in viewer.
type app struct {
	file   string // a phone would use the keychain
	mu     sync.Mutex
	tokens tokens
}

// tokens are what the API gives to whoever signs in. The JWT opens gated sites
// for a quarter of an hour; the refresh token gets the next pair, once.
type tokens struct {
	JWT          string `json:"jwt"`
	RefreshToken string `json:"refreshToken"`
}

var errSignedOut = errors.New("please sign in: native-app sign-in")

// enter registers or signs in.
func (a *app) enter(ctx context.Context, path string) error {
	return a.get(ctx, path, map[string]string{
		"email": os.Getenv("EMAIL"), "password": os.Getenv("PASSWORD"), "publisherId": publisherID,
	})
}

// watch fetches what is at a path of the site. A token that is not good any more
// is told by status 401; then a new one is got, and the request sent again, once.
func (a *app) watch(ctx context.Context, path string) error {
	if err := a.load(); err != nil {
		return err
	}
	used := a.tokens.JWT
	answer, err := a.request(ctx, "GET", site+path, used, nil)
	if err == nil && answer.status == http.StatusUnauthorized {
		if err := a.refresh(ctx, used); err != nil {
			return err
		}
		answer, err = a.request(ctx, "GET", site+path, a.tokens.JWT, nil)
	}
	switch {
	case err != nil:
		return err
	case answer.status == http.StatusUnauthorized && strings.Contains(string(answer.body), "interaction_required"):
		// New terms to accept, an address to verify: the API has what it takes to
		// show that here, and the viewer's account in a browser has it too.
		return errors.New("something has to be done first: open " + hub + "/account in a browser")
	case answer.status != http.StatusOK:
		return fmt.Errorf("%s: status %d", path, answer.status)
	}
	fmt.Println(string(answer.body))
	return nil
}

// refresh gets the next pair of tokens, unless another request of the app has got
// it meanwhile: a refresh token that is used again later than a few seconds ends
// the session, because one of the two who used it is a thief.
func (a *app) refresh(ctx context.Context, used string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tokens.JWT != used {
		return nil
	}
	err := a.get(ctx, "/auths/refresh_token", map[string]string{"refreshToken": a.tokens.RefreshToken})
	if errors.As(err, new(*refusal)) {
		return errors.Join(errSignedOut, os.Remove(a.file))
	}
	return err // a network that fails signs nobody out
}

// signOut ends the session, at every site. The gate takes that from the site itself
// alone, which a browser would tell by the same header. DELETE /refresh_tokens of
// the API ends the sessions of all other devices too.
func (a *app) signOut(ctx context.Context) error {
	if err := a.load(); err != nil {
		return err
	}
	if _, err := a.request(ctx, "POST", site+"/.usher/logout", a.tokens.JWT, nil); err != nil {
		return err
	}
	return os.Remove(a.file)
}

// refusal is an answer of the API that is an error.
type refusal struct {
	Code   string   `json:"code"`
	Errors []string `json:"errors"`
}

func (r *refusal) Error() string { return strings.Join(r.Errors, " ") }

// get asks the API for tokens and keeps them.
func (a *app) get(ctx context.Context, path string, body any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := a.request(ctx, "POST", hub+path, "", content)
	if err != nil {
		return err
	}
	var envelope struct {
		refusal
		Data tokens `json:"responseData"`
	}
	if err := json.Unmarshal(answer.body, &envelope); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	if answer.status != http.StatusOK {
		return &envelope.refusal
	}
	a.tokens = envelope.Data
	kept, err := json.Marshal(a.tokens)
	if err != nil {
		return err
	}
	return os.WriteFile(a.file, kept, 0o600)
}

func (a *app) load() error {
	kept, err := os.ReadFile(a.file)
	if err != nil {
		return errSignedOut
	}
	return json.Unmarshal(kept, &a.tokens)
}

// answer is what a server said.
type answer struct {
	status int
	body   []byte
}

func (a *app) request(ctx context.Context, method, target, jwt string, body []byte) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Origin", site)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if jwt != "" {
		r.Header.Set("Authorization", "Bearer "+jwt)
	}
	res, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return answer{res.StatusCode, content}, err
}

// client is an ordinary one, but that names below localhost are this machine also
// where the system does not say so.
var client = &http.Client{
	Timeout: 10 * time.Second,
	Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}},
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
