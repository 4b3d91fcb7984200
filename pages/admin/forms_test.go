// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
	"github.com/usher-sso/usher/internal/adminapi"
)

// changing returns the acts that forms ask for, by the pattern of the API's address.
func changing() map[string]*acts.Act {
	all := map[string]*acts.Act{}
	for _, a := range acts.Acts() {
		if !a.Reads() {
			all["POST "+adminapi.Prefix+"{publisherId}/"+a.Path] = a
		}
	}
	for _, a := range acts.OwnActs() {
		if !a.Reads() {
			all["POST "+adminapi.Prefix+a.Path] = &a.Act
		}
	}
	return all
}

func TestEveryFormIsOneActOfTheAPIAndEveryActHasAForm(t *testing.T) {
	o := newOffice(t)
	api := http.NewServeMux()
	adminapi.New(o.Service, func(*http.Request, error) {}).Mount(api)
	views := map[string]View{"confirm": &StepUp{Chrome: typical.desk("")}}
	for _, kind := range []string{"typical", "sandbox"} {
		for name, view := range kinds()[kind] {
			if name != "parts" && name != "wrong" { // which are of no page
				views[kind+"/"+name] = view
			}
		}
	}
	disabled := typical.customer()
	disabled.Disabled, disabled.Acts = true, []CustomerAct{ActEnable}
	views["disabled"] = disabled
	all, seen := changing(), map[string]bool{}
	for name, view := range views {
		for _, action := range forms(t, view) {
			path, ours := strings.CutPrefix(action, root+"/")
			_, pattern := api.Handler(httptest.NewRequest("POST", admintest.Hub+adminapi.Prefix+path, nil))
			if !ours || all[pattern] == nil {
				t.Errorf("%s: a form is sent to %s, which is no act of the API", name, action)
			}
			seen[pattern] = true
		}
	}
	for pattern, a := range all {
		if !seen[pattern] {
			t.Errorf("%s, of the API, has no form", a.Name)
		}
	}
}

// forms returns where the forms of a page are sent that change something.
func forms(t *testing.T, view View) (actions []string) {
	t.Helper()
	w := httptest.NewRecorder()
	mustRenderer(t).Show(w, 0, view)
	for _, e := range elements(t, w.Body.Bytes()) {
		if e.name == "form" && e.attrs["method"] == "post" {
			actions = append(actions, e.attrs["action"])
		}
	}
	return actions
}

func TestFormsOfAccountsTakeNothingElse(t *testing.T) {
	o := newOffice(t)
	p := o.employs("editor")
	for _, a := range acts.OwnActs() {
		if a.Reads() || a.From == acts.Halfway {
			continue
		}
		for _, form := range []url.Values{{"isOwner": {"true"}}, {"password": {"a", "b"}}, {"next": {"/admin"}, "roles.0": {"owner"}}} {
			if got := p.post(root+"/"+a.Path, form); got.Code != 400 {
				t.Errorf("%s with %v: status %d", a.Name, form, got.Code)
			}
		}
	}
	if got := o.log(admintest.Ours); len(got) > 0 {
		t.Errorf("the log has %v", got)
	}
	p.get("/admin/account").is(200)
}
