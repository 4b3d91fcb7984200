// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
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
	for pattern, fn := range map[string]http.HandlerFunc{
		"GET /sign-in":  d.signInPage,
		"POST /sign-in": d.fromHere(d.signIn),

		"GET /second-factor":      d.secondFactorPage,
		"POST /second-factor":     d.fromHere(d.secondFactor),
		"GET /second-factor/new":  d.signedIn((*visit).enrolPage),
		"POST /second-factor/new": d.fromHere(d.signedIn((*visit).enrol)),
		"POST /confirm":           d.fromHere(d.signedIn((*visit).confirm)),
		"GET /invite":             d.invitationPage,
		"POST /invite":            d.fromHere(d.accept),

		"GET /account":                  d.member((*visit).account),
		"POST /account/password":        d.fromHere(d.member((*visit).changePassword)),
		"POST /account/sessions/end":    d.fromHere(d.member((*visit).endSession)),
		"POST /account/sessions/others": d.fromHere(d.member((*visit).endOthers)),
		"POST /sign-out":                d.fromHere(d.signOut),
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+root+path, fn)
	}
}

// fromHere answers forms that were sent by a page of ours; others are refused before
// anything is read.
func (d *Desk) fromHere(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{desk: d, w: w, r: r}
		if !d.Service.SameOrigin(r) {
			v.fail(errOrigin)
			return
		}
		if _, err := readForm(w, r); err != nil {
			v.fail(err)
			return
		}
		next(w, r)
	}
}

// signedIn answers those whose session is complete, though an owner's second factor
// may be missing: they are about their own accounts.
func (d *Desk) signedIn(next func(v *visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{desk: d, w: w, r: r}
		m, session, err := d.Service.Staff.Authenticate(r.Context(), d.Service.Proof(r))
		switch {
		case err != nil:
			v.fail(err)
		case !session.Complete:
			d.turnAway(w, r)
		default:
			v.actor = acts.Actor{Staff: &m, Session: &session, IP: d.Service.Device(r).IP}
			if !staff.NeedsSecondFactor(m) {
				v.act(v.actor)
			}
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
