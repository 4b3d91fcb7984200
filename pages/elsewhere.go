// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"html/template"

	"github.com/usher-sso/usher/internal/i18n"
)

// Elsewhere is a link to a place where viewers can sign in, as its brand wants it to
// look.
type Elsewhere struct {
	Brand string // google, facebook, apple, twitch, or another word for a plain one
	Name  string // what viewers know it by
	URL   string
}

// brands are the providers whose owners have rules for how their buttons look:
//   - https://developers.google.com/identity/branding-guidelines
//   - https://about.meta.com/brand/resources/facebook/logo/
//   - https://developer.apple.com/design/human-interface-guidelines/sign-in-with-apple
//   - https://brand.twitch.com
//
// Their colours are in the style sheet, but for those of a mark that has several.
//
// Here are their marks: what is inside of an <svg>, in a square of 24.
var brands = map[string]template.HTML{
	"google": `<path fill="#ea4335" d="M3.01 7.62A10 10 0 0 1 19.07 4.93L16.24 7.76A6 6 0 0 0 6.61 9.37Z"/><path fill="#fbbc05" d="M3.01 16.38A10 10 0 0 1 3.01 7.62L6.61 9.37A6 6 0 0 0 6.61 14.63Z"/>` +
		`<path fill="#34a853" d="M18.43 19.66A10 10 0 0 1 3.01 16.38L6.61 14.63A6 6 0 0 0 15.86 16.60Z"/><path fill="#4285f4" d="M12 10H21.8A10 10 0 0 1 18.43 19.66L15.86 16.60A6 6 0 0 0 17.66 14H12Z"/>`,
	"facebook": `<path d="M13.6 22.5v-9.2h3.1l.5-3.7h-3.6V7.3c0-1.1.4-1.8 1.9-1.8h1.8V2.2c-.4 0-1.4-.2-2.6-.2-2.9 0-4.8 1.7-4.8 4.9v2.7h-3v3.7h3v9.2Z"/>`,
	"apple": `<path d="M12.1 7.3c1.2 0 2.2-1 3.9-1 1.6 0 2.9.7 3.8 1.9-3.2 1.9-2.7 6.3.7 7.5-.9 2.7-2.7 5.8-4.6 5.8-1.3 0-1.9-.8-3.5-.8s-2.3.8-3.5.8c-2.4 0-5.2-4.5-5.2-8.5 0-3.9 2.4-6.5 5-6.5 1.6 0 2.5.8 3.4.8Z"/>` +
		`<path d="M15.7 2c.2 2.1-1.7 4.2-3.7 4.1-.2-2 1.6-4 3.7-4.1Z"/>`,
	"twitch": `<path fill-rule="evenodd" d="M5 1.5 3 5.5v13.7h5v3.3h2.8l3.3-3.3h3.9l4-4V1.5Zm.8 2H20v10.7l-2.7 2.7h-4.3l-3 3v-3H5.8Zm5 3.7v5.5h2V7.2Zm5 0v5.5h2V7.2Z"/>`,
}

// plainMark is that of a provider without a brand of its own: a person.
const plainMark = template.HTML(`<path d="M12 2.5a5 5 0 1 1 0 10 5 5 0 0 1 0-10Zm0 11.8c5 0 9 2.7 9 6.2v1H3v-1c0-3.5 4-6.2 9-6.2Z"/>`)

// brandClass returns the class of a brand's buttons, and brandMark its mark.
func brandClass(name string) string {
	if _, ok := brands[name]; ok {
		return name
	}
	return "plain"
}

func brandMark(name string) template.HTML {
	mark, ok := brands[name]
	if !ok {
		mark = plainMark
	}
	return `<svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + mark + `</svg>`
}

// elsewhereLinks returns the buttons that lead to other places to sign in, as a list.
func elsewhereLinks(l *i18n.Language, list []Elsewhere) template.HTML {
	var m markup
	m.Grow(len(list) * 512)
	m.WriteString(`<ul class="elsewhere">` + "\n")
	for _, e := range list {
		m.WriteString(`<li><a class="button brand ` + brandClass(e.Brand) + `"`)
		m.set("href", webURL(e.URL))
		m.WriteString(">" + string(brandMark(e.Brand)) + "<span>")
		m.WriteString(string(l.HTML("elsewhere.continue", "Provider", e.Name)))
		m.WriteString("</span></a></li>\n")
	}
	m.WriteString("</ul>\n")
	return m.html()
}
