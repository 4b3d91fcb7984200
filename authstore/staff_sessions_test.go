// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// mustEnrol gives a member a second factor and the recovery codes r1 and r2, in
// the session <id>1, whose secret has then the digest "e" and its id.
func (w *world) mustEnrol(t *testing.T, id string) {
	t.Helper()
	_, _, err := w.EnrolStaff(t.Context(), authstore.StaffEnrolment{
		Session: id + "1", Digest: "d" + id + "1", Renewed: "e" + id + "1", TOTP: []byte("sealed"), Step: 10, Recovery: []string{"r1", "r2"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// code is a second factor in a session whose secret was never renewed.
func code(session string, step int64) authstore.StaffProof {
	return authstore.StaffProof{Session: session, Digest: "d" + session, Renewed: "r" + session, TOTP: []byte("sealed"), Step: step}
}

func TestStaffSessionEndsByTime(t *testing.T) {
	for _, tt := range []struct {
		name   string
		factor bool
		steps  []time.Duration // between uses
		alive  bool
	}{
		{"used within the hour", false, []time.Duration{59 * time.Minute, 59 * time.Minute}, true},
		{"idle for an hour", false, []time.Duration{time.Hour}, false},
		{"used for twelve hours", false, hours(13, 55*time.Minute), true},
		{"used for longer", false, hours(14, 55*time.Minute), false},
		{"waits for the second factor", true, []time.Duration{5 * time.Minute, 4 * time.Minute}, true},
		{"waits too long", true, []time.Duration{5 * time.Minute, 5 * time.Minute}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
			if tt.factor {
				w.mustEnrol(t, "ann")
			}
			w.mustSignIn(t, "ann", "ann2")
			for i, d := range tt.steps {
				w.clock.Add(d)
				if i < len(tt.steps)-1 {
					w.wantStaffSession(t, "ann2", true)
				}
				if err := w.TouchStaffSession(t.Context(), "ann2"); err != nil {
					t.Fatal(err)
				}
			}
			w.wantStaffSession(t, "ann2", tt.alive)
		})
	}
}

func hours(n int, d time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d
	}
	return all
}

func TestSessionsOfAMemberEndWithWhatTheyStandOn(t *testing.T) {
	change := func(fn func(*authstore.Staff) error) func(*world) error {
		return func(w *world) error {
			_, err := w.ChangeStaff(context.Background(), "bob", fn)
			return err
		}
	}
	for _, tt := range []struct {
		name string
		act  func(*world) error
		ends bool
	}{
		{"disabled", change(func(m *authstore.Staff) error { m.Disabled = true; return nil }), true},
		{"other password", change(func(m *authstore.Staff) error { m.Password = "new"; return nil }), true},
		{"second factor reset", change(func(m *authstore.Staff) error { m.TOTP, m.Recovery = nil, nil; return nil }), true},
		{"removed", func(w *world) error { _, err := w.RemoveRole(context.Background(), novaID, "bob"); return err }, true},
		{"other role", func(w *world) error {
			_, err := w.ChangeRole(context.Background(), novaID, "bob", authstore.RoleReadOnly)
			return err
		}, false},
		{"other name", change(func(m *authstore.Staff) error { m.Name = "Bob"; return nil }), false},
		{"signed out everywhere", func(w *world) error { return w.EndStaffSessions(context.Background(), "bob", "") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
			w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleEditor, orbitID: authstore.RoleEditor})
			w.mustEnrol(t, "bob")
			w.mustSignIn(t, "bob", "bob2")
			if err := tt.act(w); err != nil {
				t.Fatal(err)
			}
			w.wantStaffSession(t, "bob1", !tt.ends)
			w.wantStaffSession(t, "bob2", !tt.ends)
			w.wantStaffSession(t, "ann1", true)
			if live, err := w.StaffSessions(t.Context(), "bob"); err != nil || (len(live) == 0) != tt.ends {
				t.Errorf("listed: %v, %v", live, err)
			}
		})
	}
}

func TestMemberEndsOwnSessionsAlone(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleEditor})
	w.clock.Add(time.Minute)
	w.mustSignIn(t, "ann", "ann2")
	w.mustSignIn(t, "ann", "ann3")
	if live, err := w.StaffSessions(t.Context(), "ann"); err != nil || len(live) != 3 || live[2].ID != "ann1" {
		t.Errorf("listed %+v, %v, want the newest first", live, err)
	}
	for _, id := range []string{"bob1", "nobody", "ann3"} {
		if err := w.EndStaffSession(t.Context(), "ann", id); err != nil {
			t.Errorf("ending %s: %v", id, err)
		}
	}
	w.wantStaffSession(t, "bob1", true)
	w.wantStaffSession(t, "ann3", false)
	if err := w.EndStaffSessions(t.Context(), "ann", "ann2"); err != nil {
		t.Fatal(err)
	}
	w.wantStaffSession(t, "ann1", false)
	w.wantStaffSession(t, "ann2", true)
}

func TestSignInThatAChangeHasOvertakenStartsNothing(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleEditor})
	try := func(id, password string) error {
		_, _, err := w.StartStaffSession(t.Context(), id, password, start("s"))
		return err
	}
	if err := try("ann", "hash from before"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("old password: %v", err)
	}
	if err := try("nobody", ""); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := w.ChangeStaff(t.Context(), "ann", func(m *authstore.Staff) error { m.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := try("ann", "hash of ann"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("disabled: %v", err)
	}
}

// Disabling ends sessions; should one be left, it is worth nothing.
func TestSessionOfADisabledMemberIsNoneEvenIfItIsStored(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleEditor})
	w.put(t, "staff", "ann", `{"id":"ann","roles":{"100000001":"editor"},"disabled":true}`)
	w.wantStaffSession(t, "ann1", false)
}

func TestNewSignInReplacesTheBrowsersLast(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleEditor})
	next := start("ann2")
	next.Replaces = "ann1"
	if _, _, err := w.StartStaffSession(t.Context(), "ann", "hash of ann", next); err != nil {
		t.Fatal(err)
	}
	w.wantStaffSession(t, "ann1", false)
	w.wantStaffSession(t, "ann2", true)
}

func TestSecondFactorCompletesTheSession(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEnrol(t, "ann")
	w.clock.Add(time.Minute)
	s := w.mustSignIn(t, "ann", "ann2")
	if m, err := w.Staff(t.Context(), "ann"); err != nil || s.Complete || m.LastLogin.Equal(w.Now()) {
		t.Errorf("before the second factor: %+v of %+v, %v", s, m, err)
	}
	m, s, err := w.ProveStaff(t.Context(), code("ann2", 11))
	if err != nil || !s.Complete || !s.Confirmed.Equal(w.Now()) || s.Digest != "rann2" || m.TOTPStep != 11 || !m.LastLogin.Equal(w.Now()) {
		t.Errorf("got %+v of %+v, %v", s, m, err)
	}
	if _, stored, err := w.StaffSession(t.Context(), "ann2"); err != nil || stored != s {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

func TestRefusedProofLeavesTheSessionAsItWas(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEnrol(t, "ann")
	w.mustSignIn(t, "ann", "ann2")
	confirmed := authstore.StaffProof{Session: "ann1", Digest: "eann1", Renewed: "x", TOTP: []byte("sealed"), Step: 11}
	with := func(p authstore.StaffProof, fn func(*authstore.StaffProof)) authstore.StaffProof { fn(&p); return p }
	for _, tt := range []struct {
		name  string
		proof authstore.StaffProof
		want  error
	}{
		{"nothing", with(code("ann2", 11), func(p *authstore.StaffProof) { p.TOTP, p.Step = nil, 0 }), authstore.ErrNotFound},
		{"password alone", with(code("ann2", 0), func(p *authstore.StaffProof) { p.TOTP, p.Password = nil, "hash of ann" }), authstore.ErrNotFound},
		{"the code that enrolled", code("ann2", 10), authstore.ErrUsed},
		{"an older code", code("ann2", 9), authstore.ErrUsed},
		{"code of an earlier secret", with(code("ann2", 11), func(p *authstore.StaffProof) { p.TOTP = []byte("old") }), authstore.ErrNotFound},
		{"unknown recovery code", with(code("ann2", 11), func(p *authstore.StaffProof) { p.Recovery = "r3" }), authstore.ErrUsed},
		{"secret from before", with(code("ann2", 11), func(p *authstore.StaffProof) { p.Digest = "old" }), authstore.ErrNotFound},
		{"no such session", code("ann9", 11), authstore.ErrNotFound},
		{"again without the password", confirmed, authstore.ErrNotFound},
		{"again with another password", with(confirmed, func(p *authstore.StaffProof) { p.Password = "old" }), authstore.ErrNotFound},
	} {
		before := w.records()
		if _, _, err := w.ProveStaff(t.Context(), tt.proof); !errors.Is(err, tt.want) || w.records() != before {
			t.Errorf("%s: %v, want %v and nothing changed", tt.name, err, tt.want)
		}
	}
	confirmed.Password = "hash of ann"
	w.clock.Add(time.Minute)
	if _, s, err := w.ProveStaff(t.Context(), confirmed); err != nil || !s.Confirmed.Equal(w.Now()) || s.Digest != "x" {
		t.Errorf("again with both: %+v, %v", s, err)
	}
}

func TestCodeServesOneOfManyAtOnce(t *testing.T) {
	for name, proof := range map[string]func(*authstore.StaffProof){
		"code":          func(*authstore.StaffProof) {},
		"recovery code": func(p *authstore.StaffProof) { p.Recovery = "r2" },
	} {
		t.Run(name, func(t *testing.T) {
			onBackends(t, func(t *testing.T, w *world) {
				w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
				w.mustEnrol(t, "ann")
				for i := range 8 {
					w.mustSignIn(t, "ann", fmt.Sprint("s", i))
				}
				errs := parallel(8, func(i int) error {
					p := code(fmt.Sprint("s", i), 11)
					proof(&p)
					_, _, err := w.ProveStaff(context.Background(), p)
					return err
				})
				if count(errs, nil) != 1 || count(errs, authstore.ErrUsed) != 7 {
					t.Errorf("got %v, want one success", errs)
				}
			})
		})
	}
}

func TestRecoveryCodesAreUsedUpOneByOne(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEnrol(t, "ann")
	for i, want := range []error{nil, nil, authstore.ErrUsed} {
		id := fmt.Sprint("s", i)
		w.mustSignIn(t, "ann", id)
		p := code(id, 0)
		p.Recovery = []string{"r2", "r1", "r1"}[i]
		if m, _, err := w.ProveStaff(t.Context(), p); !errors.Is(err, want) || err == nil && len(m.Recovery) != 1-i {
			t.Errorf("%s: %v, left %v", p.Recovery, err, m.Recovery)
		}
	}
}

func TestNewPasswordOrFactorRenewsTheSessionAndEndsOthers(t *testing.T) {
	password := authstore.StaffPassword{Session: "ann1", Digest: "dann1", Renewed: "new", Old: "hash of ann", New: "next"}
	factor := authstore.StaffEnrolment{Session: "ann1", Digest: "dann1", Renewed: "new", TOTP: []byte("sealed")}
	for name, act := range map[string]func(*world) error{
		"password": func(w *world) error { _, _, err := w.SetStaffPassword(context.Background(), password); return err },
		"factor":   func(w *world) error { _, _, err := w.EnrolStaff(context.Background(), factor); return err },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
			w.mustSignIn(t, "ann", "ann2")
			if err := act(w); err != nil {
				t.Fatal(err)
			}
			w.wantStaffSession(t, "ann2", false)
			if _, s, err := w.StaffSession(t.Context(), "ann1"); err != nil || s.Digest != "new" {
				t.Errorf("the member's own: %+v, %v", s, err)
			}
			if err := act(w); !errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("by the secret from before: %v", err)
			}
		})
	}
}

func TestIncompleteSessionChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEnrol(t, "ann")
	w.mustSignIn(t, "ann", "ann2")
	before := w.records()
	_, _, enrol := w.EnrolStaff(t.Context(), authstore.StaffEnrolment{Session: "ann2", Digest: "dann2", Renewed: "new", TOTP: []byte("mine")})
	_, _, password := w.SetStaffPassword(t.Context(), authstore.StaffPassword{Session: "ann2", Digest: "dann2", Renewed: "new", Old: "hash of ann", New: "x"})
	if !errors.Is(enrol, authstore.ErrNotFound) || !errors.Is(password, authstore.ErrNotFound) || w.records() != before {
		t.Errorf("second factor: %v, password: %v", enrol, password)
	}
}

func TestSweepRemovesOldStaffSessionsAndInvitations(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustInvite(t, "old", "bob@example.com", roles{novaID: authstore.RoleEditor}, "ann")
	w.clock.Add(72 * time.Hour)
	w.mustSignIn(t, "ann", "ann2")
	w.mustInvite(t, "new", "eve@example.com", roles{novaID: authstore.RoleEditor}, "ann")
	if _, removed, err := w.Sweep(t.Context(), authstore.SweepCursor{}); err != nil || removed != 2 {
		t.Errorf("removed %d, %v, want 2", removed, err)
	}
	for _, table := range []string{"staff_sessions", "member_sessions", "staff_invitations", "staff_invited", "staff"} {
		if n := w.stored(t, table); n != 1 {
			t.Errorf("%d records in %s, want 1", n, table)
		}
	}
	w.wantStaffSession(t, "ann2", true)
}
