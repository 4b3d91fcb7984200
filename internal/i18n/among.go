// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package i18n

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Tags returns the BCP 47 tags of the languages, English first.
func (c *Catalog) Tags() []string {
	tags := make([]string, len(c.languages))
	for i, l := range c.languages {
		tags[i] = l.Tag.String()
	}
	return tags
}

// Among returns the catalogue of some languages only, by their tags: the first is
// for viewers whose languages are not among them. Tags of languages that there are
// not count for nothing; without any other, it is the whole catalogue.
func (c *Catalog) Among(tags []string) *Catalog {
	if len(tags) == 0 {
		return c
	}
	list := strings.Join(tags, " ")
	if some, ok := c.parts.Load(list); ok {
		return some.(*Catalog)
	}
	some := c.among(tags)
	if c.partsKnown.Add(1) <= maxParts {
		c.parts.Store(list, some)
	}
	return some
}

// maxParts bounds how many lists of languages are remembered. Publishers have a few.
const maxParts = 1000

func (c *Catalog) among(tags []string) *Catalog {
	some := &Catalog{}
	var found []language.Tag
	for _, tag := range tags {
		i := slices.IndexFunc(c.languages, func(l *Language) bool { return l.Tag.String() == tag })
		if i < 0 || slices.Contains(some.languages, c.languages[i]) {
			continue
		}
		some.languages = append(some.languages, c.languages[i])
		found = append(found, c.languages[i].Tag)
	}
	if len(found) == 0 {
		return c
	}
	some.matcher = language.NewMatcher(found)
	return some
}
