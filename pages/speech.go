// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/i18n"
)

// What templates can say, and in which language a page is.

// funcs are what templates call, for the pages of one language:
//
//	{{t "login.lead" "Site" .SiteName}}    a message as HTML, its values escaped and in <bdi>
//	{{text "welcome.heading" "Site" .X}}   the same as plain text, for titles and attributes
//	{{strong .SiteName}}                   a value for t that stands out
//	{{date .X}}, {{datetime .X}}           a day, and a day and minute, as <time>; also values for t
func (r *Renderer) funcs(l *i18n.Language) template.FuncMap {
	return template.FuncMap{
		"asset":     r.assets.address,
		"consentID": consentID,
		"date":      func(t time.Time) template.HTML { return moment(t, time.DateOnly, l.Date(t)) },
		"datetime":  func(t time.Time) template.HTML { return moment(t, time.RFC3339, l.DateTime(t)) },
		"faults":    func(v interface{ faults() []fault }) []fault { return v.faults() },
		"languages": r.languageItems,
		"sessionID": sessionID,
		"strong":    strong,
		"t":         l.HTML,
		"text":      l.Text,
		"webURL":    webURL,
	}
}

// moment returns a time as people read it and as machines do.
func moment(t time.Time, layout, said string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(layout), template.HTMLEscapeString(said)))
}

// strong returns a value that stands out from its sentence.
func strong(value string) template.HTML {
	return template.HTML("<strong><bdi>" + template.HTMLEscapeString(value) + "</bdi></strong>")
}

// languageLink leads to the page in another language.
type languageLink struct {
	*i18n.Language
	URL     string
	Current bool
}

// languageLinks returns the links that show a page in each language, none when
// it has no address of its own.
func (r *Renderer) languageLinks(c *Chrome) []languageLink {
	// The path stays as it was written: written anew it may begin with //, which
	// leads to another host, as /\ does.
	kept, query, _ := strings.Cut(c.Here, "?")
	if !strings.HasPrefix(kept, "/") || strings.HasPrefix(kept, "//") || strings.Contains(kept, `\`) {
		return nil
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	q.Del("ui_locales")
	kept += "?"
	if len(q) > 0 {
		kept += q.Encode() + "&"
	}
	links := make([]languageLink, 0, len(r.catalog.All()))
	for _, l := range r.catalog.All() {
		links = append(links, languageLink{l, kept + "ui_locales=" + l.Tag.String(), l == c.Language})
	}
	return links
}

// languageItems returns the languageLinks as items of a list, each named in its
// own language. A template would take as long for them as for all the rest of a
// page.
func (r *Renderer) languageItems(c *Chrome) template.HTML {
	var items strings.Builder
	items.Grow(2 << 10)
	for _, link := range r.languageLinks(c) {
		tag := link.Tag.String()
		items.WriteString(`<li><a href="` + template.HTMLEscapeString(link.URL) + `" lang="` + tag + `" hreflang="` + tag + `" dir="` + link.Dir + `"`)
		if link.Current {
			items.WriteString(` aria-current="true"`)
		}
		items.WriteString(">" + template.HTMLEscapeString(link.Name) + "</a></li>\n")
	}
	return template.HTML(items.String())
}

// language returns the language for a visitor: what the address asks for, else
// that of the account, else what the browser prefers.
func (r *Renderer) language(req *http.Request, uiLocales, account string) *i18n.Language {
	return r.catalog.Choose(uiLocales, account, strings.Join(req.Header.Values("Accept-Language"), ","))
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
