// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/authstore"
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

func (d *Desk) signIn(w http.ResponseWriter, r *http.Request) {
	address := r.PostForm.Get("email")
	e, err := d.Service.SignIn(r.Context(), address, r.PostForm.Get("password"), d.Service.Device(r))
	if errors.Is(err, staff.ErrCredentials) || errors.Is(err, customer.ErrEmail) {
		view := &SignIn{Next: next(r), Email: address}
		view.Error = "The address or the password is wrong."
		d.Renderer.Show(w, http.StatusUnauthorized, view)
		return
	}
	if err != nil {
		(&visit{desk: d, w: w, r: r}).fail(err)
		return
	}
	d.enter(w, r, e)
}

// enter lets somebody in as far as their session goes.
func (d *Desk) enter(w http.ResponseWriter, r *http.Request, e staff.Entry) {
	d.Service.Remember(w, e.Proof)
	d.Service.RememberKnown(w, e.Known)
	switch {
	case !e.Session.Complete:
		onward(w, r, "/second-factor")
	case staff.NeedsSecondFactor(e.Staff):
		onward(w, r, "/second-factor/new")
	default:
		onward(w, r, "")
	}
}

// halfway returns whose session waits for the second factor. It answers the others
// itself.
func (d *Desk) halfway(w http.ResponseWriter, r *http.Request) (m authstore.Staff, session authstore.StaffSession, ok bool) {
	m, session, err := d.Service.Staff.Authenticate(r.Context(), d.Service.Proof(r))
	switch {
	case err != nil:
		(&visit{desk: d, w: w, r: r}).fail(err)
	case session.Complete:
		onward(w, r, "")
	}
	return m, session, err == nil && !session.Complete
}

func (d *Desk) secondFactorPage(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := d.halfway(w, r); ok {
		d.Renderer.Show(w, 0, &SecondFactor{Next: next(r)})
	}
}

func (d *Desk) secondFactor(w http.ResponseWriter, r *http.Request) {
	m, session, ok := d.halfway(w, r)
	if !ok {
		return
	}
	e, err := d.Service.CompleteSignIn(r.Context(), m, session, r.PostForm.Get("code"), d.Service.Device(r))
	switch {
	case errors.Is(err, staff.ErrCode):
		d.Renderer.Show(w, http.StatusUnauthorized, &SecondFactor{Next: next(r), CodeError: wrongCode})
	case err != nil:
		(&visit{desk: d, w: w, r: r}).fail(err)
	default:
		d.enter(w, r, e)
	}
}

const wrongCode = "This code is not right, or was used before. Wait for the next one."

func (v *visit) enrolPage() {
	e, err := v.desk.Service.Staff.Enrol(v.r.Context(), *v.actor.Session)
	v.showEnrolment(e, err, "")
}

// showEnrolment answers with the page that sets up a second factor.
func (v *visit) showEnrolment(e staff.Enrolment, err error, wrong string) {
	switch {
	case errors.Is(err, staff.ErrStepUp):
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

func (v *visit) enrol() {
	s, sealed := v.desk.Service, v.r.PostForm.Get("sealed")
	var codes []string
	var proof string
	err := s.Own(v.r.Context(), *v.actor.Staff, v.actor.IP, acts.OwnSecondFactor, func() (err error) {
		codes, proof, err = s.Staff.ConfirmEnrolment(v.r.Context(), *v.actor.Session, sealed, v.r.PostForm.Get("code"))
		return err
	})
	switch {
	case errors.Is(err, staff.ErrCode):
		e, err := s.Staff.Resume(v.r.Context(), *v.actor.Session, sealed)
		if errors.Is(err, staff.ErrCode) {
			e, err = s.Staff.Enrol(v.r.Context(), *v.actor.Session)
		}
		v.showEnrolment(e, err, wrongCode)
	case errors.Is(err, staff.ErrStepUp):
		v.demandConfirmation(root+"/second-factor/new", "set up a second factor")
	case err != nil:
		v.fail(err)
	default:
		s.Remember(v.w, proof)
		v.desk.Renderer.Show(v.w, 0, &RecoveryCodes{Chrome: v.chrome, Codes: codes, Onward: next(v.r)})
	}
}

// demandConfirmation asks who the member is, and leads on to a page then.
func (v *visit) demandConfirmation(to, why string) {
	view := &StepUp{
		Chrome: v.chrome, Why: why, Back: root + "/account", CodeNeeded: len(v.actor.Staff.TOTP) > 0, Hidden: hiddenNext(to),
	}
	v.desk.Renderer.Show(v.w, http.StatusForbidden, view)
}

func (v *visit) confirm() {
	v.form = v.r.PostForm
	err := v.stepUp()
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

func (d *Desk) accept(w http.ResponseWriter, r *http.Request) {
	token := r.PostForm.Get("token")
	e, err := d.Service.Accept(r.Context(), token, r.PostForm.Get("password"), d.Service.Device(r))
	wrong := passwordFault(err)
	if errors.Is(err, staff.ErrCredentials) {
		wrong = "This is not the password of your account."
	}
	if wrong != "" {
		view, gone := d.invitation(r, token)
		if gone == nil {
			view.WordError = wrong
			d.Renderer.Show(w, http.StatusUnprocessableEntity, view)
			return
		}
		err = gone
	}
	if err != nil {
		(&visit{desk: d, w: w, r: r}).fail(err)
		return
	}
	d.enter(w, r, e)
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
