// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin/admintest"
	desk "github.com/usher-sso/usher/pages/admin"
)

// place is a dashboard for tests of consents, capture, settings, staff and sandboxes.
type place struct {
	*admintest.World
	mux *http.ServeMux
}

func newPlace(t *testing.T) *place {
	t.Helper()
	w := admintest.New(t)
	r, err := desk.NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	r.OnError = func(page string, err error) { t.Errorf("rendering %s: %v", page, err) }
	p := &place{w, http.NewServeMux()}
	desk.NewDesk(desk.Config{
		Service: w.Service, Renderer: r, Preview: previewer{},
		Report: func(r *http.Request, err error) { t.Errorf("%s %s: %v", r.Method, r.URL, err) },
	}).Mount(p.mux)
	return p
}

type previewer struct{}

func (previewer) Preview(w http.ResponseWriter, _ *http.Request, publisher int64, page string) {
	w.Write([]byte("preview of " + page + " at " + admintest.ID(publisher)))
}

// hand is a member of the staff at a browser.
type hand struct {
	t       *testing.T
	at      *place
	cookies map[string]*http.Cookie
}

// hand signs in a member who has a role at some publishers.
func (p *place) hand(t *testing.T, role authstore.Role, publishers ...int64) *hand {
	t.Helper()
	w := httptest.NewRecorder()
	p.Remember(w, p.Joins(t, admintest.Address(role), role, publishers...))
	h := &hand{t, p, map[string]*http.Cookie{}}
	h.keep(w)
	return h
}

func (h *hand) keep(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		h.cookies[c.Name] = c
	}
}

// send sends a request as a browser does, from a page of the hub.
func (h *hand) send(r *http.Request) *httptest.ResponseRecorder {
	h.t.Helper()
	for _, c := range h.cookies {
		r.AddCookie(c)
	}
	r.RemoteAddr = "192.0.2.9:4711"
	w := httptest.NewRecorder()
	h.at.mux.ServeHTTP(w, r)
	h.keep(w)
	return w
}

func (h *hand) get(path string) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.send(httptest.NewRequest("GET", admintest.Hub+path, nil))
}

// post makes a request of the kind that forms make.
func post(path string, form url.Values) *http.Request {
	r := httptest.NewRequest("POST", admintest.Hub+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", admintest.Hub)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// page gets a page that is there.
func (h *hand) page(path string) string {
	h.t.Helper()
	w := h.get(path)
	if w.Code != 200 {
		h.t.Fatalf("%s: status %d: %s", path, w.Code, told(w))
	}
	return w.Body.String()
}

// shown is a form of a page.
type shown struct {
	action string
	values url.Values // as it would be sent
}

// formsOf returns the forms of a page that are sent by POST.
func formsOf(t *testing.T, page string) (list []shown) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Data == "form" && attr(n, "method") == "post" {
			f := shown{attr(n, "action"), url.Values{}}
			for c := range n.Descendants() {
				control(c, f.values)
			}
			list = append(list, f)
		}
	}
	return list
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// control adds what a control would send.
func control(n *html.Node, values url.Values) {
	name := attr(n, "name")
	switch {
	case name == "" || n.Type != html.ElementNode:
	case n.Data == "input" && (attr(n, "type") == "checkbox" || attr(n, "type") == "radio"):
		if has(n, "checked") {
			values.Add(name, attr(n, "value"))
		}
	case n.Data == "input" && attr(n, "type") != "file":
		values.Add(name, attr(n, "value"))
	case n.Data == "textarea" && n.FirstChild != nil:
		values.Add(name, strings.TrimPrefix(n.FirstChild.Data, "\n"))
	case n.Data == "textarea":
		values.Add(name, "")
	case n.Data == "select":
		chosen, first := "", true
		for o := range n.Descendants() {
			if o.Data == "option" && (first || has(o, "selected")) {
				chosen, first = attr(o, "value"), false
			}
		}
		values.Add(name, chosen)
	}
}

// form returns the first form of a page with an address, and with values that it
// would send.
func (h *hand) form(page, action string, with url.Values) shown {
	h.t.Helper()
	for _, f := range formsOf(h.t, page) {
		fits := f.action == action
		for name, values := range with {
			fits = fits && slices.Equal(f.values[name], values)
		}
		if fits {
			return f
		}
	}
	h.t.Fatalf("the page has no form for %s with %v", action, with)
	return shown{}
}

// submit sends the form of a page, with some of it filled in.
func (h *hand) submit(page, action string, filled url.Values) *httptest.ResponseRecorder {
	h.t.Helper()
	f := h.form(page, action, nil)
	maps.Copy(f.values, filled)
	return h.send(post(action, f.values))
}

// done submits a form and goes on to the page that follows.
func (h *hand) done(page, action string, filled url.Values) string {
	h.t.Helper()
	w := h.submit(page, action, filled)
	if w.Code != http.StatusSeeOther {
		h.t.Fatalf("%s: status %d: %s", action, w.Code, told(w))
	}
	next := h.page(w.Header().Get("Location"))
	if !strings.Contains(next, `role="status"`) {
		h.t.Errorf("%s: the page that follows does not say that it was done", action)
	}
	return next
}

func contains(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("%q is not in the page", text)
		}
	}
}

func lacks(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("%q is in the page", text)
		}
	}
}

const (
	free    = "/admin/100000004"
	ours    = "/admin/100000001"
	sandbox = "/admin/100000003"
)

// told returns what a page says at its top.
func told(w *httptest.ResponseRecorder) string {
	page := w.Body.String()
	if i := strings.Index(page, "<h1>"); i >= 0 {
		page = page[i:]
	}
	return page[:min(len(page), 700)]
}
