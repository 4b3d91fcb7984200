// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http"
)

// Preview answers with a page as viewers of a publisher get it: "register" or
// "questions". Its form leads nowhere: it posts to where the preview is, which takes
// no forms. Who may look is for the caller to say.
func (h *Hub) Preview(w http.ResponseWriter, r *http.Request, publisher int64, page string) {
	v := h.stranger(r)
	p, ok := h.Directory.ByID(publisher)
	if !ok {
		h.NotFound(w, r)
		return
	}
	v = v.at(h, r, p)
	switch page {
	case "register":
		view, err := h.registerView(v)
		if err != nil {
			h.fail(w, r, v, err)
			return
		}
		view.FormAction, view.LoginURL, view.Elsewhere = r.URL.Path, "", nil
		h.Renderer.Register(w, http.StatusOK, view)
	case "questions":
		h.Renderer.Capture(w, http.StatusOK, Capture{
			Chrome: h.chrome(v), FormAction: r.URL.Path, CanSkip: true,
			Questions: questions(v, p.Capture, h.Store.Now(), func(string) string { return "" }),
		})
	default:
		h.NotFound(w, r)
	}
}
