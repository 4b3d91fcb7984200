// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

func TestInvitationIsCheckedBeforeItIsMade(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	before := w.records()
	for _, tt := range []struct {
		name, by, email, who string
		roles                roles
		want                 error
	}{
		{"no address", ann.Staff.ID, "bob", "", roles{nova: authstore.RoleEditor}, customer.ErrEmail},
		{"no role", ann.Staff.ID, "bob@example.com", "", nil, staff.ErrRole},
		{"unknown role", ann.Staff.ID, "bob@example.com", "", roles{nova: "admin"}, staff.ErrRole},
		{"role in capitals", ann.Staff.ID, "bob@example.com", "", roles{nova: "Owner"}, staff.ErrRole},
		{"long name", ann.Staff.ID, "bob@example.com", strings.Repeat("b", 101), roles{nova: authstore.RoleEditor}, staff.ErrName},
		{"name with a line break", ann.Staff.ID, "bob@example.com", "Bob\nEve", roles{nova: authstore.RoleEditor}, staff.ErrName},
		{"name with a NUL", ann.Staff.ID, "bob@example.com", "Bob\x00", roles{nova: authstore.RoleEditor}, staff.ErrName},
		{"another publisher", ann.Staff.ID, "bob@example.com", "", roles{orbit: authstore.RoleReadOnly}, authstore.ErrNotOwner},
		{"by nobody", "", "bob@example.com", "", roles{nova: authstore.RoleEditor}, authstore.ErrNotOwner},
	} {
		if made, err := w.Invite(t.Context(), tt.by, tt.email, tt.who, tt.roles); !errors.Is(err, tt.want) || made.Secret != "" || w.records() != before {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := staff.CheckRole("admin"); !strings.Contains(err.Error(), "[owner editor support readonly]") {
		t.Errorf("the error %q does not list the roles", err)
	}
}

func TestInvitedPersonBecomesStaff(t *testing.T) {
	w := newWorld(t)
	made, err := w.Invite(t.Context(), authstore.ByCommandLine, "Ann@example.com", " Ann Smith ", roles{nova: authstore.RoleOwner})
	if err != nil || !made.Expires.Equal(w.store.Now().Add(72*time.Hour)) || strings.Contains(w.records(), made.Secret) {
		t.Fatalf("made %+v, %v", made, err)
	}
	i, has, err := w.Invitation(t.Context(), made.Secret)
	if err != nil || has || i.Email != "Ann@example.com" || i.Name != "Ann Smith" {
		t.Errorf("invitation %+v, %t, %v", i, has, err)
	}
	open, err := w.Invitations(t.Context(), nova)
	if err != nil || len(open) != 1 {
		t.Errorf("open %+v, %v", open, err)
	}
	for password, want := range map[string]error{"short1": customer.ErrPasswordShort, "ann-smith-1": customer.ErrPasswordCommon} {
		if _, err := w.Accept(t.Context(), made.Secret, password, atWork); !errors.Is(err, want) {
			t.Errorf("password %s: %v", password, err)
		}
	}
	e, err := w.Accept(t.Context(), made.Secret, password, atWork)
	if err != nil || !e.Session.Complete || !staff.NeedsSecondFactor(e.Staff) || e.Staff.Name != "Ann Smith" {
		t.Fatalf("got %+v, %v", e, err)
	}
	w.wantProof(t, "the first session", e.Proof, true)
	if _, _, err := w.Invitation(t.Context(), made.Secret); !errors.Is(err, staff.ErrInvitation) {
		t.Errorf("used: %v", err)
	}
	if _, err := w.Accept(t.Context(), made.Secret, password, atWork); !errors.Is(err, staff.ErrInvitation) {
		t.Errorf("accepted again: %v", err)
	}
}

func TestParallelAcceptancesMakeOneAccount(t *testing.T) {
	w := newWorld(t)
	given := w.mustInvite(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	n, failures := parallel(4, func(int) error {
		_, err := w.Accept(t.Context(), given, password, atWork)
		return err
	})
	members, err := w.List(t.Context(), nova)
	if n != 1 || err != nil || len(members) != 1 {
		t.Errorf("%d successes, %v; staff %+v, %v", n, failures, members, err)
	}
}

func TestInvitedMemberAcceptsByTheirPassword(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	f, _ := w.mustEnrol(t, ann)
	given := w.mustInvite(t, "ANN@example.com", roles{orbit: authstore.RoleEditor})
	if _, has, err := w.Invitation(t.Context(), given); err != nil || !has {
		t.Errorf("has an account: %t, %v", has, err)
	}
	if _, err := w.Accept(t.Context(), given, wrong, atWork); !errors.Is(err, staff.ErrCredentials) {
		t.Errorf("wrong password: %v", err)
	}
	e, err := w.Accept(t.Context(), given, password, atWork)
	if err != nil || e.Staff.ID != ann.Staff.ID || e.Staff.Roles[orbit] != authstore.RoleEditor || e.Session.Complete {
		t.Errorf("got %+v, %v; want the same account, second factor missing", e, err)
	}
	if _, err := w.SecondFactor(t.Context(), e.Session, f.next(t), atWork); err != nil {
		t.Error(err)
	}
}

func TestAcceptingIsThrottledAsASignIn(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	given := w.mustInvite(t, "ann@example.com", roles{orbit: authstore.RoleEditor})
	for range 10 {
		if _, err := w.Accept(t.Context(), given, wrong, atWork); !errors.Is(err, staff.ErrCredentials) {
			t.Fatal(err)
		}
	}
	if _, err := w.Accept(t.Context(), given, password, atWork); !limited(err) {
		t.Errorf("got %v", err)
	}
}

func TestWithdrawnInvitationIsWorthless(t *testing.T) {
	w := newWorld(t)
	given := w.mustInvite(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	if err := w.Withdraw(t.Context(), nova, "ANN@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Accept(t.Context(), given, password, atWork); !errors.Is(err, staff.ErrInvitation) {
		t.Errorf("got %v", err)
	}
	if err := w.Withdraw(t.Context(), nova, "ann"); !errors.Is(err, customer.ErrEmail) {
		t.Errorf("no address: %v", err)
	}
}

func TestListShowsNothingOfOtherPublishers(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	w.mustEnrol(t, ann)
	w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleSupport, orbit: authstore.RoleOwner})
	members, err := w.List(t.Context(), nova)
	if err != nil || len(members) != 2 {
		t.Fatal(members, err)
	}
	want := staff.Member{
		ID: ann.Staff.ID, Email: "ann@example.com", Role: authstore.RoleOwner, SecondFactor: true,
		Created: w.store.Now(), LastLogin: w.store.Now(), LastIP: atWork.IP,
	}
	if members[0] != want || members[1].Role != authstore.RoleSupport || members[1].SecondFactor {
		t.Errorf("listed %+v", members)
	}
}

func TestLastOwnerStays(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleEditor})
	before := w.records()
	for name, err := range map[string]error{
		"remove":  w.Remove(t.Context(), nova, ann.Staff.ID),
		"demote":  w.ChangeRole(t.Context(), nova, ann.Staff.ID, authstore.RoleEditor),
		"disable": w.Disable(t.Context(), authstore.ByCommandLine, ann.Staff.ID),
	} {
		if !errors.Is(err, authstore.ErrLastOwner) || w.records() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoleCountsFromTheNextRequestOn(t *testing.T) {
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	bob := w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleEditor})
	if err := w.ChangeRole(t.Context(), nova, bob.Staff.ID, "boss"); !errors.Is(err, staff.ErrRole) {
		t.Errorf("unknown role: %v", err)
	}
	if err := w.ChangeRole(t.Context(), orbit, bob.Staff.ID, authstore.RoleOwner); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("at another publisher: %v", err)
	}
	if err := w.ChangeRole(t.Context(), nova, bob.Staff.ID, authstore.RoleReadOnly); err != nil {
		t.Fatal(err)
	}
	if m, _, err := w.Authenticate(t.Context(), bob.Proof); err != nil || m.Roles[nova] != authstore.RoleReadOnly {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestEnabledMemberSignsInAgain(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	bob := w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleEditor})
	for _, act := range []func() error{
		func() error { return w.Disable(t.Context(), ann.Staff.ID, bob.Staff.ID) },
		func() error { return w.Enable(t.Context(), ann.Staff.ID, bob.Staff.ID) },
	} {
		if err := act(); err != nil {
			t.Fatal(err)
		}
	}
	w.wantProof(t, "the session from before", bob.Proof, false)
	w.mustSignIn(t, "bob@example.com")
	if err := w.Disable(t.Context(), bob.Staff.ID, ann.Staff.ID); !errors.Is(err, authstore.ErrNotOwner) {
		t.Errorf("an editor disables the owner: %v", err)
	}
}
