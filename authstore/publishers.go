// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrTextChanged says that a consent's text differs from what was declared
// earlier under the same version. Customers agreed to the earlier text.
var ErrTextChanged = errors.New("consent text changed under an old version; give it a new version")

// TextHash identifies the text that a customer is asked to agree to: SHA-256
// in hex over name, version, label and value, and over the translations if there
// are any.
func (d ConsentDefinition) TextHash() string {
	text := []any{d.Name, d.Version, d.Label, d.Value}
	if len(d.Texts) > 0 {
		text = append(text, d.Texts)
	}
	b, _ := json.Marshal(text)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// consentVersion remembers the text of a version, so that evidence can always
// be read back.
type consentVersion struct {
	TextHash string    `json:"textHash"`
	Label    string    `json:"label"`
	Value    string    `json:"value,omitempty"`
	Since    time.Time `json:"since"`

	Texts map[string]ConsentText `json:"texts,omitempty"`

	// Scheduled says that the text was never asked for before Since: until then it
	// may be withdrawn.
	Scheduled bool `json:"scheduled,omitempty"`
}

// owner is what a site or an offer points to.
type owner struct {
	PublisherID int64 `json:"publisherId"`
}

// DeclarePublishers makes the given publishers, and no others, the declared
// ones: their sites and offers are claimed, those of publishers no longer
// named are released. From then on this Store ends sessions by their limits. It
// is all or nothing and costs no disk write when nothing changed. Errors:
// ErrTaken, ErrTextChanged.
func (s *Store) DeclarePublishers(ctx context.Context, publishers []Publisher) error {
	now := s.Now()
	var inForce map[int64]limits
	err := s.b.Update(ctx, func(tx Tx) (err error) {
		if err := declareAll(tx, publishers, now); err != nil {
			return err
		}
		inForce, err = changeLimits(tx, publishers, now)
		return err
	})
	if err == nil {
		s.limits.Store(&inForce)
	}
	return err
}

func declareAll(tx Tx, publishers []Publisher, now time.Time) error {
	if same, err := declared(tx, publishers); same || err != nil {
		return err
	}
	if err := releaseDeclared(tx); err != nil {
		return err
	}
	for _, p := range publishers {
		if err := declare(tx, p, now); err != nil {
			return err
		}
	}
	return claimSet(tx)
}

// CheckDeclaration tells whether DeclarePublishers would refuse the publishers'
// consents, without declaring anything. Errors: ErrTextChanged.
func (s *Store) CheckDeclaration(ctx context.Context, publishers []Publisher) error {
	return s.b.View(ctx, func(tx Tx) error {
		for _, p := range publishers {
			for _, d := range p.Consents {
				if _, err := sameText(tx, p.ID, d); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// declared tells whether the stored publishers are exactly the given ones.
func declared(tx Tx, publishers []Publisher) (bool, error) {
	stored := 0
	err := scan(tx, tablePublishers, "", "", func(_ string, p Publisher) error {
		if p.Declared {
			stored++
		}
		return nil
	})
	if err != nil || stored != len(publishers) {
		return false, err
	}
	for _, p := range publishers {
		p.Declared = true
		want, err := json.Marshal(p)
		if err != nil {
			return false, err
		}
		stored, err := get[Publisher](tx, tablePublishers, idKey(p.ID))
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		have, err := json.Marshal(stored) // backends may keep JSON in another form
		if err != nil || !bytes.Equal(have, want) {
			return false, err
		}
	}
	return true, nil
}

func releaseDeclared(tx Tx) error {
	var old []Publisher
	err := scan(tx, tablePublishers, "", "", func(_ string, p Publisher) error {
		if p.Declared {
			old = append(old, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range old {
		for _, site := range p.Sites {
			if err := tx.Delete(tableSites, site); err != nil {
				return err
			}
		}
		for _, offer := range p.Offers {
			if err := tx.Delete(tableOffers, offer); err != nil {
				return err
			}
		}
		p.Declared, p.Sites, p.Offers = false, nil, nil
		if err := put(tx, tablePublishers, idKey(p.ID), p); err != nil {
			return err
		}
	}
	return nil
}

func declare(tx Tx, p Publisher, now time.Time) error {
	p.Declared = true
	if err := put(tx, tablePublishers, idKey(p.ID), p); err != nil {
		return err
	}
	for _, site := range p.Sites {
		if err := claim(tx, tableSites, site, p.ID); err != nil {
			return fmt.Errorf("site %s: %w", site, err)
		}
	}
	for _, offer := range p.Offers {
		if err := claim(tx, tableOffers, offer, p.ID); err != nil {
			return fmt.Errorf("offer %s: %w", offer, err)
		}
	}
	for _, d := range p.Consents {
		if err := keepText(tx, p.ID, d, now); err != nil {
			return err
		}
	}
	return nil
}

func claim(tx Tx, table, name string, publisher int64) error {
	have, err := get[owner](tx, table, name)
	switch {
	case err == nil && have.PublisherID != publisher:
		return fmt.Errorf("%w by publisher %d", ErrTaken, have.PublisherID)
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	}
	return put(tx, table, name, owner{PublisherID: publisher})
}

// keepText keeps the text of a version that customers are asked for from now on.
func keepText(tx Tx, publisher int64, d ConsentDefinition, now time.Time) error {
	return freeze(tx, publisher, d, now, now)
}

// freeze keeps the text of a version that customers are asked for from a moment on.
// Errors: ErrTextChanged.
func freeze(tx Tx, publisher int64, d ConsentDefinition, begins, now time.Time) error {
	kept, err := sameText(tx, publisher, d)
	if err != nil {
		return err
	}
	at := versionKey(publisher, d.Name, d.Version)
	if kept {
		have, err := get[consentVersion](tx, tableConsentVersions, at)
		if err != nil || !have.Scheduled || !have.Since.After(now) {
			return err
		}
	}
	return put(tx, tableConsentVersions, at, consentVersion{
		TextHash: d.TextHash(), Label: d.Label, Value: d.Value, Since: begins, Texts: d.Texts, Scheduled: begins.After(now),
	})
}

// thaw forgets the text of a version that nobody was asked for yet.
func thaw(tx Tx, at string) error {
	have, err := get[consentVersion](tx, tableConsentVersions, at)
	if err != nil || !have.Scheduled {
		return err
	}
	return tx.Delete(tableConsentVersions, at)
}

// sameText tells whether the text of a consent's version is kept already, and
// refuses another than that.
func sameText(tx Tx, publisher int64, d ConsentDefinition) (kept bool, err error) {
	have, err := get[consentVersion](tx, tableConsentVersions, key(idKey(publisher), d.Name, d.Version))
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err == nil && have.TextHash != d.TextHash():
		err = ErrTextChanged
	}
	if err != nil {
		err = fmt.Errorf("consent %s version %s of publisher %d: %w", d.Name, d.Version, publisher, err)
	}
	return err == nil, err
}

// Publisher returns a publisher by id as it is in force now, see Publisher.With; or
// ErrNotFound.
func (s *Store) Publisher(ctx context.Context, id int64) (p Publisher, err error) {
	now := s.Now()
	err = s.b.View(ctx, func(tx Tx) error {
		var set Settings
		if p, err = get[Publisher](tx, tablePublishers, idKey(id)); err != nil {
			return err
		}
		if set, err = settings(tx, id); err != nil {
			return err
		}
		var versions []ConsentVersion
		from, to := prefix(idKey(id))
		err = scan(tx, tableManagedVersions, from, to, func(_ string, v ConsentVersion) error {
			versions = append(versions, v)
			return nil
		})
		p = p.With(set, versions, now)
		return err
	})
	return p, err
}

// DeclaredPublisher returns a publisher by id as the server's configuration declares
// it, or as it last did; or ErrNotFound.
func (s *Store) DeclaredPublisher(ctx context.Context, id int64) (p Publisher, err error) {
	err = s.b.View(ctx, func(tx Tx) (err error) {
		p, err = get[Publisher](tx, tablePublishers, idKey(id))
		return err
	})
	return p, err
}

// receivers returns who is told of the ends of a publisher's sessions. The list
// is shared and must not be changed.
func (s *Store) receivers(tx Tx, publisher int64) ([]Receiver, error) {
	p, err := s.publishers.get(tx, tablePublishers, idKey(publisher))
	if errors.Is(err, ErrNotFound) || err == nil && !p.Declared {
		return nil, nil
	}
	return p.Receivers, err
}

// SiteOwner returns the id of the publisher that claims the site, or
// ErrNotFound.
func (s *Store) SiteOwner(ctx context.Context, site string) (int64, error) {
	return s.owner(ctx, tableSites, site)
}

// OfferOwner returns the id of the publisher that claims the offer, or
// ErrNotFound.
func (s *Store) OfferOwner(ctx context.Context, offer string) (int64, error) {
	return s.owner(ctx, tableOffers, offer)
}

func (s *Store) owner(ctx context.Context, table, name string) (int64, error) {
	var o owner
	err := s.b.View(ctx, func(tx Tx) (err error) {
		o, err = get[owner](tx, table, name)
		return err
	})
	return o.PublisherID, err
}
