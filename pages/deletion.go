// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// deletion tells whoever has its code what became of a wish to delete. It is about no
// publisher.
func (h *Hub) deletion(w http.ResponseWriter, r *http.Request) {
	v := h.stranger(r)
	d, err := h.Social.Deletion(r.Context(), r.PathValue("code"))
	if errors.Is(err, authstore.ErrNotFound) {
		h.NotFound(w, r)
		return
	}
	if err != nil {
		h.fail(w, r, v, err)
		return
	}
	h.Renderer.Deletion(w, http.StatusOK, Deletion{Chrome: h.chrome(v), Received: d.Received, Accounts: d.Accounts, Links: d.Links})
}

// Deletion tells what became of a wish to delete that a provider has passed on.
type Deletion struct {
	Chrome

	Received time.Time
	Accounts int // those that are erased
	Links    int // those that go on without the provider
}

// Deletion writes the page that tells what was deleted.
func (r *Renderer) Deletion(w http.ResponseWriter, status int, v Deletion) {
	r.write(w, status, "deletion", &v)
}
