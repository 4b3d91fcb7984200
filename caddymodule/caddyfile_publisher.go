// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
)

// publisher reads
//
//	publisher <id> {
//		name    <name>
//		sites   <host or origin…>
//		offers  <id…>
//		consent <name> { … }
//		capture { … }
//		login <provider> [<name>] { … }
//		app_redirect <uri…>
//		brand { … }
//		verify_email [<time after registration>]
//		session { … }
//		token_life <duration>
//		languages <tag…>
//		reset_urls <origin…>
//		backchannel_logout <url> [<audience>]
//		reveal_unknown_email
//		api_token  <secret>
//		sandbox [send_mail]
//	}
func (p *globalParser) publisher(d *caddyfile.Dispenser) error {
	d.Next() // publisher
	head := *d
	text, err := one(d, "an id of nine digits, such as 100000001")
	if err != nil {
		return err
	}
	id, err := publisher.ParseID(text)
	if err != nil {
		return d.WrapErr(err)
	}
	for _, other := range p.app.Publishers {
		if other.ID == id {
			return d.Errf("publisher %d is configured twice; merge the two", id)
		}
	}
	if d.NextArg() {
		return d.Errf("publisher takes one id; remove %q", d.Val())
	}
	own := Publisher{ID: id}
	seen := map[string]bool{}
	p.logins = nil
	for d.NextBlock(0) {
		if name := d.Val(); name != "consent" && name != "backchannel_logout" && name != "login" {
			if seen[name] {
				return d.Errf("%s is given twice; remove one", name)
			}
			seen[name] = true
		}
		if err := p.publisherOption(d, &own); err != nil {
			return err
		}
	}
	if err := p.checkLogins(&own); err != nil {
		return err
	}
	if len(own.Sites) == 0 {
		if p.unlisted != 0 {
			return head.Errf("publishers %d and %d both list no sites; only one may take all the others", p.unlisted, id)
		}
		p.unlisted = id
	}
	p.app.Publishers = append(p.app.Publishers, own)
	return nil
}

func (p *globalParser) publisherOption(d *caddyfile.Dispenser, own *Publisher) (err error) {
	switch d.Val() {
	case "name":
		if own.Name, err = one(d, "a name"); err != nil {
			return err
		}
		if own.Name == "" {
			return d.Err("name is empty; say what viewers know the publisher by")
		}
		return end(d)
	case "sites":
		return p.publisherSites(d, own)
	case "offers":
		return p.publisherOffers(d, own)
	case "consent":
		c, err := parseConsent(d)
		for _, other := range own.Consents {
			if err == nil && other.Name == c.Name {
				return d.Errf("consent %s is configured twice; merge the two", c.Name)
			}
		}
		own.Consents = append(own.Consents, c)
		return err
	case "capture":
		own.Capture, err = parseCapture(d)
		return err
	case "login":
		return p.login(d, own)
	case "app_redirect":
		return parseAppRedirects(d, own)
	case "brand":
		own.Brand, err = parseBrand(d)
		return err
	case "verify_email":
		return parseVerifyEmail(d, own)
	case "session":
		own.Session, err = parseSession(d)
		return err
	case "reset_urls":
		return parseResetURLs(d, own)
	case "backchannel_logout":
		return parseBackchannelLogout(d, own)
	case "reveal_unknown_email":
		own.RevealUnknownEmail = true
		return end(d)
	case "api_token":
		return parseAPIToken(d, own)
	}
	return parseLaterOption(d, own)
}

func parseVerifyEmail(d *caddyfile.Dispenser, own *Publisher) error {
	within := time.Duration(0)
	if d.NextArg() {
		var err error
		if within, err = caddy.ParseDuration(d.Val()); err != nil || within < 0 {
			return d.Errf("%q is no time after registration; write one such as 72h or 7d, or nothing for before the first entry", d.Val())
		}
	}
	own.VerifyEmail = (*caddy.Duration)(&within)
	return end(d)
}

func parseResetURLs(d *caddyfile.Dispenser, own *Publisher) error {
	for d.NextArg() {
		page, err := publisher.ParseOrigin(d.Val())
		if err != nil {
			return d.WrapErr(err)
		}
		if slices.Contains(own.ResetURLs, string(page)) {
			return d.Errf("reset_urls %s is given twice; remove one", page)
		}
		own.ResetURLs = append(own.ResetURLs, string(page))
	}
	if len(own.ResetURLs) == 0 {
		return d.Err("reset_urls needs at least one origin, such as https://app.example.com")
	}
	return end(d)
}

// minAPIToken is the least length of the secret: what is shorter was made up by
// a person, and could be guessed.
const minAPIToken = 32

func parseAPIToken(d *caddyfile.Dispenser, own *Publisher) error {
	token, err := one(d, "a secret of at least 32 characters, such as {$USHER_API_TOKEN}")
	if err != nil {
		return err
	}
	if len(token) < minAPIToken {
		return d.Errf("api_token is shorter than %d characters; make one with: openssl rand -hex 32", minAPIToken)
	}
	if strings.HasPrefix(token, "{") {
		return d.Err("api_token must be there when the Caddyfile is read; write {$NAME} for an environment variable")
	}
	own.APITokenDigest = secret.Digest(token)
	return end(d)
}

func (p *globalParser) publisherSites(d *caddyfile.Dispenser, own *Publisher) error {
	for d.NextArg() {
		site, err := siteOrigin(d.Val(), p.origin)
		if err != nil {
			return d.WrapErr(err)
		}
		if site == p.origin {
			return d.Errf("%s is the hub; a site needs another host", site)
		}
		if other, taken := p.sites[site]; taken {
			return d.Errf("site %s is claimed by publisher %d already; leave it with one", site, other)
		}
		p.sites[site] = own.ID
		own.Sites = append(own.Sites, string(site))
	}
	if len(own.Sites) == 0 {
		return d.Err("sites needs at least one host; leave the line out to take all gated sites")
	}
	return end(d)
}

func (p *globalParser) publisherOffers(d *caddyfile.Dispenser, own *Publisher) error {
	for d.NextArg() {
		offer := d.Val()
		if err := publisher.CheckOffer(offer); err != nil {
			return d.WrapErr(err)
		}
		if other, taken := p.offers[offer]; taken {
			return d.Errf("offer %s is claimed by publisher %d already; leave it with one", offer, other)
		}
		p.offers[offer] = own.ID
		own.Offers = append(own.Offers, offer)
	}
	if len(own.Offers) == 0 {
		return d.Err("offers needs at least one id, such as S100000001_US")
	}
	return end(d)
}

// parseConsent reads
//
//	consent <name> {
//		version <version>
//		label   [<language>] <text with at most one [link](https://…)>
//		value   [<language>] <address of the full text>
//		transition_until <day>
//		required
//		enabled_by_default
//	}
func parseConsent(d *caddyfile.Dispenser) (c Consent, err error) {
	if c.Name, err = one(d, "a name, such as broadcaster_terms"); err != nil {
		return c, err
	}
	if err := consent.CheckName(c.Name); err != nil {
		return c, d.WrapErr(err)
	}
	if d.NextArg() {
		return c, d.Errf("consent takes one name; remove %q, or write it in the block", d.Val())
	}
	head := *d
	seen := map[string]bool{}
	for level := d.Nesting(); d.NextBlock(level); {
		name := d.Val()
		if seen[name] && name != "label" && name != "value" {
			return c, d.Errf("%s is given twice; remove one", name)
		}
		seen[name] = true
		switch name {
		case "version":
			c.Version, err = one(d, "a version, such as 2")
		case "label":
			err = c.parseText(d, "the words beside the box")
		case "value":
			err = c.parseText(d, "the address of the full text")
		case "transition_until":
			c.TransitionUntil, err = one(d, "a day, such as 2027-01-31")
		case "required":
			c.Required = true
		case "enabled_by_default":
			c.EnabledByDefault = true
		default:
			err = d.Errf("unknown option %q of a consent; known are version, label, value, transition_until, required and enabled_by_default", name)
		}
		if err == nil {
			err = end(d)
		}
		if err == nil && name == "version" && c.Version == "" {
			return c, head.Errf("version of consent %s is empty; leave the line out for version 1", c.Name)
		}
		if err == nil && name == "label" {
			if _, bad := consent.ParseLabel(c.Label); bad != nil {
				err = d.WrapErr(bad)
			}
		}
		if err != nil {
			return c, err
		}
	}
	if _, err := c.definition(); err != nil {
		return c, head.WrapErr(err)
	}
	return c, nil
}

// parseCapture reads
//
//	capture {
//		enforce
//		field    <key> [required]
//		question <key> <text> [required] {
//			choice <text>
//		}
//	}
//
// Without a block, capture asks for names and birth date.
func parseCapture(d *caddyfile.Dispenser) (*Capture, error) {
	if d.NextArg() {
		return nil, d.Errf("capture takes no arguments; remove %q, or write it in the block", d.Val())
	}
	var c Capture
	seen := map[string]bool{}
	for level := d.Nesting(); d.NextBlock(level); {
		if d.Val() == "enforce" {
			if c.Enforce {
				return nil, d.Err("enforce is given twice; remove one")
			}
			c.Enforce = true
			if err := end(d); err != nil {
				return nil, err
			}
			continue
		}
		f, err := parseField(d)
		if err != nil {
			return nil, err
		}
		if seen[f.Key] {
			return nil, d.Errf("capture field %s is configured twice; remove one", f.Key)
		}
		seen[f.Key] = true
		c.Fields = append(c.Fields, f)
	}
	return &c, nil
}

func parseField(d *caddyfile.Dispenser) (f CaptureField, err error) {
	kind := d.Val()
	head := *d
	if kind != "field" && kind != "question" {
		return f, d.Errf("unknown option %q of capture; known are enforce, field and question", kind)
	}
	if f.Key, err = one(d, "a key, such as birthDate, or custom_1 for a question"); err != nil {
		return f, err
	}
	if kind == "question" {
		if !d.NextArg() {
			return f, d.Err("question needs the words to ask")
		}
		f.Question = d.Val()
	}
	if d.NextArg() {
		if d.Val() != "required" {
			return f, d.Errf("unknown word %q; only required may follow", d.Val())
		}
		f.Required = true
	}
	if d.NextArg() {
		return f, d.Errf("too many arguments; remove %q", d.Val())
	}
	for level := d.Nesting(); d.NextBlock(level); {
		if d.Val() != "choice" || kind != "question" {
			return f, d.Errf("unknown option %q; a question takes choice, a field nothing", d.Val())
		}
		choice, err := one(d, "the words of an answer")
		if err != nil {
			return f, err
		}
		f.Choices = append(f.Choices, choice)
		if err := end(d); err != nil {
			return f, err
		}
	}
	if _, err := (Capture{Fields: []CaptureField{f}}).fields(); err != nil {
		return f, head.WrapErr(err)
	}
	return f, nil
}
