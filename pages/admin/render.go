// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package admin owns the look of the publisher's dashboard: its views, templates,
// one stylesheet, and charts drawn as SVG.
//
// A view says what a page tells and asks; the renderer makes HTML of it. The
// package refuses to decide: who may do an act, and what it does, is said by
// others. It refuses scripts altogether, and inline styles, which the policy sent
// with every page forbids. Staff pages are in English; viewers' pages, which are
// translated, are those of package pages.
package admin

import (
	"bytes"
	"cmp"
	"html/template"
	"net/http"
	"strconv"
	"sync"
)

// Renderer turns views into answers. It is made once, by NewRenderer, and may
// be used concurrently.
type Renderer struct {
	// OnError, when set, is told why a page could not be rendered; the member has
	// then got a plain sentence with status 500. Set it before first use.
	OnError func(page string, err error)

	assets    assetSet
	templates func() (*template.Template, error)
}

// NewRenderer returns a renderer of what is compiled in. The templates are
// parsed when the first page is shown: most processes show none. Errors tell
// that an asset cannot be read.
func NewRenderer() (*Renderer, error) {
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	r := &Renderer{assets: assets}
	r.templates = sync.OnceValues(r.parse)
	return r, nil
}

// View is a page of the dashboard: a pointer to one of the views of this package.
type View interface {
	chrome() *Chrome
	compose() content
}

func (c *Chrome) chrome() *Chrome { return c }

// Show writes a page. A Problem is sent with its own status when status is 0, any
// other view with 200.
func (r *Renderer) Show(w http.ResponseWriter, status int, v View) {
	if p, ok := v.(*Problem); ok {
		p.Status = cmp.Or(p.Status, http.StatusInternalServerError)
		status = cmp.Or(status, p.Status)
	}
	setHeaders(w.Header())
	var body bytes.Buffer
	body.Grow(pageSize)
	// Half a page with status 200 would be worse than none.
	if err := r.execute(&body, v); err != nil {
		if r.OnError != nil {
			r.OnError(pageName(v), err)
		}
		http.Error(w, "The page could not be shown. The server's log tells why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(cmp.Or(status, http.StatusOK))
	w.Write(body.Bytes()) // an error here means that the member has left
}

// pageSize is a little more than most pages have, so that memory for one is
// asked for once.
const pageSize = 24 << 10

// policy allows what the pages consist of: our stylesheet, pictures, and forms that
// come back here. There is no script.
const policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// setHeaders sets what every page is sent with.
func setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex")
}
