// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	acts "github.com/usher-sso/usher/internal/admin"
)

func staffPages() []page {
	return []page{{"staff", SectionStaff, showStaff}}
}

func staffOutcomes() map[string]outcome {
	const all = "staff"
	return map[string]outcome{
		"staff.invite":            {page: all, says: "The invitation is made. Copy its link now: it is shown only once.", once: true},
		"staff.withdraw":          {page: all, says: "The invitation is withdrawn: its link no longer works."},
		"staff.changeRole":        {page: all, says: "The role is changed."},
		"staff.remove":            {page: all, says: "The member is removed from the staff of this publisher."},
		"staff.disable":           {page: all, says: "The member is disabled, and all their sessions have ended."},
		"staff.enable":            {page: all, says: "The member can sign in again."},
		"staff.signOut":           {page: all, says: "All sessions of the member have ended."},
		"staff.resetSecondFactor": {page: all, says: "The second factor is reset."},
	}
}

func showStaff(v *visit) (View, error) {
	list, err := read[acts.StaffList](v, "staff.list", v.query)
	made, _ := v.out.(acts.Invitation)
	return &StaffPage{Chrome: v.chrome, List: list, Made: made}, err
}
