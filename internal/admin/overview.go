// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-sso/usher/authstore"
)

var overviewActs = []*Act{
	define(Act{Name: "overview.get", Method: "GET", Path: "overview", Needs: See, Summary: "Show numbers of customers, sign-ins and consents over time"}, overview),
	define(Act{Name: "audit.list", Method: "GET", Path: "audit", Needs: See, Summary: "List what was done in the dashboard"}, listAudit),
}

// ShowOverview is which days to show.
type ShowOverview struct {
	Days int `json:"days"` // up to today; the default is 30, the most 366
}

// Overview is how a publisher is doing.
type Overview struct {
	Publisher PublisherInfo   `json:"publisher"`
	Totals    Totals          `json:"totals"`
	Days      []DayNumbers    `json:"days"` // oldest first, by UTC
	Consents  []ConsentCounts `json:"consents"`
}

// Totals counts customers.
type Totals struct {
	Customers  int64 `json:"customers"` // without those who are erased
	Unverified int64 `json:"unverified"`
	Disabled   int64 `json:"disabled"`
	Erased     int64 `json:"erased"`
}

// DayNumbers is what happened on a day.
type DayNumbers struct {
	Day           string `json:"day"` // 2026-01-31
	Registrations int64  `json:"registrations"`
	Logins        int64  `json:"logins"`
	Active        int64  `json:"activeSessions"` // that were used on the day
	Failed        int64  `json:"failedLogins"`
}

// ConsentCounts is how many customers answered the version of a consent that is
// asked for.
type ConsentCounts struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Required bool   `json:"required"`
	Accepted int64  `json:"accepted"`
	Declined int64  `json:"declined"`
	Earlier  int64  `json:"earlier"` // answered an earlier version only
	Missing  int64  `json:"missing"` // never answered
}

func overview(s *Service, ctx context.Context, c *call, in ShowOverview) (Overview, error) {
	o := Overview{Publisher: infoOf(c.publisher, c.actor), Days: []DayNumbers{}}
	if in.Days == 0 {
		in.Days = 30
	}
	if in.Days < 1 || in.Days > 366 {
		return o, invalid("days", "is not between 1 and 366")
	}
	totals, err := s.Store.Totals(ctx, c.publisher.ID)
	if err != nil {
		return o, fmt.Errorf("reading numbers: %w", err)
	}
	o.Totals = Totals(totals)
	end := s.Store.Now().Truncate(24*time.Hour).AddDate(0, 0, 1)
	days, err := s.Store.Activity(ctx, c.publisher.ID, end.AddDate(0, 0, -in.Days), end)
	if err != nil {
		return o, fmt.Errorf("reading numbers: %w", err)
	}
	for _, d := range days {
		o.Days = append(o.Days, DayNumbers(d))
	}
	o.Consents, err = s.coverage(ctx, c.publisher, totals.Customers)
	return o, err
}

// coverage counts the answers to the consents that a publisher asks for.
func (s *Service) coverage(ctx context.Context, p authstore.Publisher, customers int64) ([]ConsentCounts, error) {
	tallies, err := s.Store.ConsentTallies(ctx, p.ID)
	if err != nil {
		return nil, fmt.Errorf("reading numbers: %w", err)
	}
	list := []ConsentCounts{}
	for _, d := range p.Consents {
		n := ConsentCounts{Name: d.Name, Version: d.Version, Required: d.Required}
		for _, t := range tallies {
			switch {
			case t.Name != d.Name:
			case t.Version != d.Version:
				n.Earlier += t.Count
			case t.State == authstore.Accepted:
				n.Accepted = t.Count
			default:
				n.Declined += t.Count
			}
		}
		n.Missing = max(0, customers-n.Accepted-n.Declined-n.Earlier)
		list = append(list, n)
	}
	return list, nil
}

// ListAudit is which entries of the log to list.
type ListAudit struct {
	Actor  string `json:"actor"`  // id of a staff member
	Act    string `json:"act"`    // or the beginning of one that ends in a dot, such as customer.
	Target string `json:"target"` // such as the id of a customer
	From   Day    `json:"from"`
	To     Day    `json:"to"` // this day included
	After  string `json:"after"`
	Limit  int    `json:"limit"` // at most 200; the default is 50
}

// AuditList is a page of the log, newest first.
type AuditList struct {
	Entries []authstore.AuditEntry `json:"entries"`
	Next    string                 `json:"next"`
	Partial bool                   `json:"partial"` // the search is not at its end: next goes on
}

func listAudit(s *Service, ctx context.Context, c *call, in ListAudit) (AuditList, error) {
	list := AuditList{Entries: []authstore.AuditEntry{}}
	if in.Limit == 0 {
		in.Limit = 50
	}
	if in.Limit < 1 || in.Limit > 200 {
		return list, invalid("limit", "is not between 1 and 200")
	}
	page, err := s.Store.AuditLog(ctx, authstore.AuditQuery{
		Publisher: c.publisher.ID, Actor: in.Actor, Act: in.Act, Target: in.Target,
		From: in.From.Time, Before: in.To.next(), After: in.After, Limit: in.Limit,
	})
	if errors.Is(err, authstore.ErrCursor) {
		return list, invalid("after", "is not the next of a page of this list")
	}
	if err != nil {
		return list, fmt.Errorf("reading the audit log: %w", err)
	}
	list.Entries = append(list.Entries, page.Entries...)
	list.Next, list.Partial = page.Next, page.Partial
	return list, nil
}
