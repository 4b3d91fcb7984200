// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/usher-sso/usher/authstore"
)

var sandboxActs = []*Act{
	define(Act{Name: "sandbox.diff", Method: "GET", Path: "sandbox/diff", Needs: Own, Summary: "Show what copying the sandbox's settings would change"}, diffSandbox),
	define(Act{Name: "sandbox.copy", Method: "POST", Path: "sandbox/copy", Needs: Own, StepUp: true, Summary: "Copy the sandbox's settings to another publisher"}, copySandbox),
	define(Act{Name: "sandbox.reset", Method: "POST", Path: "sandbox/reset", Needs: Own, StepUp: true, Summary: "Remove all customers of a sandbox, with everything of theirs"}, resetSandbox),
}

var errNoSandbox = &InvalidError{"", "this publisher is no sandbox"}

// DiffSandbox is where settings would be copied to.
type DiffSandbox struct {
	To string `json:"to"` // id of a publisher that is no sandbox
}

// SandboxDiff is what copying the settings of a sandbox changes.
type SandboxDiff struct {
	To       PublisherInfo `json:"to"`
	From     int64         `json:"from"`     // revision of the sandbox's settings
	Revision int64         `json:"revision"` // of the settings that change
	Changes  []Change      `json:"changes"`
}

// Change is one setting that would change. Before and After are as people read
// them.
type Change struct {
	Setting string `json:"setting"`
	Before  string `json:"before"`
	After   string `json:"after"`
	Note    string `json:"note"` // such as why it is not copied
}

// copying is the settings of two publishers.
type copying struct {
	to       authstore.Publisher
	from, at authstore.Settings
	drafts   []draftOf
}

// draftOf is a version of a consent that becomes a draft elsewhere.
type draftOf struct {
	consent authstore.ManagedConsent
	version authstore.ConsentVersion
	before  string // the text there, if any
	why     string // why it is not copied, or ""
}

// target reads both sides. The actor must own the other one, too.
func (c *call) target(ctx context.Context, to string) (x copying, err error) {
	if !c.publisher.Sandbox {
		return x, errNoSandbox
	}
	id, err := strconv.ParseInt(to, 10, 64)
	p, ok := c.service.Directory.ByID(id)
	if err != nil || !ok || !c.actor.may(Own, id) {
		return x, ErrForbidden
	}
	if p.Sandbox {
		return x, invalid("to", "is a sandbox; choose a publisher that is none")
	}
	x.to = p
	if x.from, err = c.service.Store.Settings(ctx, c.publisher.ID); err == nil {
		x.at, err = c.service.Store.Settings(ctx, id)
	}
	if err != nil {
		return x, fmt.Errorf("reading settings: %w", err)
	}
	x.drafts, err = c.drafts(ctx, p)
	return x, err
}

// drafts returns the consents that are asked for in the sandbox and read otherwise
// at the other publisher.
func (c *call) drafts(ctx context.Context, to authstore.Publisher) (list []draftOf, err error) {
	managed, err := c.service.Store.ManagedConsents(ctx, c.publisher.ID)
	if err != nil {
		return nil, fmt.Errorf("reading consents: %w", err)
	}
	for _, d := range c.publisher.Consents {
		d.TransitionUntil = d.TransitionUntil.UTC()
		i := slices.IndexFunc(managed, func(m authstore.ManagedConsent) bool { return m.Name == d.Name })
		if i < 0 {
			continue // declared
		}
		x := draftOf{consent: managed[i], version: authstore.ConsentVersion{
			Name: d.Name, Version: d.Version, Label: d.Label, Value: d.Value, Texts: d.Texts, Required: d.Required, EnabledByDefault: d.EnabledByDefault,
		}}
		there := slices.IndexFunc(to.Consents, func(o authstore.ConsentDefinition) bool { return o.Name == d.Name })
		if there >= 0 {
			o := to.Consents[there]
			if o.TextHash() == d.TextHash() && o.Required == d.Required && o.EnabledByDefault == d.EnabledByDefault {
				continue
			}
			x.before = describe(o)
			if c.service.declares(to.ID, d.Name) {
				x.why = "declared in the server's configuration file: not copied"
			}
		}
		list = append(list, x)
	}
	return list, nil
}

// describe returns a consent as people read it.
func describe(d authstore.ConsentDefinition) string {
	text := "Version " + d.Version + ": " + d.Label
	if d.Value != "" {
		text += "\n" + d.Value
	}
	for _, tag := range sortedKeys(d.Texts) {
		text += "\n" + tag + ": " + d.Texts[tag].Label
	}
	if d.Required {
		text += "\nrequired"
	}
	if d.EnabledByDefault {
		text += "\nenabled by default"
	}
	return text
}

// copied are the settings that are copied, by what people call them. Name, offers,
// addresses, pictures and the API token are a publisher's own.
var copied = []struct {
	name     string
	declared func(DeclaredParts, authstore.Publisher) bool
	get      func(authstore.Settings) any
	set      func(to *authstore.Settings, from authstore.Settings)
}{
	{"Profile questions", func(_ DeclaredParts, p authstore.Publisher) bool { return p.Capture.Enabled },
		func(s authstore.Settings) any { return s.Capture }, func(to *authstore.Settings, from authstore.Settings) { to.Capture = from.Capture }},
	{"Languages", func(d DeclaredParts, _ authstore.Publisher) bool { return d.Languages },
		func(s authstore.Settings) any { return s.Languages }, func(to *authstore.Settings, from authstore.Settings) { to.Languages = from.Languages }},
	{"Life of access tokens", func(d DeclaredParts, _ authstore.Publisher) bool { return d.TokenLife },
		func(s authstore.Settings) any { return Span{s.TokenLife} }, func(to *authstore.Settings, from authstore.Settings) { to.TokenLife = from.TokenLife }},
	{"Sessions end when idle for", func(d DeclaredParts, _ authstore.Publisher) bool { return d.Session },
		func(s authstore.Settings) any { return Span{s.Session.Idle} }, func(to *authstore.Settings, from authstore.Settings) { to.Session.Idle = from.Session.Idle }},
	{"Sessions end after", func(d DeclaredParts, _ authstore.Publisher) bool { return d.Session },
		func(s authstore.Settings) any { return Span{s.Session.Absolute} }, func(to *authstore.Settings, from authstore.Settings) { to.Session.Absolute = from.Session.Absolute }},
	{"Verified e-mail addresses", func(d DeclaredParts, _ authstore.Publisher) bool { return d.VerifyEmail },
		func(s authstore.Settings) any { return s.VerifyEmail }, func(to *authstore.Settings, from authstore.Settings) { to.VerifyEmail = from.VerifyEmail }},
	{"Colour of pages", func(d DeclaredParts, _ authstore.Publisher) bool { return d.Brand },
		func(s authstore.Settings) any { return brandOf(s).Color }, func(to *authstore.Settings, from authstore.Settings) {
			b := brandOf(*to)
			b.Color = brandOf(from).Color
			to.Brand = &b
		}},
	{"Links at the foot of pages", func(d DeclaredParts, _ authstore.Publisher) bool { return d.Brand },
		func(s authstore.Settings) any { return brandOf(s).Links }, func(to *authstore.Settings, from authstore.Settings) {
			b := brandOf(*to)
			b.Links = brandOf(from).Links
			to.Brand = &b
		}},
}

func diffSandbox(s *Service, ctx context.Context, c *call, in DiffSandbox) (SandboxDiff, error) {
	x, err := c.target(ctx, in.To)
	if err != nil {
		return SandboxDiff{}, err
	}
	d := SandboxDiff{To: infoOf(x.to, c.actor), From: x.from.Revision, Revision: x.at.Revision, Changes: []Change{}}
	declared, _ := s.Declared(x.to.ID)
	for _, part := range copied {
		ch := Change{Setting: part.name, Before: readable(part.get(x.at)), After: readable(part.get(x.from))}
		if part.declared(declaredParts(declared), declared) {
			ch.Note = "declared in the server's configuration file: not copied"
		}
		if ch.Before != ch.After {
			d.Changes = append(d.Changes, ch)
		}
	}
	for _, draft := range x.drafts {
		note := "becomes a draft there, to be published there"
		if draft.why != "" {
			note = draft.why
		}
		d.Changes = append(d.Changes, Change{"Consent " + draft.version.Name, draft.before, describe(draft.version.Definition()), note})
	}
	return d, nil
}

// CopySandbox names what was seen in the difference, so that nothing else is
// copied.
type CopySandbox struct {
	To       string `json:"to"`
	From     int64  `json:"from"`     // revision of the sandbox's settings
	Revision int64  `json:"revision"` // of the settings that change
}

func copySandbox(s *Service, ctx context.Context, c *call, in CopySandbox) (None, error) {
	x, err := c.target(ctx, in.To)
	if err != nil {
		return None{}, err
	}
	if x.from.Revision != in.From {
		return None{}, ErrChanged
	}
	declared, _ := s.Declared(x.to.ID)
	there := *c // the other publisher's log tells of it, too
	there.publisher = x.to
	return None{}, c.do(ctx, in.To, nil, func() error {
		_, err := there.changeSettings(ctx, in.Revision, detail{"from": strconv.FormatInt(c.publisher.ID, 10)}, func(set *authstore.Settings) error {
			for _, part := range copied {
				if !part.declared(declaredParts(declared), declared) {
					part.set(set, x.from)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return c.copyDrafts(ctx, x)
	})
}

func (c *call) copyDrafts(ctx context.Context, x copying) error {
	_, by := c.actor.name()
	for _, d := range x.drafts {
		if d.why != "" {
			continue
		}
		d.version.By = by
		if err := c.service.Store.SaveDraft(ctx, x.to.ID, d.consent, d.version); err != nil {
			if errors.Is(err, authstore.ErrPublished) || errors.Is(err, authstore.ErrTextChanged) {
				return invalid("", "consent %s has another version %s there; give the sandbox's a new version and copy again; everything else was copied", d.version.Name, d.version.Version)
			}
			return explainConsent(err)
		}
	}
	return nil
}

// wipeStep is how many customers one transaction removes, so that other writes get
// their turn.
const wipeStep = 200

func resetSandbox(s *Service, ctx context.Context, c *call, in Confirmation) (None, error) {
	if !c.publisher.Sandbox {
		return None{}, errNoSandbox
	}
	if err := in.confirmed(strconv.FormatInt(c.publisher.ID, 10)); err != nil {
		return None{}, err
	}
	return None{}, c.do(ctx, "", nil, func() error {
		for {
			// A reload may make production of it while this goes on.
			if p, err := s.Store.DeclaredPublisher(ctx, c.publisher.ID); err != nil || !p.Sandbox {
				return errors.Join(errNoSandbox, err)
			}
			more, err := s.Sessions.Wipe(ctx, c.publisher.ID, wipeStep)
			if err != nil || !more {
				return err
			}
		}
	})
}
