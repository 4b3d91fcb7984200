// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"net/http"

	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/staff"
)

// accountDone are the sentences after what a member did with the own account.
var accountDone = map[string]string{
	acts.OwnPassword: "Your password is changed, and your other sessions have ended.", acts.OwnEndSession: "The session has ended.",
	acts.OwnEndOthers: "Your other sessions have ended.",
}

func (v *visit) account() {
	v.chrome.Notice = accountDone[v.r.URL.Query().Get(doneParam)]
	v.showAccount(&Account{})
}

// showAccount fills in the rest of the page and answers with it.
func (v *visit) showAccount(view *Account) {
	out, err := v.own(acts.OwnAccount)
	if err != nil {
		v.fail(err)
		return
	}
	a := out.(acts.Account)
	view.Chrome, view.Roles, view.SecondFactor, view.CodesLeft = v.chrome, v.chrome.Publishers, a.SecondFactor, a.RecoveryCodes
	for _, x := range a.Sessions {
		view.Sessions = append(view.Sessions, StaffSession{
			ID: x.ID, Device: notice.DeviceName(x.UserAgent), Place: x.IP, SignedIn: x.Created, Seen: x.Seen, Current: x.Current,
		})
	}
	v.desk.Renderer.Show(v.w, v.status, view)
}

// toAccount leads to the account's page after an act.
func (v *visit) toAccount(act string, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	http.Redirect(v.w, v.r, root+"/account?"+doneParam+"="+act, http.StatusSeeOther)
}

func (v *visit) afterPassword(_ any, err error) {
	view := &Account{NewError: passwordFault(err)}
	if errors.Is(err, staff.ErrConfirmation) {
		view.CurrentError = "This is not your password."
	}
	if view.NewError != "" || view.CurrentError != "" {
		v.status = http.StatusUnprocessableEntity
		v.showAccount(view)
		return
	}
	v.toAccount(acts.OwnPassword, err)
}

func (v *visit) afterSignOut(_ any, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	http.Redirect(v.w, v.r, root+"/sign-in", http.StatusSeeOther)
}
