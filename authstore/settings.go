// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	// ErrChanged says that somebody else has changed what a change was made from.
	// Whoever gets it reads again and decides anew.
	ErrChanged = errors.New("changed meanwhile by somebody else")

	// ErrUnstorable says that a text is larger than backends keep, or holds what
	// they cannot.
	ErrUnstorable = errors.New("text cannot be stored")
)

// The tables of what staff set.
const (
	tableSettings         = "settings"          // by publisher
	tableSettingsRevision = "settings_revision" // counts the changes of all publishers, under theRevision
)

// theRevision is the one key of its table.
const theRevision = "all"

// Settings is what staff of a publisher set beside what the server's
// configuration declares, which wins. See Publisher.With.
type Settings struct {
	// Revision counts the changes. The store sets it.
	Revision int64 `json:"revision"`

	Name      string   `json:"name,omitempty"`      // "": the declared one
	Offers    []string `json:"offers,omitempty"`    // besides the declared ones
	ResetURLs []string `json:"resetUrls,omitempty"` // besides the declared ones

	Capture *Capture `json:"capture,omitempty"` // nil: as declared

	// Consents are the names of managed consents that customers are asked for, in
	// their order. Publishing a version adds its name.
	Consents []string `json:"consents,omitempty"`

	Languages []string `json:"languages,omitempty"` // BCP 47 tags of what pages may be shown in; empty: all there are
	Brand     *Brand   `json:"brand,omitempty"`     // nil: as declared, or plain

	TokenLife   time.Duration `json:"tokenLife,omitempty"`   // of access tokens; 0: the default
	Session     SessionLimits `json:"session,omitzero"`      // zeros: the defaults
	TokenDigest string        `json:"tokenDigest,omitempty"` // of the secret of the publisher's servers
	VerifyEmail *VerifyEmail  `json:"verifyEmail,omitempty"` // nil: as declared

	// SendMail says that a sandbox really sends its mails.
	SendMail bool `json:"sendMail,omitempty"`
}

// Brand is how a publisher's pages look.
type Brand struct {
	Color   string      `json:"color,omitempty"` // rrggbb or #rrggbb; "": the plain one
	Links   []BrandLink `json:"links,omitempty"` // at the foot of every page
	Logo    string      `json:"logo,omitempty"`  // id of a picture; "": the name in letters
	Favicon string      `json:"favicon,omitempty"`
}

// BrandLink leads to a page of the publisher's own.
type BrandLink struct {
	Name string `json:"name"` // one that is known in all languages, such as privacy, or words of its own
	URL  string `json:"url"`
}

// VerifyEmail is whether and until when customers must prove that they read mail
// at their address.
type VerifyEmail struct {
	On     bool          `json:"on"`
	Within time.Duration `json:"within,omitempty"` // after registration; 0: before the first entry
}

// Settings returns what staff have set for a publisher; nothing is no error.
func (s *Store) Settings(ctx context.Context, publisher int64) (set Settings, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		set, err = settings(tx, publisher)
		return err
	})
	return set, err
}

func settings(tx Tx, publisher int64) (Settings, error) {
	set, err := get[Settings](tx, tableSettings, idKey(publisher))
	if errors.Is(err, ErrNotFound) {
		return Settings{}, nil
	}
	return set, err
}

// ChangeSettings runs fn on a publisher's settings and keeps what it leaves there,
// in one transaction, which claims the offers, puts the limits of sessions in force
// and forgets pictures that are no longer used. from is the revision that the change was made from. fn may run more than
// once. Errors: ErrNotFound for a publisher that there never was, ErrChanged,
// ErrTaken for an offer of another publisher, ErrUnstorable.
func (s *Store) ChangeSettings(ctx context.Context, publisher, from int64, fn func(*Settings) error) (set Settings, err error) {
	now := s.Now()
	var inForce map[int64]limits
	err = s.b.Update(ctx, func(tx Tx) error {
		p, err := get[Publisher](tx, tablePublishers, idKey(publisher))
		if err != nil {
			return err
		}
		if set, err = settings(tx, publisher); err != nil {
			return err
		}
		if set.Revision != from {
			return fmt.Errorf("settings of publisher %d: %w", publisher, ErrChanged)
		}
		offers, pictures := slices.Clone(set.Offers), set.Brand.pictures()
		if err := fn(&set); err != nil {
			return err
		}
		set.Revision = from
		if err := moveOffers(tx, p, offers, set.Offers); err != nil {
			return err
		}
		if err := dropPictures(tx, publisher, pictures, set.Brand.pictures()); err != nil {
			return err
		}
		if err := putSettings(tx, publisher, &set); err != nil {
			return err
		}
		inForce, err = changeLimits(tx, []Publisher{p}, now)
		return err
	})
	if err != nil {
		return Settings{}, err
	}
	s.limits.Store(&inForce)
	return set, nil
}

// putSettings stores settings as the next revision of theirs.
func putSettings(tx Tx, publisher int64, set *Settings) error {
	set.Revision++
	if err := putText(tx, tableSettings, idKey(publisher), set); err != nil {
		return fmt.Errorf("settings of publisher %d: %w", publisher, err)
	}
	return countRevision(tx)
}

// maxText is what backends keep as one value.
const maxText = 64 << 10

// putText is put for what people wrote, and refuses what no backend keeps. Errors:
// ErrUnstorable.
func putText(tx Tx, table, key string, v any) error {
	b, err := json.Marshal(v)
	switch {
	case err != nil:
		return fmt.Errorf("encoding %s: %w", table, err)
	case len(b) > maxText:
		return fmt.Errorf("%w: it is larger than %d KiB", ErrUnstorable, maxText>>10)
	case bytes.Contains(b, []byte(`\u0000`)):
		return fmt.Errorf("%w: it holds a NUL character", ErrUnstorable)
	}
	return tx.Put(table, key, b)
}

// moveOffers releases the offers that a publisher has no longer by its settings,
// and claims those it has. One that is not declared claims none.
func moveOffers(tx Tx, p Publisher, before, after []string) error {
	for _, offer := range before {
		if slices.Contains(after, offer) || slices.Contains(p.Offers, offer) {
			continue
		}
		if err := release(tx, tableOffers, offer, p.ID); err != nil {
			return err
		}
	}
	if !p.Declared {
		return nil
	}
	for _, offer := range after {
		if err := claim(tx, tableOffers, offer, p.ID); err != nil {
			return fmt.Errorf("offer %s: %w", offer, err)
		}
	}
	return nil
}

// release gives a name free if it is the publisher's.
func release(tx Tx, table, name string, publisher int64) error {
	have, err := get[owner](tx, table, name)
	if errors.Is(err, ErrNotFound) || err == nil && have.PublisherID != publisher {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.Delete(table, name)
}

// claimSet claims the offers that declared publishers have by their settings, and
// releases those of the others.
func claimSet(tx Tx) error {
	all := map[int64]Settings{}
	if err := scanByID(tx, tableSettings, all); err != nil {
		return err
	}
	for id, set := range all {
		if len(set.Offers) == 0 {
			continue
		}
		p, err := get[Publisher](tx, tablePublishers, idKey(id))
		if err != nil {
			return err
		}
		before, after := []string(nil), set.Offers
		if !p.Declared {
			before, after = set.Offers, nil
		}
		if err := moveOffers(tx, p, before, after); err != nil {
			return err
		}
	}
	return nil
}

// scanByID reads a table by publisher into a map.
func scanByID[T any](tx Tx, table string, all map[int64]T) error {
	return scan(tx, table, "", "", func(k string, v T) error {
		id, err := parseID(k)
		all[id] = v
		return err
	})
}

type settingsRevision struct {
	Revision int64 `json:"revision"`
}

func countRevision(tx Tx) error {
	n, err := revision(tx)
	if err != nil {
		return err
	}
	return put(tx, tableSettingsRevision, theRevision, settingsRevision{n + 1})
}

func revision(tx Tx) (int64, error) {
	r, err := get[settingsRevision](tx, tableSettingsRevision, theRevision)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	return r.Revision, err
}

// SettingsRevision returns a number that is another one after the settings of any
// publisher, or which versions of consents are published, have changed. It reads
// one value.
func (s *Store) SettingsRevision(ctx context.Context) (n int64, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		n, err = revision(tx)
		return err
	})
	return n, err
}

// Managed is what staff of all publishers have set, at one moment.
type Managed struct {
	Revision int64                      // see Store.SettingsRevision
	Settings map[int64]Settings         // by publisher
	Versions map[int64][]ConsentVersion // the published ones, by publisher
}

// Managed returns what staff of all publishers have set. From then on this Store
// ends sessions by the limits that any process has put in force.
func (s *Store) Managed(ctx context.Context) (m Managed, err error) {
	var inForce map[int64]limits
	err = s.b.View(ctx, func(tx Tx) (err error) {
		m = Managed{Settings: map[int64]Settings{}, Versions: map[int64][]ConsentVersion{}}
		if m.Revision, err = revision(tx); err != nil {
			return err
		}
		if err := scanByID(tx, tableSettings, m.Settings); err != nil {
			return err
		}
		err = scan(tx, tableManagedVersions, "", "", func(_ string, v ConsentVersion) error {
			if !v.Published.IsZero() {
				m.Versions[v.PublisherID] = append(m.Versions[v.PublisherID], v)
			}
			return nil
		})
		if err != nil {
			return err
		}
		inForce, err = storedLimits(tx)
		return err
	})
	if err != nil {
		return Managed{}, err
	}
	s.limits.Store(&inForce)
	return m, nil
}
