// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

func TestSignInRefusesEveryoneAlike(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	bob := w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleEditor})
	if err := w.Disable(t.Context(), authstore.ByCommandLine, bob.Staff.ID); err != nil {
		t.Fatal(err)
	}
	before := w.records()
	for _, tt := range []struct{ name, email, password string }{
		{"unknown", "who@example.com", password},
		{"wrong password", "ann@example.com", wrong},
		{"no password", "ann@example.com", ""},
		{"disabled", "bob@example.com", password},
		{"disabled, wrong", "bob@example.com", wrong},
	} {
		e, err := w.SignIn(t.Context(), tt.email, tt.password, atWork)
		if err != staff.ErrCredentials || e.Proof != "" || e.Known != "" || w.records() != before {
			t.Errorf("%s: %+v, %v", tt.name, e, err)
		}
	}
	if _, err := w.SignIn(t.Context(), "ann@", password, atWork); !errors.Is(err, customer.ErrEmail) {
		t.Errorf("no address: %v", err)
	}
}

func TestSignInByAnySpellingOfTheAddress(t *testing.T) {
	w := newWorld(t)
	first := w.mustEmploy(t, "Ann@Example.com", roles{nova: authstore.RoleEditor})
	w.clock.Add(time.Hour)
	e := w.mustSignIn(t, "ANN@example.COM")
	if e.Staff.ID != first.Staff.ID || !e.Session.Complete || e.Known == "" || !e.Staff.LastLogin.Equal(w.store.Now()) || e.Staff.LastIP != atWork.IP {
		t.Errorf("got %+v", e)
	}
	w.wantProof(t, "the new session", e.Proof, true)
}

func TestSpellingsShareOneCounter(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	gone, cancel := context.WithCancel(t.Context())
	cancel() // costs a try and no hash
	for i := range 10 {
		spelling := "ann@example.com"
		spelling = strings.ToUpper(spelling[:i%4]) + spelling[i%4:]
		d := staff.Device{IP: fmt.Sprint("192.0.2.", i)}
		if _, err := w.SignIn(gone, spelling, wrong, d); !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if _, err := w.SignIn(t.Context(), "aNN@EXAMPLE.com", password, atWork); !limited(err) {
		t.Errorf("one more: %v, want *LimitError", err)
	}
	w.clock.Add(15 * time.Minute)
	w.mustSignIn(t, "ann@example.com")
}

func TestStrangersDoNotLockAKnownBrowserOut(t *testing.T) {
	w := newWorld(t)
	known := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor}).Known
	other := w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleEditor}).Known
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		_, _ = w.SignIn(gone, "ann@example.com", wrong, staff.Device{IP: "198.51.100.1"})
	}
	for name, tt := range map[string]struct {
		known string
		free  bool
	}{"own": {known, true}, "of another account": {other, false}, "made up": {"x." + known, false}, "none": {"", false}} {
		d := atWork
		d.Known = tt.known
		e, err := w.SignIn(t.Context(), "ann@example.com", password, d)
		if tt.free && (err != nil || e.Known != known) || !tt.free && !limited(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTriesOfANetworkAreLimitedOverAllAccounts(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 100 {
		if _, err := w.SignIn(gone, fmt.Sprintf("a%d@example.com", i), wrong, atWork); !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if _, err := w.SignIn(t.Context(), "ann@example.com", password, atWork); !limited(err) {
		t.Errorf("one more: %v", err)
	}
	if _, err := w.SignIn(t.Context(), "ann@example.com", password, staff.Device{IP: "198.51.100.1"}); err != nil {
		t.Errorf("from another network: %v", err)
	}
}

func TestSuccessGivesTheTriesBack(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	for range 12 {
		w.mustSignIn(t, "ann@example.com")
	}
}

func TestSessionFromBeforeTheSignInDoesNotSurviveIt(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	d := atWork
	d.Before = e.Proof
	next, err := w.SignIn(t.Context(), "ann@example.com", password, d)
	if err != nil || next.Proof == e.Proof || next.Session.ID == e.Session.ID {
		t.Errorf("got %+v, %v", next, err)
	}
	w.wantProof(t, "before", e.Proof, false)
	w.wantProof(t, "after", next.Proof, true)

	d.Before = e.Session.ID + ".made-up" // proves nothing, ends nothing
	other, err := w.SignIn(t.Context(), "ann@example.com", password, d)
	if err != nil {
		t.Fatal(err)
	}
	d.Before = next.Session.ID + "." + strings.Repeat("x", 43)
	if _, err := w.SignIn(t.Context(), "ann@example.com", password, d); err != nil {
		t.Fatal(err)
	}
	w.wantProof(t, "a session by its id alone", next.Proof, true)
	w.wantProof(t, "the other", other.Proof, true)
}

func TestProofThatWasMadeUpIsRefused(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	id, shown, _ := strings.Cut(e.Proof, ".")
	for name, proof := range map[string]string{
		"empty": "", "id": id, "id and dot": id + ".", "secret": shown, "other secret": id + "." + strings.Repeat("A", 43),
		"other id": "x." + shown, "more": e.Proof + "x", "digest": id + "." + e.Session.Digest,
	} {
		w.wantProof(t, name, proof, false)
	}
	if strings.Contains(w.records(), shown) || strings.Contains(w.records(), password) {
		t.Error("a secret is stored")
	}
	w.faulty.FailView(errors.New("disk on fire"))
	if _, _, err := w.Authenticate(t.Context(), e.Proof); err == nil || errors.Is(err, staff.ErrRefused) {
		t.Errorf("store down: %v, want an error of its own", err)
	}
}

func TestUseKeepsASessionAliveUntilTwelveHours(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	for range 13 {
		w.clock.Add(55 * time.Minute)
		w.wantProof(t, "in use", e.Proof, true)
	}
	w.clock.Add(5 * time.Minute)
	w.wantProof(t, "after twelve hours", e.Proof, false)

	e = w.mustSignIn(t, "ann@example.com")
	w.clock.Add(time.Hour)
	w.wantProof(t, "unused for an hour", e.Proof, false)
}

func TestUseIsNotedOnceAMinute(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	before := w.records()
	w.clock.Add(time.Minute - time.Millisecond)
	w.mustAuthenticate(t, e.Proof)
	if w.records() != before {
		t.Error("a request within the minute writes")
	}
	w.clock.Add(time.Millisecond)
	w.mustAuthenticate(t, e.Proof)
	if w.records() == before {
		t.Error("a request after a minute is not noted")
	}
}

func TestSessionOfADisabledMemberDiesAtOnce(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	for name, end := range map[string]func(id string) error{
		"disabled": func(id string) error { return w.Disable(t.Context(), ann.Staff.ID, id) },
		"removed":  func(id string) error { return w.Remove(t.Context(), nova, id) },
		"reset":    func(id string) error { return w.ResetSecondFactor(t.Context(), ann.Staff.ID, id) },
	} {
		e := w.mustEmploy(t, name+"@example.com", roles{nova: authstore.RoleEditor})
		_, proof := w.mustEnrol(t, e)
		w.wantProof(t, name+", before", proof, true)
		if err := end(e.Staff.ID); err != nil {
			t.Fatal(err)
		}
		w.wantProof(t, name, proof, false)
	}
	w.wantProof(t, "the owner's", ann.Proof, true)
}

func TestSignInThatADisablingOvertakesStartsNothing(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	bob := w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleEditor})
	w.between.do = func() {
		if err := w.Disable(t.Context(), authstore.ByCommandLine, bob.Staff.ID); err != nil {
			t.Error(err)
		}
	}
	if e, err := w.SignIn(t.Context(), "bob@example.com", password, atWork); err != staff.ErrCredentials || e.Proof != "" {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestNewPasswordEndsTheOtherSessions(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	other := w.mustSignIn(t, "ann@example.com")
	const next = "zu3p wkqx hbd"
	for _, tt := range []struct {
		name, old, next string
		want            error
	}{
		{"wrong one", wrong, next, staff.ErrConfirmation},
		{"short", password, "zu3p", customer.ErrPasswordShort},
		{"common", password, "password1", customer.ErrPasswordCommon},
		{"the address", password, "ann-12345678", customer.ErrPasswordCommon},
	} {
		if proof, err := w.ChangePassword(t.Context(), e.Session, tt.old, tt.next, atWork); !errors.Is(err, tt.want) || proof != "" {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	proof, err := w.ChangePassword(t.Context(), e.Session, password, next, atWork)
	if err != nil || proof == e.Proof {
		t.Fatal(proof, err)
	}
	w.wantProof(t, "the proof from before", e.Proof, false)
	w.wantProof(t, "the other session", other.Proof, false)
	w.wantProof(t, "the next proof", proof, true)
	if _, err := w.SignIn(t.Context(), "ann@example.com", password, atWork); err != staff.ErrCredentials {
		t.Errorf("by the old password: %v", err)
	}
	if _, err := w.SignIn(t.Context(), "ann@example.com", next, atWork); err != nil {
		t.Errorf("by the new password: %v", err)
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleEditor})
	bob := w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleEditor})
	w.clock.Add(time.Second)
	second, third := w.mustSignIn(t, "ann@example.com"), w.mustSignIn(t, "ann@example.com")
	list, err := w.Sessions(t.Context(), e.Staff.ID)
	if err != nil || len(list) != 3 || list[2].ID != e.Session.ID || list[0].Digest != "" || list[0].UserAgent != "browser" {
		t.Errorf("listed %+v, %v", list, err)
	}
	for _, id := range []string{second.Session.ID, bob.Session.ID, "unknown"} {
		if err := w.EndSession(t.Context(), e.Staff.ID, id); err != nil {
			t.Fatal(err)
		}
	}
	w.wantProof(t, "ended", second.Proof, false)
	w.wantProof(t, "another member's", bob.Proof, true)
	if err := w.EndOthers(t.Context(), e.Session); err != nil {
		t.Fatal(err)
	}
	w.wantProof(t, "one of the others", third.Proof, false)
	w.wantProof(t, "this", e.Proof, true)
	if err := w.SignOut(t.Context(), e.Session); err != nil {
		t.Fatal(err)
	}
	w.wantProof(t, "signed out", e.Proof, false)
}
