// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/i18n"
)

// What templates can say, and in which language a page is.

// funcs are what templates call, for the pages of one language:
//
//	{{t "login.lead" "Site" .SiteName}}    a message as HTML, its values escaped and in <bdi>
//	{{text "welcome.heading" "Site" .X}}   the same as plain text, for titles and attributes
//	{{strong .SiteName}}                   a value for t that stands out
//	{{date .X}}, {{datetime .X}}           a day, and a day and minute, as <time>; also values for t
//	{{lang}}, {{dir}}                      the language's tag and its direction, for <html>
//	{{gone .}}                             a picture of an origin in .Chrome.Gone
//	{{head .Chrome}}                       the links to style sheets, script and icon
//	{{menu .Pages}}                        the menu of the account, as items of a list
//	{{consentBox $i $c}}                   the attributes of a Consent's box, by its place
//	{{consentLabel $c}}                    what a Consent's box is for
//	{{elsewhere .Elsewhere}}               the buttons of other places to sign in, as a list
//	{{brandMark .Brand}}                   the mark of one
//	{{rows .Rows}}                         the account's pages with what each is about, as items of a list
//	{{options .Options}}                   what a <select> offers
//	{{countries .Country}}                 the same for the countries, with one chosen by its code
//	{{question .}}                         a Question with the field or boxes for its answer
func (r *Renderer) funcs(l *i18n.Language) template.FuncMap {
	return template.FuncMap{
		"asset":        r.assets.address,
		"consentBox":   consentBox,
		"consentID":    consentID,
		"consentLabel": func(c *Consent) template.HTML { return consentLabel(l, c) },
		"countries":    func(chosen string) template.HTML { return r.countryElements(l, chosen) },
		"date":         func(t time.Time) template.HTML { return moment(t, time.DateOnly, l.Date(t)) },
		"datetime":     func(t time.Time) template.HTML { return moment(t, time.RFC3339, l.DateTime(t)) },
		"dir":          func() string { return l.Dir },
		"elsewhere":    func(list []Elsewhere) template.HTML { return elsewhereLinks(l, list) },
		"faults":       func(v interface{ faults() []fault }) []fault { return v.faults() },
		"gone":         gone,
		"head":         r.head,
		"brandMark":    brandMark,
		"lang":         func() string { return l.Tag.String() },
		"languages":    r.languageItems,
		"menu":         menuItems,
		"options":      optionElements,
		"question":     func(q *Question) template.HTML { return r.question(l, q) },
		"rows":         rowItems,
		"sessionID":    sessionID,
		"signinID":     signinID,
		"strong":       strong,
		"t":            l.HTML,
		"text":         l.Text,
		"webURL":       webURL,
	}
}

// moment returns a time as people read it and as machines do.
func moment(t time.Time, layout, said string) template.HTML {
	return template.HTML(`<time datetime="` + t.UTC().Format(layout) + `">` + template.HTMLEscapeString(said) + "</time>")
}

// strong returns a value that stands out from its sentence.
func strong(value string) template.HTML {
	return template.HTML("<strong><bdi>" + template.HTMLEscapeString(value) + "</bdi></strong>")
}

// gone returns the address of the picture that makes the browser forget what it
// kept of an origin.
func gone(origin string) string {
	if origin == "" {
		return GonePath
	}
	return origin + gate.ReservedPrefix + gate.GonePath
}

// head returns the elements that load the style sheets, the script and the icon.
// They are on every page, and a template takes ten times as long for them.
func (r *Renderer) head(c Chrome) template.HTML {
	at := template.HTMLEscapeString(c.AssetsPath)
	own := func(name string) string { return at + r.assets.addresses[name] }
	icon, brand := own("favicon.svg"), ""
	if c.Face.Favicon != "" {
		icon = at + c.Face.Favicon
	}
	if c.Face.Style != "" {
		brand = `<link rel="stylesheet" href="` + at + c.Face.Style + "\">\n"
	}
	return template.HTML(`<link rel="icon" href="` + icon + "\">\n" +
		`<link rel="stylesheet" href="` + own("style.css") + "\">\n" + brand +
		`<script src="` + own("usher.js") + "\" defer></script>\n")
}

// tongue is a language as an item of a list, without what comes before it and
// differs: the address of the page.
type tongue struct{ after, afterCurrent string }

func newTongue(l *i18n.Language) tongue {
	tag := l.Tag.String()
	name := ">" + template.HTMLEscapeString(l.Name) + "</a></li>\n"
	after := "ui_locales=" + tag + `" lang="` + tag + `" hreflang="` + tag + `" dir="` + l.Dir + `"`
	return tongue{after + name, after + ` aria-current="true"` + name}
}

// languageItems returns the items of a list that leads to the page in each
// language of the publisher's, none when there is only one or the page has no
// address of its own. A template would take
// as long for them as for all the rest of a page.
func (r *Renderer) languageItems(c *Chrome) template.HTML {
	// The path stays as it was written: written anew it may begin with //, which
	// leads to another host, as /\ does.
	path, query, _ := strings.Cut(c.Here, "?")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return ""
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	q.Del("ui_locales")
	path += "?"
	if len(q) > 0 {
		path += q.Encode() + "&"
	}
	path = template.HTMLEscapeString(path)
	var items strings.Builder
	items.Grow(len(r.tongues) * (len(path) + 128))
	choice := r.catalog.Among(c.Languages).All()
	if len(choice) == 1 {
		return ""
	}
	for _, l := range choice {
		i := slices.Index(r.catalog.All(), l)
		after := r.tongues[i].after
		if l == c.Language {
			after = r.tongues[i].afterCurrent
		}
		items.WriteString(`<li><a href="`)
		items.WriteString(path)
		items.WriteString(after)
	}
	return template.HTML(items.String())
}

// language returns the language for a visitor: what the address asks for, else
// that of the account, else what the browser prefers. among are the tags of the
// languages that the publisher's pages may be shown in; none for all.
func (r *Renderer) language(req *http.Request, among []string, uiLocales, account string) *i18n.Language {
	return r.catalog.Among(among).Choose(uiLocales, account, strings.Join(req.Header.Values("Accept-Language"), ","))
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
