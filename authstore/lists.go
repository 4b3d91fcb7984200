// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The lists of customers. Each is an index of the customers of all publishers, by
// publisher and then in one order. putCustomer and recountConsents keep them in
// step with the records, in the transaction that writes those.
const (
	// tablePublisherCustomers has everybody who is in the lists, by id. It never
	// changes while a customer lives, so walks that must not meet anybody twice go
	// by it.
	tablePublisherCustomers = "publisher_customers"

	tableByRegistration = "customers_by_registration" // newest first
	tableByLogin        = "customers_by_login"        // latest first, those who never did at the end
	tableByEmail        = "customers_by_email"
	tableByName         = "customers_by_name"       // last name first, those without a name at the end
	tableByFirstName    = "customers_by_first_name" // of those who have two, for search
	tableByFlag         = "customers_by_flag"       // by flag; within one as by registration
	tableByConsent      = "customers_by_consent"    // by name, version and state; within those as by registration
)

// The flags that customers are listed by. Erased customers are in the list of
// that flag alone.
const (
	flagUnverified = "unverified"
	flagDisabled   = "disabled"
	flagErased     = "erased"
)

// entry is one key of a list.
type entry struct{ table, key string }

// entries returns where a customer is listed, consents aside.
func entries(c Customer) []entry {
	p, id, place := idKey(c.PublisherID), idKey(c.ID), registrationPlace(c)
	if !c.Erased.IsZero() {
		return []entry{{tableByFlag, key(p, flagErased, place)}}
	}
	list := []entry{
		{tableByRegistration, key(p, place)},
		{tableByLogin, key(p, latestFirst(c.LastLogin), id)},
		{tableByEmail, key(p, listText(c.Email), id)},
		{tableByName, key(p, nameOrder(c), id)},
	}
	if c.FirstName != "" && c.LastName != "" {
		list = append(list, entry{tableByFirstName, key(p, listText(c.FirstName+" "+c.LastName), id)})
	}
	if c.EmailVerified.IsZero() {
		list = append(list, entry{tableByFlag, key(p, flagUnverified, place)})
	}
	if c.Disabled {
		list = append(list, entry{tableByFlag, key(p, flagDisabled, place)})
	}
	return list
}

// registrationPlace is where a customer stands in all lists that go by
// registration: the same in each, so that lists can be compared.
func registrationPlace(c Customer) string { return key(latestFirst(c.Registered), idKey(c.ID)) }

// maxMilli is greater than any time in milliseconds that has four digits of year.
const maxMilli = 999_999_999_999_999

// latestFirst writes a time so that keys sort by it backwards. The zero time
// comes after all others.
func latestFirst(t time.Time) string {
	milli := int64(0)
	if !t.IsZero() {
		milli = min(max(t.UnixMilli(), 1), maxMilli)
	}
	return fmt.Sprintf("%015d", maxMilli-milli)
}

// nameless sorts after all names.
const nameless = "\U0010FFFF"

func nameOrder(c Customer) string {
	if name := listText(c.LastName + " " + c.FirstName); name != "" {
		return name
	}
	return nameless
}

// maxListText keeps keys far below what backends take.
const maxListText = 300

// listText writes a text as it stands in keys: in lower case, with single spaces,
// and not too long.
func listText(s string) string { return cut(fold(s), maxListText) }

func fold(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(s, "\x00", " "))), " ")
}

// cut shortens a text to so many bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most]
}

// maxName is how much of a name stands in a key as it is.
const maxName = 100

// namePart writes a name as a part of a key. One that is long gives way to a
// digest, so that no two are taken for one.
func namePart(s string) string {
	if len(s) <= maxName && !strings.ContainsRune(s, 0) {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// consentPrefix begins the keys of a list by consent; version "" is the list of
// all versions.
func consentPrefix(publisher int64, name, version string, state ConsentState) string {
	if version == "" {
		version = "*"
	} else {
		version = "=" + namePart(version)
	}
	return key(idKey(publisher), namePart(name), version, string(state), "")
}

func consentEntries(c Customer, name string, a ConsentAnswer) []entry {
	place := registrationPlace(c)
	return []entry{
		{tableByConsent, consentPrefix(c.PublisherID, name, a.Version, a.State) + place},
		{tableByConsent, consentPrefix(c.PublisherID, name, "", a.State) + place},
	}
}

// putCustomer stores a customer and keeps lists and totals in step. Everything
// that writes a customer does so by it.
func putCustomer(tx Tx, c Customer) error {
	old, err := get[Customer](tx, tableCustomers, idKey(c.ID))
	if errors.Is(err, ErrNotFound) {
		if err := enlist(tx, c); err != nil {
			return err
		}
		return put(tx, tableCustomers, idKey(c.ID), c)
	}
	if err != nil {
		return err
	}
	if err := ensureListed(tx, old); err != nil {
		return err
	}
	if err := relist(tx, entries(old), entries(c)); err != nil {
		return err
	}
	var change Totals
	change.add(old, -1)
	change.add(c, 1)
	if err := addTotals(tx, c, change); err != nil {
		return err
	}
	return put(tx, tableCustomers, idKey(c.ID), c)
}

// ensureListed enters a stored customer into the lists who was stored before
// there were any. Whatever changes what lists or tallies say calls it first, so
// that a change never counts on what is not there.
func ensureListed(tx Tx, c Customer) error {
	listed, err := exists(tx, tablePublisherCustomers, publisherCustomerKey(c))
	if err != nil || listed {
		return err
	}
	return enlist(tx, c)
}

func publisherCustomerKey(c Customer) string { return key(idKey(c.PublisherID), idKey(c.ID)) }

// enlist enters a customer into all lists and tallies.
func enlist(tx Tx, c Customer) error {
	if err := put(tx, tablePublisherCustomers, publisherCustomerKey(c), struct{}{}); err != nil {
		return err
	}
	if err := relist(tx, nil, entries(c)); err != nil {
		return err
	}
	var change Totals
	change.add(c, 1)
	if err := addTotals(tx, c, change); err != nil {
		return err
	}
	if err := addDay(tx, dayOf(c.PublisherID, c.ID, c.Registered), Day{Registrations: 1}); err != nil || !c.Erased.IsZero() {
		return err
	}
	inForce, err := consents(tx, c.ID)
	if err != nil {
		return err
	}
	return recountConsents(tx, c, nil, inForce)
}

// relist removes the keys that are in old alone and adds those in new alone.
func relist(tx Tx, old, new []entry) error {
	for _, e := range old {
		if slices.Contains(new, e) {
			continue
		}
		if err := tx.Delete(e.table, e.key); err != nil {
			return err
		}
	}
	for _, e := range new {
		if slices.Contains(old, e) {
			continue
		}
		if err := put(tx, e.table, e.key, struct{}{}); err != nil {
			return err
		}
	}
	return nil
}

// unlistConsents takes the answers of a listed customer who is to be erased out of
// lists and tallies.
func unlistConsents(tx Tx, c Customer) error {
	if !c.Erased.IsZero() {
		return nil // that was done then
	}
	inForce, err := consents(tx, c.ID)
	if err != nil {
		return err
	}
	return recountConsents(tx, c, inForce, nil)
}

// recountConsents keeps lists and tallies in step with a customer's answers in
// force.
func recountConsents(tx Tx, c Customer, before, after map[string]ConsentAnswer) error {
	names := maps.Clone(before)
	if names == nil {
		names = map[string]ConsentAnswer{}
	}
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, had := before[name]
		now, has := after[name]
		if had == has && old.Version == now.Version && old.State == now.State {
			continue
		}
		var gone, come []entry
		if had {
			gone = consentEntries(c, name, old)
			if err := addConsent(tx, c, ConsentTally{name, old.Version, old.State, -1}); err != nil {
				return err
			}
		}
		if has {
			come = consentEntries(c, name, now)
			if err := addConsent(tx, c, ConsentTally{name, now.Version, now.State, 1}); err != nil {
				return err
			}
		}
		if err := relist(tx, gone, come); err != nil {
			return err
		}
	}
	return nil
}
