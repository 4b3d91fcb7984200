// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package pages owns all HTML that usher shows to viewers: the handlers of the
// hub's pages, the templates, one stylesheet, and one script that no page needs.
//
// It speaks net/http and refuses to know Caddy, so that the pages can be
// mounted and tested anywhere. It refuses inline scripts and styles, which the
// policy sent with every page forbids, and it refuses to decide: whether a
// password is right or a consent is missing is said by the domain packages.
package pages

import (
	"bytes"
	"cmp"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/usher-sso/usher/internal/i18n"
)

// Renderer turns views into answers. It is made once, by NewRenderer, and may
// be used concurrently.
type Renderer struct {
	// OnError, when set, is told why a page could not be rendered; the viewer
	// has then got a plain sentence with status 500. Set it before first use.
	OnError func(page string, err error)

	catalog *i18n.Catalog
	tongues []tongue // in the catalogue's order

	countries map[*i18n.Language]func() string // made when first asked for
	sets      map[*i18n.Language]templateSet
	assets    assetSet
	looks     *looks
	own       fs.FS // the operator's templates
}

// NewRenderer returns a renderer of the templates and the assets that are compiled
// in, in every language of the catalogue.
func NewRenderer(catalog *i18n.Catalog) (*Renderer, error) {
	plain, err := compiledIn(catalog)
	if err != nil {
		return nil, err
	}
	r := *plain
	r.sets, r.looks = maps.Clone(plain.sets), newLooks()
	return &r, nil
}

// compiled holds the renderers of what is compiled in, by catalogue, of which a
// process has one. What was parsed once serves all configurations, each of which has a
// renderer of its own.
var compiled = struct {
	sync.Mutex
	renderers map[*i18n.Catalog]*Renderer // guarded by Mutex
}{renderers: make(map[*i18n.Catalog]*Renderer)}

func compiledIn(catalog *i18n.Catalog) (*Renderer, error) {
	compiled.Lock()
	defer compiled.Unlock()
	if r := compiled.renderers[catalog]; r != nil {
		return r, nil
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	r := &Renderer{
		catalog: catalog, assets: assets, looks: newLooks(), own: emptyFolder{},
		countries: make(map[*i18n.Language]func() string),
	}
	for _, l := range catalog.All() {
		r.countries[l] = sync.OnceValue(func() string { return countryOptions(l) })
		r.tongues = append(r.tongues, newTongue(l))
	}
	r.sets = r.unparsed()
	compiled.renderers[catalog] = r
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
func (r *Renderer) complete(c *Chrome) {
	c.AssetsPath = cmp.Or(c.AssetsPath, "/assets/")
	c.PublisherName = cmp.Or(c.PublisherName, c.HubName, "usher")
	c.Language = cmp.Or(c.Language, r.catalog.Among(c.Languages).All()[0])
	c.Face = r.looks.current.Load().faces[c.PublisherID]
}

// pageSize is a little more than most pages have, so that memory for one is
// asked for once.
const pageSize = 8 << 10

// write renders a page into memory and sends it only when it is whole: half a
// page with status 200 would be worse than none.
func (r *Renderer) write(w http.ResponseWriter, status int, page string, v view) {
	c := v.chrome()
	r.complete(c)
	setHeaders(w.Header(), c, v.framed())

	var body bytes.Buffer
	body.Grow(pageSize)
	if err := r.execute(&body, page, v); err != nil {
		if r.OnError != nil {
			r.OnError(page, err)
		}
		http.Error(w, c.Language.Text("layout.broken"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	w.Write(body.Bytes()) // an error here means that the viewer has left
}

// setHeaders sets what every page is sent with.
func setHeaders(h http.Header, c *Chrome, framed bool) {
	policy := contentSecurityPolicy(c)
	if !framed {
		policy += "; frame-ancestors 'none'"
		h.Set("X-Frame-Options", "DENY")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

func contentSecurityPolicy(c *Chrome) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:" + sources(c.Gone) +
		"; form-action 'self'" + sources(c.FormOrigins) + "; base-uri 'none'"
}

// sources returns origins as a policy lists them.
func sources(origins []string) (list string) {
	for _, o := range origins {
		if isOrigin(o) || isAppScheme(o) {
			list += " " + o
		}
	}
	return list
}

// isAppScheme tells whether s is a scheme of an app, as RFC 8252 has them: the name of a
// domain backwards, so that none of the web's is among them.
func isAppScheme(s string) bool {
	name, ok := strings.CutSuffix(s, ":")
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-"
	return ok && strings.Contains(name, ".") && strings.Trim(name, allowed) == "" && name[0] >= 'a' && name[0] <= 'z'
}

// appOrigin returns of an app's address what a policy lists.
func appOrigin(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return ""
	case u.Scheme == "https" || u.Scheme == "http":
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + ":"
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
