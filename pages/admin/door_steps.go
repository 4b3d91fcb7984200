// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"net/http"

	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

// This file is the steps of the way in, in their order.

func (d *Desk) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, err := d.Service.ActorOf(r); err == nil {
		onward(w, r, "")
		return
	}
	d.Renderer.Show(w, 0, &SignIn{Next: next(r)})
}

func (v *visit) afterSignIn(out any, err error) {
	if errors.Is(err, staff.ErrCredentials) {
		view := &SignIn{Next: next(v.r), Email: v.r.PostForm.Get("email")}
		view.Error = "The address or the password is wrong."
		v.desk.Renderer.Show(v.w, http.StatusUnauthorized, view)
		return
	}
	v.entered(out, err)
}

// steps are the ways of those who have to do something before anything else, by the
// act.
var steps = map[string]string{acts.OwnComplete: "/second-factor", acts.OwnNewFactor: "/second-factor/new"}

// entered leads somebody on as far as a sign-in went.
func (v *visit) entered(out any, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	onward(v.w, v.r, steps[out.(acts.Entered).Next])
}

func (d *Desk) secondFactorPage(w http.ResponseWriter, r *http.Request) {
	_, session, err := d.Service.Staff.Authenticate(r.Context(), d.Service.Proof(r))
	switch {
	case err != nil:
		(&visit{desk: d, w: w, r: r}).fail(err)
	case session.Complete:
		onward(w, r, "")
	default:
		d.Renderer.Show(w, 0, &SecondFactor{Next: next(r)})
	}
}

func (v *visit) afterSecondFactor(out any, err error) {
	switch {
	case errors.Is(err, staff.ErrCode):
		v.desk.Renderer.Show(v.w, http.StatusUnauthorized, &SecondFactor{Next: next(v.r), CodeError: wrongCode})
	case errors.Is(err, acts.ErrNotFound): // done before
		onward(v.w, v.r, "")
	default:
		v.entered(out, err)
	}
}

const wrongCode = "This code is not right, or was used before. Wait for the next one."

func (v *visit) enrolPage() {
	out, err := v.own(acts.OwnNewFactor)
	e, _ := out.(acts.NewSecondFactor)
	v.showEnrolment(e, err, "")
}

// own does something with the member's own account that takes nothing.
func (v *visit) own(act string) (any, error) {
	return v.desk.Service.DoOwn(v.w, v.r, acts.OwnActNamed(act), nil)
}

// showEnrolment answers with the page that sets up a second factor.
func (v *visit) showEnrolment(e acts.NewSecondFactor, err error, wrong string) {
	switch {
	case errors.Is(err, acts.ErrStepUp):
		v.demandConfirmation(root+"/second-factor/new", "set up a second factor")
	case err != nil:
		v.fail(err)
	default:
		if wrong != "" {
			v.status = http.StatusUnprocessableEntity
		}
		v.desk.Renderer.Show(v.w, v.status, &Enrol{
			Chrome: v.chrome, Next: next(v.r), QR: e.QR, Secret: e.Secret, Sealed: e.Sealed,
			Demanded: staff.NeedsSecondFactor(*v.actor.Staff), CodeError: wrong,
		})
	}
}

func (v *visit) afterEnrol(out any, err error) {
	if errors.Is(err, staff.ErrCode) {
		e, err := v.desk.Service.Staff.Resume(v.r.Context(), *v.actor.Session, v.r.PostForm.Get("sealed"))
		if errors.Is(err, staff.ErrCode) {
			e, err = v.desk.Service.Staff.Enrol(v.r.Context(), *v.actor.Session)
		}
		v.showEnrolment(acts.NewSecondFactor(e), err, wrongCode)
		return
	}
	if err != nil {
		v.showEnrolment(acts.NewSecondFactor{}, err, "")
		return
	}
	v.desk.Renderer.Show(v.w, 0, &RecoveryCodes{Chrome: v.chrome, Codes: out.(acts.NewRecoveryCodes).RecoveryCodes, Onward: next(v.r)})
}

// demandConfirmation asks who the member is, and leads on to a page then.
func (v *visit) demandConfirmation(to, why string) {
	view := &StepUp{
		Chrome: v.chrome, Why: why, Back: root + "/account", CodeNeeded: len(v.actor.Staff.TOTP) > 0, Hidden: hiddenNext(to),
	}
	v.desk.Renderer.Show(v.w, http.StatusForbidden, view)
}

func (v *visit) afterConfirm(_ any, err error) {
	switch {
	case errors.Is(err, staff.ErrConfirmation):
		v.chrome.Error = "The password or the code is wrong."
		v.demandConfirmation(next(v.r), "")
	case err != nil:
		v.fail(err)
	default:
		onward(v.w, v.r, "")
	}
}

// invitation returns the page of an invitation.
func (d *Desk) invitation(r *http.Request, token string) (*Invitation, error) {
	i, has, err := d.Service.Staff.Invitation(r.Context(), token)
	if err != nil {
		return nil, err
	}
	view := &Invitation{Token: token, Email: i.Email, Name: i.Name, HasOne: has}
	for _, p := range d.Service.Directory.All() {
		if role := i.Roles[p.ID]; role != "" {
			view.Roles = append(view.Roles, PublisherLink{ID: p.ID, Name: p.Name, Role: string(role), Sandbox: p.Sandbox})
		}
	}
	return view, nil
}

func (d *Desk) invitationPage(w http.ResponseWriter, r *http.Request) {
	view, err := d.invitation(r, r.URL.Query().Get("token"))
	if err != nil {
		(&visit{desk: d, w: w, r: r}).fail(err)
		return
	}
	d.Renderer.Show(w, 0, view)
}

func (v *visit) afterInvitation(out any, err error) {
	wrong := passwordFault(err)
	if errors.Is(err, staff.ErrCredentials) {
		wrong = "This is not the password of your account."
	}
	if wrong != "" {
		view, gone := v.desk.invitation(v.r, v.r.PostForm.Get("token"))
		if gone == nil {
			view.WordError = wrong
			v.desk.Renderer.Show(v.w, http.StatusUnprocessableEntity, view)
			return
		}
		err = gone
	}
	v.entered(out, err)
}

// passwordFault says what is wrong with a new password; "" for another error.
func passwordFault(err error) string {
	switch {
	case errors.Is(err, customer.ErrPasswordShort):
		return "This password is too short. Use at least 8 characters."
	case errors.Is(err, customer.ErrPasswordLong):
		return "This password is too long."
	case errors.Is(err, customer.ErrPasswordSimple):
		return "This password needs a letter, and a digit or another character."
	case errors.Is(err, customer.ErrPasswordCommon):
		return "This password is easy to guess. Use a few words that do not belong together."
	}
	return ""
}
