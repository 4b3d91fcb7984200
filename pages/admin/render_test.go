// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func mustRenderer(t testing.TB) *Renderer {
	t.Helper()
	r, err := NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	r.OnError = func(page string, err error) { t.Errorf("rendering %s: %v", page, err) }
	return r
}

// kinds are all views, by how they are filled and by name.
func kinds() map[string]map[string]View {
	return map[string]map[string]View{
		"blank": blank(), "typical": typical.filled(), "sandbox": onTrial.filled(), "hostile": attacked.filled(), "quoted": quoting.filled(),
	}
}

// element is a start tag of a page, with what surrounds it.
type element struct {
	name    string
	attrs   map[string]string
	text    string   // directly within it
	parents []string // names, outermost first
}

// voids never have an end tag.
var voids = []string{"img", "input", "link", "meta"}

// elements reads a page strictly: every tag that opens must close, in order.
func elements(t *testing.T, page []byte) (list []*element) {
	t.Helper()
	var open []string
	var within []*element
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		kind := z.Next()
		token := z.Token()
		switch kind {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			if len(open) != 0 {
				t.Errorf("left open: %v", open)
			}
			return list
		case html.TextToken:
			if len(within) > 0 {
				within[len(within)-1].text += token.Data
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			e := &element{name: token.Data, attrs: make(map[string]string), parents: slices.Clone(open)}
			for _, a := range token.Attr {
				if _, twice := e.attrs[a.Key]; twice {
					t.Errorf("<%s> has %s twice", e.name, a.Key)
				}
				e.attrs[a.Key] = a.Val
			}
			list = append(list, e)
			if kind == html.StartTagToken && !slices.Contains(voids, e.name) {
				open, within = append(open, e.name), append(within, e)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("</%s> closes nothing; open are %v", token.Data, open)
			}
			open, within = open[:len(open)-1], within[:len(within)-1]
		}
	}
}

// eachPage runs a check on every page with nothing, typical and hostile values.
func eachPage(t *testing.T, check func(t *testing.T, list []*element)) {
	r := mustRenderer(t)
	for kind, views := range kinds() {
		for name, v := range views {
			w := httptest.NewRecorder()
			r.Show(w, 0, v)
			t.Run(kind+"/"+name, func(t *testing.T) { check(t, elements(t, w.Body.Bytes())) })
		}
	}
}

func TestEveryPageHasLandmarksAndHeadingsInOrder(t *testing.T) {
	eachPage(t, func(t *testing.T, list []*element) {
		n, level := make(map[string]int), 0
		for _, e := range list {
			if !slices.Contains(e.parents, "svg") {
				n[e.name]++
			}
			if len(e.name) == 2 && e.name[0] == 'h' {
				next := int(e.name[1] - '0')
				if next > level+1 {
					t.Errorf("<%s> %q follows a heading of level %d", e.name, e.text, level)
				}
				level = next
			}
		}
		for _, name := range []string{"html", "head", "title", "body", "header", "main", "h1", "footer"} {
			if n[name] != 1 {
				t.Errorf("<%s> appears %d times", name, n[name])
			}
		}
		i := slices.IndexFunc(list, func(e *element) bool { return e.name == "body" })
		if skip := list[i+1]; skip.name != "a" || skip.attrs["href"] != "#main" {
			t.Errorf("the body begins with %v, not with the skip link", skip)
		}
	})
}

func TestEveryControlIsNamedAndEveryReferenceLeadsSomewhere(t *testing.T) {
	eachPage(t, func(t *testing.T, list []*element) {
		ids, labels := make(map[string]bool), make(map[string]bool)
		for _, e := range list {
			if id := e.attrs["id"]; id != "" && ids[id] {
				t.Errorf("two elements have the id %q", id)
			}
			ids[e.attrs["id"]] = true
			if e.name == "label" {
				labels[e.attrs["for"]] = true
			}
		}
		for _, e := range list {
			asked := e.name == "input" && e.attrs["type"] != "hidden" || e.name == "select" || e.name == "textarea"
			if asked && (e.attrs["id"] == "" || !labels[e.attrs["id"]]) {
				t.Errorf("no label for %v", e.attrs)
			}
			references := strings.Fields(e.attrs["aria-describedby"] + " " + e.attrs["aria-labelledby"])
			if fragment, ok := strings.CutPrefix(e.attrs["href"], "#"); ok {
				references = append(references, fragment)
			}
			for _, id := range references {
				if !ids[id] {
					t.Errorf("<%s> refers to %q, which is not there", e.name, id)
				}
			}
			if e.name == "form" && e.attrs["method"] != "post" && e.attrs["role"] != "search" {
				t.Errorf("a form has the method %q", e.attrs["method"])
			}
		}
	})
}

func TestNoPageHoldsScriptInlineStyleOrForeignCode(t *testing.T) {
	known := strings.Fields("html head meta title link body a header nav main footer section div h1 h2 h3 p span strong bdi code time " +
		"ul ol li dl dt dd details summary form fieldset legend label input select option textarea button table caption thead tbody tr th td " +
		"img figure figcaption blockquote ins del svg path line polyline polygon rect title")
	eachPage(t, func(t *testing.T, list []*element) {
		for _, e := range list {
			if !slices.Contains(known, e.name) {
				t.Errorf("unexpected element <%s> within %v", e.name, e.parents)
			}
			if e.name == "title" && !slices.Contains(e.parents, "head") && !slices.Contains(e.parents, "rect") {
				t.Errorf("a <title> within %v", e.parents)
			}
			for name, value := range e.attrs {
				if name == "style" || strings.HasPrefix(name, "on") {
					t.Errorf("<%s> has the attribute %s", e.name, name)
				}
				if name != "href" && name != "action" && name != "src" {
					continue
				}
				if strings.HasPrefix(value, "data:image/png;base64,") && e.name == "img" {
					continue
				}
				if u, err := url.Parse(value); err != nil || !slices.Contains([]string{"", "http", "https"}, u.Scheme) || strings.Contains(value, "ZgotmplZ") {
					t.Errorf("<%s %s> leads to %q", e.name, name, value)
				}
			}
		}
	})
}

// Hostile text is there to be read, as text: nothing of it is swallowed.
func TestStoredTextIsShownAsItIs(t *testing.T) {
	r := mustRenderer(t)
	for name, v := range attacked.filled() {
		w := httptest.NewRecorder()
		r.Show(w, 0, v)
		found := false
		for _, e := range elements(t, w.Body.Bytes()) {
			found = found || strings.Contains(e.text, hostile) || e.attrs["value"] == hostile
		}
		if !found {
			t.Errorf("%s does not show the text that it has", name)
		}
	}
}

func TestEveryPageSendsExactlyTheseHeaders(t *testing.T) {
	r := mustRenderer(t)
	for name, v := range typical.filled() {
		answer := httptest.NewRecorder()
		r.Show(answer, 0, v)
		want := map[string]string{
			"Cache-Control":              "no-store",
			"Content-Length":             strconv.Itoa(answer.Body.Len()),
			"Content-Security-Policy":    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Content-Type":               "text/html; charset=utf-8",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Permissions-Policy":         "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
			"Referrer-Policy":            "no-referrer",
			"X-Content-Type-Options":     "nosniff",
			"X-Frame-Options":            "DENY",
			"X-Robots-Tag":               "noindex",
		}
		for header, values := range answer.Header() {
			if len(values) != 1 || values[0] != want[header] {
				t.Errorf("%s: %s is %q", name, header, values)
			}
			delete(want, header)
		}
		if len(want) != 0 {
			t.Errorf("%s: missing are %v", name, want)
		}
	}
}

func TestProblemIsSentWithItsStatus(t *testing.T) {
	r := mustRenderer(t)
	for given, want := range map[int]int{0: 500, 403: 403, 404: 404, 409: 409, 418: 418} {
		w := httptest.NewRecorder()
		if r.Show(w, 0, &Problem{Status: given}); w.Code != want {
			t.Errorf("a problem of status %d is sent with %d", given, w.Code)
		}
	}
	w := httptest.NewRecorder()
	if r.Show(w, 0, &SignIn{}); w.Code != 200 {
		t.Errorf("a page is sent with status %d", w.Code)
	}
	w = httptest.NewRecorder()
	if r.Show(w, 422, &SignIn{}); w.Code != 422 {
		t.Errorf("a page of status 422 is sent with %d", w.Code)
	}
}

type broken struct{ Chrome }

func (*broken) compose() content {
	return content{Heading: "Half a page", Main: []Section{{Forms: []Form{{Fields: []Field{{Kind: KindText}}}}, Secret: &Secret{Value: "x"}}}}
}

func TestPageThatFailsHalfwayIsNotSent(t *testing.T) {
	r := mustRenderer(t)
	var told error
	r.OnError = func(_ string, err error) { told = err }
	r.assets.addresses = nil
	w := httptest.NewRecorder()
	r.Show(w, 0, &broken{})
	if w.Code != 500 || strings.Contains(w.Body.String(), "<") || told == nil {
		t.Errorf("status %d, body %q, error %v", w.Code, w.Body, told)
	}
}

func TestSandboxIsMarkedOnEveryPage(t *testing.T) {
	r := mustRenderer(t)
	for name, v := range onTrial.filled() {
		w := httptest.NewRecorder()
		if r.Show(w, 0, v); !strings.Contains(w.Body.String(), `class="sandbox-bar"`) {
			t.Errorf("%s does not say that it is a sandbox's", name)
		}
	}
	for name, v := range typical.filled() {
		w := httptest.NewRecorder()
		if r.Show(w, 0, v); strings.Contains(w.Body.String(), `class="sandbox-bar"`) {
			t.Errorf("%s says that it is a sandbox's", name)
		}
	}
}

func TestAssetsAreKeptForGoodUnderTheirDigest(t *testing.T) {
	r := mustRenderer(t)
	handler := http.StripPrefix("/admin/assets", r.Assets())
	w := httptest.NewRecorder()
	r.Show(w, 0, &SignIn{})
	for _, e := range elements(t, w.Body.Bytes()) {
		if e.name != "link" {
			continue
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", e.attrs["href"], nil))
		if answer.Code != 200 || answer.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || answer.Body.Len() == 0 {
			t.Errorf("%s: status %d, %v", e.attrs["href"], answer.Code, answer.Header())
		}
	}
	for path, want := range map[string]int{"/admin/assets/style.css": 404, "/admin/assets/": 404, "/admin/assets/../render.go": 404} {
		answer := httptest.NewRecorder()
		if handler.ServeHTTP(answer, httptest.NewRequest("GET", path, nil)); answer.Code != want {
			t.Errorf("%s: status %d", path, answer.Code)
		}
	}
	answer := httptest.NewRecorder()
	if handler.ServeHTTP(answer, httptest.NewRequest("POST", "/admin/assets/"+r.assets.addresses["style.css"], nil)); answer.Code != 405 {
		t.Errorf("a POST is answered with %d", answer.Code)
	}
}
