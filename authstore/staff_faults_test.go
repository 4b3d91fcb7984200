// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// staffOperations succeed in the world of employed; those that change something
// change something there.
var staffOperations = map[string]func(context.Context, *world) error{
	"Staff": func(ctx context.Context, w *world) error { _, err := w.Staff(ctx, "ann"); return err },
	"StaffByEmail": func(ctx context.Context, w *world) error {
		_, err := w.StaffByEmail(ctx, "ann@example.com")
		return err
	},
	"StaffOf":           func(ctx context.Context, w *world) error { _, err := w.StaffOf(ctx, novaID); return err },
	"StaffSession":      func(ctx context.Context, w *world) error { _, _, err := w.StaffSession(ctx, "ann1"); return err },
	"StaffSessions":     func(ctx context.Context, w *world) error { _, err := w.StaffSessions(ctx, "ann"); return err },
	"StaffInvitation":   func(ctx context.Context, w *world) error { _, _, err := w.StaffInvitation(ctx, "d1"); return err },
	"StaffInvitations":  func(ctx context.Context, w *world) error { _, err := w.StaffInvitations(ctx, novaID); return err },
	"RemoveRole":        func(ctx context.Context, w *world) error { _, err := w.RemoveRole(ctx, novaID, "ann"); return err },
	"TouchStaffSession": func(ctx context.Context, w *world) error { return w.TouchStaffSession(ctx, "ann1") },
	"EndStaffSession":   func(ctx context.Context, w *world) error { return w.EndStaffSession(ctx, "ann", "ann1") },
	"EndStaffSessions":  func(ctx context.Context, w *world) error { return w.EndStaffSessions(ctx, "ann", "") },
	"WithdrawInvitation": func(ctx context.Context, w *world) error {
		return w.WithdrawStaffInvitation(ctx, novaID, "eve@example.com")
	},
	"InviteStaff": func(ctx context.Context, w *world) error {
		return w.InviteStaff(ctx, "d2", w.invitation("eve@example.com", roles{novaID: "editor"}, "bob"))
	},
	"AcceptInvitation": func(ctx context.Context, w *world) error {
		return accepting(ctx, w, authstore.StaffAcceptance{Digest: "d1", ID: "eve"})
	},
	"StartStaffSession": func(ctx context.Context, w *world) error {
		_, _, err := w.StartStaffSession(ctx, "bob", "hash of bob", start("new"))
		return err
	},
	"ProveStaff": func(ctx context.Context, w *world) error {
		_, _, err := w.ProveStaff(ctx, code("ann2", 11))
		return err
	},
	"ChangeStaffBy":    disabling,
	"EnrolStaff":       enrolling,
	"SetStaffPassword": rekeying,
	"AcceptInvitation, 2": func(ctx context.Context, w *world) error {
		return accepting(ctx, w, authstore.StaffAcceptance{Digest: "bob", Account: "bob", Password: "hash of bob"})
	},
}

func accepting(ctx context.Context, w *world, a authstore.StaffAcceptance) error {
	a.Start = start("new")
	_, _, err := w.AcceptStaffInvitation(ctx, a)
	return err
}

func disabling(ctx context.Context, w *world) error {
	_, err := w.ChangeStaffBy(ctx, "bob", "ann", func(m *authstore.Staff) error {
		m.Disabled, m.EmailKey = true, "new@example.com"
		return nil
	})
	return err
}

func enrolling(ctx context.Context, w *world) error {
	_, _, err := w.EnrolStaff(ctx, authstore.StaffEnrolment{Session: "bob1", Digest: "dbob1", Renewed: "new", TOTP: []byte("sealed")})
	return err
}

func rekeying(ctx context.Context, w *world) error {
	_, _, err := w.SetStaffPassword(ctx, authstore.StaffPassword{Session: "bob1", Digest: "dbob1", Renewed: "new", Old: "hash of bob", New: "x"})
	return err
}

func employed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.mustEmploy(t, "ann@example.com", roles{novaID: authstore.RoleOwner})
	w.mustEnrol(t, "ann")
	w.mustEmploy(t, "bob@example.com", roles{novaID: authstore.RoleOwner})
	w.mustSignIn(t, "ann", "ann2")
	w.mustSignIn(t, "bob", "bob2")
	w.mustInvite(t, "d1", "eve@example.com", roles{novaID: authstore.RoleEditor}, "bob")
	w.mustInvite(t, "bob", "bob@example.com", roles{orbitID: authstore.RoleEditor}, authstore.ByCommandLine)
	w.clock.Add(1)
	return w
}

// Each step of each operation fails once: no error is passed over or taken for
// a missing record, and nothing is kept of the steps before.
func TestFailureOfAnyStepOfStaffSurfacesAndKeepsNothing(t *testing.T) {
	for name, run := range staffOperations {
		t.Run(name, func(t *testing.T) {
			w := employed(t)
			before := w.records()
			for step := 1; ; step++ {
				w.watch.failAt = step
				w.watch.failed.Store(false)
				err := run(t.Context(), w)
				if !w.watch.failed.Load() { // there are fewer steps
					if err != nil || step == 1 {
						t.Errorf("without a fault: %v, %d steps", err, step-1)
					}
					return
				}
				if !errors.Is(err, errStep) || errors.Is(err, authstore.ErrNotFound) || w.records() != before {
					t.Errorf("step %d: %v, stored %s", step, err, w.records())
				}
			}
		})
	}
}
