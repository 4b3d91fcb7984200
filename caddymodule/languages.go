// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/session"
)

// What publishers say of languages, of the life of tokens, and of being a sandbox.

// checkLanguage judges the tag of a language that pages may be in.
func checkLanguage(tag string) error {
	catalog, err := i18n.Load()
	if err != nil {
		return err
	}
	if tags := catalog.Tags(); !slices.Contains(tags, tag) {
		return fmt.Errorf("%q is no language that pages are in; known are %s", tag, strings.Join(tags, ", "))
	}
	return nil
}

// pagesAndTokens judges what a publisher says of its pages and tokens, and puts it
// into the record.
func (p Publisher) pagesAndTokens(r *authstore.Publisher) error {
	if p.SendMail && !p.Sandbox {
		return errors.New("send_mail is for a sandbox; other publishers send their mails anyway")
	}
	r.Sandbox, r.SendMail, r.Branded = p.Sandbox, p.SendMail, p.Brand != nil
	for _, tag := range p.Languages {
		if err := checkLanguage(tag); err != nil {
			return fmt.Errorf("languages: %w", err)
		}
		if slices.Contains(r.Languages, tag) {
			return fmt.Errorf("language %s is given twice; remove one", tag)
		}
		r.Languages = append(r.Languages, tag)
	}
	r.TokenLife = time.Duration(p.TokenLife)
	return session.CheckTokenLife(r.TokenLife)
}

// texts judges the translations of a consent.
func (c Consent) texts() (map[string]authstore.ConsentText, error) {
	if len(c.Texts) == 0 {
		return nil, nil
	}
	texts := map[string]authstore.ConsentText{}
	for tag, t := range c.Texts {
		if err := checkLanguage(tag); err != nil {
			return nil, fmt.Errorf("consent %s: %w", c.Name, err)
		}
		if t.Label == "" {
			return nil, fmt.Errorf("consent %s has no label in the language %s; say what the customer agrees to", c.Name, tag)
		}
		if _, err := consent.ParseLabel(t.Label); err != nil {
			return nil, err
		}
		texts[tag] = authstore.ConsentText(t)
	}
	return texts, nil
}

// parseText reads
//
//	label [<language>] <text>
//	value [<language>] <text>
func (c *Consent) parseText(d *caddyfile.Dispenser, what string) error {
	name := d.Val()
	text, err := one(d, what)
	if err != nil {
		return err
	}
	own := map[string]*string{"label": &c.Label, "value": &c.Value}[name]
	if !d.NextArg() {
		if *own != "" {
			return d.Errf("%s is given twice; remove one", name)
		}
		*own = text
		return nil
	}
	tag := text
	if err := checkLanguage(tag); err != nil {
		return d.Errf("%s takes a text, or a language and a text: %v", name, err)
	}
	if c.Texts == nil {
		c.Texts = map[string]ConsentText{}
	}
	t := c.Texts[tag]
	if own = &t.Label; name == "value" {
		own = &t.Value
	}
	if *own != "" {
		return d.Errf("%s in the language %s is given twice; remove one", name, tag)
	}
	*own = d.Val()
	c.Texts[tag] = t
	return nil
}

// parseLaterOption reads
//
//	languages <tag…>
//	token_life <duration>
//	sandbox [send_mail]
func parseLaterOption(d *caddyfile.Dispenser, own *Publisher) error {
	switch d.Val() {
	case "languages":
		own.Languages = d.RemainingArgs()
		if len(own.Languages) == 0 {
			return d.Err("languages needs at least one tag, such as de")
		}
	case "token_life":
		if err := parseLimit(d, &own.TokenLife, "10m"); err != nil {
			return err
		}
	case "sandbox":
		own.Sandbox = true
		if d.NextArg() {
			if d.Val() != "send_mail" {
				return d.Errf("unknown word %q; only send_mail may follow sandbox", d.Val())
			}
			own.SendMail = true
		}
	default:
		return d.Errf("unknown option %q of a publisher; known are name, sites, offers, consent, capture, login, app_redirect, brand, verify_email, session, token_life, languages, reset_urls, backchannel_logout, reveal_unknown_email, api_token and sandbox", d.Val())
	}
	if err := own.pagesAndTokens(new(authstore.Publisher)); err != nil {
		return d.WrapErr(err)
	}
	return end(d)
}
