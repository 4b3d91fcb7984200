// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/publisher"
)

// Publisher is a tenant: its customers, consents, capture settings, sites and
// offers are its own.
type Publisher struct {
	// Nine digits. It is part of every token and of the API's addresses, so it
	// should never change. Required.
	ID int64 `json:"id"`

	// What viewers know the publisher by. Default: the id.
	Name string `json:"name,omitempty"`

	// The gated sites that belong to it, as origins or host names; a star may
	// stand for the first label, as in *.clubs.example. Default: all gated
	// sites that no other publisher lists.
	Sites []string `json:"sites,omitempty"`

	// Offers by which clients may name the publisher, such as S100000001_US.
	Offers []string `json:"offers,omitempty"`

	// What customers are asked to agree to, in the order shown.
	Consents []Consent `json:"consents,omitempty"`

	// What customers are asked about themselves. Default: nothing.
	Capture *Capture `json:"capture,omitempty"`

	// Where else its customers may have an account to sign in with, in the order of
	// the buttons. Default: nowhere.
	LoginRaw []json.RawMessage `json:"login,omitempty" caddy:"namespace=usher.providers inline_key=provider"`

	// The addresses that its apps are led back to after a sign-in in the browser, such
	// as com.example.app:/signed-in, https://app.example.com/signed-in or
	// http://127.0.0.1/signed-in, for which any port will do. They are compared
	// whole. Default: none.
	AppRedirects []string `json:"app_redirect,omitempty"`

	// How its pages look. Default: plain.
	Brand *Brand `json:"brand,omitempty"`

	// Origins of pages that a reset mail may link to when a client names one,
	// such as https://app.example.com. Default: the publisher's gated sites.
	ResetURLs []string `json:"reset_urls,omitempty"`

	// Whether customers must prove, by a link or code in a mail, that they read
	// mail at their address: how long after registration they may go without, 0s
	// for before they first come in. Default: they need not.
	VerifyEmail *caddy.Duration `json:"verify_email,omitempty"`

	// When sessions end by time. Default: after 100 days without use, and after
	// 400 days.
	Session *Session `json:"session,omitempty"`

	// How long access tokens live, such as 5m; 1m to 1h, and never longer than a
	// fifth of the session's idle limit. What a token says of a customer, such as
	// the accepted consents, is as old at most. Default: 15m.
	TokenLife caddy.Duration `json:"token_life,omitempty"`

	// The languages that its pages and mails may be in, by their tags, such as de;
	// the first is for viewers who read none of them. Default: all there are.
	Languages []string `json:"languages,omitempty"`

	// Whether the publisher is for trying things out: every page and mail says so,
	// and its mails are written as files into usher/outbox/<id> in Caddy's data
	// directory, or into that of the outbox mailer, in place of being sent.
	// Default: false.
	Sandbox bool `json:"sandbox,omitempty"`

	// Whether a sandbox sends its mails after all. Default: false.
	SendMail bool `json:"send_mail,omitempty"`

	// Apps that are told when a session ends. Default: none.
	BackchannelLogout []BackchannelLogout `json:"backchannel_logout,omitempty"`

	// Whether clients of the API that ask for a reset mail are told that no
	// account has the address (404 USER0004), as the hosted service does. Anyone
	// can then find out who has an account. Default: false.
	RevealUnknownEmail bool `json:"reveal_unknown_email,omitempty"`

	// The digest of the secret by which the publisher's own servers prove
	// themselves in the header X-Publisher-Token: SHA-256 in base64url without
	// padding. The Caddyfile's api_token makes it of the secret, so that the
	// configuration holds none. Default: none, which closes those endpoints.
	APITokenDigest string `json:"api_token_digest,omitempty"`
}

// Consent is one thing customers are asked to agree to. The text of a version
// is fixed once it was used: to change it, give it a new version, and
// customers are asked again.
type Consent struct {
	// Small letters, digits and underscores, such as broadcaster_terms.
	// Required.
	Name string `json:"name"`

	// Default: 1.
	Version string `json:"version,omitempty"`

	// What the customer reads beside the box: plain text, in which one link
	// may be written [text](https://…). Required.
	Label string `json:"label"`

	// The address of the full text, or the text itself, for clients of the API.
	Value string `json:"value,omitempty"`

	// Translations, by the tags of the languages that pages may be in, such as de.
	// They are part of the version's text. Viewers who read another language get
	// label and value, and so do clients of the API. Default: none.
	Texts map[string]ConsentText `json:"texts,omitempty"`

	// Whether customers must accept to come in. Default: false.
	Required bool `json:"required,omitempty"`

	// When customers who accepted an earlier version must have accepted this one:
	// a day, such as 2027-01-31, at whose start (UTC) it is, or a time in RFC
	// 3339. Until then they are told of it and may go on. New customers accept the
	// newest version. Default: at once.
	TransitionUntil string `json:"transition_until,omitempty"`

	// Whether the box is ticked beforehand. Default: false.
	EnabledByDefault bool `json:"enabled_by_default,omitempty"`
}

// ConsentText is a consent's text in one language.
type ConsentText struct {
	// Like the label of the consent. Required.
	Label string `json:"label"`

	// Like the value of the consent. Default: that one.
	Value string `json:"value,omitempty"`
}

// Capture is what customers are asked about themselves.
type Capture struct {
	// The questions, in the order shown. Default: first and last name, and
	// birth date, none of them required.
	Fields []CaptureField `json:"fields,omitempty"`

	// Whether gates stop customers who have not answered what is required, in the
	// middle of a session too. Otherwise they are asked when they next sign in.
	// Default: false.
	Enforce bool `json:"enforce,omitempty"`
}

// CaptureField is one question.
type CaptureField struct {
	// One of email, firstNameLastName, birthDate, address, phoneNumber,
	// companyName, or custom_1, custom_2 and so on. Required.
	Key string `json:"key"`

	// Whether an answer is needed. Default: false.
	Required bool `json:"required,omitempty"`

	// The words of a custom question. Required for those, refused for others.
	Question string `json:"question,omitempty"`

	// The answers to choose from for a custom question. Default: free text.
	Choices []string `json:"choices,omitempty"`
}

// maxVersion bounds a consent's version, which clients compare as text.
const maxVersion = 32

// maxConsents bounds the consents of a publisher: the names of the accepted ones
// are in every token.
const maxConsents = authstore.MaxConsents

// record judges the configured publisher and turns it into the record that is
// stored. Errors say what to write instead.
func (p Publisher) record(hub publisher.Origin) (authstore.Publisher, error) {
	id := fmt.Sprint(p.ID)
	if _, err := publisher.ParseID(id); err != nil {
		return authstore.Publisher{}, err
	}
	r := authstore.Publisher{ID: p.ID, Name: p.Name, Offers: p.Offers}
	if r.Name == "" {
		r.Name, r.Unnamed = id, true
	}
	if err := p.pagesAndTokens(&r); err != nil {
		return r, err
	}
	for _, offer := range p.Offers {
		if err := publisher.CheckOffer(offer); err != nil {
			return r, err
		}
	}
	for _, s := range p.Sites {
		site, err := siteOrigin(s, hub)
		if err != nil {
			return r, err
		}
		if site == hub {
			return r, fmt.Errorf("%s is the hub; a site needs another host", site)
		}
		r.Sites = append(r.Sites, string(site))
	}
	for _, s := range p.ResetURLs {
		page, err := publisher.ParseOrigin(s)
		if err != nil {
			return r, fmt.Errorf("reset_urls: %w", err)
		}
		r.ResetURLs = append(r.ResetURLs, string(page))
	}
	var err error
	if r.Session, err = p.Session.limits(); err != nil {
		return r, fmt.Errorf("session: %w", err)
	}
	if r.Receivers, err = receivers(p.BackchannelLogout); err != nil {
		return r, fmt.Errorf("backchannel_logout: %w", err)
	}
	r.TokenDigest, r.RevealUnknownEmail = p.APITokenDigest, p.RevealUnknownEmail
	if r.Consents, err = definitions(p.Consents); err != nil {
		return r, err
	}
	if p.Capture != nil {
		fields, err := p.Capture.fields()
		if err != nil {
			return r, err
		}
		r.Capture = authstore.Capture{Enabled: true, Fields: fields, Enforced: p.Capture.Enforce}
	}
	if p.VerifyEmail != nil {
		if *p.VerifyEmail < 0 {
			return r, errors.New("verify_email is negative; write how long customers may go without, such as 72h, or nothing")
		}
		r.VerifyEmail, r.VerifyWithin = true, time.Duration(*p.VerifyEmail)
	}
	return r, nil
}

// siteOrigin reads a site that an operator listed: an origin, or a host that
// is reached by https, or by the hub's scheme when it is a loopback name.
func siteOrigin(s string, hub publisher.Origin) (publisher.Origin, error) {
	if !strings.Contains(s, "://") {
		scheme := "https"
		if !hub.Secure() && publisher.Loopback(publisher.Origin("x://"+strings.ToLower(s)).Hostname()) {
			scheme = "http"
		}
		s = scheme + "://" + s
	}
	o, err := publisher.ParseOrigin(s)
	if err != nil {
		return "", err
	}
	if _, err := netip.ParseAddr(strings.Trim(o.Hostname(), "[]")); err == nil {
		return "", fmt.Errorf("site %s is an address; cookies and sign-in need a host name", o)
	}
	return o, nil
}

// definitions judges the configured consents of a publisher.
func definitions(consents []Consent) (all []authstore.ConsentDefinition, err error) {
	if len(consents) > maxConsents {
		return nil, fmt.Errorf("more than %d consents are configured; their names would not fit into a token", maxConsents)
	}
	names := map[string]bool{}
	for _, c := range consents {
		d, err := c.definition()
		if err != nil {
			return nil, err
		}
		if names[d.Name] {
			return nil, fmt.Errorf("consent %s is configured twice; merge the two", d.Name)
		}
		names[d.Name] = true
		all = append(all, d)
	}
	return all, nil
}

func (c Consent) definition() (authstore.ConsentDefinition, error) {
	d := authstore.ConsentDefinition{
		Name: c.Name, Version: c.Version, Label: c.Label, Value: c.Value,
		Required: c.Required, EnabledByDefault: c.EnabledByDefault,
	}
	if err := consent.CheckName(c.Name); err != nil {
		return d, err
	}
	if d.Version == "" {
		d.Version = "1"
	}
	if len(d.Version) > maxVersion {
		return d, fmt.Errorf("version of consent %s is longer than %d characters", c.Name, maxVersion)
	}
	if d.Label == "" {
		return d, fmt.Errorf("consent %s has no label; say what the customer agrees to", c.Name)
	}
	if _, err := consent.ParseLabel(d.Label); err != nil {
		return d, err
	}
	var err error
	if d.Texts, err = c.texts(); err != nil {
		return d, err
	}
	d.TransitionUntil, err = moment(c.TransitionUntil)
	if err != nil {
		return d, fmt.Errorf("transition_until of consent %s: %w", c.Name, err)
	}
	return d, nil
}

// moment reads a day, which begins at midnight UTC, or a time; "" is none.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a day such as 2027-01-31, nor a time such as 2027-01-31T06:00:00Z", s)
}

func (c Capture) fields() ([]authstore.CaptureField, error) {
	if len(c.Fields) == 0 {
		return capture.DefaultFields(), nil
	}
	var fields []authstore.CaptureField
	seen := map[string]bool{}
	for _, f := range c.Fields {
		field := authstore.CaptureField(f)
		if err := capture.CheckField(field); err != nil {
			return nil, err
		}
		if seen[f.Key] {
			return nil, fmt.Errorf("capture field %s is configured twice; remove one", f.Key)
		}
		seen[f.Key] = true
		fields = append(fields, field)
	}
	return fields, nil
}
