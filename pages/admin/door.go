// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/staff"
)

// This file is the way in: where those go who are not signed in, and back again.

func (d *Desk) mountDoor(mux *http.ServeMux) {
	mux.HandleFunc("GET "+root, d.choose)
	mux.HandleFunc("GET "+root+"/{$}", d.choose)
	for path, fn := range map[string]http.HandlerFunc{
		"/sign-in": d.signInPage, "/second-factor": d.secondFactorPage, "/second-factor/new": d.signedIn((*visit).enrolPage),
		"/invite": d.invitationPage, "/account": d.member((*visit).account),
	} {
		mux.HandleFunc("GET "+root+path, fn)
	}
	for _, a := range acts.OwnActs() {
		if !a.Reads() {
			mux.HandleFunc("POST "+root+"/"+a.Path, d.doOwn(a))
		}
	}
}

// followers answer after what somebody did with the own account, or did not, by the
// act's name.
var followers = map[string]func(v *visit, out any, err error){
	acts.OwnSignIn: (*visit).afterSignIn, acts.OwnComplete: (*visit).afterSecondFactor, acts.OwnJoin: (*visit).afterInvitation, acts.OwnSignOut: (*visit).afterSignOut,
	acts.OwnConfirm: (*visit).afterConfirm, acts.OwnSecondFactor: (*visit).afterEnrol, acts.OwnPassword: (*visit).afterPassword,
	acts.OwnEndSession: func(v *visit, _ any, err error) { v.toAccount(acts.OwnEndSession, err) },
	acts.OwnEndOthers:  func(v *visit, _ any, err error) { v.toAccount(acts.OwnEndOthers, err) },
}

// doOwn answers forms of the way in and of the own account. Forms of other origins are
// refused before anything of them is read.
func (d *Desk) doOwn(a *acts.OwnAct) http.HandlerFunc {
	follow := followers[a.Name]
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := d.recognize(w, r)
		if err != nil {
			v.fail(err)
			return
		}
		out, err := d.Service.DoOwn(w, r, a, func() ([]byte, error) {
			form, err := readForm(w, r)
			if err != nil {
				return nil, err
			}
			return a.FromForm(asked(form))
		})
		follow(v, out, err)
	}
}

// asked returns what a form asks of an act: without where to go afterwards, and with
// the names of the act for fields that may stand beside those of another one.
func asked(form url.Values) url.Values {
	form = maps.Clone(form)
	delete(form, "next")
	for from, to := range map[string]string{confirmPassword: "password", confirmCode: "code"} {
		if given, ok := form[from]; ok {
			form[to] = append(form[to], given...)
			delete(form, from)
		}
	}
	return form
}

// recognize returns a visit of whoever's session the browser holds: without an actor,
// if it has none that is complete.
func (d *Desk) recognize(w http.ResponseWriter, r *http.Request) (*visit, error) {
	v := &visit{desk: d, w: w, r: r}
	m, session, err := d.Service.Staff.Authenticate(r.Context(), d.Service.Proof(r))
	if errors.Is(err, staff.ErrRefused) || err == nil && !session.Complete {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.actor = acts.Actor{Staff: &m, Session: &session, IP: d.Service.Device(r).IP}
	if !staff.NeedsSecondFactor(m) {
		v.act(v.actor)
	}
	return v, nil
}

// signedIn answers those whose session is complete, though an owner's second factor
// may be missing: they are about their own accounts.
func (d *Desk) signedIn(next func(v *visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := d.recognize(w, r)
		switch {
		case err != nil:
			v.fail(err)
		case v.actor.Staff == nil:
			d.turnAway(w, r)
		default:
			next(v)
		}
	}
}

// member answers those who are signed in wholly.
func (d *Desk) member(next func(v *visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if v := d.arrive(w, r); v != nil {
			next(v)
		}
	}
}

// next returns where the request wants to go to afterwards.
func next(r *http.Request) string {
	if r.Method == http.MethodGet {
		return nextPath(r.URL.Query().Get("next"))
	}
	return nextPath(r.PostForm.Get("next"))
}

// onward leads to a step of the way in, or, when it is "", to where the way leads.
func onward(w http.ResponseWriter, r *http.Request, step string) {
	to := cmp.Or(next(r), root)
	if step != "" {
		to = root + step
		if n := next(r); n != "" {
			to += "?next=" + url.QueryEscape(n)
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// turnAway answers those who are not signed in, or not wholly: pages lead to the
// sign-in and back; a form is told to be sent again.
func (d *Desk) turnAway(w http.ResponseWriter, r *http.Request) {
	m, session, err := d.Service.Staff.Authenticate(r.Context(), d.Service.Proof(r))
	step := "/sign-in"
	switch {
	case err != nil:
	case !session.Complete:
		step = "/second-factor"
	case staff.NeedsSecondFactor(m):
		step = "/second-factor/new"
	}
	if step == "/sign-in" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		view := &SignIn{}
		view.Error = "You are not signed in any more, so nothing was done. Sign in, and send the form again."
		d.Renderer.Show(w, http.StatusUnauthorized, view)
		return
	}
	address := root + step
	if r.Method == http.MethodGet && r.URL.Path != root {
		if back := r.URL.RequestURI(); nextPath(back) == back {
			address += "?next=" + url.QueryEscape(back)
		}
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// nextPath returns a path of the dashboard's to go to after the sign-in, as somebody
// may have written it: anything that could lead elsewhere is "".
func nextPath(given string) string {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '#' }
	u, err := url.Parse(given)
	switch {
	case err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "":
		return ""
	case strings.ContainsFunc(given, odd) || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/.") || strings.ContainsAny(u.Path, "\\%"):
		return ""
	case u.Path != root && !strings.HasPrefix(u.Path, root+"/"):
		return ""
	case strings.HasPrefix(u.Path, root+"/api"):
		return ""
	}
	return given
}

// choose answers for the dashboard itself: it leads to the member's publisher, or
// lets them choose one.
func (d *Desk) choose(w http.ResponseWriter, r *http.Request) {
	v := d.arrive(w, r)
	if v == nil {
		return
	}
	if all := v.chrome.Publishers; len(all) == 1 {
		http.Redirect(w, r, v.chrome.Switch(all[0].ID), http.StatusSeeOther)
		return
	}
	d.Renderer.Show(w, 0, &Choose{v.chrome})
}
