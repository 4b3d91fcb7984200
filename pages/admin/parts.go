// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"html/template"
	"net/url"
	"strings"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/i18n"
)

// inFile says why something is shown and cannot be changed.
const inFile = "Set in the server's configuration file, which has the last word."

// may tells whether the member who looks at a page may do an act there.
func (c *Chrome) may(act string) bool {
	a := acts.ActNamed(act)
	return c.Member != nil && a != nil && acts.Allows(authstore.Role(c.Member.Role), a.Needs)
}

// to returns the address where an act is done. params are the parameters of its
// path, each a name and a value.
func (c *Chrome) to(act string, params ...string) string {
	path := acts.ActNamed(act).Path
	for i := 0; i+1 < len(params); i += 2 {
		path = strings.ReplaceAll(path, "{"+params[i]+"}", url.PathEscape(params[i+1]))
	}
	return c.Path(path)
}

// Reading is the text of a consent as viewers read it.
type Reading struct {
	consent.Label
	Box  string // the box beside it, ticked or not; "" is none
	Tag  string // BCP 47, of its language
	More string // the full text, where it is not behind the link
}

// reading returns a text as viewers read it. A label that could not be read is shown
// as it is.
func reading(tag, label, value string) Reading {
	parsed, err := consent.ParseLabel(label)
	if err != nil {
		parsed = consent.Label{Before: label}
	}
	return Reading{Label: parsed, Tag: tag, More: value}
}

// plain returns a label without its link.
func plain(label string) string {
	l := reading("", label, "").Label
	return l.Before + l.LinkText + l.After
}

// BarRow is one of several counts that are compared, each of the same whole.
type BarRow struct {
	Label string
	Count int64
	Of    int64 // the whole
}

func (r BarRow) share() ShareRow {
	return ShareRow{Parts: []Share{{Count: r.Count}, {Count: max(0, r.Of-r.Count), Rest: true}}}
}

// Percent returns the count in per cent of the whole.
func (r BarRow) Percent() string { return r.share().Percent(Share{Count: r.Count}) }

// Drawing returns the bar as SVG.
func (r BarRow) Drawing() template.HTML { return r.share().Drawing() }

// languageName returns what a language calls itself, or its tag.
func languageName(tag string) string {
	catalog, err := i18n.Load()
	if err != nil {
		return tag
	}
	for _, l := range catalog.All() {
		if l.Tag.String() == tag {
			return l.Name
		}
	}
	return tag
}
