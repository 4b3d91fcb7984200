// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"cmp"
	"slices"
	"time"
)

// MaxConsents bounds the consents of a publisher: the names of the accepted ones
// are in every token.
const MaxConsents = 32

// With returns the publisher that is in force at a moment: what the configuration
// declares, and beside it what staff have set. What is declared wins, field by
// field; of consents, by name. Offers and reset URLs add up. versions are those of
// the publisher's managed consents.
func (p Publisher) With(s Settings, versions []ConsentVersion, now time.Time) Publisher {
	if p.Unnamed {
		p.Name = cmp.Or(s.Name, p.Name)
	}
	p.Offers = union(p.Offers, s.Offers)
	p.ResetURLs = union(p.ResetURLs, s.ResetURLs)
	if !p.Capture.Enabled && s.Capture != nil {
		p.Capture = *s.Capture
	}
	if len(p.Languages) == 0 {
		p.Languages = s.Languages
	}
	p.TokenLife = cmp.Or(p.TokenLife, s.TokenLife)
	p.Session = cmp.Or(p.Session, s.Session)
	p.TokenDigest = cmp.Or(p.TokenDigest, s.TokenDigest)
	if !p.VerifyEmail && s.VerifyEmail != nil {
		p.VerifyEmail, p.VerifyWithin = s.VerifyEmail.On, s.VerifyEmail.Within
	}
	p.SendMail = p.SendMail || s.SendMail
	p.Consents = consentsInForce(p.Consents, s.Consents, versions, now)
	return p
}

// union returns the names of both lists, each once; a itself if b adds none.
func union(a, b []string) []string {
	all := slices.Clip(a)
	for _, name := range b {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// consentsInForce returns the declared consents, and after them the managed ones in
// the version that began last.
func consentsInForce(declared []ConsentDefinition, names []string, versions []ConsentVersion, now time.Time) []ConsentDefinition {
	all := slices.Clip(declared)
	for _, name := range names {
		if len(all) >= MaxConsents {
			break
		}
		if slices.ContainsFunc(all, func(d ConsentDefinition) bool { return d.Name == name }) {
			continue
		}
		if v, ok := begun(versions, name, now); ok {
			all = append(all, v.Definition())
		}
	}
	return all
}

// begun returns the version of a consent that is in force at a moment.
func begun(versions []ConsentVersion, name string, now time.Time) (newest ConsentVersion, ok bool) {
	for _, v := range versions {
		if v.Name != name || v.Published.IsZero() || v.Begins.After(now) {
			continue
		}
		if !ok || v.after(newest) {
			newest, ok = v, true
		}
	}
	return newest, ok
}

// NextChange returns when the next of the scheduled versions begins; the zero time
// when none does.
func NextChange(versions []ConsentVersion, now time.Time) (next time.Time) {
	for _, v := range versions {
		if !v.Published.IsZero() && v.Begins.After(now) && (next.IsZero() || v.Begins.Before(next)) {
			next = v.Begins
		}
	}
	return next
}
