// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
)

const (
	ours   = 100000001
	theirs = 100000002
	bare   = 100000003 // asks for no consents

	hub      = "https://id.example.com"
	password = "correct horse 9"
	client   = "203.0.113.7"
)

// world is the API over a store in memory.
type world struct {
	mux      *http.ServeMux
	clock    *authstoretest.Clock
	faulty   *authstoretest.Faulty
	store    *authstore.Store
	sessions *session.Manager
	keys     *token.Keyring
	mails    chan mail.Message
	reported []error
}

type mailer struct{ sent chan<- mail.Message }

func (m mailer) Send(_ context.Context, msg mail.Message) error { m.sent <- msg; return nil }

func newWorld(t testing.TB) *world { return newWorldWith(t, customer.NewHasher(0, 0)) }

func newWorldWith(t testing.TB, hasher *customer.Hasher) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{clock: authstoretest.NewClock(), mails: make(chan mail.Message, 8)}
	memory := authstoretest.NewMemory()
	memory.Retry = true
	t.Cleanup(func() { _ = memory.Close() })
	w.faulty = authstoretest.NewFaulty(memory)
	w.store = authstore.New(w.faulty, w.clock.Now)
	publishers := []authstore.Publisher{
		{ID: ours, Name: "Ours", Offers: []string{"S100000001_US"}, Sites: []string{"https://news.example.com"},
			Consents: []authstore.ConsentDefinition{
				{Name: "terms", Version: "2", Required: true, Value: "https://example.com/terms?a=1&b=2",
					Label: `I accept the [terms & "conditions"](https://example.com/terms?a=1&b=2) <now>.`},
				{Name: "marketing", Version: "1", Label: "Send me <b>news</b>.", EnabledByDefault: true},
			}},
		{ID: theirs, Name: "Theirs", Offers: []string{"S100000002_US"}},
		{ID: bare, Name: "Bare"},
	}
	must(t, w.store.DeclarePublishers(ctx, publishers))
	directory, err := publisher.NewDirectory(publishers)
	must(t, err)
	w.keys, err = token.OpenKeyring(ctx, w.store, hub, "ES256")
	must(t, err)
	ended, err := session.LoadMemory(ctx, w.store)
	must(t, err)
	root, tries := secret.NewRoot(), throttle.New(w.clock.Now)
	w.sessions = session.NewManager(w.store, ended, w.keys, directory, root)
	notices := notice.NewSender(hub, mailer{w.mails}, tries, func(err error) { t.Error(err) })
	api := mediastore.New(mediastore.Config{
		Store: w.store, Directory: directory, Sessions: w.sessions, Keys: w.keys, Notices: notices,
		Customers: customer.NewService(w.store, w.sessions, hasher, customer.NewLimits(tries), notices, root),
		Report:    func(_ *http.Request, err error) { w.reported = append(w.reported, err) },
	})
	w.mux = http.NewServeMux()
	api.Mount(w.mux)
	w.mux.HandleFunc("/", api.NotFound)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what the API said.
type answer struct {
	status  int
	header  http.Header
	body    string
	members map[string]json.RawMessage
	data    map[string]any // responseData
	code    string
	errors  []string
}

// call sends a request as a client does and checks what all answers have in
// common: JSON in the contract's envelope, and leave to read it from anywhere.
func (w *world) call(t testing.TB, method, target, body string, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	r.RemoteAddr = client + ":50000"
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = append(r.Header[headers[i]], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, r)
	a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	readableAnywhere(t, a.header)
	if method == http.MethodOptions || method == http.MethodGet && strings.HasSuffix(target, "jwks.json") {
		return a
	}
	a.readEnvelope(t, method+" "+target)
	return a
}

func readableAnywhere(t testing.TB, h http.Header) {
	t.Helper()
	if got := h.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin %q, want *", got)
	}
	for name, needed := range map[string][]string{
		"Access-Control-Allow-Methods": {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"},
		"Access-Control-Allow-Headers": {"Accept", "Authorization", "Content-Type", "X-Requested-By"},
	} {
		have := strings.Split(h.Get(name), ", ")
		for _, n := range needed {
			if !slices.Contains(have, n) {
				t.Errorf("%s %q lacks %s", name, have, n)
			}
		}
	}
	if _, there := h["Access-Control-Allow-Credentials"]; there {
		t.Error("credentials are allowed from anywhere")
	}
}

func (a *answer) readEnvelope(t testing.TB, what string) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q, want application/json", what, got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: Cache-Control %q, want no-store", what, got)
	}
	if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("%s: X-Content-Type-Options %q, want nosniff", what, got)
	}
	if err := json.Unmarshal([]byte(a.body), &a.members); err != nil {
		t.Fatalf("%s: %v: %s", what, err, a.body)
	}
	must(t, json.Unmarshal(a.members["errors"], &a.errors))
	_, data := a.members["responseData"]
	_, code := a.members["code"]
	if a.status == http.StatusOK {
		if !data || code || len(a.members) != 2 || a.errors == nil || len(a.errors) != 0 {
			t.Errorf("%s: success is told as %s", what, a.body)
		}
		must(t, json.Unmarshal(a.members["responseData"], &a.data))
		return
	}
	if data || !code || len(a.members) != 2 || len(a.errors) == 0 {
		t.Errorf("%s: failure %d is told as %s", what, a.status, a.body)
	}
	must(t, json.Unmarshal(a.members["code"], &a.code))
}

// refused checks a failure: status, code and exact message.
func (a answer) refused(t testing.TB, status int, code, message string) {
	t.Helper()
	if a.status != status || a.code != code || len(a.errors) != 1 || a.errors[0] != message {
		t.Errorf("answer %d %s, want %d %s %q", a.status, a.body, status, code, message)
	}
	if challenge := a.header.Get("Www-Authenticate"); (status == http.StatusUnauthorized) != (challenge == "Bearer") {
		t.Errorf("status %d with WWW-Authenticate %q", status, challenge)
	}
}

// text returns a member of responseData that must be a string.
func (a answer) text(t testing.TB, name string) string {
	t.Helper()
	s, ok := a.data[name].(string)
	if !ok {
		t.Errorf("%s is %v, want a string", name, a.data[name])
	}
	return s
}

// mustRegister makes a customer through the API and returns its tokens and id.
func (w *world) mustRegister(t testing.TB, publisherID int64, email string) (jwt, refresh, id string) {
	t.Helper()
	a := w.call(t, "POST", "/customers", document(map[string]any{
		"email": email, "password": password, "publisherId": strconv.FormatInt(publisherID, 10),
		"locale": "en_US", "country": "US", "currency": "USD",
	}))
	if a.status != http.StatusOK {
		t.Fatalf("registering: %d %s", a.status, a.body)
	}
	n, _ := a.data["customerId"].(float64)
	return a.text(t, "jwt"), a.text(t, "refreshToken"), strconv.FormatInt(int64(n), 10)
}

// mustCustomer makes a customer without a password, which is quick, and returns
// a token of the API and the id.
func (w *world) mustCustomer(t testing.TB, c authstore.Customer) (jwt, id string, s authstore.Session) {
	t.Helper()
	ctx := context.Background()
	if c.PublisherID == 0 {
		c.PublisherID = ours
	}
	made, err := w.store.Register(ctx, authstore.Registration{
		Customer: c, Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: secret.NewID()},
	})
	must(t, err)
	s, _, err = w.sessions.Start(ctx, made, "", session.Device{IP: client}, session.ByAPI, "")
	must(t, err)
	jwt, _, err = w.sessions.AccessToken(ctx, s, token.PublisherAudience(c.PublisherID))
	must(t, err)
	return jwt, strconv.FormatInt(made.ID, 10), s
}

func document(members map[string]any) string {
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(b)
}
