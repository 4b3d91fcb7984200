// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"errors"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
	"github.com/usher-sso/usher/internal/staff"
)

func TestWrongProofBeforeADangerousActIsInTheLog(t *testing.T) {
	w := newWorld(t)
	a := w.Actor(t, w.Joins(t, "ann@example.com", authstore.RoleSupport, admintest.Free))
	_, err := w.StepUp(context.Background(), *a.Staff, *a.Session, "not "+admintest.Password, "", staff.Device{IP: "192.0.2.66"})
	if !errors.Is(err, staff.ErrConfirmation) {
		t.Fatalf("%v, want ErrConfirmation", err)
	}
	e := w.log(t, admintest.Free)[0]
	if e.Act != admin.OwnConfirmFailed || e.Actor != a.Staff.ID || e.IP != "192.0.2.66" || e.Error == "" || len(e.Detail) != 0 {
		t.Errorf("%+v", e)
	}
	n := len(w.log(t, admintest.Free))
	if _, err := w.StepUp(context.Background(), *a.Staff, *a.Session, admintest.Password, "", staff.Device{IP: "192.0.2.66"}); err != nil || len(w.log(t, admintest.Free)) != n {
		t.Errorf("the right one: %v, %d entries more", err, len(w.log(t, admintest.Free))-n)
	}
}

func TestWithdrawingNoInvitationIsNotFound(t *testing.T) {
	w := newWorld(t)
	boss := w.Actor(t, w.Joins(t, "boss@example.com", authstore.RoleOwner, admintest.Free, admintest.Sandbox))
	w.boss = &boss
	w.must(t, "staff.invite", admintest.Sandbox, nil, `{"email": "bob@example.com", "role": "editor"}`)
	for _, email := range []string{"nobody@example.com", "bob@example.com", "no address"} { // bob's is for another publisher
		if _, err := w.do(w.As(authstore.RoleOwner), "staff.withdraw", admintest.Free, nil, `{"email": "`+email+`"}`); !errors.Is(err, admin.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", email, err)
		}
	}
	w.must(t, "staff.withdraw", admintest.Sandbox, nil, `{"email": "BOB@example.com"}`)
}
