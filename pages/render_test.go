// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/i18n"
)

// hostile is stored text that tries to be more than text in every place where
// a page may put it: an element, an attribute, a URL, the title.
const hostile = `"'></title><script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1)`

func mustRenderer(t testing.TB) *Renderer {
	t.Helper()
	catalog, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRenderer(catalog)
	if err != nil {
		t.Fatal(err)
	}
	r.OnError = func(page string, err error) { t.Errorf("rendering %s: %v", page, err) }
	return r
}

// renderAll renders every page in English with one text in every text field and
// one URL in every URL field, and returns the answers by page.
func renderAll(t *testing.T, text, address string) map[string]*httptest.ResponseRecorder {
	t.Helper()
	return renderIn(t, mustRenderer(t), "en", text, address)
}

// renderIn is renderAll in a language.
func renderIn(t *testing.T, r *Renderer, language, text, address string) map[string]*httptest.ResponseRecorder {
	t.Helper()
	c := Chrome{
		Language: r.catalog.Choose(language), Here: "/login?q=" + url.QueryEscape(text),
		PublisherName: text, HubName: text, SiteName: text,
	}
	consents := []Consent{
		{Name: text, Version: text, Before: text, LinkText: text, LinkURL: address, After: text, Required: true, Error: text},
		{Name: "marketing", Version: "1", Before: text, Checked: true},
	}
	elsewhere := []Elsewhere{{"google", text, address}, {"facebook", text, address}, {"apple", text, address}, {"twitch", text, address}, {text, text, address}}
	sites := []Site{{Name: text, URL: address}, {URL: address}}
	answers := make(map[string]*httptest.ResponseRecorder)
	answer := func(page string) *httptest.ResponseRecorder {
		answers[page] = httptest.NewRecorder()
		return answers[page]
	}
	titled := c
	titled.Title, titled.Here, titled.AssetsPath = text, address, "/.usher/assets/"
	r.Login(answer("login"), 200, Login{c, address, text, text, text, address, address, elsewhere})
	r.Forgot(answer("forgot"), 200, Forgot{c, address, text, text, text, false, address, "", ""})
	r.Reset(answer("reset"), 200, Reset{c, address, text, text, text, false, address})
	r.Register(answer("register"), 200, Register{c, address, text, text, text, consents, text, address, elsewhere})
	r.Consents(answer("consents"), 200, Consents{c, address, text, consents, text, address, time.Time{}, ""})
	r.Home(answer("home"), 200, Home{c, text, time.Unix(1_800_000_000, 0), sites, address, Announced{time.Unix(1_800_000_000, 0), address}})
	renderSteps(r, answer, c, text, address)
	r.Welcome(answer("welcome"), 200, Welcome{c, address, address, sites})
	r.SignOut(answer("signout"), 200, SignOut{c, address, address})
	r.SignedOut(answer("signedout"), 200, SignedOut{c, address, address})
	r.Problem(answer("problem"), Problem{titled, 403, text, text, address, text, elsewhere, false})
	renderAccount(r, c, text, address, answer)
	renderSocial(r, answer, c, text, address, consents, elsewhere)
	for _, page := range pageNames {
		if answers[page] == nil {
			t.Errorf("the page %s is not tested", page)
		}
	}
	return answers
}

func renderKinds(t *testing.T) map[string]map[string]*httptest.ResponseRecorder {
	return map[string]map[string]*httptest.ResponseRecorder{
		"typical": renderAll(t, "Nordlys", "https://sport.example/login?tx=1&lang=en"),
		"empty":   renderAll(t, "", ""),
		"arabic":  renderIn(t, mustRenderer(t), "ar", "Nordlys", "https://sport.example/login?tx=1&lang=ar"),
		"hostile": renderAll(t, hostile, "javascript:alert(1)"),
		"quoted":  renderAll(t, hostile, `https://a.example/"><script>alert(1)</script>`),
		"data":    renderAll(t, "x", " data:text/html,<script>alert(1)</script>"),
	}
}

// element is one start tag of a page, with what surrounds it.
type element struct {
	name    string
	attrs   map[string]string
	parents []string // names, outermost first
}

// voidElements never have an end tag.
var voidElements = []string{"img", "input", "link", "meta"}

// elements reads a page strictly: every tag that opens must close, in order.
func elements(t *testing.T, page string) []element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict = false // attributes without a value
	var list []element
	var open []string
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("reading the page: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{token.Name.Local, make(map[string]string), slices.Clone(open)}
			for _, a := range token.Attr {
				if _, twice := e.attrs[a.Name.Local]; twice {
					t.Errorf("<%s> has %s twice", e.name, a.Name.Local)
				}
				e.attrs[a.Name.Local] = a.Value
			}
			list = append(list, e)
			if !slices.Contains(voidElements, e.name) {
				open = append(open, e.name)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				t.Fatalf("</%s> closes nothing; open are %v", token.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) != 0 {
		t.Errorf("left open: %v", open)
	}
	return list
}

func count(list []element, name string) (n int) {
	for _, e := range list {
		if e.name == name {
			n++
		}
	}
	return n
}

// eachPage runs a check on every page with typical, empty and hostile values.
func eachPage(t *testing.T, check func(t *testing.T, list []element)) {
	for kind, answers := range renderKinds(t) {
		for page, answer := range answers {
			t.Run(kind+"/"+page, func(t *testing.T) { check(t, elements(t, answer.Body.String())) })
		}
	}
}

func TestEveryPageHasLandmarksAndOneHeading(t *testing.T) {
	eachPage(t, func(t *testing.T, list []element) {
		for _, name := range []string{"html", "head", "title", "body", "header", "main", "h1", "footer"} {
			if n := count(list, name); n != 1 {
				t.Errorf("<%s> appears %d times", name, n)
			}
		}
		html := list[0].attrs
		if html["lang"] == "" || (html["dir"] != "ltr" && html["dir"] != "rtl") {
			t.Errorf("html has lang %q and dir %q", html["lang"], html["dir"])
		}
		skip := list[slices.IndexFunc(list, func(e element) bool { return e.name == "body" })+1]
		if skip.name != "a" || skip.attrs["href"] != "#main" {
			t.Errorf("the body begins with %v, not with the skip link", skip)
		}
	})
}

func TestEveryFieldIsLabelledAndEveryReferenceLeadsSomewhere(t *testing.T) {
	eachPage(t, func(t *testing.T, list []element) {
		ids, labels := make(map[string]bool), make(map[string]bool)
		for _, e := range list {
			if id := e.attrs["id"]; ids[id] && id != "" {
				t.Errorf("two elements have the id %q", id)
			}
			ids[e.attrs["id"]] = true
			if e.name == "label" {
				labels[e.attrs["for"]] = true
			}
		}
		for _, e := range list {
			asked := e.name == "input" && e.attrs["type"] != "hidden" || e.name == "select"
			if asked && !labels[e.attrs["id"]] {
				t.Errorf("no label for %v", e.attrs)
			}
			references := strings.Fields(e.attrs["aria-describedby"] + " " + e.attrs["aria-labelledby"])
			if fragment, ok := strings.CutPrefix(e.attrs["href"], "#"); ok {
				references = append(references, fragment)
			}
			for _, id := range references {
				if !ids[id] {
					t.Errorf("%s refers to %q, which is not there", e.name, id)
				}
			}
			if e.name == "form" && e.attrs["method"] != "post" {
				t.Errorf("a form has the method %q", e.attrs["method"])
			}
		}
	})
}

func TestNoPageHoldsScriptInlineStyleOrForeignCode(t *testing.T) {
	known := strings.Fields("html head meta title link body a header p bdi img main script strong div h1 h2 span strong svg path ul li " +
		"form fieldset legend label input button nav footer time code select option details summary")
	eachPage(t, func(t *testing.T, list []element) {
		for _, e := range list {
			if !slices.Contains(known, e.name) {
				t.Errorf("unexpected element <%s> within %v", e.name, e.parents)
			}
			for name, value := range e.attrs {
				if name == "style" || strings.HasPrefix(name, "on") {
					t.Errorf("<%s> has the attribute %s", e.name, name)
				}
				if name != "href" && name != "action" && name != "src" {
					continue
				}
				if u, err := url.Parse(value); err != nil || !slices.Contains([]string{"", "http", "https"}, u.Scheme) {
					t.Errorf("<%s %s> leads to %q", e.name, name, value)
				}
			}
		}
	})
}

func TestConsentLinkOpensInNewTabAndSaysSo(t *testing.T) {
	page := renderAll(t, "terms", "https://a.example/terms")["register"].Body.String()
	want := `<a href="https://a.example/terms" target="_blank" rel="noopener">terms<span class="visually-hidden"> (opens in a new tab)</span>`
	if !strings.Contains(page, want) {
		t.Errorf("no %s in %s", want, page)
	}
	if page := renderAll(t, "terms", "javascript:alert(1)")["register"].Body.String(); strings.Contains(page, "_blank") {
		t.Error("an address that is none is still a link")
	}
}

func TestConsentsAreMarkedInWordsAndCarryTheirVersion(t *testing.T) {
	w := httptest.NewRecorder()
	mustRenderer(t).Consents(w, 200, Consents{Consents: []Consent{
		{Name: "terms", Version: "7", Before: "I accept.", Required: true},
		{Name: "tips", Version: "2", Before: "Send tips.", Checked: true, Error: "No."},
	}})
	for _, want := range []string{
		`id="consent-0" name="consent.terms" value="7" required>`,
		`id="consent-1" name="consent.tips" value="2" checked aria-invalid="true" aria-describedby="consent-1-error">`,
		"(required)", "(optional)", `<a href="#consent-1">No.</a>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
}

func TestPasswordManagersFindTheirFields(t *testing.T) {
	pages := renderAll(t, "", "")
	for page, wants := range map[string][]string{
		"login":    {`autocomplete="username"`, `autocomplete="current-password"`, `inputmode="email"`},
		"register": {`autocomplete="username"`, `autocomplete="new-password"`, `inputmode="email"`, `minlength="8"`},

		"reauthenticate": {`autocomplete="username" readonly`, `name="current" dir="ltr" autocomplete="current-password"`},
	} {
		for _, want := range wants {
			if !strings.Contains(pages[page].Body.String(), want) {
				t.Errorf("%s has no %s", page, want)
			}
		}
	}
}

func TestEveryPageSendsExactlyTheseHeaders(t *testing.T) {
	for page, answer := range renderAll(t, "Nordlys", "/x") {
		want := map[string]string{
			"Cache-Control":              "no-store",
			"Content-Length":             strconv.Itoa(answer.Body.Len()),
			"Content-Security-Policy":    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Content-Type":               "text/html; charset=utf-8",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Permissions-Policy":         "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
			"Referrer-Policy":            "no-referrer",
			"X-Content-Type-Options":     "nosniff",
			"X-Frame-Options":            "DENY",
		}
		for name, values := range answer.Header() {
			if len(values) != 1 || values[0] != want[name] {
				t.Errorf("%s: %s is %q", page, name, values)
			}
			delete(want, name)
		}
		if len(want) != 0 {
			t.Errorf("%s: missing are %v", page, want)
		}
	}
}

func TestFormOriginsEnterThePolicyOnlyAsOrigins(t *testing.T) {
	for origin, want := range map[string]string{
		"https://sports.example":              "'self' https://sports.example",
		"http://localhost:8080":               "'self' http://localhost:8080",
		"":                                    "'self'",
		"*":                                   "'self'",
		"https://*.example":                   "'self'",
		"https://a.example/":                  "'self'",
		"https://a.example; script-src *":     "'self'",
		"https://a.example;script-src":        "'self'",
		"https://a.example,b":                 "'self'",
		"https://u@a.example":                 "'self'",
		"https://a.example\r\nX: y":           "'self'",
		"javascript://a.example":              "'self'",
		"data:":                               "'self'",
		"'unsafe-inline'":                     "'self'",
		"https://\u00e6.example":              "'self'",
		"https://a.example https://b.example": "'self'",
	} {
		w := httptest.NewRecorder()
		mustRenderer(t).Login(w, 200, Login{Chrome: Chrome{FormOrigins: []string{origin}}})
		if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "; form-action "+want+"; ") {
			t.Errorf("%q: %s", origin, got)
		}
	}
}

func TestStatusIsSentAndHeadHasNoBody(t *testing.T) {
	r := mustRenderer(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r.Problem(w, Problem{Status: http.StatusTooManyRequests})
	}))
	defer server.Close()
	answer, err := http.Head(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != 429 || len(body) != 0 || answer.ContentLength < 500 {
		t.Errorf("status %d, %d bytes, length %d", answer.StatusCode, len(body), answer.ContentLength)
	}
	w := httptest.NewRecorder()
	if r.Problem(w, Problem{}); w.Code != 500 {
		t.Errorf("a problem without a status answers %d", w.Code)
	}
}

func TestPageThatFailsHalfwayIsNotSent(t *testing.T) {
	r := mustRenderer(t)
	var told error
	r.OnError = func(_ string, err error) { told = err }
	broken := template.Must(template.New("").Parse("half a page{{.NoSuchField}}"))
	r.sets[r.catalog.All()[0]] = templateSet{"login": func() (*template.Template, error) { return broken, nil }}
	w := httptest.NewRecorder()
	r.Login(w, 200, Login{})
	if w.Code != 500 || strings.Contains(w.Body.String(), "half") || told == nil {
		t.Errorf("status %d, body %q, error %v", w.Code, w.Body, told)
	}
}
