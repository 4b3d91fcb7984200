// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"reflect"
	"strings"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// parse returns the templates: one layout for all pages, and components.
func (r *Renderer) parse() (*template.Template, error) {
	t, err := template.New("layout.html").Funcs(template.FuncMap{
		"asset":    r.assets.address,
		"link":     link,
		"date":     func(t time.Time) string { return t.UTC().Format("2\u00a0Jan\u00a02006") },
		"datetime": func(t time.Time) string { return t.UTC().Format("2\u00a0Jan\u00a02006, 15:04") },
		"stamp":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"number":   number,
	}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the templates: %w", err)
	}
	return t, nil
}

// sheet is what the layout is filled in with.
type sheet struct {
	*Chrome
	content
	Faults []fault
	Nav    []NavItem
}

// execute fills in a page.
func (r *Renderer) execute(w io.Writer, v View) error {
	t, err := r.templates()
	if err != nil {
		return err
	}
	c := v.chrome()
	s := sheet{Chrome: c, content: v.compose(), Nav: c.nav()}
	if c.Refused != nil && !s.refill(c.Refused) && c.Error == "" {
		told := *c
		told.Error, s.Chrome = sentence("", c.Refused.Sentence), &told
	}
	s.Faults = s.faults()
	return t.ExecuteTemplate(w, "layout.html", s)
}

// pageName names a view as errors do.
func pageName(v View) string {
	return strings.ToLower(reflect.TypeOf(v).Elem().Name())
}

// link returns an address that may stand in a link: a path here, or a web page.
// Anything else, such as a script, is none.
func link(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || strings.ContainsAny(address, "\\\t\r\n"):
		return ""
	case u.Scheme == "" && u.Host == "" && (strings.HasPrefix(address, "/") || strings.HasPrefix(address, "?") || strings.HasPrefix(address, "#")):
		return address
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil:
		return address
	}
	return ""
}

// number writes a count with commas between thousands.
func number(n int64) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}
