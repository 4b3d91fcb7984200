// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/notice"
)

// ListCustomers is what customers to list.
type ListCustomers struct {
	Search         string `json:"search"` // an id, an external id, or the beginning of an address or a name
	Sort           string `json:"sort"`   // registered, lastLogin, email or name; the default is registered
	RegisteredFrom Day    `json:"registeredFrom"`
	RegisteredTo   Day    `json:"registeredTo"` // this day included
	LastLoginFrom  Day    `json:"lastLoginFrom"`
	LastLoginTo    Day    `json:"lastLoginTo"` // this day included
	Unverified     bool   `json:"unverified"`
	Disabled       bool   `json:"disabled"`
	Erased         bool   `json:"erased"` // those only; otherwise they are left out
	Consent        string `json:"consent"`
	ConsentVersion string `json:"consentVersion"` // default: any
	ConsentState   string `json:"consentState"`   // accepted, declined, or missing
	After          string `json:"after"`          // next of the page before
	Limit          int    `json:"limit"`          // at most 100; the default is 50
}

// maxSearch bounds what is searched for; the longest address has 254 characters.
const maxSearch = 254

// sorts are the orders of the list, by their names.
var sorts = map[string]authstore.CustomerSort{
	"": authstore.ByRegistered, "registered": authstore.ByRegistered, "lastLogin": authstore.ByLastLogin,
	"email": authstore.ByEmail, "name": authstore.ByName,
}

// consentStates are the answers that customers can be listed by.
var consentStates = map[string]authstore.ConsentState{
	"accepted": authstore.Accepted, "declined": authstore.Declined, "missing": "", "": "",
}

func (in ListCustomers) query(publisher int64) (q authstore.CustomerQuery, err error) {
	sort, known := sorts[in.Sort]
	state, answer := consentStates[in.ConsentState]
	switch {
	case !known:
		return q, invalid("sort", "is none of registered, lastLogin, email and name")
	case !answer || in.ConsentState == "" && in.Consent != "":
		return q, invalid("consentState", "is none of accepted, declined and missing")
	case in.Consent == "" && (in.ConsentState != "" || in.ConsentVersion != ""):
		return q, invalid("consent", "says no consent; name the one that is meant")
	case in.Limit < 0 || in.Limit > 100:
		return q, invalid("limit", "is not between 1 and 100")
	case len(in.Search) > maxSearch:
		return q, invalid("search", "is longer than %d characters", maxSearch)
	}
	return authstore.CustomerQuery{
		Publisher: publisher, Search: in.Search, Sort: sort,
		RegisteredFrom: in.RegisteredFrom.Time, RegisteredBefore: in.RegisteredTo.next(),
		LastLoginFrom: in.LastLoginFrom.Time, LastLoginBefore: in.LastLoginTo.next(),
		Unverified: in.Unverified, Disabled: in.Disabled, Erased: in.Erased,
		Consent: in.Consent, ConsentVersion: in.ConsentVersion, ConsentState: state,
		After: in.After, Limit: in.Limit,
	}, nil
}

// CustomerRow is a customer in a list.
type CustomerRow struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	FirstName  string    `json:"firstName"`
	LastName   string    `json:"lastName"`
	ExternalID string    `json:"externalId"`
	Registered time.Time `json:"registered"`
	LastLogin  time.Time `json:"lastLogin,omitzero"`
	Verified   bool      `json:"verified"`
	Disabled   bool      `json:"disabled"`
	Erased     bool      `json:"erased"`
}

func rowOf(c authstore.Customer) CustomerRow {
	return CustomerRow{
		ID: strconv.FormatInt(c.ID, 10), Email: c.Email, FirstName: c.FirstName, LastName: c.LastName, ExternalID: c.ExternalID,
		Registered: c.Registered, LastLogin: c.LastLogin, Verified: !c.EmailVerified.IsZero(),
		Disabled: c.Disabled, Erased: !c.Erased.IsZero(),
	}
}

// CustomerList is a page of a list of customers.
type CustomerList struct {
	Customers []CustomerRow `json:"customers"`
	Next      string        `json:"next"`    // names the next page; "" at the end
	Partial   bool          `json:"partial"` // the search is not at its end: next goes on, even if there is nothing on this page
}

func listCustomers(s *Service, ctx context.Context, c *call, in ListCustomers) (CustomerList, error) {
	list := CustomerList{Customers: []CustomerRow{}}
	q, err := in.query(c.publisher.ID)
	if err != nil {
		return list, err
	}
	page, err := s.Store.ListCustomers(ctx, q)
	if errors.Is(err, authstore.ErrCursor) {
		return list, invalid("after", "is not the next of a page of this list")
	}
	if err != nil {
		return list, fmt.Errorf("listing customers: %w", err)
	}
	for _, found := range page.Customers {
		list.Customers = append(list.Customers, rowOf(found))
	}
	list.Next, list.Partial = page.Next, page.Partial
	return list, nil
}

// customer returns the customer that a call is about, erased or not.
func (c *call) customer(ctx context.Context) (authstore.Customer, error) {
	text := c.place.Param("customerId")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != text {
		return authstore.Customer{}, ErrNotFound
	}
	found, err := c.service.Store.Customer(ctx, id)
	if errors.Is(err, authstore.ErrNotFound) || err == nil && found.PublisherID != c.publisher.ID {
		return authstore.Customer{}, ErrNotFound
	}
	if err != nil {
		return found, fmt.Errorf("reading a customer: %w", err)
	}
	return found, nil
}

// liveCustomer returns the customer that a call is about, who is not erased.
func (c *call) liveCustomer(ctx context.Context) (authstore.Customer, error) {
	found, err := c.customer(ctx)
	if err == nil && !found.Erased.IsZero() {
		return found, ErrNotFound
	}
	return found, err
}

// CustomerDetail is everything that there is of a customer.
type CustomerDetail struct {
	CustomerRow

	Country       string          `json:"country"`
	Locale        string          `json:"locale"`
	Currency      string          `json:"currency"`
	LastIP        string          `json:"lastIp"`
	LastCountry   string          `json:"lastCountry"` // of that address, two letters; "" when nobody knows
	EmailVerified time.Time       `json:"emailVerified,omitzero"`
	ErasedAt      time.Time       `json:"erasedAt,omitzero"`
	ExternalData  json.RawMessage `json:"externalData,omitempty"`

	Identities []IdentityView `json:"identities"`
	Consents   []ConsentView  `json:"consents"`
	History    []AnsweredView `json:"history"` // of consents, newest first
	Broken     string         `json:"broken"`  // how the evidence was tampered with; "" when it holds
	Submitted  time.Time      `json:"submitted,omitzero"`
	Answers    []AnswerView   `json:"answers"`
	Sessions   []SessionView  `json:"sessions"`
}

// IdentityView is a way in which a customer signs in.
type IdentityView struct {
	Provider string    `json:"provider"`
	Subject  string    `json:"subject"`
	Created  time.Time `json:"created"`
}

// ConsentView is what a customer says to a consent that is asked for now.
type ConsentView struct {
	Name     string                 `json:"name"`
	Asked    string                 `json:"asked"` // the version that is asked for
	Required bool                   `json:"required"`
	Version  string                 `json:"version"` // that was answered; "" for none
	State    authstore.ConsentState `json:"state"`   // "" for no answer
	Time     time.Time              `json:"time,omitzero"`
}

// AnsweredView is one answer of the evidence.
type AnsweredView struct {
	Sequence int                    `json:"sequence"`
	Name     string                 `json:"name"`
	Version  string                 `json:"version"`
	State    authstore.ConsentState `json:"state"`
	Time     time.Time              `json:"time"`
	IP       string                 `json:"ip"`
	Language string                 `json:"language"` // of the text that was shown; "" for the first
	TextHash string                 `json:"textHash"`
	Hash     string                 `json:"hash"`
}

// AnswerView is an answer to a profile question.
type AnswerView struct {
	Field    string `json:"field"`
	Question string `json:"question"` // of a question of the publisher's own
	Value    string `json:"value"`
}

// SessionView is a sign-in on one device.
type SessionView struct {
	ID      string    `json:"id"`
	Device  string    `json:"device"` // such as "Firefox, Mac"; "" when nobody knows
	IP      string    `json:"ip"`
	Country string    `json:"country"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Sites   []string  `json:"sites"`
}

func getCustomer(s *Service, ctx context.Context, c *call, _ None) (CustomerDetail, error) {
	found, err := c.customer(ctx)
	if err != nil {
		return CustomerDetail{}, err
	}
	d := CustomerDetail{
		CustomerRow: rowOf(found), Country: found.Country, Locale: found.Locale, Currency: found.Currency,
		LastIP: found.LastIP, LastCountry: s.countryOf(found.LastIP), EmailVerified: found.EmailVerified, ErasedAt: found.Erased,
		Identities: []IdentityView{}, Consents: []ConsentView{}, History: []AnsweredView{}, Answers: []AnswerView{}, Sessions: []SessionView{},
	}
	if found.ExternalData != "" {
		d.ExternalData = json.RawMessage(found.ExternalData)
	}
	for _, fill := range []func(context.Context, *call, authstore.Customer, *CustomerDetail) error{
		s.fillIdentities, s.fillConsents, s.fillAnswers, s.fillSessions,
	} {
		if err := fill(ctx, c, found, &d); err != nil {
			return d, fmt.Errorf("reading what there is of a customer: %w", err)
		}
	}
	return d, nil
}

// countryOf returns the country of an address, or "".
func (s *Service) countryOf(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	return s.Locale.CountryOf("", addr)
}

func (s *Service) fillIdentities(ctx context.Context, _ *call, found authstore.Customer, d *CustomerDetail) error {
	identities, err := s.Store.Identities(ctx, found.ID)
	if errors.Is(err, authstore.ErrNotFound) {
		return nil // erased
	}
	for _, i := range identities {
		d.Identities = append(d.Identities, IdentityView{i.Provider, i.Subject, i.Created})
	}
	return err
}

func (s *Service) fillConsents(ctx context.Context, c *call, found authstore.Customer, d *CustomerDetail) error {
	inForce, err := s.Store.Consents(ctx, found.ID)
	if err != nil {
		return err
	}
	for _, asked := range c.publisher.Consents {
		a := inForce[asked.Name]
		d.Consents = append(d.Consents, ConsentView{asked.Name, asked.Version, asked.Required, a.Version, a.State, a.Time})
	}
	history, err := s.Store.ConsentHistory(ctx, found.ID)
	if errors.Is(err, authstore.ErrBrokenChain) {
		d.Broken = err.Error()
		err = nil
	}
	for i := len(history) - 1; i >= 0; i-- {
		r := history[i]
		d.History = append(d.History, AnsweredView{r.Sequence, r.Name, r.Version, r.State, r.Time, r.IP, r.Language, r.TextHash, r.Hash})
	}
	return err
}

func (s *Service) fillAnswers(ctx context.Context, c *call, found authstore.Customer, d *CustomerDetail) error {
	answers, err := s.Store.Capture(ctx, found.ID)
	if err != nil {
		return err
	}
	d.Submitted = answers.Submitted
	for _, f := range c.publisher.Capture.Fields {
		for _, name := range capture.Parts(f.Key) {
			if value := capture.Answer(name, found, answers); value != "" {
				d.Answers = append(d.Answers, AnswerView{name, f.Question, value})
			}
		}
	}
	asked := capture.Enabled(authstore.Capture{Enabled: true, Fields: c.publisher.Capture.Fields})
	for _, name := range sortedKeys(answers.Values) {
		if !asked[name] { // any more
			d.Answers = append(d.Answers, AnswerView{name, "", answers.Values[name]})
		}
	}
	return nil
}

// maxSessions bounds how many sessions are shown: an app that signs in each time it
// starts leaves many.
const maxSessions = 100

func (s *Service) fillSessions(ctx context.Context, _ *call, found authstore.Customer, d *CustomerDetail) error {
	sessions, err := s.Store.CustomerSessions(ctx, found.ID)
	if err != nil {
		return err
	}
	for _, x := range newest(sessions) {
		d.Sessions = append(d.Sessions, SessionView{
			x.ID, notice.DeviceName(x.UserAgent), x.IP, s.countryOf(x.IP), x.Created, x.Seen, sitesOf(x),
		})
	}
	return nil
}
