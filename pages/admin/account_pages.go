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
	m := v.actor.Staff
	sessions, err := v.desk.Service.Staff.Sessions(v.r.Context(), m.ID)
	if err != nil {
		v.fail(err)
		return
	}
	view.Chrome, view.Roles, view.SecondFactor, view.CodesLeft = v.chrome, v.chrome.Publishers, len(m.TOTP) > 0, len(m.Recovery)
	for _, x := range sessions {
		view.Sessions = append(view.Sessions, StaffSession{
			ID: x.ID, Device: notice.DeviceName(x.UserAgent), Place: x.IP, SignedIn: x.Created, Seen: x.Seen, Current: x.ID == v.actor.Session.ID,
		})
	}
	v.desk.Renderer.Show(v.w, v.status, view)
}

// own does something with the member's own account.
func (v *visit) own(act string, fn func() error) error {
	return v.desk.Service.Own(v.r.Context(), *v.actor.Staff, v.actor.IP, act, fn)
}

// toAccount leads to the account's page after an act.
func (v *visit) toAccount(act string, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	http.Redirect(v.w, v.r, root+"/account?"+doneParam+"="+act, http.StatusSeeOther)
}

func (v *visit) changePassword() {
	s, form := v.desk.Service, v.r.PostForm
	err := v.own(acts.OwnPassword, func() error {
		proof, err := s.Staff.ChangePassword(v.r.Context(), *v.actor.Session, form.Get("current"), form.Get("password"), s.Device(v.r))
		if err == nil {
			s.Remember(v.w, proof)
		}
		return err
	})
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

func (v *visit) endSession() {
	v.toAccount(acts.OwnEndSession, v.own(acts.OwnEndSession, func() error {
		return v.desk.Service.Staff.EndSession(v.r.Context(), v.actor.Staff.ID, v.r.PostForm.Get("session"))
	}))
}

func (v *visit) endOthers() {
	v.toAccount(acts.OwnEndOthers, v.own(acts.OwnEndOthers, func() error {
		return v.desk.Service.Staff.EndOthers(v.r.Context(), *v.actor.Session)
	}))
}

// signOut ends the session of the browser, if it has one.
func (d *Desk) signOut(w http.ResponseWriter, r *http.Request) {
	s := d.Service
	m, session, err := s.Staff.Authenticate(r.Context(), s.Proof(r))
	if err == nil {
		err = s.Own(r.Context(), m, s.Device(r).IP, acts.OwnSignOut, func() error { return s.Staff.SignOut(r.Context(), session) })
	}
	if err != nil && !errors.Is(err, staff.ErrRefused) {
		(&visit{desk: d, w: w, r: r}).fail(err)
		return
	}
	s.Remember(w, "")
	http.Redirect(w, r, root+"/sign-in", http.StatusSeeOther)
}
