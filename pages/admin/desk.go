// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"
	"slices"

	acts "github.com/usher-sso/usher/internal/admin"
)

// Config is what the dashboard stands on.
type Config struct {
	Service  *acts.Service
	Renderer *Renderer

	// Preview shows viewers' pages; nil hides the links to them.
	Preview Previewer

	// Report is told of errors that the member only learns to be internal.
	Report func(r *http.Request, err error)
}

// Previewer shows pages as the viewers of a publisher get them.
type Previewer interface {
	// Preview answers with the page of a name, such as "register" or "questions".
	Preview(w http.ResponseWriter, r *http.Request, publisher int64, page string)
}

// Desk answers requests for the dashboard's pages. It is made by NewDesk. Safe for
// concurrent use.
type Desk struct {
	Config
	pages    map[string]page    // by path
	outcomes map[string]outcome // by the act's name
}

// page is a page of a publisher's. To add one, add it to the list that the pages of
// its section are in, see pages.
type page struct {
	path    string // below the publisher: "customers/{customerId}"; "" is the overview
	section NavSection

	// view makes the page. It reads through read, and is called for the page itself
	// and for a form of it that was not taken, which the renderer fills in again;
	// see Chrome.Refused. Its view's Chrome is a copy of the visit's.
	view func(v *visit) (View, error)
}

// outcome is what follows an act. Each act that is no mere reading has one, in the
// list of its section, see outcomes.
type outcome struct {
	page string // path of the page whose form it is
	then string // path of the page that comes after success; "" is the same
	says string // what that page says then, one sentence; see Chrome.Notice

	// choose, when set, says which page's form it was by what was sent, instead of
	// page. It may set path values that the page's path needs.
	choose func(v *visit) string

	// once says that what the act gives is shown once: the page follows at once,
	// and finds it in visit.out.
	once bool
}

// pages are all pages of a publisher's.
func pages() []page {
	return slices.Concat(overviewPages(), customerPages(), consentPages(), capturePages(), settingsPages(), staffPages(), sandboxPages())
}

// outcomes are what follows each act, by its name.
func outcomes() map[string]outcome {
	all := map[string]outcome{}
	for _, some := range []map[string]outcome{
		customerOutcomes(), consentOutcomes(), captureOutcomes(), settingsOutcomes(), staffOutcomes(), sandboxOutcomes(),
	} {
		for name, o := range some {
			all[name] = o
		}
	}
	return all
}

// NewDesk returns a Desk.
func NewDesk(c Config) *Desk {
	d := &Desk{Config: c, pages: map[string]page{}, outcomes: outcomes()}
	for _, p := range pages() {
		d.pages[p.path] = p
	}
	return d
}

// root is where the dashboard is on the hub.
const root = "/admin"

// Mount registers everything below /admin, but for /admin/api/, which others may
// register.
func (d *Desk) Mount(mux *http.ServeMux) {
	inner := http.NewServeMux() // beside what is below api/ and assets/, {publisherId} would be ambiguous
	for _, p := range d.pages {
		inner.HandleFunc("GET "+pattern(p.path), d.show(p))
	}
	for _, a := range acts.Acts() {
		if a.Reads() {
			continue
		}
		inner.HandleFunc("POST "+pattern(a.Path), d.do(a))
		if _, is := d.pages[a.Path]; !is {
			inner.HandleFunc("GET "+pattern(a.Path), d.lead(a))
		}
	}
	d.mountDoor(inner)
	d.mountMore(inner)
	inner.HandleFunc("/", d.nothing)
	mux.Handle(root, inner)
	mux.Handle(root+"/", inner)
	mux.Handle(root+"/assets/", http.StripPrefix(root+"/assets", d.Renderer.Assets()))
}

// pattern returns the pattern of a publisher's path.
func pattern(path string) string {
	if path == "" {
		return root + "/{publisherId}"
	}
	return root + "/{publisherId}/" + path
}

// lead answers who asks by GET for the address of an act, as after "reload" in the
// address bar, with the page that the act belongs to.
func (d *Desk) lead(a *acts.Act) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, address(r, d.outcomes[a.Name].page), http.StatusSeeOther)
	}
}
