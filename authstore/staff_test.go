// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// The publishers that staff work for in the tests.
const (
	novaID  = 100_000_001
	orbitID = 100_000_002
)

type roles = map[int64]authstore.Role

// mustInvite stores an invitation of an address under a digest.
func (w *world) mustInvite(t *testing.T, digest, email string, r roles, by string) {
	t.Helper()
	if err := w.InviteStaff(t.Context(), digest, w.invitation(email, r, by)); err != nil {
		t.Fatal(err)
	}
}

func (w *world) invitation(email string, r roles, by string) authstore.StaffInvitation {
	return authstore.StaffInvitation{
		Email: email, EmailKey: strings.ToLower(email), Roles: r, By: by, Created: w.Now(), Expires: w.Now().Add(72 * time.Hour),
	}
}

// mustEmploy makes an account whose id is the part of the address before the at
// sign, with the session <id>1 and the password "hash of <id>".
func (w *world) mustEmploy(t *testing.T, email string, r roles) authstore.Staff {
	t.Helper()
	id, _, _ := strings.Cut(email, "@")
	w.mustInvite(t, "invitation of "+id, email, r, authstore.ByCommandLine)
	m, _, err := w.AcceptStaffInvitation(t.Context(), authstore.StaffAcceptance{
		Digest: "invitation of " + id, ID: id, Password: "hash of " + id, Start: start(id + "1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// start begins a session whose secret has the digest "d" and the id.
func start(id string) authstore.StaffStart {
	return authstore.StaffStart{ID: id, Digest: "d" + id, IP: "192.0.2.7", UserAgent: "browser"}
}

// mustSignIn starts a session by the password of mustEmploy.
func (w *world) mustSignIn(t *testing.T, staff, id string) authstore.StaffSession {
	t.Helper()
	_, session, err := w.StartStaffSession(t.Context(), staff, "hash of "+staff, start(id))
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// wantStaffSession tells whether a session is alive.
func (w *world) wantStaffSession(t *testing.T, id string, alive bool) {
	t.Helper()
	_, _, err := w.StaffSession(t.Context(), id)
	if alive && err != nil || !alive && !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("session %s: %v, want alive: %t", id, err, alive)
	}
}

// staffOf returns the ids of a publisher's staff.
func (w *world) staffOf(t *testing.T, publisher int64) string {
	t.Helper()
	members, err := w.StaffOf(t.Context(), publisher)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

func TestStaffAreListedAtTheirPublishersAlone(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustEmploy(t, "eve@example.com", roles{novaID: authstore.RoleEditor, orbitID: authstore.RoleOwner})
		w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
		if nova, orbit, other := w.staffOf(t, novaID), w.staffOf(t, orbitID), w.staffOf(t, 1); nova != "ann eve" || orbit != "eve" || other != "" {
			t.Errorf("staff: %q, %q, %q", nova, orbit, other)
		}
		m, err := w.StaffByEmail(t.Context(), "ann@example.com")
		if err != nil || m.ID != "ann" || m.Roles[novaID] != authstore.RoleOwner || m.LastIP != "192.0.2.7" || !m.LastLogin.Equal(w.Now()) {
			t.Errorf("found %+v, %v", m, err)
		}
		if _, err := w.StaffByEmail(t.Context(), "who@example.com"); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("unknown address: %v", err)
		}
		if _, err := w.Staff(t.Context(), ""); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("empty id: %v", err)
		}
	})
}

func TestAddressOfAStaffMemberIsUnique(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleEditor})
	move := func(to string) error {
		_, err := w.ChangeStaff(t.Context(), "bob", func(m *authstore.Staff) error { m.Email, m.EmailKey = to, to; return nil })
		return err
	}
	before := w.records()
	if err := move("ann@example.com"); !errors.Is(err, authstore.ErrTaken) || w.records() != before {
		t.Errorf("to another's address: %v", err)
	}
	if err := move("new@example.com"); err != nil {
		t.Fatal(err)
	}
	if m, err := w.StaffByEmail(t.Context(), "new@example.com"); err != nil || m.ID != "bob" {
		t.Errorf("by the new address: %+v, %v", m, err)
	}
	if _, err := w.StaffByEmail(t.Context(), "bob@example.com"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("by the old address: %v", err)
	}
}

func TestPublisherKeepsAnOwnerWhoCanSignIn(t *testing.T) {
	disable := func(w *world) error {
		_, err := w.ChangeStaff(context.Background(), "ann", func(m *authstore.Staff) error { m.Disabled = true; return nil })
		return err
	}
	demote := func(w *world) error {
		_, err := w.ChangeRole(context.Background(), novaID, "ann", authstore.RoleEditor)
		return err
	}
	remove := func(w *world) error {
		_, err := w.RemoveRole(context.Background(), novaID, "ann")
		return err
	}
	for name, act := range map[string]func(*world) error{"disable": disable, "demote": demote, "remove": remove} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
			w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleEditor, orbitID: authstore.RoleOwner})
			w.mustEmploy(t, "eve@example.com", roles{orbitID: authstore.RoleOwner})
			before := w.records()
			if err := act(w); !errors.Is(err, authstore.ErrLastOwner) || w.records() != before {
				t.Errorf("the last owner: %v", err)
			}
			if _, err := w.ChangeRole(t.Context(), novaID, "bob", authstore.RoleOwner); err != nil {
				t.Fatal(err)
			}
			if _, err := w.ChangeStaff(t.Context(), "bob", func(m *authstore.Staff) error { m.Disabled = true; return nil }); err != nil {
				t.Fatal(err)
			}
			if err := act(w); !errors.Is(err, authstore.ErrLastOwner) {
				t.Errorf("beside a disabled owner: %v", err)
			}
			if _, err := w.ChangeStaff(t.Context(), "bob", func(m *authstore.Staff) error { m.Disabled = false; return nil }); err != nil {
				t.Fatal(err)
			}
			if err := act(w); err != nil {
				t.Errorf("beside another owner: %v", err)
			}
		})
	}
}

func TestOwnersWhoRemoveEachOtherAtOnceLeaveOne(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
		w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleOwner})
		errs := parallel(2, func(i int) error {
			_, err := w.RemoveRole(context.Background(), novaID, []string{"ann", "bob"}[i])
			return err
		})
		if count(errs, nil) != 1 || count(errs, authstore.ErrLastOwner) != 1 {
			t.Errorf("got %v, want one success and one ErrLastOwner", errs)
		}
	})
}

func TestWhoDoesNotWorkThereHasNoRoleToChange(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	if _, err := w.ChangeRole(t.Context(), orbitID, "ann", authstore.RoleOwner); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("change: %v", err)
	}
	if _, err := w.RemoveRole(t.Context(), orbitID, "ann"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("remove: %v", err)
	}
}

func TestAccountWithoutARoleIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	before := w.records()
	w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleSupport})
	if _, err := w.RemoveRole(t.Context(), novaID, "bob"); err != nil {
		t.Fatal(err)
	}
	if w.records() != before {
		t.Errorf("left are %s, want %s", w.records(), before)
	}
}

// What concerns a whole account is up to those who own all of it: else the owner
// of one publisher could lock out, or take over, the staff of another.
func TestOnlyWhoOwnsAllPublishersOfAMemberChangesTheAccount(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEmploy(t, "both@example.com", roles{novaID: authstore.RoleOwner, orbitID: authstore.RoleOwner})
	w.mustEmploy(t, "eve@example.com", roles{novaID: authstore.RoleEditor})
	w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleSupport, orbitID: authstore.RoleSupport})
	for _, tt := range []struct {
		by, id string
		want   error
	}{
		{"ann", "bob", authstore.ErrNotOwner},
		{"eve", "eve", authstore.ErrNotOwner},
		{"nobody", "eve", authstore.ErrNotOwner},
		{"", "eve", authstore.ErrNotOwner},
		{"ann", "nobody", authstore.ErrNotFound},
		{"ann", "eve", nil},
		{"both", "bob", nil},
		{authstore.ByCommandLine, "bob", nil},
	} {
		before := w.records()
		_, err := w.ChangeStaffBy(t.Context(), tt.by, tt.id, func(m *authstore.Staff) error { m.Disabled = !m.Disabled; return nil })
		if !errors.Is(err, tt.want) || (err != nil) != (w.records() == before) {
			t.Errorf("%s changes %s: %v, want %v", tt.by, tt.id, err, tt.want)
		}
	}
}

func TestIDAndCreationOfAMemberAreFixed(t *testing.T) {
	w := newWorld(t)
	was := w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.clock.Add(time.Hour)
	m, err := w.ChangeStaff(t.Context(), "ann", func(m *authstore.Staff) error {
		m.ID, m.Created, m.Name = "eve", w.Now(), "Ann"
		return nil
	})
	if err != nil || m.ID != "ann" || !m.Created.Equal(was.Created) || m.Name != "Ann" {
		t.Errorf("changed to %+v, %v", m, err)
	}
	fault := errors.New("no")
	before := w.records()
	_, err = w.ChangeStaff(t.Context(), "ann", func(m *authstore.Staff) error { delete(m.Roles, novaID); return fault })
	if !errors.Is(err, fault) || w.records() != before {
		t.Errorf("refused change: %v", err)
	}
}
