// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package consent owns what customers are asked to agree to: which answers are
// missing or out of date, which are in force, and what is written down as
// evidence. It refuses answers to anything but the newest version.
package consent

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
)

var (
	// ErrUnknown says that an answer names a consent the publisher does not
	// have.
	ErrUnknown = errors.New("unknown consent")

	// ErrVersion says that an answer is to a version other than the newest.
	ErrVersion = errors.New("not the newest version of the consent")

	// ErrState says that an answer is neither accepted nor declined.
	ErrState = errors.New("consent state must be accepted or declined")
)

// nameForm keeps names usable as ids of inputs, which clients make of them.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// CheckName judges the name of a consent.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is not a consent name; use small letters, digits and underscores, such as broadcaster_terms", name)
	}
	return nil
}

// Answer is what a customer says to one consent.
type Answer struct {
	Name    string
	Version string
	State   authstore.ConsentState

	// Language is the tag of the language that the customer reads, or "". It goes on
	// record where the consent has a translation into it.
	Language string
}

// Records turns answers into the evidence to be stored. It refuses the whole
// list for one bad answer. Errors: ErrUnknown, ErrVersion, ErrState.
func Records(defs []authstore.ConsentDefinition, answers []Answer, ip string) ([]authstore.ConsentRecord, error) {
	records := make([]authstore.ConsentRecord, 0, len(answers))
	for _, a := range answers {
		d, ok := find(defs, a.Name)
		switch {
		case !ok:
			return nil, fmt.Errorf("%w %q", ErrUnknown, a.Name)
		case a.Version != d.Version:
			return nil, fmt.Errorf("%w: %s is at version %s", ErrVersion, d.Name, d.Version)
		case a.State != authstore.Accepted && a.State != authstore.Declined:
			return nil, fmt.Errorf("%w: %s", ErrState, d.Name)
		}
		_, shown := d.In(a.Language)
		records = append(records, authstore.ConsentRecord{
			Name: d.Name, Version: d.Version, TextHash: d.TextHash(), State: a.State, IP: ip, Language: shown,
		})
	}
	return records, nil
}

func find(defs []authstore.ConsentDefinition, name string) (authstore.ConsentDefinition, bool) {
	for _, d := range defs {
		if d.Name == name {
			return d, true
		}
	}
	return authstore.ConsentDefinition{}, false
}

// Accepted returns the names that the answers in force accept at the newest
// version, in the publisher's order.
func Accepted(defs []authstore.ConsentDefinition, inForce map[string]authstore.ConsentAnswer) []string {
	var names []string
	for _, d := range defs {
		if accepted(d, inForce) {
			names = append(names, d.Name)
		}
	}
	return names
}

// Due tells whether a required consent is not accepted at the newest version,
// and must be by now: while a publisher gives time to accept a new version, the
// one before will do.
func Due(defs []authstore.ConsentDefinition, inForce map[string]authstore.ConsentAnswer, now time.Time) bool {
	for _, d := range defs {
		earlier := inForce[d.Name].State == authstore.Accepted && now.Before(d.TransitionUntil)
		if d.Required && !accepted(d, inForce) && !earlier {
			return true
		}
	}
	return false
}

// Announced returns the required consents that the customer has accepted in an
// earlier version, and may accept in the newest one until a time to come.
func Announced(defs []authstore.ConsentDefinition, inForce map[string]authstore.ConsentAnswer, now time.Time) []authstore.ConsentDefinition {
	var list []authstore.ConsentDefinition
	for _, d := range defs {
		if d.Required && !accepted(d, inForce) && inForce[d.Name].State == authstore.Accepted && now.Before(d.TransitionUntil) {
			list = append(list, d)
		}
	}
	return list
}

// Asked returns the consents that a customer has something to say to: required
// ones that are not accepted at the newest version, and others that have no
// answer at it.
func Asked(defs []authstore.ConsentDefinition, inForce map[string]authstore.ConsentAnswer) []authstore.ConsentDefinition {
	var list []authstore.ConsentDefinition
	for _, d := range defs {
		if a, answered := inForce[d.Name]; !answered || a.Version != d.Version || d.Required && a.State != authstore.Accepted {
			list = append(list, d)
		}
	}
	return list
}

// Withdrawn tells whether answers take back a required consent that the ones in
// force had accepted.
func Withdrawn(defs []authstore.ConsentDefinition, inForce map[string]authstore.ConsentAnswer, answers []Answer) bool {
	for _, a := range answers {
		d, _ := find(defs, a.Name)
		if d.Required && a.State == authstore.Declined && inForce[a.Name].State == authstore.Accepted {
			return true
		}
	}
	return false
}

func accepted(d authstore.ConsentDefinition, inForce map[string]authstore.ConsentAnswer) bool {
	r, ok := inForce[d.Name]
	return ok && r.State == authstore.Accepted && r.Version == d.Version
}

// Label is a consent's text cut into what a page shows: the words before the
// link, the link, and the words after it.
type Label struct{ Before, LinkText, LinkURL, After string }

// linkForm is a link as operators write it: [text](https://…).
var linkForm = regexp.MustCompile(`\[([^\[\]]+)\]\(([^()\s]+)\)`)

// ParseLabel reads a label as operators write it. At most one link, to an
// https or http address.
func ParseLabel(s string) (Label, error) {
	links := strings.Count(s, "](") // whatever looks like a link must be one
	if links == 0 {
		return Label{Before: s}, nil
	}
	bad := fmt.Errorf("label %q must have at most one link, written [text](https://…)", s)
	m := linkForm.FindStringSubmatchIndex(s)
	if links > 1 || m == nil {
		return Label{}, bad
	}
	l := Label{Before: s[:m[0]], LinkText: s[m[2]:m[3]], LinkURL: s[m[4]:m[5]], After: s[m[1]:]}
	u, err := url.Parse(l.LinkURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return Label{}, bad
	}
	return l, nil
}

// LabelHTML is Label.HTML of a label that was judged when it was configured; of
// any other it returns the plain text, escaped.
func LabelHTML(s string) string {
	l, err := ParseLabel(s)
	if err != nil {
		return html.EscapeString(s)
	}
	return l.HTML()
}

// HTML returns the label as the MediaStore contract has it: text with at most
// one anchor, everything else escaped.
func (l Label) HTML() string {
	if l.LinkURL == "" {
		return html.EscapeString(l.Before)
	}
	var b strings.Builder
	b.WriteString(html.EscapeString(l.Before))
	fmt.Fprintf(&b, `<a href="%s" target="_blank" rel="noopener">%s</a>`, html.EscapeString(l.LinkURL), html.EscapeString(l.LinkText))
	b.WriteString(html.EscapeString(l.After))
	return b.String()
}
