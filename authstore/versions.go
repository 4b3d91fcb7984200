// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	// ErrDeclared says that something is declared by the server's configuration, and
	// is changed there.
	ErrDeclared = errors.New("declared by the server's configuration; change it there")

	// ErrPublished says that a version of a consent is published, and so cannot
	// change any more.
	ErrPublished = errors.New("version is published; make a new one")

	// ErrVersionOrder says that a version would begin before one that is published
	// already, which would then be in force at once again.
	ErrVersionOrder = errors.New("a version that begins later is published already")

	// ErrTooMany says that a publisher has as many consents as there may be.
	ErrTooMany = fmt.Errorf("a publisher has %d consents at most", MaxConsents)
)

// The tables of managed consents.
const (
	tableManagedConsents = "managed_consents" // by publisher and name
	tableManagedVersions = "managed_versions" // by publisher, name and version
)

// ManagedConsent is a consent that staff of a publisher keep in the dashboard.
type ManagedConsent struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // terms, privacy, marketing or custom

	// Asked tells whether customers are asked for it. It is not stored here.
	Asked bool `json:"-"`
}

// ConsentVersion is one version of a consent: a draft, one that begins later, one
// in force or one from before.
type ConsentVersion struct {
	PublisherID int64                  `json:"publisherId"`
	Name        string                 `json:"name"`
	Version     string                 `json:"version"`
	Label       string                 `json:"label"`
	Value       string                 `json:"value,omitempty"`
	Texts       map[string]ConsentText `json:"texts,omitempty"` // by language tag, besides the default

	Required         bool `json:"required"`
	EnabledByDefault bool `json:"enabledByDefault"`

	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"` // who wrote it

	Begins          time.Time `json:"begins,omitzero"`          // zero: a draft
	TransitionUntil time.Time `json:"transitionUntil,omitzero"` // see ConsentDefinition
	Published       time.Time `json:"published,omitzero"`       // when somebody did; zero: a draft
	Sequence        int       `json:"sequence,omitempty"`       // of publishing, among the versions of a consent

	// Declared says that the text is known from the server's configuration. Of such
	// a version nothing but the text and when it began is known.
	Declared bool `json:"-"`
}

// Definition returns the version as customers are asked for it.
func (v ConsentVersion) Definition() ConsentDefinition {
	return ConsentDefinition{
		Name: v.Name, Version: v.Version, Label: v.Label, Value: v.Value, Texts: v.Texts,
		Required: v.Required, EnabledByDefault: v.EnabledByDefault, TransitionUntil: v.TransitionUntil,
	}
}

// after tells whether a published version comes after another.
func (v ConsentVersion) after(o ConsentVersion) bool {
	return cmp.Or(v.Begins.Compare(o.Begins), cmp.Compare(v.Sequence, o.Sequence)) > 0
}

func versionKey(publisher int64, name, version string) string {
	return key(idKey(publisher), name, version)
}

// maxVersionName bounds the names of consents and versions, which are parts of keys.
const maxVersionName = 64

// checkNames refuses names that cannot be parts of a key. What else is wrong with
// them is judged by whoever takes them in. Errors: ErrUnstorable.
func checkNames(names ...string) error {
	for _, n := range names {
		if n == "" || len(n) > maxVersionName || strings.ContainsRune(n, 0) {
			return fmt.Errorf("%w: a name of a consent or version needs 1 to %d bytes and no NUL", ErrUnstorable, maxVersionName)
		}
	}
	return nil
}

// ManagedConsents returns the consents that staff of a publisher keep: those that
// customers are asked for in their order, then the others by name.
func (s *Store) ManagedConsents(ctx context.Context, publisher int64) (list []ManagedConsent, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		list = nil
		set, err := settings(tx, publisher)
		if err != nil {
			return err
		}
		from, to := prefix(idKey(publisher))
		err = scan(tx, tableManagedConsents, from, to, func(_ string, c ManagedConsent) error {
			c.Asked = slices.Contains(set.Consents, c.Name)
			list = append(list, c)
			return nil
		})
		slices.SortStableFunc(list, func(a, b ManagedConsent) int {
			return cmp.Compare(position(set.Consents, a.Name), position(set.Consents, b.Name))
		})
		return err
	})
	return list, err
}

// position returns the place of a name in a list, that after all others if it is not
// there.
func position(list []string, name string) int {
	if i := slices.Index(list, name); i >= 0 {
		return i
	}
	return len(list)
}

// ConsentVersions returns the versions of a publisher's consent, newest first:
// drafts, then the published and the declared ones by when they begin. None is no
// error.
func (s *Store) ConsentVersions(ctx context.Context, publisher int64, name string) (list []ConsentVersion, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		if list, err = managedVersions(tx, publisher, name); err != nil {
			return err
		}
		from, to := prefix(idKey(publisher), name)
		return tx.Scan(tableConsentVersions, from, to, func(k string, b []byte) error {
			version := k[len(from):]
			if slices.ContainsFunc(list, func(v ConsentVersion) bool { return v.Version == version && !v.Published.IsZero() }) {
				return nil
			}
			var kept consentVersion
			if err := decode(tableConsentVersions, k, b, &kept); err != nil {
				return err
			}
			list = append(list, ConsentVersion{
				PublisherID: publisher, Name: name, Version: version, Label: kept.Label, Value: kept.Value, Texts: kept.Texts,
				Created: kept.Since, Begins: kept.Since, Declared: true,
			})
			return nil
		})
	})
	slices.SortStableFunc(list, func(a, b ConsentVersion) int {
		switch {
		case a.Begins.IsZero() && !b.Begins.IsZero():
			return -1
		case b.Begins.IsZero() && !a.Begins.IsZero():
			return 1
		}
		return cmp.Or(b.Begins.Compare(a.Begins), cmp.Compare(b.Sequence, a.Sequence), b.Created.Compare(a.Created))
	})
	return list, err
}

func managedVersions(tx Tx, publisher int64, name string) (list []ConsentVersion, err error) {
	from, to := prefix(idKey(publisher), name)
	err = scan(tx, tableManagedVersions, from, to, func(_ string, v ConsentVersion) error {
		list = append(list, v)
		return nil
	})
	return list, err
}

// managing begins a change of a managed consent: it refuses one that is declared.
// Errors: ErrNotFound for a publisher that there never was, ErrDeclared,
// ErrUnstorable.
func managing(tx Tx, publisher int64, name, version string) error {
	if err := checkNames(name, version); err != nil {
		return err
	}
	p, err := get[Publisher](tx, tablePublishers, idKey(publisher))
	if err != nil {
		return err
	}
	if p.Declared && slices.ContainsFunc(p.Consents, func(d ConsentDefinition) bool { return d.Name == name }) {
		return fmt.Errorf("consent %s of publisher %d: %w", name, publisher, ErrDeclared)
	}
	return nil
}

// draft returns a version that is not published yet. Errors: those of managing,
// ErrNotFound, ErrPublished.
func draft(tx Tx, publisher int64, name, version string) (ConsentVersion, error) {
	if err := managing(tx, publisher, name, version); err != nil {
		return ConsentVersion{}, err
	}
	v, err := get[ConsentVersion](tx, tableManagedVersions, versionKey(publisher, name, version))
	if err == nil && !v.Published.IsZero() {
		err = fmt.Errorf("consent %s version %s of publisher %d: %w", name, version, publisher, ErrPublished)
	}
	return v, err
}

// PublishVersion puts a draft in force from a moment on, now if that is zero or
// past, and fixes its text for good. Until transitionUntil customers who accepted an
// earlier version may go on without; zero, or a moment before it begins, is none.
// Errors: ErrNotFound, ErrDeclared, ErrPublished, ErrTextChanged, ErrVersionOrder,
// ErrTooMany.
func (s *Store) PublishVersion(ctx context.Context, publisher int64, name, version string, begins, transitionUntil time.Time) error {
	return s.PublishWritten(ctx, publisher, name, version, time.Time{}, begins, transitionUntil)
}

// PublishWritten is PublishVersion for a draft as it was written at a moment, which is
// its Created; zero for whatever it is now. Errors: those of PublishVersion, ErrChanged
// when it was written anew.
func (s *Store) PublishWritten(ctx context.Context, publisher int64, name, version string, written, begins, transitionUntil time.Time) error {
	now := s.Now()
	begins = later(begins.UTC().Truncate(time.Millisecond), now)
	return s.b.Update(ctx, func(tx Tx) error {
		v, err := draft(tx, publisher, name, version)
		if err != nil {
			return err
		}
		if !written.IsZero() && !v.Created.Equal(written) {
			return fmt.Errorf("consent %s version %s of publisher %d: %w", name, version, publisher, ErrChanged)
		}
		v.Begins, v.Published = begins, now
		if transitionUntil.After(begins) {
			v.TransitionUntil = transitionUntil.UTC().Truncate(time.Millisecond)
		}
		if v.Sequence, err = nextSequence(tx, v); err != nil {
			return err
		}
		if err := freeze(tx, publisher, v.Definition(), begins, now); err != nil {
			return err
		}
		if err := putText(tx, tableManagedVersions, versionKey(publisher, name, version), v); err != nil {
			return err
		}
		return ask(tx, publisher, name)
	})
}

// nextSequence returns which publishing of a consent that of a version is. Errors:
// ErrVersionOrder.
func nextSequence(tx Tx, v ConsentVersion) (int, error) {
	others, err := managedVersions(tx, v.PublisherID, v.Name)
	if err != nil {
		return 0, err
	}
	last := 0
	for _, o := range others {
		if o.Begins.After(v.Begins) {
			return 0, fmt.Errorf("consent %s version %s of publisher %d: %w: %s", v.Name, v.Version, v.PublisherID, ErrVersionOrder, o.Version)
		}
		last = max(last, o.Sequence)
	}
	return last + 1, nil
}

// ask makes a consent one that customers are asked for.
func ask(tx Tx, publisher int64, name string) error {
	set, err := settings(tx, publisher)
	if err != nil {
		return err
	}
	if slices.Contains(set.Consents, name) {
		return countRevision(tx)
	}
	p, err := get[Publisher](tx, tablePublishers, idKey(publisher))
	if err != nil {
		return err
	}
	if len(p.Consents)+len(set.Consents) >= MaxConsents {
		return ErrTooMany
	}
	set.Consents = append(set.Consents, name)
	return putSettings(tx, publisher, &set)
}

// Unpublish makes a version that has not begun a draft again. Errors: ErrNotFound,
// ErrDeclared, ErrPublished when it has begun.
func (s *Store) Unpublish(ctx context.Context, publisher int64, name, version string) error {
	now := s.Now()
	return s.b.Update(ctx, func(tx Tx) error {
		if err := managing(tx, publisher, name, version); err != nil {
			return err
		}
		at := versionKey(publisher, name, version)
		v, err := get[ConsentVersion](tx, tableManagedVersions, at)
		switch {
		case err != nil:
			return err
		case v.Published.IsZero():
			return fmt.Errorf("consent %s version %s of publisher %d is a draft: %w", name, version, publisher, ErrNotFound)
		case !v.Begins.After(now):
			return fmt.Errorf("consent %s version %s of publisher %d: %w", name, version, publisher, ErrPublished)
		}
		if err := thaw(tx, at); err != nil {
			return err
		}
		v.Begins, v.Published, v.TransitionUntil, v.Sequence = time.Time{}, time.Time{}, time.Time{}, 0
		if err := put(tx, tableManagedVersions, at, v); err != nil {
			return err
		}
		return countRevision(tx)
	})
}

// RetireConsent asks customers for a managed consent no longer. Its versions and
// what customers answered stay. Errors: ErrNotFound when they are not asked for it.
func (s *Store) RetireConsent(ctx context.Context, publisher int64, name string) error {
	return s.b.Update(ctx, func(tx Tx) error {
		set, err := settings(tx, publisher)
		if err != nil {
			return err
		}
		i := slices.Index(set.Consents, name)
		if i < 0 {
			return ErrNotFound
		}
		set.Consents = slices.Delete(set.Consents, i, i+1)
		return putSettings(tx, publisher, &set)
	})
}
