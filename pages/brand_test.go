// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"bytes"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/usher-sso/usher/internal/i18n"
)

// grounds are those of the stylesheet that an accent stands on, and the
// contrast it needs there.
var grounds = map[string]map[rgb]float64{
	"light": {white: 4.5, {0xf6, 0xf8, 0xfb}: 4.5, {0xf3, 0xf5, 0xf8}: 3},
	"dark":  {{0x15, 0x1b, 0x26}: 4.5, {0x1c, 0x24, 0x31}: 4.5, {0x0c, 0x10, 0x18}: 3},
}

func TestBrandColoursCanBeRead(t *testing.T) {
	for _, color := range []string{
		"#000000", "#ffffff", "#808080", "#ff0000", "#00ff00", "#0000ff", "#ffff00", "#00ffff", "#ff00ff", "#e50914", "#1c49b8", "#ffd200", "#0b1f3a",
	} {
		sheet, err := brandSheet(color)
		if err != nil {
			t.Fatal(err)
		}
		light, dark, _ := strings.Cut(string(sheet), "@media")
		for scheme, css := range map[string]string{"light": light, "dark": dark} {
			tokens := map[string]rgb{}
			for _, m := range regexp.MustCompile(`--([a-z-]+):(#[0-9a-f]{6})`).FindAllStringSubmatch(css, -1) {
				if tokens[m[1]], err = parseColor(m[2]); err != nil {
					t.Fatal(err)
				}
			}
			if len(tokens) != 4 {
				t.Fatalf("%s, %s: tokens %v", color, scheme, tokens)
			}
			for _, front := range []string{"accent", "accent-strong"} {
				for ground, least := range grounds[scheme] {
					if ratio := contrast(tokens[front], ground); ratio < least {
						t.Errorf("%s, %s: %s %s on %s is %.2f", color, scheme, front, tokens[front], ground, ratio)
					}
				}
				if ratio := contrast(tokens["on-accent"], tokens[front]); ratio < 4.5 {
					t.Errorf("%s, %s: words on %s %s are %.2f", color, scheme, front, tokens[front], ratio)
				}
			}
			if ratio := contrast(tokens["accent"], tokens["glow"]); ratio < 3 {
				t.Errorf("%s, %s: accent on glow is %.2f", color, scheme, ratio)
			}
		}
	}
}

func TestColoursThatAreNoneAreRefused(t *testing.T) {
	for _, color := range []string{"", "red", "#fff", "##0a5bd3", "#0a5bd", "#0a5bd33", "#0a5bdg", "#-a5bd3", "#0a5bd3;}"} {
		if sheet, err := brandSheet(color); err == nil {
			t.Errorf("%q makes %s", color, sheet)
		}
	}
}

func TestPicturesAreKnownByTheirContent(t *testing.T) {
	for content, kind := range map[string]string{
		"\x89PNG\r\n\x1a\n": "image/png",
		`<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>`: "image/svg+xml",
		"<html><svg/></html>": "", "GIF89a": "image/gif", "hello": "", "": "",
	} {
		p, err := NewImage([]byte(content))
		if kind == "" && err == nil || kind != "" && (err != nil || p.contentType != kind) {
			t.Errorf("%q: %v, %v; want %q", content, p, err, kind)
		}
	}
	if _, err := NewImage(append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, maxImage)...)); err == nil {
		t.Error("a picture of any size is taken")
	}
}

func TestPagesHaveTheLookOfTheirPublisher(t *testing.T) {
	catalog, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRenderer(catalog)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := NewImage([]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
	if err != nil {
		t.Fatal(err)
	}
	err = r.SetBrand(7, Brand{Logo: picture, Favicon: picture, Color: "#e50914", Links: []Link{
		{Kind: "privacy", URL: "https://nova.example/privacy"}, {Text: `<b>Jobs</b>`, URL: "https://nova.example/jobs"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	page := func(publisher int64) string {
		w := httptest.NewRecorder()
		r.Login(w, 200, Login{Chrome: Chrome{PublisherID: publisher, PublisherName: "Nova <TV>"}})
		return w.Body.String()
	}
	own := page(7)
	for _, part := range []string{`alt="Nova &lt;TV&gt;"`, "https://nova.example/privacy", ">Privacy<", "&lt;b&gt;Jobs", "brand."} {
		if !strings.Contains(own, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	for _, m := range regexp.MustCompile(`/assets/((?:logo|icon|brand)\.[0-9a-f]+\.[a-z]+)`).FindAllStringSubmatch(own, -1) {
		w := httptest.NewRecorder()
		r.Assets().ServeHTTP(w, httptest.NewRequest("GET", "/"+m[1], nil))
		if w.Code != 200 || bytes.TrimSpace(w.Body.Bytes()) == nil {
			t.Errorf("%s: %d", m[1], w.Code)
		}
	}
	if other := page(8); strings.Contains(other, "brand.") || strings.Contains(other, "logo.") || strings.Contains(other, "privacy") {
		t.Error("another publisher's page has the look too")
	}
}

func TestOperatorsTemplatesReplaceOurs(t *testing.T) {
	r := mustRenderer(t)
	err := r.Override(fstest.MapFS{
		"signedout.html": {Data: []byte(`{{define "heading"}}Bye{{end}}{{define "content"}}<p>See you at {{.PublisherName}}, {{t "action.signin"}}.</p>{{end}}`)},
		"readme.txt":     {Data: []byte("not a template")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r.SignedOut(w, 200, SignedOut{Chrome: Chrome{PublisherName: "A&B", Language: r.catalog.Choose("de")}})
	if body := w.Body.String(); !strings.Contains(body, "See you at A&amp;B, Anmelden.") {
		t.Errorf("%s", body)
	}
	w = httptest.NewRecorder()
	r.Login(w, 200, Login{})
	if !strings.Contains(w.Body.String(), `name="password"`) {
		t.Error("a page without a template of the operator's is gone")
	}
}

func TestOperatorsTemplatesThatDoNotFitAreRefused(t *testing.T) {
	for file, want := range map[string]string{
		"login.html|{{define \"heading\"}}{{end}}{{define \"content\"}}{{.Nothing}}{{end}}": "login:1",
		"login.html|\n\n{{define \"content\"}}{{end}":                                       "login:3",
		"layout.html|<p>{{t \"no.such.message\" \"A\" .Nope}}":                              "layout:1",
		"logins.html|x": "logins.html replaces none of ours",
	} {
		name, content, _ := strings.Cut(file, "|")
		err := mustRenderer(t).Override(fstest.MapFS{name: {Data: []byte(content)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}
