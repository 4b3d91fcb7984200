// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/notice/noticetest"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/throttle"
	"github.com/usher-sso/usher/internal/token"
)

const password = "kq7v rtzm wfl"

var (
	// nova asks for nothing but an address.
	nova = authstore.Publisher{ID: 100_000_001, Name: "Nova", Sites: []string{"https://nova.example"}}

	// orbit requires a consent, and asks for another.
	orbit = authstore.Publisher{ID: 100_000_002, Name: "Orbit", Sites: []string{"https://orbit.example", "https://*.clubs.example"}, Consents: []authstore.ConsentDefinition{
		{Name: "terms", Version: "2", Label: "I agree", Required: true}, {Name: "news", Version: "1", Label: "Write to me"},
	}}

	// strict lets nobody in whose address is not proved, or know who has an account.
	strict = authstore.Publisher{ID: 100_000_003, Name: "Strict", VerifyEmail: true}

	// patient lets them in for a day.
	patient = authstore.Publisher{ID: 100_000_004, Name: "Patient", VerifyEmail: true, VerifyWithin: 24 * time.Hour}

	// curious asks for more.
	curious = authstore.Publisher{ID: 100_000_005, Name: "Curious", Capture: authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{
		{Key: "firstNameLastName"}, {Key: "birthDate", Required: true}, {Key: "custom_1", Question: "Which club?", Choices: []string{"North", "South"}},
	}}}

	// hasher is shared, as in a process.
	hasher = customer.NewHasher(2, 64)

	atHome = customer.Arrival{Device: session.Device{IP: "192.0.2.7", UserAgent: "browser"}, Start: session.AtHub}
	agreed = []consent.Answer{{Name: "terms", Version: "2", State: authstore.Accepted}, {Name: "news", Version: "1", State: authstore.Declined}}
	german = authstore.Customer{Country: "DE", Currency: "EUR", Locale: "de_DE"}
)

// Issuers of identities.
const (
	google   = "https://accounts.google.com"
	facebook = "https://www.facebook.com"
	own      = "https://login.nova.example"
)

// world is a Service under test with all it stands on.
type world struct {
	*social.Service
	clock     *authstoretest.Clock
	stored    *authstoretest.Memory // nil over bolt
	between   *between
	faulty    *authstoretest.Faulty
	store     *authstore.Store
	customers *customer.Service
	sessions  *session.Manager
	worker    *notice.Worker
	mails     noticetest.Box
	limits    *customer.Limits
}

// newWorld is one over a store in memory that runs every update twice.
func newWorld(t *testing.T) *world {
	t.Helper()
	memory := authstoretest.NewMemory()
	memory.Retry = true
	w := newWorldOver(t, memory)
	w.stored = memory
	return w
}

// overBolt is one over the store that is the default.
func overBolt(t *testing.T) *world {
	t.Helper()
	b, err := bolt.Open(filepath.Join(t.TempDir(), "store.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return newWorldOver(t, b)
}

func newWorldOver(t *testing.T, b authstore.Backend) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), faulty: authstoretest.NewFaulty(b), mails: make(noticetest.Box, 64)}
	w.between = &between{Backend: w.faulty}
	w.store = authstore.New(w.between, w.clock.Now)
	publishers := []authstore.Publisher{nova, orbit, strict, patient, curious}
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
	root, limits := secret.NewRoot(), throttle.New(w.clock.Now)
	w.sessions = session.NewManager(w.store, memory, keys, directory, root)
	notices := notice.NewSender(w.store, limits)
	w.limits = customer.NewLimits(limits)
	w.customers = customer.NewService(w.store, w.sessions, hasher, w.limits, notices, root)
	w.worker = noticetest.Worker(t, notices, notice.WorkerConfig{Store: w.store, Mailer: w.mails, Links: w.customers.Links("https://id.example.com")})
	w.Service = social.NewService(social.Config{
		Hub: "https://id.example.com", Store: w.store, Customers: w.customers, Sessions: w.sessions, Notices: notices, Root: root,
		Providers: map[int64][]*social.Provider{
			nova.ID: {
				social.Google(social.Options{Name: "google", ClientID: "n"}),
				social.Facebook(social.Options{Name: "facebook", ClientID: "f", ClientSecret: "shared"}),
				social.OpenID(social.Options{Name: "club", Label: "Club", ClientID: "c", Trusted: true}, own),
			},
			orbit.ID: {
				social.Google(social.Options{Name: "google", ClientID: "o"}),
				social.Facebook(social.Options{Name: "facebook", ClientID: "f", ClientSecret: "shared"}),
			},
			strict.ID: {
				social.Google(social.Options{Name: "google", ClientID: "s"}),
				social.Facebook(social.Options{Name: "facebook", ClientID: "g", ClientSecret: "its own"}),
			},
		},
		Redirects: map[int64][]string{nova.ID: {"http://127.0.0.1/done", "com.nova.app:/oauth2redirect", "javascript:alert(1)", "data:text/html,x"}},
	})
	return w
}

// between runs something once, just before an update: what others may do meanwhile.
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

func (b *between) View(ctx context.Context, fn func(authstore.Tx) error) error {
	return b.Backend.View(ctx, fn)
}

// byGoogle and byFacebook are people as those providers tell of them.
func byGoogle(subject, email string) social.Person {
	return social.Person{Provider: "google", Issuer: google, Subject: subject, Email: email, Verified: true, FirstName: "Ann", LastName: "Smith"}
}

func byFacebook(subject, email string) social.Person {
	return social.Person{Provider: "facebook", Issuer: facebook, Subject: subject, Email: email, FirstName: "Ann", LastName: "Smith"}
}

// mustEnter signs somebody in of whom nothing is missing.
func (w *world) mustEnter(t *testing.T, p authstore.Publisher, who social.Person) customer.Entry {
	t.Helper()
	o, err := w.Enter(t.Context(), p, who, german, atHome)
	if err != nil || o.Entry == nil {
		t.Fatalf("%+v: %+v, %v; want to be in", who, o, err)
	}
	return *o.Entry
}

// mustWait returns the token and the state of somebody of whom something is missing.
func (w *world) mustWait(t *testing.T, p authstore.Publisher, who social.Person) (string, social.Joining) {
	t.Helper()
	o, err := w.Enter(t.Context(), p, who, german, atHome)
	if err != nil || o.Entry != nil || o.Join == "" {
		t.Fatalf("%+v: %+v, %v; want to wait", who, o, err)
	}
	return o.Join, w.mustJoining(t, p, o.Join)
}

func (w *world) mustJoining(t *testing.T, p authstore.Publisher, token string) social.Joining {
	t.Helper()
	j, err := w.Joining(t.Context(), p, token)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// asked tells what is missing, in words.
func asked(j social.Joining) string {
	var list []string
	if j.NeedEmail {
		list = append(list, "email")
	}
	for _, d := range j.Consents {
		list = append(list, d.Name)
	}
	if j.Proof {
		list = append(list, "proof")
	}
	return strings.Join(list, " ")
}

func (w *world) mustRegister(t *testing.T, p authstore.Publisher, email string) customer.Entry {
	t.Helper()
	e, err := w.customers.Register(t.Context(), p, customer.Registration{Email: email, Password: password}, atHome)
	if err != nil {
		t.Fatal(err)
	}
	return e
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

var codeForm = regexp.MustCompile(`\b[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}\b`)

// mustCode has a code mailed and returns it, and where it went.
func (w *world) mustCode(t *testing.T, p authstore.Publisher, token string) (code, to string) {
	t.Helper()
	w.mailed(t)
	if err := w.SendCode(t.Context(), p, token, "192.0.2.7"); err != nil {
		t.Fatal(err)
	}
	all := w.mailed(t)
	if len(all) != 1 {
		t.Fatalf("mailed %+v, want a code", all)
	}
	if code = codeForm.FindString(all[0].Text); code == "" {
		t.Fatalf("no code in %s", all[0].Text)
	}
	return code, all[0].To
}

// records returns everything that is stored.
func (w *world) records() string {
	var b strings.Builder
	for _, r := range w.stored.Records() {
		fmt.Fprintf(&b, "%s %q %s\n", r.Table, r.Key, r.Value)
	}
	return b.String()
}

// ways tells how a customer signs in.
func (w *world) ways(t *testing.T, p authstore.Publisher, c authstore.Customer) string {
	t.Helper()
	all, err := w.Ways(t.Context(), p, c)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, way := range all {
		one := way.Issuer + " " + way.Subject
		if way.Last {
			one += " last"
		}
		list = append(list, one)
	}
	return strings.Join(list, ", ")
}

func (w *world) alive(e customer.Entry) bool {
	_, err := w.store.Session(context.Background(), e.Session.ID)
	return err == nil && !w.sessions.Ended(e.Session.ID)
}

func TestNewViewerOfWhomNothingIsMissingIsInAtOnce(t *testing.T) {
	for name, w := range map[string]*world{"memory": newWorld(t), "bolt": overBolt(t)} {
		e := w.mustEnter(t, nova, byGoogle("1", "Ann@Example.com"))
		c := e.Customer
		if c.Email != "Ann@Example.com" || c.EmailVerified.IsZero() || c.FirstName != "Ann" || c.LastName != "Smith" || c.Locale != "de_DE" || c.Country != "DE" || c.LastIP != "192.0.2.7" {
			t.Errorf("%s: %+v", name, c)
		}
		if s, err := w.sessions.AtHub(t.Context(), e.Secrets.Hub); err != nil || s.CustomerID != c.ID || e.Session.ID != s.ID {
			t.Errorf("%s: session %+v, %v", name, s, err)
		}
		if got := w.ways(t, nova, c); got != google+" 1 last" {
			t.Errorf("%s: ways %s", name, got)
		}
		if again := w.mustEnter(t, nova, byGoogle("1", "other@example.com")); again.Customer.ID != c.ID || again.Customer.Email != c.Email {
			t.Errorf("%s: the second time they are %+v", name, again.Customer)
		}
		if got := w.mailed(t); len(got) != 0 {
			t.Errorf("%s: mailed %+v", name, got)
		}
	}
}

// A publisher that gives time to verify an address asks by mail for what the provider
// does not vouch for.
func TestUnverifiedAddressIsVerifiedByMailLater(t *testing.T) {
	w := newWorld(t)
	c := w.mustEnter(t, patient, byFacebook("1", "ann@example.com")).Customer
	if all := w.mailed(t); !c.EmailVerified.IsZero() || len(all) != 1 || !strings.Contains(all[0].Text, "/verify/confirm?") {
		t.Errorf("%+v, mailed %+v", c, all)
	}
	c = w.mustEnter(t, patient, byGoogle("1", "bob@example.com")).Customer
	if all := w.mailed(t); c.EmailVerified.IsZero() || len(all) != 0 {
		t.Errorf("%+v, mailed %+v", c, all)
	}
}

func TestOnlyWhatIsMissingIsAsked(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, nova, "has@example.com")
	w.mustRegister(t, orbit, "has@example.com")
	w.mustRegister(t, strict, "has@example.com")
	for _, tt := range []struct {
		name string
		p    authstore.Publisher
		who  social.Person
		want string
	}{
		{"no address", nova, byFacebook("1", ""), "email"},
		{"an address that is none", nova, byFacebook("1", "ann@nowhere"), "email"},
		{"no address, and consents", orbit, byFacebook("1", ""), "email terms news"},
		{"consents", orbit, byGoogle("1", "ann@example.com"), "terms news"},
		{"an account", nova, byGoogle("1", "HAS@example.com"), "proof"},
		{"an account, unverified", nova, byFacebook("1", "has@example.com"), "proof"},
		{"an account, and consents", orbit, byGoogle("1", "has@example.com"), "proof"},
		{"nobody may know: an account", strict, byFacebook("1", "has@example.com"), "proof"},
		{"nobody may know: none", strict, byFacebook("1", "ann@example.com"), "proof"},
		{"nobody may know: an account of the one who reads there", strict, byGoogle("1", "has@example.com"), "proof"},
	} {
		if _, j := w.mustWait(t, tt.p, tt.who); asked(j) != tt.want || j.Person.Subject != "1" {
			t.Errorf("%s: asked for %q, want %q", tt.name, asked(j), tt.want)
		}
	}
	w.mustEnter(t, strict, byGoogle("2", "ann@example.com"))
}

func TestCompletionMakesACustomer(t *testing.T) {
	w := newWorld(t)
	token, _ := w.mustWait(t, orbit, byFacebook("1", ""))
	o, err := w.Complete(t.Context(), orbit, token, social.Completion{Email: " Ann@example.com ", Answers: agreed}, atHome)
	if err != nil || o.Entry == nil {
		t.Fatalf("%+v, %v", o, err)
	}
	c := o.Entry.Customer
	if c.Email != "Ann@example.com" || !c.EmailVerified.IsZero() || c.Locale != "de_DE" {
		t.Errorf("%+v", c)
	}
	history, err := w.store.ConsentHistory(t.Context(), c.ID)
	if err != nil || len(history) != 2 || history[0].IP != "192.0.2.7" || history[0].State != authstore.Accepted || history[1].State != authstore.Declined {
		t.Errorf("evidence %+v, %v", history, err)
	}
	if _, err := w.Complete(t.Context(), orbit, token, social.Completion{Email: "bob@example.com", Answers: agreed}, atHome); !errors.Is(err, social.ErrJoin) {
		t.Errorf("the same token again: %v", err)
	}
	if strings.Contains(w.records(), token) {
		t.Error("the token is stored")
	}
}

// mailedTo returns the last mail to an address, with the secret of its link and its
// code.
func mailedTo(all []mail.Message, to string) (m mail.Message, secret, code string) {
	for _, one := range all {
		if one.To == to {
			m = one
		}
	}
	if found := secretForm.FindStringSubmatch(m.Text); found != nil {
		secret = found[1]
	}
	return m, secret, codeForm.FindString(m.Text)
}

var secretForm = regexp.MustCompile(`token=([\w-]{43})`)
