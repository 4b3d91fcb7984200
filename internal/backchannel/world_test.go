// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package backchannel_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/backchannel"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/token"
)

const hub = "https://id.example.com"

const nova, orbit = 100_000_001, 100_000_002

// app is a receiver that verifies what it is told, as apps should.
type app struct {
	*httptest.Server
	t        *testing.T
	jwks     func() []byte
	clock    *authstoretest.Clock
	audience string

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request) // guarded by mu; instead of 200
	ends   []end                                    // guarded by mu; all that came, in turn
}

// end is what a logout token told.
type end struct{ jti, sub, sid string }

// newApp starts an app that expects an audience, or its own origin.
func newApp(t *testing.T, w *world, audience string) *app {
	t.Helper()
	a := &app{t: t, jwks: func() []byte { return w.keys.JWKS() }, clock: w.clock, audience: audience}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	if audience == "" {
		a.audience = a.URL
	}
	return a
}

// receiver is the app as an operator registers it.
func (a *app) receiver(t *testing.T) authstore.Receiver {
	t.Helper()
	r, err := backchannel.ParseReceiver(a.URL+"/logout?key=secret-of-the-url", a.audience)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answers makes the app answer in another way than with 200, or as before.
func (a *app) answers(fn func(http.ResponseWriter, *http.Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = fn
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// ServeHTTP is the app's side of the standard, section 2.5 and following.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	form, bad := url.ParseQuery(string(body))
	if err != nil || bad != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
		r.RequestURI != "/logout?key=secret-of-the-url" || len(form) != 1 || r.Header.Get("Idempotency-Key") != "" {
		a.t.Errorf("%s %s %v: %q, %v", r.Method, r.RequestURI, r.Header, body, err)
	}
	e, err := a.read(form.Get("logout_token"))
	if err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	a.ends = append(a.ends, e)
	answer := a.answer
	a.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

var b64 = base64.RawURLEncoding

// read verifies a logout token with the public keys alone.
func (a *app) read(raw string) (end, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return end{}, fmt.Errorf("%q is no token", raw)
	}
	var header struct{ Alg, Typ, Kid string }
	var claims struct {
		Iss, Sub, Aud, Jti, Sid string
		Iat, Exp                int64
		Nonce                   *string
		Events                  map[string]map[string]any
	}
	for i, into := range []any{&header, &claims} {
		b, err := b64.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			return end{}, err
		}
	}
	now := a.clock.Now().Unix()
	event, told := claims.Events["http://schemas.openid.net/event/backchannel-logout"]
	if header.Alg != "ES256" || header.Typ != "logout+jwt" || claims.Iss != hub || claims.Aud != a.audience || claims.Nonce != nil ||
		claims.Iat != now || claims.Exp != now+120 || len(claims.Events) != 1 || !told || len(event) != 0 {
		return end{}, fmt.Errorf("header %+v, claims %+v at %d for %s", header, claims, now, a.audience)
	}
	return end{claims.Jti, claims.Sub, claims.Sid}, verify(a.jwks(), header.Kid, parts)
}

func verify(jwks []byte, kid string, parts []string) error {
	var set struct{ Keys []struct{ Kid, X, Y string } }
	if err := json.Unmarshal(jwks, &set); err != nil {
		return err
	}
	for _, k := range set.Keys {
		x, _ := b64.DecodeString(k.X)
		y, _ := b64.DecodeString(k.Y)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			return err
		}
		signature, err := b64.DecodeString(parts[2])
		if err != nil || len(signature) != 64 {
			return fmt.Errorf("signature %q: %w", parts[2], err)
		}
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if k.Kid == kid && ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
			return nil
		}
	}
	return fmt.Errorf("no key verifies the token of %s", kid)
}

// heard returns what the app was told since it was last asked.
func (a *app) heard() []end {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.ends
	a.ends = nil
	return all
}

// sessions returns the sessions whose ends the app was told of, sorted.
func (a *app) sessions() (ids []string) {
	for _, e := range a.heard() {
		ids = append(ids, e.sid)
	}
	slices.Sort(ids)
	return ids
}

// world is a worker with all it stands on, and a customer of nova.
type world struct {
	clock    *authstoretest.Clock
	memory   *authstoretest.Memory
	faulty   *authstoretest.Faulty
	store    *authstore.Store
	keys     *token.Keyring
	sessions *session.Manager
	worker   *backchannel.Worker
	ann      authstore.Customer

	mu       sync.Mutex
	reported []error // guarded by mu
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), memory: authstoretest.NewMemory()}
	w.memory.Retry = true
	w.faulty = authstoretest.NewFaulty(w.memory)
	w.store = authstore.New(w.faulty, w.clock.Now)
	directory, err := publisher.NewDirectory(nil)
	if err == nil {
		w.keys, err = token.OpenKeyring(t.Context(), w.store, hub, "ES256")
	}
	if err != nil {
		t.Fatal(err)
	}
	remembered, err := session.LoadMemory(t.Context(), w.store)
	if err != nil {
		t.Fatal(err)
	}
	w.sessions = session.NewManager(w.store, remembered, w.keys, directory, secret.NewRoot())
	w.worker = w.newWorker(backchannel.Config{})
	w.ann = w.mustRegister(t, nova)
	return w
}

func (w *world) newWorker(c backchannel.Config) *backchannel.Worker {
	c.Store, c.Keys = w.store, w.keys
	if c.Tick == nil {
		c.Tick = make(chan time.Time)
	}
	c.Report = func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.reported = append(w.reported, err)
	}
	return backchannel.NewWorker(c)
}

// mustDeclare registers apps with nova.
func (w *world) mustDeclare(t *testing.T, apps ...*app) {
	t.Helper()
	w.mustDeclareAll(t, map[int64][]*app{nova: apps})
}

func (w *world) mustDeclareAll(t *testing.T, apps map[int64][]*app) {
	t.Helper()
	var all []authstore.Publisher
	for id, list := range apps {
		p := authstore.Publisher{ID: id}
		for _, a := range list {
			p.Receivers = append(p.Receivers, a.receiver(t))
		}
		all = append(all, p)
	}
	if err := w.store.DeclarePublishers(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func (w *world) mustRegister(t *testing.T, publisher int64) authstore.Customer {
	t.Helper()
	c, err := w.store.Register(t.Context(), authstore.Registration{
		Customer: authstore.Customer{PublisherID: publisher, Email: "ann@example.com"},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: "ann@example.com", Password: "hash"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) mustStart(t *testing.T, c authstore.Customer) (string, session.Secrets) {
	t.Helper()
	s, given, err := w.sessions.Start(t.Context(), c, "", session.Device{}, session.ByAPI, "")
	if err != nil {
		t.Fatal(err)
	}
	return s.ID, given
}

// mustEnd ends a new session of a customer and returns its id.
func (w *world) mustEnd(t *testing.T, c authstore.Customer) string {
	t.Helper()
	id, _ := w.mustStart(t, c)
	if err := w.sessions.End(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

// reports returns what was reported since it was last called, and insists that
// no token and no more of an address than its host is in it.
func (w *world) reports(t *testing.T) (all []error) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	all, w.reported = w.reported, nil
	for _, err := range all {
		if text := err.Error(); strings.Contains(text, "eyJ") || strings.Contains(text, "secret") || strings.Contains(text, "/logout") {
			t.Errorf("a secret is in %q", text)
		}
	}
	return all
}

// waiting tells how many announcements are stored.
func (w *world) waiting() (n int) {
	for _, r := range w.memory.Records() {
		if r.Table == "announcements" {
			n++
		}
	}
	return n
}
