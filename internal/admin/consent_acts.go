// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
)

var consentActs = []*Act{
	define(Act{Name: "consent.list", Method: "GET", Path: "consents", Needs: See, Summary: "List consents with the answers to them"}, listConsents),
	define(Act{Name: "consent.get", Method: "GET", Path: "consents/{name}", Needs: See, Summary: "Show a consent and its versions"}, getConsent),
	define(Act{Name: "consent.save", Method: "POST", Path: "consents", Needs: Edit, Summary: "Write a draft of a version of a consent, also of a new consent"}, saveConsent),
	define(Act{Name: "consent.drop", Method: "POST", Path: "consents/{name}/versions/{version}/drop", Needs: Edit, Summary: "Throw a draft away"}, dropConsent),
	define(Act{Name: "consent.publish", Method: "POST", Path: "consents/{name}/versions/{version}/publish", Needs: Edit, StepUp: true, Summary: "Publish a version, now or at a time"}, publishConsent),
	define(Act{Name: "consent.unpublish", Method: "POST", Path: "consents/{name}/versions/{version}/unpublish", Needs: Edit, Summary: "Take back a version that has not begun"}, unpublishConsent),
	define(Act{Name: "consent.retire", Method: "POST", Path: "consents/{name}/retire", Needs: Edit, StepUp: true, Summary: "Ask for a consent no more"}, retireConsent),
	define(Act{Name: "consent.order", Method: "POST", Path: "consents-order", Needs: Edit, Summary: "Change the order in which consents are asked"}, orderConsents),
	define(Act{Name: "consent.exportEvidence", Method: "POST", Path: "evidence/export", Exports: "application/jsonl", Needs: Edit, Summary: "Export the evidence of all answers, with its hash chains"}, exportEvidence),
}

// Kinds are the kinds of consents.
var Kinds = []string{"terms", "privacy", "marketing", "custom"}

// TextInput is the text of a consent in one language.
type TextInput struct {
	Language string `json:"language"` // BCP 47 tag
	Label    string `json:"label"`
	Value    string `json:"value"`
}

// SaveConsent is a draft of a version of a consent.
type SaveConsent struct {
	Name             string      `json:"name"`
	Kind             string      `json:"kind"` // one of terms, privacy, marketing and custom
	Version          string      `json:"version"`
	Label            string      `json:"label"` // plain text; one link may be written [text](https://…)
	Value            string      `json:"value"` // the address of the full text, or the text itself
	Texts            []TextInput `json:"texts"` // in further languages; one without a label is left out
	Required         bool        `json:"required"`
	EnabledByDefault bool        `json:"enabledByDefault"`
}

var versionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)

const (
	// maxLabel bounds a label, in characters: it stands beside a box on every form.
	maxLabel = 1000

	// maxValue bounds the full text, in characters, so that a version with all its
	// languages fits a record.
	maxValue = 6000
)

func checkText(at, label, value string) error {
	switch _, err := consent.ParseLabel(label); {
	case label == "":
		return invalid(at+"label", "is missing; say what the customer agrees to")
	case utf8.RuneCountInString(label) > maxLabel:
		return invalid(at+"label", "is longer than %d characters", maxLabel)
	case utf8.RuneCountInString(value) > maxValue:
		return invalid(at+"value", "is longer than %d characters; write the address of the text instead", maxValue)
	case err != nil:
		return invalid(at+"label", "must have at most one link, written [text](https://…)")
	}
	return nil
}

// texts judges the translations and returns those that there are.
func (in SaveConsent) texts(known []string) (map[string]authstore.ConsentText, error) {
	all := map[string]authstore.ConsentText{}
	for i, t := range in.Texts {
		if t.Label == "" && t.Value == "" {
			continue
		}
		at := fmt.Sprintf("texts.%d.", i)
		if !slices.Contains(known, t.Language) {
			return nil, invalid(at+"language", "is none of %s", strings.Join(known, ", "))
		}
		if _, twice := all[t.Language]; twice {
			return nil, invalid(at+"language", "is given twice")
		}
		if err := checkText(at, t.Label, t.Value); err != nil {
			return nil, err
		}
		all[t.Language] = authstore.ConsentText{Label: t.Label, Value: t.Value}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

func saveConsent(s *Service, ctx context.Context, c *call, in SaveConsent) (None, error) {
	if consent.CheckName(in.Name) != nil {
		return None{}, invalid("name", "must be small letters, digits and underscores, such as broadcaster_terms")
	}
	if !slices.Contains(Kinds, in.Kind) {
		return None{}, invalid("kind", "is none of %s", strings.Join(Kinds, ", "))
	}
	if !versionForm.MatchString(in.Version) {
		return None{}, invalid("version", "must be letters, digits, dots and dashes, such as 2 or 2026-01; at most 32")
	}
	if err := checkText("", in.Label, in.Value); err != nil {
		return None{}, err
	}
	texts, err := in.texts(s.Languages)
	if err != nil {
		return None{}, err
	}
	_, by := c.actor.name()
	return c.onConsent(ctx, in.Name, in.Version, nil, func() error {
		return s.Store.SaveDraft(ctx, c.publisher.ID, authstore.ManagedConsent{Name: in.Name, Kind: in.Kind}, authstore.ConsentVersion{
			Version: in.Version, Label: in.Label, Value: in.Value, Texts: texts,
			Required: in.Required, EnabledByDefault: in.EnabledByDefault, By: by,
		})
	})
}

// onConsent does something to a version of a consent, or to all of it when version
// is "", and puts it into force.
func (c *call) onConsent(ctx context.Context, name, version string, d detail, fn func() error) (None, error) {
	if d == nil {
		d = detail{}
	}
	if version != "" {
		d["version"] = version
	}
	return None{}, c.do(ctx, name, d, func() error {
		if err := explainConsent(fn()); err != nil {
			return err
		}
		return c.service.Refresh(ctx)
	})
}

// explainConsent turns what the store says of a consent into what acts say.
func explainConsent(err error) error {
	switch {
	case errors.Is(err, authstore.ErrDeclared):
		return ErrDeclared
	case errors.Is(err, authstore.ErrChanged):
		return ErrChanged
	case errors.Is(err, authstore.ErrPublished):
		return invalid("version", "is published and cannot change any more; give the new text a new version")
	case errors.Is(err, authstore.ErrTextChanged):
		return invalid("version", "was used for another text before; choose another name for the version")
	case errors.Is(err, authstore.ErrVersionOrder):
		return invalid("begins", "is before the beginning of a later version that is published already")
	case errors.Is(err, authstore.ErrTooMany):
		return invalid("name", "would be one consent more than a publisher can have")
	case errors.Is(err, authstore.ErrTooManyDrafts):
		return invalid("", "there are as many drafts as a publisher can have; publish some, or throw them away")
	case errors.Is(err, authstore.ErrUnstorable):
		return invalid("", "the text is too long to be kept; shorten it, or write the address of the full text")
	}
	return missing(err)
}

func dropConsent(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	name, version := c.place.Param("name"), c.place.Param("version")
	return c.onConsent(ctx, name, version, nil, func() error { return s.Store.DropDraft(ctx, c.publisher.ID, name, version) })
}

// PublishConsent is when a version begins.
type PublishConsent struct {
	Begins          Moment `json:"begins"`          // default: now
	TransitionUntil Moment `json:"transitionUntil"` // until when customers who accepted an earlier version may go on; default: they may not
	Written         Moment `json:"written"`         // "created" of the version that was looked at, so that no other text is published; default: any
}

func publishConsent(s *Service, ctx context.Context, c *call, in PublishConsent) (None, error) {
	name, version, now := c.place.Param("name"), c.place.Param("version"), s.Store.Now()
	begins := now
	if !in.Begins.IsZero() {
		begins = in.Begins.Time
	}
	switch {
	case begins.Before(now.Add(-24 * time.Hour)):
		return None{}, invalid("begins", "is over; leave it empty to publish now")
	case !in.TransitionUntil.IsZero() && !in.TransitionUntil.After(begins):
		return None{}, invalid("transitionUntil", "is not after the beginning of the version")
	}
	d := detail{"begins": begins.Format(time.RFC3339)}
	if !in.TransitionUntil.IsZero() {
		d["transitionUntil"] = in.TransitionUntil.Format(time.RFC3339)
	}
	return c.onConsent(ctx, name, version, d, func() error {
		return s.Store.PublishWritten(ctx, c.publisher.ID, name, version, in.Written.Time, begins, in.TransitionUntil.Time)
	})
}

func unpublishConsent(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	name, version := c.place.Param("name"), c.place.Param("version")
	return c.onConsent(ctx, name, version, nil, func() error {
		err := s.Store.Unpublish(ctx, c.publisher.ID, name, version)
		if errors.Is(err, authstore.ErrPublished) {
			return invalid("version", "has begun; publish another version, or ask for the consent no more")
		}
		return err
	})
}

func retireConsent(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	name := c.place.Param("name")
	if s.declares(c.publisher.ID, name) {
		return None{}, ErrDeclared
	}
	return c.onConsent(ctx, name, "", nil, func() error { return s.Store.RetireConsent(ctx, c.publisher.ID, name) })
}

// OrderConsents is the order in which consents are asked.
type OrderConsents struct {
	Revision int64    `json:"revision"` // of the settings, see settings.get
	Names    []string `json:"names"`    // of all that are asked and are not declared
}

func orderConsents(s *Service, ctx context.Context, c *call, in OrderConsents) (None, error) {
	return c.changeSettings(ctx, in.Revision, nil, func(set *authstore.Settings) error {
		have, want := slices.Sorted(slices.Values(set.Consents)), slices.Sorted(slices.Values(in.Names))
		if !slices.Equal(have, want) {
			return invalid("names", "must be all consents that are asked and not declared, each once")
		}
		set.Consents = in.Names
		return nil
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
