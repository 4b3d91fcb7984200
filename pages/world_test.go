// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/notice/noticetest"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
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
	whole  *authstore.Store // the same without faults
	root   secret.Root
	hasher *customer.Hasher
	tries  *throttle.Throttle
	ended  *session.Memory
	mails  noticetest.Box

	internet *socialtest.Internet // where people have accounts elsewhere; nil until a configuration has providers
	appleKey socialtest.AppleKey

	// Of one configuration:
	sso    *sso.Service
	social *social.Service
	mux    *http.ServeMux
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ctx: context.Background(), clock: authstoretest.NewClock(), root: secret.NewRoot(), hasher: customer.NewHasher(0, 0), mails: make(noticetest.Box, 16)}
	memory := authstoretest.NewMemory()
	memory.Retry = true
	t.Cleanup(func() { _ = memory.Close() })
	w.faulty = authstoretest.NewFaulty(memory)
	w.store, w.whole = authstore.New(w.faulty, w.clock.Now), authstore.New(memory, w.clock.Now)
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

// terms is a required consent at a version.
func terms(version string) authstore.ConsentDefinition {
	return authstore.ConsentDefinition{
		Name: "terms", Version: version, Required: true,
		Label: "I accept version " + version + " of the [terms](https://example.com/terms).",
	}
}

// announced is a consent whose earlier version will do until the end of March
// 2026.
func announced(d authstore.ConsentDefinition) authstore.ConsentDefinition {
	d.TransitionUntil = time.Date(2026, time.April, 1, 0, 0, 0, 0, time.UTC)
	return d
}

var (
	marketing = authstore.ConsentDefinition{Name: "marketing", Version: "1", Label: "Send me news."}
	ticked    = authstore.ConsentDefinition{Name: "survey", Version: "1", Label: "Ask me questions.", EnabledByDefault: true}
	fields    = []authstore.CaptureField{
		{Key: "firstNameLastName"}, {Key: "birthDate"}, {Key: "address"},
		{Key: "custom_1", Question: `<b>Fan & "friend"?`, Choices: []string{"Yes", "No"}},
	}
	ours = []string{"https://news.example.com", "https://sports.test", "https://*.clubs.example"}
)

// configs are what scripts start the hub with.
var configs = map[string][]authstore.Publisher{
	"plain":          {{ID: 100000001, Name: "Nordlys", Sites: ours}},
	"consents":       {{ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{terms("1"), marketing, ticked}}},
	"terms 2":        {{ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{terms("2"), marketing, ticked}}},
	"verify first":   {{ID: 100000001, Name: "Nordlys", Sites: ours, VerifyEmail: true}},
	"verify in time": {{ID: 100000001, Name: "Nordlys", Sites: ours, VerifyEmail: true, VerifyWithin: 48 * time.Hour}},
	"everything": {{
		ID: 100000001, Name: "Nordlys", Sites: ours, VerifyEmail: true,
		Consents: []authstore.ConsentDefinition{terms("1")}, Capture: authstore.Capture{Enabled: true, Fields: fields},
	}},
	"announced": {{ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{announced(terms("2")), marketing}}},
	"capture":   {{ID: 100000001, Name: "Nordlys", Sites: ours, Capture: authstore.Capture{Enabled: true, Fields: fields}}},
	"capture more": {{ID: 100000001, Name: "Nordlys", Sites: ours, Capture: authstore.Capture{
		Enabled: true, Fields: append(slices.Clone(fields), authstore.CaptureField{Key: "companyName", Required: true}),
	}}},
	"optional": {{
		ID: 100000001, Name: "Nordlys", Sites: ours, Consents: []authstore.ConsentDefinition{announced(terms("2")), marketing, ticked},
		Capture: authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "companyName", Required: true}}},
	}},
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
	catalog, err := i18n.Load()
	must(t, err)
	renderer, err := pages.NewRenderer(catalog)
	must(t, err)
	renderer.OnError = func(page string, err error) { t.Errorf("rendering %s: %v", page, err) }
	sessions := session.NewManager(w.store, w.ended, keys, directory, w.root)
	w.sso = sso.NewService(hub, w.store, sessions, directory, w.root)
	notices := notice.NewSender(w.store, w.tries)
	customers := customer.NewService(w.store, sessions, w.hasher, customer.NewLimits(w.tries), notices, w.root)
	noticetest.Run(t, notices, notice.WorkerConfig{Store: w.whole, Mailer: w.mails, Links: customers.Links(hub)})
	w.social = nil
	if providers := w.elsewhere(t, name); providers != nil {
		w.social = social.NewService(social.Config{
			Hub: hub, Store: w.store, Customers: customers, Sessions: sessions, Notices: notices, Root: w.root, Providers: providers,
			Redirects: map[int64][]string{100000001: {"com.example.app:/signed-in", "https://app.example.com/cb"}},
		})
	}
	h := pages.NewHub(pages.Config{
		Origin: hub, Renderer: renderer, Store: w.store, Directory: directory, Sessions: sessions, SSO: w.sso,
		Customers: customers,
		Flow:      flow.NewDispatcher(w.store),
		Notices:   notices,
		Social:    w.social,
		Report: func(_ *http.Request, err error) {
			if !errors.Is(err, errDown) && !errors.Is(err, social.ErrUnavailable) && !errors.Is(err, social.ErrRefused) {
				t.Errorf("reported: %v", err)
			}
		},
	})
	w.mux = http.NewServeMux()
	h.Mount(w.mux)
	w.mux.HandleFunc("/", h.NotFound)
}
