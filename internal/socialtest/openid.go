// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// This file is about a whole OpenID provider, which is a program of its own. Its
// few lines are in testdata; the library that it is made of is fetched and built
// when a test first needs it, and not part of this module.

// Password is everybody's at an OpenID provider.
const Password = "correct horse 9 battery"

// OpenID is a running OpenID provider, with discovery, keys, PKCE, and a page
// where people sign in by name and password. It ends with its test.
type OpenID struct {
	Issuer string
}

// StartOpenID starts a provider where the clients are registered and the people
// have accounts, by the name of Username and with Password. It skips the test if
// the provider cannot be had.
func StartOpenID(t testing.TB, clients []Client, people ...Person) *OpenID {
	t.Helper()
	program, err := built()
	if lack := missing(""); errors.As(err, &lack) {
		t.Skip("!!! NO OPENID PROVIDER, nothing tells whether sign-in works with a real one: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	var log bytes.Buffer
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // it ends with its input, so it ends with us, however we end
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("the OpenID provider ended: %v\n%s", err, &log)
		}
	})
	if err := json.NewEncoder(in).Encode(map[string]any{"Clients": clients, "People": accounts(people)}); err != nil {
		t.Fatal(err)
	}
	issuer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the OpenID provider does not start: %v", err)
	}
	return &OpenID{strings.TrimSpace(issuer)}
}

// Username is the name by which a person signs in at an OpenID provider.
func (p Person) Username() string { return p.label() }

// accounts are people as the program reads them.
func accounts(people []Person) map[string]any {
	all := map[string]any{}
	for _, p := range people {
		all[p.Subject] = map[string]any{
			"ID": p.Subject, "Username": p.Username(), "Password": Password, "FirstName": p.GivenName, "LastName": p.FamilyName,
			"Email": p.Email, "EmailVerified": !p.Unverified && p.Email != "", "PreferredLanguage": "en",
		}
	}
	return all
}

// Consent does what a person does who opens an authorization request and signs in.
func (o *OpenID) Consent(authURL string, person Person) (Callback, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return Callback{}, err
	}
	c := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: o.stay}
	res, err := c.Get(authURL)
	if err != nil {
		return Callback{}, err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		return Callback{}, err
	}
	if res.StatusCode == http.StatusFound { // an error goes back at once
		return Callback{URL: res.Header.Get("Location")}, nil
	}
	id := requestID.FindSubmatch(page)
	if id == nil {
		return Callback{}, fmt.Errorf("%s shows no form: status %d\n%s", authURL, res.StatusCode, page)
	}
	res, err = c.PostForm(o.Issuer+"/login/username", url.Values{"id": {string(id[1])}, "username": {person.Username()}, "password": {Password}})
	if err != nil {
		return Callback{}, err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		return Callback{}, fmt.Errorf("%s cannot sign in: status %d", person.Username(), res.StatusCode)
	}
	return Callback{URL: res.Header.Get("Location")}, nil
}

// stay follows redirects as long as they do not lead away.
func (o *OpenID) stay(to *http.Request, _ []*http.Request) error {
	if strings.HasPrefix(to.URL.String(), o.Issuer+"/") {
		return nil
	}
	return http.ErrUseLastResponse
}

var requestID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// missing is an error that tells what this machine lacks.
type missing string

func (m missing) Error() string { return string(m) }

//go:embed testdata/openid
var sources embed.FS

// programFiles are the sources of the program. Under their own names they would be
// a module in the midst of ours.
var programFiles = map[string]string{"main.go": "main.go", "go.mod.txt": "go.mod", "go.sum.txt": "go.sum"}

// built returns the path of the program, which is built once for each state of its
// sources on a machine.
var built = sync.OnceValues(func() (string, error) {
	texts, all := map[string][]byte{}, sha256.New()
	for _, name := range []string{"main.go", "go.mod.txt", "go.sum.txt"} {
		text, err := sources.ReadFile("testdata/openid/" + name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%s %d\n%s\n", name, len(text), text)
		texts[programFiles[name]] = text
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // a machine without a home
	}
	program := filepath.Join(cache, "usher-openid", hex.EncodeToString(all.Sum(nil)[:12]))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(program), "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(work, name), text, 0o644); err != nil {
			return "", err
		}
	}
	if err := build(work); err != nil {
		return "", err
	}
	return program, os.Rename(filepath.Join(work, "openid"), program) // whoever was faster has made the same
})

// buildTime bounds the fetching and building.
const buildTime = 4 * time.Minute

// offline is in what go writes when it cannot fetch modules.
var offline = regexp.MustCompile(`dial tcp|no such host|i/o timeout|TLS handshake|connection (refused|reset)|module lookup disabled|proxyconnect|: 5\d\d |: 40[34] `)

func build(work string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", "openid", ".")
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound), ctx.Err() != nil, offline.Match(out):
		return missing(fmt.Sprintf("its sources cannot be had or built: %v\n%s", err, bytes.TrimSpace(out)))
	}
	return fmt.Errorf("building the OpenID provider: %w\n%s", err, out)
}
