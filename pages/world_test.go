// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
	"github.com/usher-sso/usher/pages"
)

const hub = "https://id.example.com"

var errDown = errors.New("disk is gone")

// world is a hub over a store in memory.
type world struct {
	ctx    context.Context
	clock  *authstoretest.Clock
	faulty *authstoretest.Faulty
	store  *authstore.Store
	root   secret.Root
	hasher *customer.Hasher
	tries  *throttle.Throttle
	ended  *session.Memory
	mails  mailbox

	// Of one configuration:
	sso *sso.Service
	mux *http.ServeMux
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ctx: context.Background(), clock: authstoretest.NewClock(), root: secret.NewRoot(), hasher: customer.NewHasher(0, 0), mails: make(mailbox, 16)}
	memory := authstoretest.NewMemory()
	memory.Retry = true
	t.Cleanup(func() { _ = memory.Close() })
	w.faulty = authstoretest.NewFaulty(memory)
	w.store = authstore.New(w.faulty, w.clock.Now)
	w.tries = throttle.New(w.clock.Now)
	var err error
	w.ended, err = session.LoadMemory(w.ctx, w.store)
	must(t, err)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mailbox is where all mail goes.
type mailbox chan mail.Message

func (m mailbox) Send(_ context.Context, msg mail.Message) error { m <- msg; return nil }

// terms is a required consent at a version.
func terms(version string) authstore.ConsentDefinition {
	return authstore.ConsentDefinition{
		Name: "terms", Version: version, Required: true,
		Label: "I accept version " + version + " of the [terms](https://example.com/terms).",
	}
}

var (
	marketing = authstore.ConsentDefinition{Name: "marketing", Version: "1", Label: "Send me news."}
	ticked    = authstore.ConsentDefinition{Name: "survey", Version: "1", Label: "Ask me questions.", EnabledByDefault: true}
	ours      = []string{"https://news.example.com", "https://sports.test", "https://*.clubs.example"}
)

// configs are what scripts start the hub with.
var configs = map[string][]authstore.Publisher{
	"plain":    {{ID: 100000001, Name: "Nordlys", Sites: ours}},
	"consents": {{ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{terms("1"), marketing, ticked}}},
	"terms 2":  {{ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{terms("2"), marketing, ticked}}},
	"two": {
		{ID: 100000001, Name: "Nordlys", Sites: ours},
		{ID: 100000002, Name: "Sydney", Sites: []string{"https://south.example"}, Consents: []authstore.ConsentDefinition{marketing}},
	},
}

// configure starts the hub on the store as it is.
func (w *world) configure(t *testing.T, name string) {
	t.Helper()
	publishers, ok := configs[name]
	if !ok {
		t.Fatalf("unknown config %q", name)
	}
	must(t, w.store.DeclarePublishers(w.ctx, publishers))
	directory, err := publisher.NewDirectory(publishers)
	must(t, err)
	keys, err := token.OpenKeyring(w.ctx, w.store, hub, "ES256")
	must(t, err)
	renderer, err := pages.NewRenderer()
	must(t, err)
	renderer.OnError = func(page string, err error) { t.Errorf("rendering %s: %v", page, err) }
	sessions := session.NewManager(w.store, w.ended, keys, directory, w.root)
	w.sso = sso.NewService(hub, w.store, sessions, directory, w.root)
	notices := notice.NewSender(hub, w.mails, w.tries, func(err error) { t.Error(err) })
	h := pages.NewHub(pages.Config{
		Origin: hub, Renderer: renderer, Store: w.store, Directory: directory, Sessions: sessions, SSO: w.sso,
		Customers: customer.NewService(w.store, sessions, w.hasher, customer.NewLimits(w.tries), notices, w.root),
		Flow:      flow.NewDispatcher(w.store, directory),
		Notices:   notices,
		Report: func(_ *http.Request, err error) {
			if !errors.Is(err, errDown) {
				t.Errorf("reported: %v", err)
			}
		},
	})
	w.mux = http.NewServeMux()
	h.Mount(w.mux)
	w.mux.HandleFunc("/", h.NotFound)
}
