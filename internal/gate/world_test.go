// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/token"
)

const (
	hub    = publisher.Origin("https://id.example.com")
	news   = publisher.Origin("https://news.example.com")
	sports = publisher.Origin("https://sports.test")  // of the same publisher
	rovers = publisher.Origin("https://rovers.clubs") // by the pattern https://*.clubs
	other  = publisher.Origin("https://other.example")

	ours   = 100000001
	theirs = 100000002
)

// world is a hub and a gate in front of all sites, over a store in memory.
type world struct {
	*gate.Gate
	clock     *authstoretest.Clock
	faulty    *authstoretest.Faulty
	counted   *counted
	store     *authstore.Store
	keys      *token.Keyring
	sessions  *session.Manager
	sso       *sso.Service
	pages     *shown
	ended     *session.Memory
	policy    *gate.Policy
	demands   []gate.Demand
	directory *publisher.Directory
	headers   *gate.Headers
	tokens    *token.SiteTokens
	memory    *gate.Memory
	root      secret.Root
}

// counted counts how often its store is read.
type counted struct {
	authstore.Backend
	views func() // called before each View
}

func (c *counted) View(ctx context.Context, fn func(authstore.Tx) error) error {
	if c.views != nil {
		c.views()
	}
	return c.Backend.View(ctx, fn)
}

// terms is a consent that is required.
func terms(version string) authstore.ConsentDefinition {
	return authstore.ConsentDefinition{Name: "terms", Version: version, Label: "Terms " + version + ".", Required: true}
}

// asking is our publisher, with what it asks customers to agree to.
func asking(consents ...authstore.ConsentDefinition) authstore.Publisher {
	return authstore.Publisher{
		ID: ours, Name: "Ours", Sites: []string{string(news), string(sports), "https://*.clubs"}, Consents: consents,
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{clock: authstoretest.NewClock(), pages: new(shown)}
	memory := authstoretest.NewMemory()
	memory.Retry = true
	t.Cleanup(func() { _ = memory.Close() })
	w.counted = &counted{Backend: memory}
	w.faulty = authstoretest.NewFaulty(w.counted)
	w.store = authstore.New(w.faulty, w.clock.Now)

	publishers := []authstore.Publisher{asking(terms("1")), {ID: theirs, Name: "Theirs", Sites: []string{string(other)}}}
	must(t, w.store.DeclarePublishers(ctx, publishers))
	var err error
	w.keys, err = token.OpenKeyring(ctx, w.store, string(hub), "ES256")
	must(t, err)
	w.ended, err = session.LoadMemory(ctx, w.store)
	must(t, err)
	w.root = secret.NewRoot()
	w.tokens, w.memory = token.NewSiteTokens(w.root, w.clock.Now), gate.NewMemory()
	w.headers = ownHeaders
	w.reload(t, publishers...)
	return w
}

// reload is what a new configuration does: another gate over the same store.
func (w *world) reload(t testing.TB, publishers ...authstore.Publisher) {
	t.Helper()
	directory, err := publisher.NewDirectory(publishers)
	must(t, err)
	w.sessions = session.NewManager(w.store, w.ended, w.keys, directory, w.root)
	w.sso = sso.NewService(hub, w.store, w.sessions, directory, w.root)
	w.policy = mustPolicy(t, []string{"/about", "/assets/*"}, []string{"/articles/*"}, w.demands...)
	w.directory = directory
	w.Gate = w.with(w.policy)
}

// with returns a gate with a policy.
func (w *world) with(policy *gate.Policy) *gate.Gate {
	return gate.New(gate.Config{
		Sites:  []publisher.Origin{news, sports, "https://*.clubs", other},
		Policy: policy,
		Hub:    hub, Sessions: w.sessions, Keys: w.keys, SSO: w.sso, Directory: w.directory, Pages: w.pages,
		Tokens: w.tokens, Headers: w.headers, Memory: w.memory,
	})
}

// ownHeaders are the identity headers as they are called unless they are given
// other names.
var ownHeaders = func() *gate.Headers {
	h, err := gate.NewHeaders(nil)
	if err != nil {
		panic(err)
	}
	return h
}()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// viewer is a customer with a session at the hub and, by the API, its tokens.
type viewer struct {
	customer authstore.Customer
	session  authstore.Session
	bearer   string // an access token of the API
}

func (w *world) mustViewer(t testing.TB, publisherID int64) viewer {
	t.Helper()
	ctx := context.Background()
	c, err := w.store.Register(ctx, authstore.Registration{
		Customer: authstore.Customer{PublisherID: publisherID, Email: "anna@example.com"},
		Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: secret.NewID()},
		Answers:  []authstore.ConsentRecord{{Name: "terms", Version: "1", State: authstore.Accepted}},
	})
	must(t, err)
	s, _, err := w.sessions.Start(ctx, c, "", session.Device{}, session.AtHub, "")
	must(t, err)
	bearer, _, err := w.sessions.AccessToken(ctx, s, token.PublisherAudience(publisherID))
	must(t, err)
	return viewer{c, s, bearer}
}

// answer is what became of a request.
type answer struct {
	*httptest.ResponseRecorder
	identity *gate.Identity
	passed   bool
	err      error
}

// cookie returns a cookie that the answer sets.
func (a answer) cookie(name string) (*http.Cookie, bool) {
	for _, c := range a.Result().Cookies() {
		if c.Name == name {
			return c, true
		}
	}
	return nil, false
}

// page is what browsers send when a person opens a page.
var page = map[string]string{
	"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none",
}

// request makes a request as a browser sends it to the site of its URL.
func request(method, target string, headers map[string]string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Method = method
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// send does with a request what Caddy's handler does.
func (w *world) send(r *http.Request) answer {
	recorder := httptest.NewRecorder()
	w.headers.Strip(r)
	id, pass, err := w.Serve(recorder, r, r.URL)
	return answer{recorder, id, pass, err}
}

// get opens a page.
func (w *world) get(target string, cookies ...*http.Cookie) answer {
	return w.send(request("GET", target, page, cookies...))
}

// ask begins a sign-in at a site and returns what the hub is asked, and the
// cookies that keep it.
func (w *world) ask(t testing.TB, site publisher.Origin, path string) (sso.Request, []*http.Cookie) {
	t.Helper()
	a := w.get(string(site) + path)
	to, err := url.Parse(a.Header().Get("Location"))
	must(t, err)
	asked, _, err := w.sso.ParseRequest(to.Query())
	if err != nil {
		t.Fatalf("status %d, Location %q: %v", a.Code, to, err)
	}
	return asked, a.Result().Cookies()
}

// signIn takes a viewer through the hub and back and returns the site's
// cookie.
func (w *world) signIn(t testing.TB, site publisher.Origin, v viewer) *http.Cookie {
	t.Helper()
	asked, pending := w.ask(t, site, "/")
	back, err := w.sso.Grant(context.Background(), asked, v.session)
	must(t, err)
	a := w.get(back, pending...)
	c, ok := a.cookie("__Host-usher")
	if !ok || a.Code != http.StatusSeeOther {
		t.Fatalf("signing in at %s: status %d, %v, problem %q", site, a.Code, a.err, w.pages.kind)
	}
	return c
}

// shown is Pages that remember what they were to show.
type shown struct {
	kind    gate.ProblemKind
	problem gate.Problem
	signOut bool
	asset   string
}

func (s *shown) Problem(w http.ResponseWriter, _ *http.Request, p gate.Problem) {
	s.kind, s.problem = p.Kind, p
	w.WriteHeader(p.Status)
}

func (s *shown) SignOut(w http.ResponseWriter, _ *http.Request, _ publisher.Origin) {
	s.signOut = true
	w.WriteHeader(http.StatusOK)
}

func (s *shown) Assets(w http.ResponseWriter, _ *http.Request, path string) {
	s.asset = path
	w.WriteHeader(http.StatusOK)
}

// expired is longer than an access token lives.
const expired = session.TokenLife + time.Second
