// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package publisher owns who the tenants are: publishers, their sites and
// their offers, and to whom a site, an offer or an id belongs. It refuses two
// publishers at one site. What it answers, it answers from memory, which a Watcher
// keeps in step with what staff set.
package publisher

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"

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

// Directory tells which publisher an id, an offer or a site belongs to. What it
// knows is replaced as a whole when publishers change; who reads waits for nobody.
// Safe for concurrent use.
type Directory struct {
	current atomic.Pointer[snapshot]
}

// snapshot is what a directory knows at one time. It does not change.
type snapshot struct {
	generation uint64
	publishers []authstore.Publisher
	byID       map[int64]authstore.Publisher
	byOffer    map[string]authstore.Publisher
	bySite     map[Origin]authstore.Publisher
	patterns   []Origin
}

// ErrConflict says that two publishers claim the same thing.
var ErrConflict = errors.New("claimed by two publishers")

// NewDirectory returns the directory of the given publishers, whose sites are
// origins. The list must not be changed afterwards.
func NewDirectory(publishers []authstore.Publisher) (*Directory, error) {
	d := new(Directory)
	return d, d.Replace(publishers)
}

// Replace makes the given publishers those of the directory. It is all or nothing.
// The list must not be changed afterwards. Errors: ErrConflict, and those that name
// what is configured twice.
func (d *Directory) Replace(publishers []authstore.Publisher) error {
	next, err := newSnapshot(publishers)
	if err != nil {
		return err
	}
	for {
		have := d.current.Load()
		if next.generation = 1; have != nil {
			next.generation = have.generation + 1
		}
		if d.current.CompareAndSwap(have, next) {
			return nil
		}
	}
}

// Generation returns a number that is a greater one after each Replace.
func (d *Directory) Generation() uint64 { return d.current.Load().generation }

func newSnapshot(publishers []authstore.Publisher) (*snapshot, error) {
	s := &snapshot{
		publishers: publishers,
		byID:       map[int64]authstore.Publisher{},
		byOffer:    map[string]authstore.Publisher{},
		bySite:     map[Origin]authstore.Publisher{},
	}
	for _, p := range publishers {
		if _, twice := s.byID[p.ID]; twice {
			return nil, fmt.Errorf("publisher %d is configured twice; merge the two", p.ID)
		}
		s.byID[p.ID] = p
	}
	for _, p := range publishers {
		for _, offer := range p.Offers {
			if other, taken := s.byOffer[offer]; taken && other.ID != p.ID {
				return nil, fmt.Errorf("offer %s: %w, %d and %d; leave it with one", offer, ErrConflict, other.ID, p.ID)
			}
			s.byOffer[offer] = p
		}
		for _, site := range p.Sites {
			if err := s.addSite(Origin(site), p); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *snapshot) addSite(site Origin, p authstore.Publisher) error {
	if other, taken := s.bySite[site]; taken && other.ID != p.ID {
		return fmt.Errorf("site %s: %w, %d and %d; leave it with one", site, ErrConflict, other.ID, p.ID)
	}
	s.bySite[site] = p
	if site.Pattern() {
		s.patterns = append(s.patterns, site)
	}
	return nil
}

// All returns the publishers in the order they were configured.
func (d *Directory) All() []authstore.Publisher { return d.current.Load().publishers }

// ByID returns a publisher.
func (d *Directory) ByID(id int64) (authstore.Publisher, bool) {
	p, ok := d.current.Load().byID[id]
	return p, ok
}

// ByOffer returns the publisher that an offer belongs to.
func (d *Directory) ByOffer(offer string) (authstore.Publisher, bool) {
	p, ok := d.current.Load().byOffer[offer]
	return p, ok
}

// BySite returns the publisher of a site. A name given in full wins over a
// pattern.
func (d *Directory) BySite(site Origin) (authstore.Publisher, bool) {
	if site.Pattern() {
		return authstore.Publisher{}, false
	}
	s := d.current.Load()
	if p, ok := s.bySite[site]; ok {
		return p, true
	}
	for _, pattern := range s.patterns {
		if pattern.Covers(site) {
			return s.bySite[pattern], true
		}
	}
	return authstore.Publisher{}, false
}

// Only returns the publisher of a server that has just one.
func (d *Directory) Only() (authstore.Publisher, bool) {
	all := d.All()
	if len(all) != 1 {
		return authstore.Publisher{}, false
	}
	return all[0], true
}
