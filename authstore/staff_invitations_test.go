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

// accept uses an invitation of somebody without an account.
func (w *world) accept(digest, id string) error {
	_, _, err := w.AcceptStaffInvitation(context.Background(), authstore.StaffAcceptance{
		Digest: digest, ID: id, Password: "hash of " + id, Start: start(id + "1"),
	})
	return err
}

func TestInvitationIsUsedOnce(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustInvite(t, "d1", "ann@example.com", roles{novaID: authstore.RoleOwner}, authstore.ByCommandLine)
		errs := parallel(8, func(i int) error { return w.accept("d1", fmt.Sprint("ann", i)) })
		if count(errs, nil) != 1 || count(errs, authstore.ErrNotFound) != 7 {
			t.Errorf("got %v, want one success", errs)
		}
		if members, err := w.StaffOf(t.Context(), novaID); err != nil || len(members) != 1 {
			t.Errorf("staff %v, %v", members, err)
		}
	})
}

func TestInvitationExpires(t *testing.T) {
	w := newWorld(t)
	w.mustInvite(t, "d1", "ann@example.com", roles{novaID: authstore.RoleOwner}, authstore.ByCommandLine)
	w.clock.Add(72*time.Hour - time.Millisecond)
	if _, _, err := w.StaffInvitation(t.Context(), "d1"); err != nil {
		t.Errorf("in time: %v", err)
	}
	w.clock.Add(time.Millisecond)
	if _, _, err := w.StaffInvitation(t.Context(), "d1"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("too late: %v", err)
	}
	if err := w.accept("d1", "ann"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("accepted too late: %v", err)
	}
	if open, err := w.StaffInvitations(t.Context(), novaID); err != nil || len(open) != 0 {
		t.Errorf("open: %v, %v", open, err)
	}
}

func TestNewestInvitationOfAnAddressWins(t *testing.T) {
	w := newWorld(t)
	w.mustInvite(t, "d1", "ann@example.com", roles{novaID: authstore.RoleOwner}, authstore.ByCommandLine)
	w.mustInvite(t, "orbit", "ann@example.com", roles{orbitID: authstore.RoleOwner}, authstore.ByCommandLine)
	w.mustInvite(t, "d2", "Ann@example.com", roles{novaID: authstore.RoleEditor}, authstore.ByCommandLine)
	for digest, want := range map[string]error{"d1": authstore.ErrNotFound, "d2": nil, "orbit": nil} {
		if _, _, err := w.StaffInvitation(t.Context(), digest); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", digest, err, want)
		}
	}
	open, err := w.StaffInvitations(t.Context(), novaID)
	if err != nil || len(open) != 1 || open[0].Email != "Ann@example.com" {
		t.Errorf("open: %+v, %v", open, err)
	}
	if err := w.WithdrawStaffInvitation(t.Context(), novaID, "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := w.accept("d2", "ann"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}
	if err := w.WithdrawStaffInvitation(t.Context(), novaID, "ann@example.com"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
}

func TestInvitationToOnePublisherLeavesThoseToOthersAlone(t *testing.T) {
	w := newWorld(t)
	for what, take := range map[string]func() error{
		"inviting": func() error {
			w.mustInvite(t, "newer", "ann@example.com", roles{novaID: authstore.RoleEditor}, authstore.ByCommandLine)
			return nil
		},
		"withdrawing": func() error { return w.WithdrawStaffInvitation(t.Context(), novaID, "ann@example.com") },
	} {
		w.mustInvite(t, "both", "ann@example.com", roles{novaID: authstore.RoleOwner, orbitID: authstore.RoleOwner}, authstore.ByCommandLine)
		if err := take(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		i, _, err := w.StaffInvitation(t.Context(), "both")
		if err != nil || len(i.Roles) != 1 || i.Roles[orbitID] != authstore.RoleOwner {
			t.Errorf("%s: %v, %v", what, i.Roles, err)
		}
		open, err := w.StaffInvitations(t.Context(), orbitID)
		if err != nil || len(open) != 1 {
			t.Errorf("%s: open at the other: %v, %v", what, open, err)
		}
	}
	if err := w.WithdrawStaffInvitation(t.Context(), orbitID, "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.StaffInvitation(t.Context(), "both"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("to nobody any more: %v", err)
	}
}

func TestOnlyOwnersInvite(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEmploy(t, "eve@example.com", roles{novaID: authstore.RoleEditor})
	for _, tt := range []struct {
		by   string
		to   roles
		want error
	}{
		{"ann", roles{novaID: authstore.RoleOwner}, nil},
		{"ann", roles{novaID: authstore.RoleOwner, orbitID: authstore.RoleOwner}, authstore.ErrNotOwner},
		{"eve", roles{novaID: authstore.RoleReadOnly}, authstore.ErrNotOwner},
		{"nobody", roles{novaID: authstore.RoleReadOnly}, authstore.ErrNotOwner},
	} {
		if err := w.InviteStaff(t.Context(), "d", w.invitation("bob@example.com", tt.to, tt.by)); !errors.Is(err, tt.want) {
			t.Errorf("%s to %v: %v, want %v", tt.by, tt.to, err, tt.want)
		}
	}
}

func TestInvitationByWhoMayNoLongerInviteIsWorthless(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleOwner})
	w.mustInvite(t, "d1", "eve@example.com", roles{novaID: authstore.RoleOwner}, "bob")
	if _, err := w.ChangeStaffBy(t.Context(), "ann", "bob", func(m *authstore.Staff) error { m.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.accept("d1", "eve"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestInvitationOfAStaffMemberAddsRoles(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustInvite(t, "d2", "ann@example.com", roles{novaID: authstore.RoleReadOnly, orbitID: authstore.RoleSupport}, authstore.ByCommandLine)
	i, account, err := w.StaffInvitation(t.Context(), "d2")
	if err != nil || account.ID != "ann" || i.Roles[orbitID] != authstore.RoleSupport {
		t.Fatalf("invitation %+v of %+v, %v", i, account, err)
	}
	before := w.records()
	for name, a := range map[string]authstore.StaffAcceptance{
		"another account": {Digest: "d2", ID: "second", Password: "new"},
		"other password":  {Digest: "d2", Account: "ann", Password: "new"},
		"other member":    {Digest: "d2", Account: "eve", Password: "hash of ann"},
	} {
		if _, _, err := w.AcceptStaffInvitation(t.Context(), a); !errors.Is(err, authstore.ErrNotFound) || w.records() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, session, err := w.AcceptStaffInvitation(t.Context(), authstore.StaffAcceptance{
		Digest: "d2", Account: "ann", Password: "hash of ann", Start: start("ann2"),
	})
	if err != nil || m.Roles[novaID] != authstore.RoleOwner || m.Roles[orbitID] != authstore.RoleSupport || session.StaffID != "ann" {
		t.Errorf("got %+v, %+v, %v", m, session, err)
	}
	if w.staffOf(t, orbitID) != "ann" {
		t.Error("the member is not listed at the second publisher")
	}
}

func TestDisabledMemberAcceptsNothing(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleEditor})
	if _, err := w.ChangeStaff(t.Context(), "ann", func(m *authstore.Staff) error { m.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	w.mustInvite(t, "d2", "ann@example.com", roles{novaID: authstore.RoleOwner}, authstore.ByCommandLine)
	_, _, err := w.AcceptStaffInvitation(t.Context(), authstore.StaffAcceptance{Digest: "d2", Account: "ann", Password: "hash of ann", Start: start("ann2")})
	if !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
