// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/staff"
	"github.com/usher-sso/usher/internal/throttle"
)

const (
	nova  = 100_000_001
	orbit = 100_000_002

	password = "kq7v rtzm wfl"
	wrong    = "kq7v rtzm wfm"
)

type roles = map[int64]authstore.Role

var (
	// hasher is shared, as in a process; each hash costs what it costs in use.
	hasher = customer.NewHasher(2, 64)
	atWork = staff.Device{IP: "192.0.2.7", UserAgent: "browser"}
)

// world is a Service under test with all it stands on.
type world struct {
	*staff.Service
	clock   *authstoretest.Clock
	stored  *authstoretest.Memory
	faulty  *authstoretest.Faulty
	between *between
	store   *authstore.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: authstoretest.NewClock(), stored: authstoretest.NewMemory()}
	w.stored.Retry = true
	w.faulty = authstoretest.NewFaulty(w.stored)
	w.between = &between{Backend: w.faulty}
	w.store = authstore.New(w.between, w.clock.Now)
	w.Service = staff.NewService(staff.Config{
		Store: w.store, Hasher: hasher, Throttle: throttle.New(w.clock.Now), Root: secret.NewRoot(), Issuer: "id.example.com:8443",
	})
	return w
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

// mustInvite returns the secret of an invitation from the command line.
func (w *world) mustInvite(t *testing.T, email string, r roles) string {
	t.Helper()
	made, err := w.Invite(t.Context(), authstore.ByCommandLine, email, "", r)
	if err != nil {
		t.Fatal(err)
	}
	return made.Secret
}

// mustEmploy makes an account and its first session.
func (w *world) mustEmploy(t *testing.T, email string, r roles) staff.Entry {
	t.Helper()
	e, err := w.Accept(t.Context(), w.mustInvite(t, email, r), password, atWork)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// factor is an authenticator app.
type factor struct {
	w        *world
	secret   string
	recovery []string
}

// mustEnrol sets up a second factor in a session and returns it with the
// session's next proof.
func (w *world) mustEnrol(t *testing.T, e staff.Entry) (*factor, string) {
	t.Helper()
	started, err := w.Enrol(t.Context(), e.Session)
	if err != nil {
		t.Fatal(err)
	}
	f := &factor{w: w, secret: started.Secret}
	recovery, proof, err := w.ConfirmEnrolment(t.Context(), e.Session, started.Sealed, f.code(t))
	if err != nil {
		t.Fatal(err)
	}
	f.recovery = recovery
	return f, proof
}

// code returns the code that the app shows now.
func (f *factor) code(t *testing.T) string { return f.at(t, 0) }

// next lets the time of a code go by and returns the one that comes then.
func (f *factor) next(t *testing.T) string {
	f.w.clock.Add(30 * time.Second)
	return f.code(t)
}

// at returns the code that an app shows whose clock is off by d.
func (f *factor) at(t *testing.T, d time.Duration) string {
	t.Helper()
	code, err := totp.GenerateCode(f.secret, f.w.clock.Now().Add(d))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// bad returns six digits that are no code around now.
func (f *factor) bad(t *testing.T) string {
	t.Helper()
	for i := 0; ; i++ {
		code := fmt.Sprintf("%06d", i)
		if code != f.at(t, 0) && code != f.at(t, 30*time.Second) && code != f.at(t, -30*time.Second) {
			return code
		}
	}
}

func (w *world) mustSignIn(t *testing.T, email string) staff.Entry {
	t.Helper()
	e, err := w.SignIn(t.Context(), email, password, atWork)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// mustAuthenticate returns the session of a proof.
func (w *world) mustAuthenticate(t *testing.T, proof string) authstore.StaffSession {
	t.Helper()
	_, session, err := w.Authenticate(t.Context(), proof)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// wantProof tells whether a proof is worth something.
func (w *world) wantProof(t *testing.T, name, proof string, good bool) {
	t.Helper()
	_, _, err := w.Authenticate(t.Context(), proof)
	if good && err != nil || !good && !errors.Is(err, staff.ErrRefused) {
		t.Errorf("%s: %v, want good: %t", name, err, good)
	}
}

// parallel runs fn n times at once and returns how often it succeeded and what
// else it returned.
func parallel(n int, fn func(i int) error) (succeeded int, failures []error) {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			succeeded++
		} else {
			failures = append(failures, err)
		}
	}
	return succeeded, failures
}

// limited tells whether an error is that of too many tries.
func limited(err error) bool {
	var limit *customer.LimitError
	return errors.As(err, &limit) && limit.RetryAfter > 0
}
