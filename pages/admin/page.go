// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"net/http"
	"net/url"

	acts "github.com/usher-sso/usher/internal/admin"
)

// doneParam is the parameter of a page that names the act that has just been done.
const doneParam = "done"

// show answers requests for a page of a publisher's.
func (d *Desk) show(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := d.arrive(w, r)
		if v == nil {
			return
		}
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			err = &acts.InvalidError{Sentence: "the address is not one that this page takes"}
		} else {
			err = v.enter()
		}
		if err != nil {
			v.fail(err)
			return
		}
		if o, known := d.outcomes[query.Get(doneParam)]; known && p.path == cmp.Or(o.then, o.page) {
			v.chrome.Notice = o.says
		}
		query.Del(doneParam)
		v.query = query
		v.show(p)
	}
}

// show answers with a page.
func (v *visit) show(p page) {
	v.chrome.Section = p.section
	view, err := p.view(v)
	if err != nil {
		v.fail(err)
		return
	}
	v.desk.Renderer.Show(v.w, v.status, view)
}
