// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-sso/usher/internal/staff"
)

// This file is the way in: where those go who are not signed in, and back again.

func (d *Desk) mountDoor(mux *http.ServeMux) {
	mux.HandleFunc("GET "+root, d.choose)
	mux.HandleFunc("GET "+root+"/{$}", d.choose)
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
