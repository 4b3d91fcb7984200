// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
)

func settingsPages() []page {
	return []page{{"settings", SectionSettings, showSettings}}
}

func settingsOutcomes() map[string]outcome {
	return map[string]outcome{
		"settings.save": {page: "settings", says: "The settings are saved, and in force."},
		"brand.save":    {page: "settings", says: "The look is saved, and in force."},
		"brand.picture": {page: "settings", says: "The picture is changed."},
		"token.rotate":  {page: "settings", says: "There is a new API token. Copy it now: it is shown only once.", once: true},
		"token.revoke":  {page: "settings", says: "The API token has ended."},
	}
}

func showSettings(v *visit) (View, error) {
	now, err := read[acts.SettingsView](v, "settings.get", v.query)
	made, _ := v.out.(acts.NewToken)
	return &Settings{Chrome: v.chrome, Now: now, NewToken: made.Token}, err
}

// mountMore registers what belongs to pages and is none itself.
func (d *Desk) mountMore(mux *http.ServeMux) {
	mux.HandleFunc("GET "+pattern("brand/pictures/{id}"), d.picture)
	mux.HandleFunc("GET "+pattern("preview/{page}"), d.preview)
}

// picture answers with a picture of a publisher's brand.
func (d *Desk) picture(w http.ResponseWriter, r *http.Request) {
	v := d.arrive(w, r)
	if v == nil {
		return
	}
	err := v.enter()
	if err != nil {
		v.fail(err)
		return
	}
	content, err := d.Service.Store.Picture(r.Context(), v.id(), r.PathValue("id"))
	if errors.Is(err, authstore.ErrNotFound) {
		v.fail(acts.ErrNotFound)
		return
	}
	if err != nil {
		v.fail(fmt.Errorf("reading a picture: %w", err))
		return
	}
	// Staff have sent it: whatever it is, a browser shall take it for a picture, and
	// when somebody opens it by itself, run nothing of it.
	h := w.Header()
	h.Set("Cache-Control", "private, max-age=3600")
	h.Set("Content-Disposition", "inline")
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox")
	h.Set("Content-Type", pictureType(content))
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(content) // an error here means that the member has left
}

// pictureTypes are what browsers show and cannot be anything else.
var pictureTypes = []string{"image/png", "image/jpeg", "image/webp", "image/gif"}

// pictureType returns the type of a picture that was judged when it was stored: SVG
// is the one that has no mark of its own.
func pictureType(content []byte) string {
	if kind := http.DetectContentType(content); slices.Contains(pictureTypes, kind) {
		return kind
	}
	return "image/svg+xml"
}

// previews are the pages of viewers' that staff can look at.
var previews = []string{"register", "questions"}

// look returns the address of a page as viewers get it; "" where nobody shows it.
func (v *visit) look(page string) string {
	if v.desk.Preview == nil {
		return ""
	}
	return v.chrome.Path("preview/" + page)
}

// preview answers with a page as viewers get it.
func (d *Desk) preview(w http.ResponseWriter, r *http.Request) {
	v := d.arrive(w, r)
	if v == nil {
		return
	}
	err := v.enter()
	if err == nil && (d.Preview == nil || !slices.Contains(previews, r.PathValue("page"))) {
		err = acts.ErrNotFound
	}
	if err != nil {
		v.fail(err)
		return
	}
	d.Preview.Preview(w, r, v.id(), r.PathValue("page"))
}
