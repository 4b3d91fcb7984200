// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// ConsentList is what a publisher asks its customers to agree to, and what it asked
// before.
type ConsentList struct {
	Consents []ConsentSummary `json:"consents"` // in the order in which they are asked, then the others
	Revision int64            `json:"revision"` // of the settings, to be named by consent.order
	Order    []string         `json:"order"`    // of those that consent.order puts in order, begun or not
}

// ConsentSummary is one consent.
type ConsentSummary struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`     // terms, privacy, marketing or custom; "" for one that is declared
	Declared bool   `json:"declared"` // in the server's configuration file, and changed only there
	Asked    bool   `json:"asked"`    // customers are asked now
	Version  string `json:"version"`  // that is asked for; "" when none is
	Label    string `json:"label"`    // of that version
	Required bool   `json:"required"`
	Drafts   int    `json:"drafts"`  // versions that are not published
	Coming   int    `json:"coming"`  // versions that begin later
	Numbers  Share  `json:"numbers"` // answers to the version that is asked for
}

// Share is how many customers gave which answer.
type Share struct {
	Accepted int64 `json:"accepted"`
	Declined int64 `json:"declined"`
	Earlier  int64 `json:"earlier"` // answered an earlier version only
	Missing  int64 `json:"missing"` // never answered
}

func listConsents(s *Service, ctx context.Context, c *call, _ None) (ConsentList, error) {
	list := ConsentList{Consents: []ConsentSummary{}}
	set, err := s.Store.Settings(ctx, c.publisher.ID)
	if err != nil {
		return list, fmt.Errorf("reading settings: %w", err)
	}
	list.Revision, list.Order = set.Revision, some(set.Consents)
	totals, err := s.Store.Totals(ctx, c.publisher.ID)
	if err != nil {
		return list, fmt.Errorf("reading numbers: %w", err)
	}
	coverage, err := s.coverage(ctx, c.publisher, totals.Customers)
	if err != nil {
		return list, err
	}
	managed, err := s.Store.ManagedConsents(ctx, c.publisher.ID)
	if err != nil {
		return list, fmt.Errorf("reading consents: %w", err)
	}
	kinds := map[string]string{}
	for _, m := range managed {
		kinds[m.Name] = m.Kind
	}
	for i, d := range c.publisher.Consents {
		n := coverage[i]
		kind, ours := kinds[d.Name]
		list.Consents = append(list.Consents, ConsentSummary{
			Name: d.Name, Kind: kind, Declared: !ours || s.declares(c.publisher.ID, d.Name), Asked: true, Version: d.Version, Label: d.Label, Required: d.Required,
			Numbers: Share{n.Accepted, n.Declined, n.Earlier, n.Missing},
		})
	}
	for _, m := range managed {
		if !slices.ContainsFunc(list.Consents, func(x ConsentSummary) bool { return x.Name == m.Name }) {
			list.Consents = append(list.Consents, ConsentSummary{Name: m.Name, Kind: m.Kind})
		}
	}
	return list, s.countVersions(ctx, c.publisher.ID, list.Consents)
}

// countVersions fills in how many versions are not asked for yet.
func (s *Service) countVersions(ctx context.Context, publisher int64, list []ConsentSummary) error {
	now := s.Store.Now()
	for i := range list {
		versions, err := s.Store.ConsentVersions(ctx, publisher, list[i].Name)
		if err != nil {
			return fmt.Errorf("reading the versions of a consent: %w", err)
		}
		for _, v := range versions {
			switch {
			case v.Declared:
			case v.Published.IsZero():
				list[i].Drafts++
			case v.Begins.After(now):
				list[i].Coming++
			}
		}
	}
	return nil
}

// declares tells whether the configuration declares a consent.
func (s *Service) declares(publisher int64, name string) bool {
	p, _ := s.Declared(publisher)
	return slices.ContainsFunc(p.Consents, func(d authstore.ConsentDefinition) bool { return d.Name == name })
}

// ConsentDetail is a consent with all its versions.
type ConsentDetail struct {
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	Declared bool          `json:"declared"`
	Asked    bool          `json:"asked"`
	Versions []VersionView `json:"versions"` // newest first, drafts before them
}

// VersionState is where a version of a consent is on its way.
type VersionState string

// The states of a version.
const (
	StateDraft   VersionState = "draft"
	StateComing  VersionState = "scheduled" // published, and not in force yet
	StateCurrent VersionState = "current"
	StatePast    VersionState = "past"
)

// VersionView is one version of a consent.
type VersionView struct {
	Version          string       `json:"version"`
	State            VersionState `json:"state"`
	Label            string       `json:"label"`
	Value            string       `json:"value"`
	Texts            []TextInput  `json:"texts"`
	Required         bool         `json:"required"`
	EnabledByDefault bool         `json:"enabledByDefault"`
	Declared         bool         `json:"declared"` // of such a version, once it is past, nothing but the text is known
	Created          time.Time    `json:"created"`
	By               string       `json:"by"`
	Begins           time.Time    `json:"begins,omitzero"`
	TransitionUntil  time.Time    `json:"transitionUntil,omitzero"`
	TextHash         string       `json:"textHash"` // by which the evidence names the text
	Accepted         int64        `json:"accepted"` // customers whose answer in force it is
	DeclinedBy       int64        `json:"declined"`
}

func getConsent(s *Service, ctx context.Context, c *call, _ None) (ConsentDetail, error) {
	d := ConsentDetail{Name: c.place.Param("name"), Versions: []VersionView{}}
	d.Declared = s.declares(c.publisher.ID, d.Name)
	versions, err := s.Store.ConsentVersions(ctx, c.publisher.ID, d.Name)
	if err != nil {
		return d, fmt.Errorf("reading the versions of a consent: %w", err)
	}
	if len(versions) == 0 {
		return d, ErrNotFound
	}
	managed, err := s.Store.ManagedConsents(ctx, c.publisher.ID)
	if err != nil {
		return d, fmt.Errorf("reading consents: %w", err)
	}
	for _, m := range managed {
		if m.Name == d.Name {
			d.Kind = m.Kind
		}
	}
	tallies, err := s.Store.ConsentTallies(ctx, c.publisher.ID)
	if err != nil {
		return d, fmt.Errorf("reading numbers: %w", err)
	}
	for _, v := range versions {
		d.Versions = append(d.Versions, s.versionView(c.publisher, v, tallies))
	}
	d.Asked = slices.ContainsFunc(c.publisher.Consents, func(x authstore.ConsentDefinition) bool { return x.Name == d.Name })
	return d, nil
}

func (s *Service) versionView(p authstore.Publisher, v authstore.ConsentVersion, tallies []authstore.ConsentTally) VersionView {
	view := VersionView{
		Version: v.Version, State: StatePast, Label: v.Label, Value: v.Value, Texts: []TextInput{}, Required: v.Required, EnabledByDefault: v.EnabledByDefault,
		Declared: v.Declared, Created: v.Created, By: v.By, Begins: v.Begins, TransitionUntil: v.TransitionUntil, TextHash: v.Definition().TextHash(),
	}
	for _, tag := range sortedKeys(v.Texts) {
		view.Texts = append(view.Texts, TextInput{tag, v.Texts[tag].Label, v.Texts[tag].Value})
	}
	for _, d := range p.Consents {
		if d.Name == v.Name && d.Version == v.Version {
			view.State, view.Required, view.EnabledByDefault, view.TransitionUntil = StateCurrent, d.Required, d.EnabledByDefault, d.TransitionUntil
		}
	}
	switch {
	case v.Declared:
	case v.Published.IsZero():
		view.State = StateDraft
	case v.Begins.After(s.Store.Now()):
		view.State = StateComing
	}
	for _, t := range tallies {
		if t.Name == v.Name && t.Version == v.Version {
			if t.State == authstore.Accepted {
				view.Accepted = t.Count
			} else {
				view.DeclinedBy = t.Count
			}
		}
	}
	return view
}
