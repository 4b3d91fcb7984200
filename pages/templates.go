// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/usher-sso/usher/internal/i18n"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templateSet is the templates of all pages in one language, by name. Each is
// parsed when it is first shown: together they take megabytes, all of which the
// garbage collector looks at again and again, and most sites show a few.
type templateSet map[string]func() (*template.Template, error)

// blanks are the pages there are, each with its view: a page has a template of
// its name.
var blanks = map[string]func() view{
	"login":            func() view { return new(Login) },
	"register":         func() view { return new(Register) },
	"forgot":           func() view { return new(Forgot) },
	"reset":            func() view { return new(Reset) },
	"reauthenticate":   func() view { return new(Reauthenticate) },
	"verify":           func() view { return new(Verify) },
	"confirm":          func() view { return new(Confirm) },
	"undo":             func() view { return new(Undo) },
	"consents":         func() view { return new(Consents) },
	"capture":          func() view { return new(Capture) },
	"home":             func() view { return new(Home) },
	"welcome":          func() view { return new(Welcome) },
	"signout":          func() view { return new(SignOut) },
	"signedout":        func() view { return new(SignedOut) },
	"join":             func() view { return new(Join) },
	"app":              func() view { return new(App) },
	"deletion":         func() view { return new(Deletion) },
	"problem":          func() view { return new(Problem) },
	"account":          func() view { return new(AccountOverview) },
	"account_profile":  func() view { return new(AccountProfile) },
	"account_email":    func() view { return new(AccountEmail) },
	"account_password": func() view { return new(AccountPassword) },
	"account_signin":   func() view { return new(AccountSignin) },
	"account_consents": func() view { return new(AccountConsents) },
	"account_answers":  func() view { return new(AccountAnswers) },
	"account_sessions": func() view { return new(AccountSessions) },
	"account_export":   func() view { return new(AccountExport) },
	"account_delete":   func() view { return new(AccountDelete) },
	"account_over":     func() view { return new(AccountOver) },
}

// pageNames are the names of the pages.
var pageNames = slices.Sorted(maps.Keys(blanks))

// Override puts the templates of a folder in the places of ours: a file there
// has the name of one of ours, such as login.html or layout.html, and defines
// what that defines. Messages are those of the catalogue, or words of the
// operator's own. Call it before first use. Errors name the file and the line,
// also those that only show when a page is filled in.
func (r *Renderer) Override(folder fs.FS) error {
	files, err := fs.ReadDir(folder, ".")
	if err != nil {
		return fmt.Errorf("%w; write the path of a folder that the server may read", err)
	}
	for _, f := range files {
		if path.Ext(f.Name()) != ".html" {
			continue
		}
		if _, err := templateFiles.Open("templates/" + f.Name()); err != nil {
			return fmt.Errorf("template %s replaces none of ours; remove it, or give it the name of one", f.Name())
		}
	}
	r.own, r.sets = folder, r.unparsed()
	for _, page := range pageNames {
		v := blanks[page]()
		r.complete(v.chrome())
		if _, err := r.template(v, page); err != nil {
			return err
		}
		if err := r.execute(io.Discard, page, v); err != nil {
			return fmt.Errorf("filling in the page %s: %w; use what that page of ours uses", page, err)
		}
	}
	return nil
}

// emptyFolder is a folder without files.
type emptyFolder struct{}

func (emptyFolder) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// unparsed returns the templates in every language. Ours are compiled in, and
// tests parse all of them; the operator's are parsed by Override.
func (r *Renderer) unparsed() map[*i18n.Language]templateSet {
	sets := make(map[*i18n.Language]templateSet)
	for _, language := range r.catalog.All() {
		sets[language] = make(templateSet)
		for _, page := range pageNames {
			sets[language][page] = sync.OnceValues(func() (*template.Template, error) { return r.parse(language, page) })
		}
	}
	return sets
}

// template returns the template of a page in its language.
func (r *Renderer) template(v view, page string) (*template.Template, error) {
	return r.sets[v.chrome().Language][page]()
}

// execute fills in a page in its language.
func (r *Renderer) execute(w io.Writer, page string, v view) error {
	t, err := r.template(v, page)
	if err != nil {
		return err
	}
	return t.Execute(w, v)
}

// parse returns a page in one language.
func (r *Renderer) parse(l *i18n.Language, page string) (*template.Template, error) {
	t := template.New("layout").Funcs(r.funcs(l))
	files := []string{"layout", "parts", page}
	if strings.HasPrefix(page, "account") {
		files = []string{"layout", "parts", "account_parts", page}
	}
	for _, file := range files {
		if err := r.add(t, l, file); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// constant is what is the same on every showing of a page in one language, as
// templates say it.
var constant = regexp.MustCompile(`\{\{(t|text|asset|lang|dir)(?: "([a-z.-]+)")?\}\}`)

// nested is a message without values inside an action, which escapes it.
var nested = regexp.MustCompile(`\(t(?:ext)? "([a-z.-]+)"\)`)

// constants returns the function that puts a constant's value in its place.
func (r *Renderer) constants(l *i18n.Language) func(action string) string {
	return func(action string) string {
		match := constant.FindStringSubmatch(action)
		switch name, id := match[1], match[2]; {
		case name == "lang":
			return l.Tag.String()
		case name == "dir":
			return l.Dir
		case id == "":
			return action // parsing it tells what is wrong
		case name == "asset":
			if address, err := r.assets.address(id); err == nil {
				return address
			}
			return action
		default:
			return template.HTMLEscapeString(l.Text(id))
		}
	}
}

// add parses a file of templates into t. Constants are put in their places here:
// to look each up whenever a page is shown would take half of the time that a
// page takes.
func (r *Renderer) add(t *template.Template, l *i18n.Language, file string) error {
	source, err := fs.ReadFile(r.own, file+".html")
	if errors.Is(err, fs.ErrNotExist) {
		source, err = templateFiles.ReadFile("templates/" + file + ".html")
	}
	if err != nil {
		return fmt.Errorf("reading the templates of %s: %w", file, err)
	}
	said := constant.ReplaceAllStringFunc(string(source), r.constants(l))
	said = nested.ReplaceAllStringFunc(said, func(value string) string {
		return strconv.Quote(l.Text(nested.FindStringSubmatch(value)[1]))
	})
	if t.Name() != file {
		t = t.New(file) // errors name it
	}
	if _, err := t.Parse(said); err != nil {
		return fmt.Errorf("parsing the templates of %s: %w", file, err)
	}
	return nil
}
