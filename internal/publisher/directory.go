// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package publisher owns who the tenants are: publishers, their sites and
// their offers, and to whom a site, an offer or an id belongs. It refuses two
// publishers at one site. What it answers, it answers from memory.
package publisher

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/usher-sso/usher/authstore"
)

// DefaultID is the id of the publisher that exists when none is configured.
const DefaultID = 100_000_000

// offerForm is the contract's form of offer ids: a letter for the kind, nine
// digits, a country.
var offerForm = regexp.MustCompile(`^[A-Z][0-9]{9}_[A-Z]{2}$`)

// ParseID reads a publisher id: nine digits, the first no zero.
func ParseID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) != 9 || id < 100_000_000 {
		return 0, fmt.Errorf("%q is not a publisher id; use nine digits, such as 100000001", s)
	}
	return id, nil
}

// CheckOffer judges the form of an offer id.
func CheckOffer(s string) error {
	if !offerForm.MatchString(s) {
		return fmt.Errorf("%q is not an offer id; use a letter, nine digits, an underscore and a country, such as S100000001_US", s)
	}
	return nil
}

// Directory tells which publisher an id, an offer or a site belongs to. It
// does not change; safe for concurrent use.
type Directory struct {
	publishers []authstore.Publisher
	byID       map[int64]authstore.Publisher
	byOffer    map[string]authstore.Publisher
	bySite     map[Origin]authstore.Publisher
	patterns   []Origin
}

// ErrConflict says that two publishers claim the same thing.
var ErrConflict = errors.New("claimed by two publishers")

// NewDirectory returns the directory of the given publishers, whose sites are
// origins.
func NewDirectory(publishers []authstore.Publisher) (*Directory, error) {
	d := &Directory{
		publishers: publishers,
		byID:       map[int64]authstore.Publisher{},
		byOffer:    map[string]authstore.Publisher{},
		bySite:     map[Origin]authstore.Publisher{},
	}
	for _, p := range publishers {
		if _, twice := d.byID[p.ID]; twice {
			return nil, fmt.Errorf("publisher %d is configured twice; merge the two", p.ID)
		}
		d.byID[p.ID] = p
	}
	for _, p := range publishers {
		for _, offer := range p.Offers {
			if other, taken := d.byOffer[offer]; taken && other.ID != p.ID {
				return nil, fmt.Errorf("offer %s: %w, %d and %d; leave it with one", offer, ErrConflict, other.ID, p.ID)
			}
			d.byOffer[offer] = p
		}
		for _, site := range p.Sites {
			if err := d.addSite(Origin(site), p); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

func (d *Directory) addSite(site Origin, p authstore.Publisher) error {
	if other, taken := d.bySite[site]; taken && other.ID != p.ID {
		return fmt.Errorf("site %s: %w, %d and %d; leave it with one", site, ErrConflict, other.ID, p.ID)
	}
	d.bySite[site] = p
	if site.Pattern() {
		d.patterns = append(d.patterns, site)
	}
	return nil
}

// All returns the publishers in the order they were configured.
func (d *Directory) All() []authstore.Publisher { return d.publishers }

// ByID returns a publisher.
func (d *Directory) ByID(id int64) (authstore.Publisher, bool) {
	p, ok := d.byID[id]
	return p, ok
}

// ByOffer returns the publisher that an offer belongs to.
func (d *Directory) ByOffer(offer string) (authstore.Publisher, bool) {
	p, ok := d.byOffer[offer]
	return p, ok
}

// BySite returns the publisher of a site. A name given in full wins over a
// pattern.
func (d *Directory) BySite(site Origin) (authstore.Publisher, bool) {
	if site.Pattern() {
		return authstore.Publisher{}, false
	}
	if p, ok := d.bySite[site]; ok {
		return p, true
	}
	for _, pattern := range d.patterns {
		if pattern.Covers(site) {
			return d.bySite[pattern], true
		}
	}
	return authstore.Publisher{}, false
}

// Only returns the publisher of a server that has just one.
func (d *Directory) Only() (authstore.Publisher, bool) {
	if len(d.publishers) != 1 {
		return authstore.Publisher{}, false
	}
	return d.publishers[0], true
}
