// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/customer"
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
	theirs = 100000002 // tells who has no account
	bare   = 100000003 // asks for no consents

	hub      = "https://id.example.com"
	password = "correct horse 9"
	client   = "203.0.113.7"
)

// world is the API over a store in memory.
type world struct {
	directory *publisher.Directory
	mux       *http.ServeMux
	clock     *authstoretest.Clock
	faulty    *authstoretest.Faulty
	store     *authstore.Store
	sessions  *session.Manager
	keys      *token.Keyring
	links     customer.Links
	reported  []error
}

func newWorld(t testing.TB) *world { return newWorldWith(t, customer.NewHasher(0, 0)) }

// newWorldWith is newWorld with passwords that are hashed in another way, and changes to
// what the API stands on; root is the secret of the installation.
func newWorldWith(t testing.TB, hasher *customer.Hasher, changes ...func(c *mediastore.Config, root secret.Root)) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{clock: authstoretest.NewClock()}
	memory := authstoretest.NewMemory()
	memory.Retry = true
	t.Cleanup(func() { _ = memory.Close() })
	w.faulty = authstoretest.NewFaulty(memory)
	w.store = authstore.New(w.faulty, w.clock.Now)
	publishers := []authstore.Publisher{
		{ID: ours, Name: "Ours", Offers: []string{"S100000001_US"}, Sites: []string{"https://news.example.com"},
			ResetURLs: []string{"https://app.example", "https://*.apps.example"}, TokenDigest: secret.Digest(apiToken), Capture: questions(),
			Consents: []authstore.ConsentDefinition{
				{Name: "terms", Version: "2", Required: true, Value: "https://example.com/terms?a=1&b=2",
					Label: `I accept the [terms & "conditions"](https://example.com/terms?a=1&b=2) <now>.`},
				{Name: "marketing", Version: "1", Label: "Send me <b>news</b>.", EnabledByDefault: true},
			}},
		{ID: theirs, Name: "Theirs", Offers: []string{"S100000002_US"}, RevealUnknownEmail: true, Capture: authstore.Capture{
			Enabled: true, Fields: []authstore.CaptureField{{Key: "email"}, {Key: "phoneNumber", Required: true}, {Key: "companyName"}},
		}},
		{ID: bare, Name: "Bare", Capture: authstore.Capture{Fields: []authstore.CaptureField{{Key: "birthDate", Required: true}}}},
	}
	must(t, w.store.DeclarePublishers(ctx, publishers))
	directory, err := publisher.NewDirectory(publishers)
	must(t, err)
	w.directory = directory
	w.keys, err = token.OpenKeyring(ctx, w.store, hub, "ES256")
	must(t, err)
	ended, err := session.LoadMemory(ctx, w.store)
	must(t, err)
	root, tries := secret.NewRoot(), throttle.New(w.clock.Now)
	w.sessions = session.NewManager(w.store, ended, w.keys, directory, root)
	notices := notice.NewSender(w.store, tries)
	customers := customer.NewService(w.store, w.sessions, hasher, customer.NewLimits(tries), notices, root)
	w.links = customers.Links(hub)
	config := mediastore.Config{
		Hub: hub, Store: w.store, Directory: directory, Sessions: w.sessions, Keys: w.keys, Notices: notices,
		Customers: customers,
		Report:    func(_ *http.Request, err error) { w.reported = append(w.reported, err) },
	}
	for _, change := range changes {
		change(&config, root)
	}
	api := mediastore.New(config)
	w.mux = http.NewServeMux()
	api.Mount(w.mux)
	api.MountCallbacks(w.mux)
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

// ask sends a request as a client does. Goroutines may use it.
func (w *world) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
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
	return recorder
}

// call is ask, and checks what all answers have in common: JSON in the
// contract's envelope, and leave to read it from anywhere.
func (w *world) call(t testing.TB, method, target, body string, headers ...string) answer {
	t.Helper()
	recorder := w.ask(method, target, body, headers...)
	a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	if method == http.MethodOptions {
		askable(t, a.header)
		return a
	}
	readableAnywhere(t, a.header)
	if method == http.MethodGet && strings.HasSuffix(target, "jwks.json") {
		return a
	}
	a.readEnvelope(t, method+" "+target)
	return a
}

// cors are the headers of an answer that browsers judge by.
func cors(h http.Header) map[string]string {
	found := map[string]string{}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			found[name] = strings.Join(h[name], "|")
		}
	}
	return found
}

// readableAnywhere holds that pages of any origin may read an answer, and how
// long to wait if it says so. The rest of CORS is for preflights.
func readableAnywhere(t testing.TB, h http.Header) {
	t.Helper()
	want := map[string]string{"Access-Control-Allow-Origin": "*"}
	if h.Get("Retry-After") != "" {
		want["Access-Control-Expose-Headers"] = "Retry-After"
	}
	if got := cors(h); !maps.Equal(got, want) {
		t.Errorf("CORS %v, want %v", got, want)
	}
}

// askable holds that a preflight lets pages of any origin ask what the contract
// has.
func askable(t testing.TB, h http.Header) {
	t.Helper()
	want := map[string]string{
		"Access-Control-Allow-Origin":  "*",
		"Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
		"Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, X-Requested-By",
		"Access-Control-Max-Age":       "7200",
	}
	if got := cors(h); !maps.Equal(got, want) {
		t.Errorf("CORS %v, want %v", got, want)
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
	_, join := a.members["join"]
	if data || !code || join != (string(a.members["code"]) == `"SOC0001"`) || !join && len(a.members) != 2 || len(a.members) > 3 || len(a.errors) == 0 {
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

// is checks a success against the whole body, in which ID stands for an id.
func (a answer) is(t testing.TB, want, id string) {
	t.Helper()
	want = strings.ReplaceAll(want, "ID", id)
	if a.status != http.StatusOK || !reflect.DeepEqual(exactly(t, a.body), exactly(t, want)) {
		t.Errorf("answer %d %s\nwant 200 %s", a.status, a.body, want)
	}
}

// exactly reads JSON so that numbers, texts and null stay different.
func exactly(t testing.TB, document string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	return v
}

const done = `{"responseData":{"success":true},"errors":[]}`

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

// letter is a mail that waits to be sent.
type letter struct {
	kind authstore.MailKind
	to   string // the customer's address
	link string // of a reset
	code string // of one who joins
}

// letters takes all mails out of the queue, as whoever sends them does.
func letters(t testing.TB, store *authstore.Store, links customer.Links) []letter {
	t.Helper()
	ctx := context.Background()
	queued, err := store.ClaimMails(ctx, 100, time.Minute)
	must(t, err)
	var all []letter
	for _, m := range queued {
		must(t, store.MailSent(ctx, m))
		if m.Kind == notice.Join && m.CustomerID == 0 {
			made, err := links.JoinCode(ctx, m)
			must(t, err)
			all = append(all, letter{kind: m.Kind, to: m.To, code: made.Code})
		}
		if m.CustomerID == 0 {
			continue // nobody gets it
		}
		c, err := store.Customer(ctx, m.CustomerID)
		must(t, err)
		l := letter{kind: m.Kind, to: c.Email}
		if m.Kind == notice.Reset {
			link, err := links.ResetLink(ctx, m, c)
			must(t, err)
			l.link = link.URL
		}
		if m.Kind == notice.Join {
			made, err := links.JoinCode(ctx, m)
			must(t, err)
			l.code = made.Code
		}
		all = append(all, l)
	}
	return all
}

// mailed takes all mails out of the queue and returns those of a kind.
func (w *world) mailed(t testing.TB, kind authstore.MailKind) []letter {
	t.Helper()
	return slices.DeleteFunc(letters(t, w.store, w.links), func(l letter) bool { return l.kind != kind })
}

// bearer returns the header that carries a token.
func bearer(jwt string) []string { return []string{"Authorization", "Bearer " + jwt} }

// mustRead returns a stored customer.
func (w *world) mustRead(t testing.TB, id string) authstore.Customer {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	must(t, err)
	c, err := w.store.Customer(context.Background(), n)
	must(t, err)
	return c
}

// mustDisable disables a customer.
func (w *world) mustDisable(t testing.TB, id string) {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	must(t, err)
	must(t, w.sessions.EndByDisabling(context.Background(), n))
}

func document(members map[string]any) string {
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(b)
}
