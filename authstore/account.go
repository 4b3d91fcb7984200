// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"context"
	"time"
)

// PasswordChange is a new password chosen by a customer who knows the old one.
type PasswordChange struct {
	Customer int64
	Subject  string        // of the identity
	Old      string        // its encoded password, as it was judged
	Encoded  string        // hash of the new password
	Keep     string        // session that goes on
	Kills    Purpose       // tickets of this purpose die
	EndedFor time.Duration // how long a token of an ended session may live on
	Tell     []Mail        // what tells the customer
}

// ChangePassword sets a password and ends the customer's other sessions, in one
// transaction, and returns the ids of those. Errors: ErrNotFound when the
// password is not the old one any more.
func (s *Store) ChangePassword(ctx context.Context, p PasswordChange) (endedIDs []string, err error) {
	err = s.updateEnding(ctx, func(tx *ending) error {
		c, err := liveCustomer(tx, p.Customer)
		if err != nil {
			return err
		}
		i, err := get[Identity](tx, tableIdentities, identityKey(c.PublisherID, ProviderPassword, p.Subject))
		if err != nil {
			return err
		}
		if i.CustomerID != c.ID || i.Password != p.Old {
			return ErrNotFound
		}
		if err := setPassword(tx, c, p.Subject, p.Encoded); err != nil {
			return err
		}
		if err := dropTicket(tx, c.ID, p.Kills); err != nil {
			return err
		}
		if err := s.tell(tx, c, p.Tell); err != nil {
			return err
		}
		endedIDs, err = tx.endSessions(c.ID, p.Keep, p.EndedFor)
		return err
	})
	return endedIDs, err
}

// Identities returns the ways in which a customer signs in.
func (s *Store) Identities(ctx context.Context, customer int64) (list []Identity, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		c, err := liveCustomer(tx, customer)
		if err != nil {
			return err
		}
		list, err = identitiesOf(tx, c)
		return err
	})
	return list, err
}

func identitiesOf(tx Tx, c Customer) (list []Identity, err error) {
	from, to := prefix(idKey(c.ID))
	err = tx.Scan(tableCustomerIdentities, from, to, func(k string, _ []byte) error {
		// The rest of the key is provider and subject, as in tableIdentities.
		i, err := get[Identity](tx, tableIdentities, key(idKey(c.PublisherID), k[len(from):]))
		list = append(list, i)
		return err
	})
	return list, err
}

// ConsentText is what customers read when they answered a version of a consent.
type ConsentText struct {
	Label string `json:"label"`
	Value string `json:"value,omitempty"`
}

// ConsentText returns the text of one version of a publisher's consent, also of
// one that is no longer asked for, or ErrNotFound.
func (s *Store) ConsentText(ctx context.Context, publisher int64, name, version string) (t ConsentText, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		v, err := get[consentVersion](tx, tableConsentVersions, key(idKey(publisher), name, version))
		t = ConsentText{v.Label, v.Value}
		return err
	})
	return t, err
}

// ConsentTexts is ConsentText with the translations. What it says beyond the text is
// not known.
func (s *Store) ConsentTexts(ctx context.Context, publisher int64, name, version string) (d ConsentDefinition, err error) {
	err = s.b.View(ctx, func(tx Tx) error {
		v, err := get[consentVersion](tx, tableConsentVersions, versionKey(publisher, name, version))
		d = ConsentDefinition{Name: name, Version: version, Label: v.Label, Value: v.Value, Texts: v.Texts}
		return err
	})
	return d, err
}

// OwnSession returns a live session of a customer's, or ErrNotFound, also for
// one of somebody else's.
func (s *Store) OwnSession(ctx context.Context, customer int64, id string) (Session, error) {
	session, err := s.Session(ctx, id)
	if err == nil && session.CustomerID != customer {
		return Session{}, ErrNotFound
	}
	return session, err
}
