// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/mediastore/openapitest"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
)

// apiToken proves the servers of the publisher ours.
const apiToken = "0123456789abcdef0123456789abcdef"

// served is the API as it runs: a server, and a bolt store in a file.
type served struct {
	t        *testing.T
	url      string
	client   *http.Client
	recorder *openapitest.Recorder
	clock    *authstoretest.Clock
	faulty   *authstoretest.Faulty
	store    *authstore.Store
	links    customer.Links
	sessions *session.Manager

	*elsewhere // nil for none

	// instead answers in place of the API, as the module does when the store
	// cannot be opened or the host is another one.
	instead atomic.Pointer[func(http.ResponseWriter, *http.Request)]
}

// serve starts the API, wired as in caddymodule, behind a recorder. changes are made to
// what it stands on.
func serve(t *testing.T, recorder *openapitest.Recorder, hasher *customer.Hasher, algorithm string, changes ...func(*served, *mediastore.Config, secret.Root)) *served {
	t.Helper()
	ctx := context.Background()
	backend, err := bolt.Open(filepath.Join(t.TempDir(), "usher.db"), bolt.Options{})
	must(t, err)
	t.Cleanup(func() { _ = backend.Close() })
	s := &served{
		t: t, client: &http.Client{Transport: recorder}, recorder: recorder,
		clock: authstoretest.NewClock(), faulty: authstoretest.NewFaulty(backend),
	}
	s.store = authstore.New(s.faulty, s.clock.Now)
	publishers := tenants()
	must(t, s.store.DeclarePublishers(ctx, publishers))
	directory, err := publisher.NewDirectory(publishers)
	must(t, err)
	keys, err := token.OpenKeyring(ctx, s.store, hub, algorithm)
	must(t, err)
	memory, err := session.LoadMemory(ctx, s.store)
	must(t, err)
	root, tries := secret.NewRoot(), throttle.New(s.clock.Now)
	s.sessions = session.NewManager(s.store, memory, keys, directory, root)
	notices := notice.NewSender(s.store, tries)
	customers := customer.NewService(s.store, s.sessions, hasher, customer.NewLimits(tries), notices, root)
	s.links = customers.Links(hub)
	config := mediastore.Config{
		Hub: hub, Store: s.store, Directory: directory, Sessions: s.sessions, Keys: keys, Notices: notices, Locale: locale.NewResolver(nil),
		Customers: customers,
		Report:    func(*http.Request, error) {}, // failures are brought about on purpose
	}
	for _, change := range changes {
		change(s, &config, root)
	}
	api := mediastore.New(config)
	mux := http.NewServeMux()
	api.Mount(mux)
	api.MountCallbacks(mux)
	mux.HandleFunc("/", api.NotFound)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := s.instead.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// withProviders is a change for serve.
func withProviders(s *served, c *mediastore.Config, root secret.Root) {
	s.elsewhere = newElsewhere(s.t, c, root)
}

func tenants() []authstore.Publisher {
	return []authstore.Publisher{
		{
			ID: ours, Name: "Ours", Offers: []string{"S100000001_US"}, Sites: []string{"https://news.example.com"},
			TokenDigest: secret.Digest(apiToken),
			Consents: []authstore.ConsentDefinition{
				{Name: "terms", Version: "2", Required: true, Label: "I accept the [terms](https://example.com/terms)."},
				{Name: "marketing", Version: "1", Label: "Send me news."},
			},
			Capture: questions(),
		},
		{ID: bare, Name: "Bare", RevealUnknownEmail: true},
	}
}

// questions are what customers of the publisher ours are asked.
func questions() authstore.Capture {
	return authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{
		{Key: "firstNameLastName", Required: true}, {Key: "birthDate"}, {Key: "address"},
		{Key: "custom_1", Question: "How did you find us?", Choices: []string{"A friend", "Search"}},
		{Key: "custom_2", Question: "Anything else?"},
	}}
}

// said is what an answer of the envelope holds.
type said struct {
	Data   map[string]any `json:"responseData"`
	Code   string         `json:"code"`
	Errors []string       `json:"errors"`
	Join   joinView       `json:"join"`
}

func (s said) text(name string) string {
	text, _ := s.Data[name].(string)
	return text
}

// request builds a request from "METHOD /path", a body and pairs of headers.
func (s *served) request(request, body string, headers []string) *http.Request {
	method, target, _ := strings.Cut(request, " ")
	r, err := http.NewRequest(method, s.url+target, strings.NewReader(body))
	if err != nil {
		panic(err) // requests are written in tests
	}
	if body == "" {
		r.Body = http.NoBody
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// send asks and returns the status and what was said. Goroutines may use it.
func (s *served) send(request, body string, headers ...string) (int, said) {
	a, err := s.client.Do(s.request(request, body, headers))
	if err != nil {
		s.t.Errorf("%s: %v", request, err)
		return 0, said{}
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	var told said
	if err == nil {
		err = json.Unmarshal(b, &told)
	}
	if err != nil {
		s.t.Errorf("%s: %v: %s", request, err, b)
	}
	return a.StatusCode, told
}

// want asks, and fails if the answer is another one or is not as described.
func (s *served) want(status int, code, request, body string, headers ...string) said {
	s.t.Helper()
	got, told := s.send(request, body, headers...)
	if got != status || told.Code != code {
		s.t.Fatalf("%s %s: %d %+v, want %d %s", request, body, got, told, status, code)
	}
	for _, problem := range s.recorder.Problems() {
		s.t.Errorf("%s %s: %v", request, body, problem)
	}
	return told
}

// malformed is want for requests that the description refuses as well.
func (s *served) malformed(status int, code, request, body string, headers ...string) {
	s.t.Helper()
	if err := mustDescription(s.t).CheckRequest(s.request(request, body, headers)); err == nil {
		s.t.Errorf("%s %s: is as described, but refused", request, body)
	}
	s.want(status, code, request, body, headers...)
}

// burst asks n times at once and returns the statuses of the answers.
func (s *served) burst(n int, request string, body func(i int) string, headers ...string) []int {
	s.t.Helper()
	statuses := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { statuses[i], _ = s.send(request, body(i), headers...) })
	}
	all.Wait()
	for _, problem := range s.recorder.Problems() {
		s.t.Errorf("%s: %v", request, problem)
	}
	return statuses
}

// bursts repeats a burst until a status was seen.
func (s *served) bursts(status, n int, request string, body func(i int) string, headers ...string) {
	s.t.Helper()
	for round := range 10 {
		if slices.Contains(s.burst(n, request, func(i int) string { return body(round*n + i) }, headers...), status) {
			return
		}
	}
	s.t.Errorf("%s: no status %d however many ask at once", request, status)
}

// join registers a customer and returns the answer, the id and the headers
// with the token.
func (s *served) join(email string) (told said, id string, bearer []string) {
	s.t.Helper()
	told = s.want(200, "", "POST /customers", registration(map[string]any{"email": email}))
	number, _ := told.Data["customerId"].(float64)
	return told, strconv.Itoa(int(number)), []string{"Authorization", "Bearer " + told.text("jwt")}
}

// resetToken asks for a reset mail and returns the secret in it.
func (s *served) resetToken(email string) string {
	s.t.Helper()
	s.want(200, "", "PUT /customers/passwords", document(map[string]any{"customerEmail": email, "publisherId": "100000001", "resetUrl": ""}))
	for _, l := range letters(s.t, s.store, s.links) {
		if l.kind == notice.Reset && l.to == email {
			return mailedToken.FindStringSubmatch(l.link)[1]
		}
	}
	s.t.Fatalf("no mail to %s", email)
	return ""
}
