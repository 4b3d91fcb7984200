// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/notice/noticetest"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
)

const (
	address  = "Ann.Smith@example.com"
	password = "kq7v rtzm wfl"
	wrong    = "kq7v rtzm wfm"
)

var (
	nova = authstore.Publisher{ID: 100_000_001, Name: "Nova", Consents: []authstore.ConsentDefinition{
		{Name: "terms", Version: "2", Label: "I agree", Required: true},
	}}
	orbit  = authstore.Publisher{ID: 100_000_002, Name: "Orbit", Sites: []string{"https://orbit.example"}}
	strict = authstore.Publisher{ID: 100_000_003, Name: "Strict", Sites: []string{"https://strict.example"}, VerifyEmail: true}

	// hasher is shared, as in a process; each hash costs what it costs in use.
	hasher = customer.NewHasher(2, 64)
	atHome = customer.Arrival{Device: session.Device{IP: "192.0.2.7", UserAgent: "browser"}, Start: session.AtHub}
	agreed = []consent.Answer{{Name: "terms", Version: "2", State: authstore.Accepted}}
)

// world is a Service under test with all it stands on.
type world struct {
	*customer.Service
	clock    *authstoretest.Clock
	stored   *authstoretest.Memory
	faulty   *authstoretest.Faulty
	between  *between
	store    *authstore.Store
	sessions *session.Manager
	worker   *notice.Worker
	mails    noticetest.Box
	limits   *customer.Limits
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), stored: authstoretest.NewMemory(), mails: make(noticetest.Box, 16)}
	w.stored.Retry = true
	w.faulty = authstoretest.NewFaulty(w.stored)
	w.between = &between{Backend: w.faulty}
	w.store = authstore.New(w.between, w.clock.Now)
	publishers := []authstore.Publisher{nova, orbit, strict}
	if err := w.store.DeclarePublishers(t.Context(), publishers); err != nil {
		t.Fatal(err)
	}
	directory, err := publisher.NewDirectory(publishers)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.OpenKeyring(t.Context(), w.store, "https://id.example.com", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	memory, err := session.LoadMemory(t.Context(), w.store)
	if err != nil {
		t.Fatal(err)
	}
	root, tries := secret.NewRoot(), throttle.New(w.clock.Now)
	w.sessions = session.NewManager(w.store, memory, keys, directory, root)
	notices := notice.NewSender(w.store, tries)
	w.limits = customer.NewLimits(tries)
	w.Service = customer.NewService(w.store, w.sessions, hasher, w.limits, notices, root)
	w.worker = noticetest.Worker(t, notices, notice.WorkerConfig{Store: w.store, Mailer: w.mails, Links: w.Links("https://id.example.com")})
	return w
}

// mailed sends what is queued and returns it.
func (w *world) mailed(t *testing.T) (all []mail.Message) {
	t.Helper()
	w.worker.DeliverDue(t.Context())
	for range len(w.mails) {
		all = append(all, <-w.mails)
	}
	return all
}

// mustMail sends what is queued, which must be one mail.
func (w *world) mustMail(t *testing.T) mail.Message {
	t.Helper()
	all := w.mailed(t)
	if len(all) != 1 {
		t.Fatalf("mailed %+v, want one mail", all)
	}
	return all[0]
}

var (
	mailedLink = regexp.MustCompile(`https://\S+`)
	mailedCode = regexp.MustCompile(`\b[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}\b`)
)

// secretsOf returns what a mail proves something by.
func secretsOf(t *testing.T, m mail.Message) (link *url.URL, token, code string) {
	t.Helper()
	link, err := url.Parse(mailedLink.FindString(m.Text))
	if err != nil {
		t.Fatal(err)
	}
	token, code = link.Query().Get("token"), mailedCode.FindString(m.Text)
	if len(token) != 43 || len(code) != 9 {
		t.Fatalf("token %q and code %q in %s", token, code, m.Text)
	}
	return link, token, code
}

// between runs something once, just before an update: what others may do while
// a password is hashed.
type between struct {
	authstore.Backend
	do func()
}

func (b *between) Update(ctx context.Context, fn func(authstore.Tx) error) error {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Backend.Update(ctx, fn)
}

// records returns everything that is stored.
func (w *world) records() string {
	var b strings.Builder
	for _, r := range w.stored.Records() {
		fmt.Fprintf(&b, "%s %q %s\n", r.Table, r.Key, r.Value)
	}
	return b.String()
}

func (w *world) mustRegister(t *testing.T, email string) customer.Entry {
	t.Helper()
	return w.mustRegisterAt(t, nova, email)
}

func (w *world) mustRegisterAt(t *testing.T, p authstore.Publisher, email string) customer.Entry {
	t.Helper()
	r := customer.Registration{Email: email, Password: password}
	if len(p.Consents) > 0 {
		r.Answers = agreed
	}
	e, err := w.Register(t.Context(), p, r, atHome)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) login(t *testing.T, email, password string) error {
	t.Helper()
	_, err := w.Login(t.Context(), nova, email, password, atHome)
	return err
}

func TestRegistrationMakesACustomerWhoIsSignedIn(t *testing.T) {
	w := newWorld(t)
	e, err := w.Register(t.Context(), nova, customer.Registration{
		Email: " " + address + " ", Password: password, Answers: agreed,
		Profile: authstore.Customer{ID: 1, PublisherID: 2, Email: "x@example.com", Disabled: true, LastIP: "x", FirstName: "Ann", ExternalID: "ext"},
	}, atHome)
	if err != nil {
		t.Fatal(err)
	}
	c := e.Customer
	if c.ID < 100_000_000 || c.PublisherID != nova.ID || c.Email != address || c.Disabled || c.LastIP != "192.0.2.7" || c.FirstName != "Ann" || c.ExternalID != "ext" {
		t.Errorf("registered %+v", c)
	}
	if stored, err := w.store.Customer(t.Context(), c.ID); err != nil || stored != c {
		t.Errorf("stored %+v, %v", stored, err)
	}
	if s, err := w.sessions.AtHub(t.Context(), e.Secrets.Hub); err != nil || s.CustomerID != c.ID || e.Session.CustomerID != c.ID {
		t.Errorf("session %+v, %v", s, err)
	}
	history, err := w.store.ConsentHistory(t.Context(), c.ID)
	if err != nil || len(history) != 1 || history[0].TextHash != nova.Consents[0].TextHash() || history[0].IP != "192.0.2.7" {
		t.Errorf("evidence %+v, %v", history, err)
	}
	if strings.Contains(w.records(), password) {
		t.Error("the password is stored")
	}
	if err := w.login(t, address, password); err != nil {
		t.Errorf("login: %v", err)
	}
}

func TestRefusedRegistrationStoresNothing(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	e := w.mustRegister(t, address)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	good := customer.Registration{Email: "bob@example.com", Password: password, Answers: agreed}
	tests := []struct {
		name   string
		change func(r *customer.Registration)
		want   error
	}{
		{"no address", func(r *customer.Registration) { r.Email = "" }, customer.ErrEmail},
		{"two addresses", func(r *customer.Registration) { r.Email = "a@b.example,c@d.example" }, customer.ErrEmail},
		{"short password", func(r *customer.Registration) { r.Password = "kq7v" }, customer.ErrPasswordShort},
		{"common password", func(r *customer.Registration) { r.Password = "password1" }, customer.ErrPasswordCommon},
		{"address as password", func(r *customer.Registration) { r.Email, r.Password = "zbyszko@example.com", "Zbyszko2026" }, customer.ErrPasswordCommon},
		{"publisher as password", func(r *customer.Registration) { r.Password = "nova-123456789" }, customer.ErrPasswordCommon},
		{"unknown consent", func(r *customer.Registration) { r.Answers = []consent.Answer{{Name: "x"}} }, consent.ErrUnknown},
		{"old consent", func(r *customer.Registration) { r.Answers = []consent.Answer{{Name: "terms", Version: "1"}} }, consent.ErrVersion},
		{"odd answer", func(r *customer.Registration) {
			r.Answers = []consent.Answer{{Name: "terms", Version: "2", State: "x"}}
		}, consent.ErrState},
		{"address of another", func(r *customer.Registration) { r.Email = "ANN.SMITH@Example.com" }, customer.ErrExists},
		{"store fails", func(*customer.Registration) { w.faulty.FailCommit(fault) }, fault},
	}
	from := atHome
	from.Replaced = e.Session.ID
	before := w.records()
	for _, tt := range tests {
		r := good
		tt.change(&r)
		got, err := w.Register(t.Context(), nova, r, from)
		w.mailed(t) // the owner of the address hears of it
		if !errors.Is(err, tt.want) || got.Secrets != (session.Secrets{}) || got.Known != "" || w.records() != before {
			t.Errorf("%s: %+v, %v; want %v and nothing stored", tt.name, got, err, tt.want)
		}
	}
	if _, err := w.Register(gone, nova, good, from); !errors.Is(err, context.Canceled) || w.records() != before {
		t.Errorf("visitor has gone: %v", err)
	}
	if w.sessions.Ended(e.Session.ID) {
		t.Error("the session before has ended")
	}
}

func TestOwnerHearsOfASecondRegistration(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	_, err := w.Register(t.Context(), nova, customer.Registration{Email: address, Password: password}, atHome)
	if !errors.Is(err, customer.ErrExists) {
		t.Fatal(err)
	}
	if m := w.mustMail(t); m.To != address || !strings.Contains(m.Text, "Nova") {
		t.Errorf("mailed %+v", m)
	}
}

func TestExternalIDIsUniqueAtAPublisher(t *testing.T) {
	w := newWorld(t)
	register := func(p authstore.Publisher, email, external string) error {
		_, err := w.Register(t.Context(), p, customer.Registration{Email: email, Password: password, Profile: authstore.Customer{ExternalID: external}}, atHome)
		return err
	}
	if err := register(nova, "a@example.com", "ext"); err != nil {
		t.Fatal(err)
	}
	before := w.records()
	if err := register(nova, "b@example.com", "ext"); !errors.Is(err, customer.ErrExternalID) || w.records() != before {
		t.Errorf("the same again: %v, want ErrExternalID and nothing stored", err)
	}
	if err := register(orbit, "b@example.com", "ext"); err != nil {
		t.Errorf("at another publisher: %v", err)
	}
}

func TestRegistrationsOfANetworkAreLimited(t *testing.T) {
	w := newWorld(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel() // costs a try and no hash
	from := atHome
	register := func(ctx context.Context, ip string) error {
		from.Device.IP = ip
		_, err := w.Register(ctx, nova, customer.Registration{Email: address, Password: password}, from)
		return err
	}
	for i := range 200 {
		if err := register(gone, "2001:db8::"+fmt.Sprint(i)); !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	var limit *customer.LimitError
	if err := register(t.Context(), "2001:db8::9999"); !errors.As(err, &limit) || limit.RetryAfter <= 0 {
		t.Errorf("one more: %v, want *LimitError", err)
	}
	if err := register(t.Context(), "2001:db8:0:1::1"); err != nil {
		t.Errorf("from another network: %v", err)
	}
}
