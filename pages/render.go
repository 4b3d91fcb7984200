// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package pages owns all HTML that usher shows to viewers: the handlers of the
// hub's pages, the templates, and one stylesheet.
//
// It speaks net/http and refuses to know Caddy, so that the pages can be
// mounted and tested anywhere. It refuses scripts and inline styles, which the
// policy sent with every page forbids, and it refuses to decide: whether a
// password is right or a consent is missing is said by the domain packages.
package pages

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Renderer turns views into answers. It is made once, by NewRenderer, and may
// be used concurrently.
type Renderer struct {
	// OnError, when set, is told why a page could not be rendered; the viewer
	// has then got a plain sentence with status 500. Set it before first use.
	OnError func(page string, err error)

	pages  map[string]*template.Template
	assets assetSet
}

// NewRenderer parses the templates and the assets that are compiled in.
func NewRenderer() (*Renderer, error) {
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	r := &Renderer{pages: make(map[string]*template.Template), assets: assets}
	funcs := template.FuncMap{
		"asset":     assets.address,
		"consentID": consentID,
		"faults":    func(v interface{ faults() []fault }) []fault { return v.faults() },
		"webURL":    webURL,
	}
	for _, page := range []string{
		"login", "register", "forgot", "reset", "consents", "home", "welcome", "signout", "signedout", "problem",
	} {
		t, err := template.New("layout.html").Funcs(funcs).ParseFS(templateFiles,
			"templates/layout.html", "templates/parts.html", "templates/"+page+".html")
		if err != nil {
			return nil, fmt.Errorf("parsing the page %s: %w", page, err)
		}
		r.pages[page] = t
	}
	return r, nil
}

// Login writes the sign-in page.
func (r *Renderer) Login(w http.ResponseWriter, status int, v Login) {
	r.write(w, status, "login", &v)
}

// Register writes the page that creates an account.
func (r *Renderer) Register(w http.ResponseWriter, status int, v Register) {
	r.write(w, status, "register", &v)
}

// Forgot writes the page that asks where to mail a reset link.
func (r *Renderer) Forgot(w http.ResponseWriter, status int, v Forgot) {
	r.write(w, status, "forgot", &v)
}

// Reset writes the page that asks for a new password.
func (r *Renderer) Reset(w http.ResponseWriter, status int, v Reset) {
	r.write(w, status, "reset", &v)
}

// Consents writes the page that asks for missing consents.
func (r *Renderer) Consents(w http.ResponseWriter, status int, v Consents) {
	r.write(w, status, "consents", &v)
}

// Home writes the front page of a signed-in viewer.
func (r *Renderer) Home(w http.ResponseWriter, status int, v Home) {
	r.write(w, status, "home", &v)
}

// Welcome writes the front page of a viewer who is not signed in.
func (r *Renderer) Welcome(w http.ResponseWriter, status int, v Welcome) {
	r.write(w, status, "welcome", &v)
}

// SignOut writes the page that asks before signing out.
func (r *Renderer) SignOut(w http.ResponseWriter, status int, v SignOut) {
	r.write(w, status, "signout", &v)
}

// SignedOut writes the page that tells that the session has ended.
func (r *Renderer) SignedOut(w http.ResponseWriter, status int, v SignedOut) {
	r.write(w, status, "signedout", &v)
}

// Problem writes a page about something that went wrong, with v.Status.
func (r *Renderer) Problem(w http.ResponseWriter, v Problem) {
	v.Status = cmp.Or(v.Status, http.StatusInternalServerError)
	r.write(w, v.Status, "problem", &v)
}

// view is a pointer to any of the views in views.go.
type view interface {
	chrome() *Chrome
	framed() bool
}

func (c *Chrome) chrome() *Chrome { return c }
func (c *Chrome) framed() bool    { return false }
func (v *Problem) framed() bool   { return v.Framed }

// complete fills what the layout cannot do without.
func (c *Chrome) complete() {
	c.Lang = cmp.Or(c.Lang, "en")
	if c.Dir != "rtl" {
		c.Dir = "ltr"
	}
	c.AssetsPath = cmp.Or(c.AssetsPath, "/assets/")
	c.PublisherName = cmp.Or(c.PublisherName, c.HubName, "usher")
}

// write renders a page into memory and sends it only when it is whole: half a
// page with status 200 would be worse than none.
func (r *Renderer) write(w http.ResponseWriter, status int, page string, v view) {
	v.chrome().complete()
	setHeaders(w.Header(), v.chrome().FormOrigins, v.framed())

	var body bytes.Buffer
	if err := r.pages[page].Execute(&body, v); err != nil {
		if r.OnError != nil {
			r.OnError(page, err)
		}
		http.Error(w, "This page could not be shown. Please try again in a moment.",
			http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	w.Write(body.Bytes()) // an error here means that the viewer has left
}

// setHeaders sets what every page is sent with. The referrer stays within the
// origin, rather than vanishing, because same-origin checks of forms may need it.
func setHeaders(h http.Header, formOrigins []string, framed bool) {
	policy := contentSecurityPolicy(formOrigins)
	if !framed {
		policy += "; frame-ancestors 'none'"
		h.Set("X-Frame-Options", "DENY")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}

func contentSecurityPolicy(formOrigins []string) string {
	formAction := "'self'"
	for _, o := range formOrigins {
		if isOrigin(o) {
			formAction += " " + o
		}
	}
	return "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action " + formAction +
		"; base-uri 'none'"
}

// isOrigin tells whether s is exactly a scheme and a host, written so that a
// policy can hold it: a space, comma or semicolon would begin something else.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return false
	}
	if s != u.Scheme+"://"+u.Host {
		return false
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:"
	return strings.Trim(u.Host, allowed) == ""
}

// webURL returns s when a viewer may be sent there by a click, and "" for every
// scheme but http and https: html/template would leave a link in place that
// leads nowhere, and a link that is none is better shown as text.
func webURL(s string) string {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return s
}
