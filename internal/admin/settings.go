// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

var settingsActs = []*Act{
	define(Act{Name: "settings.get", Method: "GET", Path: "settings", Needs: See, Summary: "Show the publisher's settings"}, getSettings),
	define(Act{Name: "settings.save", Method: "POST", Path: "settings", Needs: Own, StepUp: true, Summary: "Change the publisher's settings"}, saveSettings),
	define(Act{Name: "brand.save", Method: "POST", Path: "brand", Needs: Edit, Summary: "Change the colour and the links of the publisher's pages"}, saveBrand),
	define(Act{Name: "brand.picture", Method: "POST", Path: "brand/picture", Needs: Edit, Summary: "Change the logo or the icon of the publisher's pages"}, savePicture),
	define(Act{Name: "token.rotate", Method: "POST", Path: "token/rotate", Needs: Own, StepUp: true, Summary: "Make a new API token, which ends the one before"}, rotateToken),
	define(Act{Name: "token.revoke", Method: "POST", Path: "token/revoke", Needs: Own, StepUp: true, Summary: "End the API token"}, revokeToken),
}

// SettingsView is the settings of a publisher. What is declared is so by the
// server's configuration file, and changed only there.
type SettingsView struct {
	Revision  int64         `json:"revision"` // to be named by a change
	Publisher PublisherInfo `json:"publisher"`

	Name              string        `json:"name"`         // that staff have set; "" for the declared one
	DeclaredName      string        `json:"declaredName"` //
	Sites             []string      `json:"sites"`        // declared: a site is where the configuration has a gate
	Offers            []string      `json:"offers"`
	DeclaredOffers    []string      `json:"declaredOffers"`
	ResetURLs         []string      `json:"resetUrls"`
	DeclaredResetURLs []string      `json:"declaredResetUrls"`
	Languages         []string      `json:"languages"` // none for all
	KnownLanguages    []string      `json:"knownLanguages"`
	TokenLife         Span          `json:"tokenLife"` // in force
	SessionIdle       Span          `json:"sessionIdle"`
	SessionAbsolute   Span          `json:"sessionAbsolute"`
	VerifyEmail       bool          `json:"verifyEmail"`
	VerifyWithin      Span          `json:"verifyWithin"`
	SendMail          bool          `json:"sendMail"` // a sandbox sends its mails
	Brand             BrandView     `json:"brand"`
	Token             bool          `json:"token"` // there is an API token
	Receivers         []string      `json:"receivers"`
	Declared          DeclaredParts `json:"declared"`
}

// BrandView is how a publisher's pages look.
type BrandView struct {
	Color   string      `json:"color"`
	Links   []LinkInput `json:"links"`
	Logo    string      `json:"logo"` // id of the picture; "" for none
	Favicon string      `json:"favicon"`
}

// LinkInput leads to a page of the publisher's own.
type LinkInput struct {
	Name string `json:"name"` // "" leaves it out
	URL  string `json:"url"`
}

// DeclaredParts says what of the settings is declared.
type DeclaredParts struct {
	Name        bool `json:"name"`
	Languages   bool `json:"languages"`
	TokenLife   bool `json:"tokenLife"`
	Session     bool `json:"session"`
	VerifyEmail bool `json:"verifyEmail"`
	Brand       bool `json:"brand"`
	Token       bool `json:"token"`
	SendMail    bool `json:"sendMail"`
}

func declaredParts(p authstore.Publisher) DeclaredParts {
	return DeclaredParts{
		Name: !p.Unnamed, Languages: len(p.Languages) > 0, TokenLife: p.TokenLife != 0, Session: p.Session != authstore.SessionLimits{},
		VerifyEmail: p.VerifyEmail, Brand: p.Branded, Token: p.TokenDigest != "", SendMail: p.SendMail,
	}
}

func getSettings(s *Service, ctx context.Context, c *call, _ None) (SettingsView, error) {
	set, err := s.Store.Settings(ctx, c.publisher.ID)
	if err != nil {
		return SettingsView{}, fmt.Errorf("reading settings: %w", err)
	}
	p := c.publisher // in force
	declared, _ := s.Declared(p.ID)
	limits := p.Session.InForce()
	v := SettingsView{
		Revision: set.Revision, Publisher: infoOf(p, c.actor), Name: set.Name, DeclaredName: declared.Name,
		Sites: some(p.Sites), Offers: some(set.Offers), DeclaredOffers: some(declared.Offers),
		ResetURLs: some(set.ResetURLs), DeclaredResetURLs: some(declared.ResetURLs),
		Languages: some(p.Languages), KnownLanguages: s.Languages,
		TokenLife: Span{cmp.Or(p.TokenLife, session.TokenLife)}, SessionIdle: Span{limits.Idle}, SessionAbsolute: Span{limits.Absolute},
		VerifyEmail: p.VerifyEmail, VerifyWithin: Span{p.VerifyWithin}, SendMail: p.SendMail || !p.Sandbox,
		Token: p.TokenDigest != "", Receivers: []string{}, Declared: declaredParts(declared), Brand: BrandView{Links: []LinkInput{}},
	}
	for _, r := range p.Receivers {
		v.Receivers = append(v.Receivers, r.URL)
	}
	if b := set.Brand; b != nil {
		v.Brand.Color, v.Brand.Logo, v.Brand.Favicon = b.Color, b.Logo, b.Favicon
		for _, l := range b.Links {
			v.Brand.Links = append(v.Brand.Links, LinkInput(l))
		}
	}
	return v, nil
}

// some returns a list that is none as an empty one, as JSON should have it.
func some(list []string) []string { return append([]string{}, list...) }

// SaveSettings is the settings that staff may change. Those that are declared are
// left out, or as they are.
type SaveSettings struct {
	Revision        int64    `json:"revision"`
	Name            string   `json:"name"`
	Offers          []string `json:"offers"`
	ResetURLs       []string `json:"resetUrls"`
	Languages       []string `json:"languages"`
	TokenLife       Span     `json:"tokenLife"` // zero for the default, 15m
	SessionIdle     Span     `json:"sessionIdle"`
	SessionAbsolute Span     `json:"sessionAbsolute"`
	VerifyEmail     bool     `json:"verifyEmail"`
	VerifyWithin    Span     `json:"verifyWithin"`
	SendMail        bool     `json:"sendMail"`
}

const (
	maxPublisherName = 100 // characters
	maxListed        = 100 // offers or addresses of one publisher
	maxWithin        = 90 * 24 * time.Hour
)

func (s *Service) checkSettings(in SaveSettings) error {
	for i, offer := range in.Offers {
		if err := publisher.CheckOffer(offer); err != nil || slices.Contains(in.Offers[:i], offer) {
			return invalid("offers", "%q is no offer id, or is given twice; write each as a letter, nine digits, an underscore and a country", offer)
		}
	}
	for _, raw := range in.ResetURLs {
		if o, err := publisher.ParseOrigin(raw); err != nil || string(o) != raw {
			return invalid("resetUrls", "%q is no origin; write one such as https://app.example.com", raw)
		}
	}
	for _, tag := range in.Languages {
		if !slices.Contains(s.Languages, tag) {
			return invalid("languages", "%q is none of %s", tag, strings.Join(s.Languages, ", "))
		}
	}
	if err := session.CheckTokenLife(in.TokenLife.Duration); err != nil {
		return invalid("tokenLife", "%s", err)
	}
	if err := session.CheckLimits(authstore.SessionLimits{Idle: in.SessionIdle.Duration, Absolute: in.SessionAbsolute.Duration}); err != nil {
		return invalid("sessionIdle", "%s", err)
	}
	switch {
	case strings.ContainsFunc(in.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return invalid("name", "has characters that cannot be shown") // mails have it in their headers
	case len([]rune(in.Name)) > maxPublisherName:
		return invalid("name", "is longer than %d characters", maxPublisherName)
	case len(in.Offers) > maxListed:
		return invalid("offers", "are more than %d", maxListed)
	case len(in.ResetURLs) > maxListed:
		return invalid("resetUrls", "are more than %d", maxListed)
	case in.VerifyWithin.Duration < 0 || in.VerifyWithin.Duration > maxWithin:
		return invalid("verifyWithin", "is not between 0s and 90d")
	}
	return nil
}

func saveSettings(s *Service, ctx context.Context, c *call, in SaveSettings) (None, error) {
	if err := s.checkSettings(in); err != nil {
		return None{}, err
	}
	declared, _ := s.Declared(c.publisher.ID)
	parts := declaredParts(declared)
	return c.changeSettings(ctx, in.Revision, nil, func(set *authstore.Settings) error {
		if !parts.Name {
			set.Name = strings.TrimSpace(in.Name)
		}
		set.Offers, set.ResetURLs = in.Offers, in.ResetURLs
		if !parts.Languages {
			set.Languages = in.Languages
		}
		if !parts.TokenLife {
			set.TokenLife = unless(in.TokenLife.Duration, session.TokenLife)
		}
		if !parts.Session {
			set.Session = limitsSet(in)
		}
		if v := set.VerifyEmail; !parts.VerifyEmail && (v != nil || in.VerifyEmail) {
			set.VerifyEmail = &authstore.VerifyEmail{On: in.VerifyEmail, Within: in.VerifyWithin.Duration}
		}
		if !parts.SendMail {
			set.SendMail = in.SendMail && declared.Sandbox
		}
		return nil
	})
}

// unless returns a length of time, or 0 for the default: a form says what is in
// force, and saving it must not set what nobody has chosen.
func unless(d, byDefault time.Duration) time.Duration {
	if d == byDefault {
		return 0
	}
	return d
}

// limitsSet returns the limits of sessions that differ from the defaults.
func limitsSet(in SaveSettings) authstore.SessionLimits {
	set := authstore.SessionLimits{Absolute: unless(in.SessionAbsolute.Duration, authstore.DefaultAbsolute)}
	set.Idle = unless(in.SessionIdle.Duration, set.InForce().Idle)
	return set
}

// changeSettings changes the settings of a call's publisher and puts them into
// force.
func (c *call) changeSettings(ctx context.Context, from int64, d detail, fn func(*authstore.Settings) error) (None, error) {
	return None{}, c.do(ctx, "", d, func() error { return c.applySettings(ctx, from, fn) })
}

// applySettings is changeSettings for who has written it down.
func (c *call) applySettings(ctx context.Context, from int64, fn func(*authstore.Settings) error) error {
	_, err := c.service.Store.ChangeSettings(ctx, c.publisher.ID, from, fn)
	switch {
	case errors.Is(err, authstore.ErrChanged):
		return ErrChanged
	case errors.Is(err, authstore.ErrTaken):
		return invalid("offers", "has an offer of another publisher")
	case errors.Is(err, authstore.ErrUnstorable):
		return invalid("", "this is more than can be kept; make it shorter")
	case err != nil:
		return err
	}
	return c.service.Refresh(ctx)
}

// SaveBrand is the colour and the links of a publisher's pages.
type SaveBrand struct {
	Revision int64       `json:"revision"`
	Color    string      `json:"color"` // six hexadecimal digits; "" for the plain one
	Links    []LinkInput `json:"links"`
}

const (
	maxLinks    = 12
	maxLinkName = 60 // characters
	maxLinkURL  = 500
)

func (s *Service) checkBrand(in SaveBrand) (links []authstore.BrandLink, err error) {
	if in.Color != "" && s.CheckColor(in.Color) != nil {
		return nil, invalid("color", "is not a colour; write six hexadecimal digits, such as 0a5bd3")
	}
	for i, l := range in.Links {
		if l.Name == "" && l.URL == "" {
			continue
		}
		at := fmt.Sprintf("links.%d.", i)
		u, err := url.Parse(l.URL)
		switch {
		case l.Name == "" || len([]rune(l.Name)) > maxLinkName:
			return nil, invalid(at+"name", "is missing, or longer than %d characters", maxLinkName)
		case err != nil || len(l.URL) > maxLinkURL || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil:
			return nil, invalid(at+"url", "is no web address; write one such as https://example.com/privacy")
		}
		links = append(links, authstore.BrandLink(l))
	}
	if len(links) > maxLinks {
		return nil, invalid("links", "are more than %d", maxLinks)
	}
	return links, nil
}

func saveBrand(s *Service, ctx context.Context, c *call, in SaveBrand) (None, error) {
	if err := c.brandIsOurs(); err != nil {
		return None{}, err
	}
	links, err := s.checkBrand(in)
	if err != nil {
		return None{}, err
	}
	return c.changeSettings(ctx, in.Revision, nil, func(set *authstore.Settings) error {
		b := brandOf(*set)
		b.Color, b.Links = strings.TrimPrefix(in.Color, "#"), links
		set.Brand = &b
		return nil
	})
}

// brandIsOurs refuses to change what is declared.
func (c *call) brandIsOurs() error {
	if p, _ := c.service.Declared(c.publisher.ID); p.Branded {
		return ErrDeclared
	}
	return nil
}

func brandOf(set authstore.Settings) authstore.Brand {
	if set.Brand == nil {
		return authstore.Brand{}
	}
	return *set.Brand
}

// SavePicture is a logo or an icon.
type SavePicture struct {
	Revision int64  `json:"revision"`
	Kind     string `json:"kind"`    // logo or favicon
	Picture  string `json:"picture"` // SVG, PNG, WebP, JPEG or GIF in base64, at most 45,000 bytes before; "" takes it away
}

func savePicture(s *Service, ctx context.Context, c *call, in SavePicture) (None, error) {
	if err := c.brandIsOurs(); err != nil {
		return None{}, err
	}
	if in.Kind != "logo" && in.Kind != "favicon" {
		return None{}, invalid("kind", "is neither logo nor favicon")
	}
	content, err := base64.StdEncoding.DecodeString(in.Picture)
	switch {
	case err != nil:
		return None{}, invalid("picture", "is not base64")
	case len(content) > authstore.MaxPicture:
		return None{}, invalid("picture", "is larger than %d bytes; use a smaller one", authstore.MaxPicture)
	case len(content) > 0 && s.CheckPicture(content) != nil:
		return None{}, invalid("picture", "is none that browsers show; use SVG, PNG, WebP, JPEG or GIF")
	}
	return c.changePicture(ctx, in, content)
}

func (c *call) changePicture(ctx context.Context, in SavePicture, content []byte) (None, error) {
	return None{}, c.do(ctx, "", detail{"kind": in.Kind}, func() error {
		id, err := c.keepPicture(ctx, in.Revision, content)
		if err != nil {
			return err
		}
		return c.applySettings(ctx, in.Revision, func(set *authstore.Settings) error {
			b := brandOf(*set)
			if in.Kind == "logo" {
				b.Logo = id
			} else {
				b.Favicon = id
			}
			set.Brand = &b
			return nil
		})
	})
}

// keepPicture stores a picture, if there is one, for settings of a revision. Nothing is
// stored for a change that would be refused: what no settings name stays for good.
func (c *call) keepPicture(ctx context.Context, from int64, content []byte) (id string, err error) {
	set, err := c.service.Store.Settings(ctx, c.publisher.ID)
	switch {
	case err != nil:
		return "", fmt.Errorf("reading settings: %w", err)
	case set.Revision != from:
		return "", ErrChanged
	case len(content) == 0:
		return "", nil
	}
	if id, err = c.service.Store.PutPicture(ctx, c.publisher.ID, content); err != nil {
		return "", fmt.Errorf("keeping a picture: %w", err)
	}
	return id, nil
}

// NewToken is an API token. It is shown once, and kept as a digest.
type NewToken struct {
	Token string `json:"token"`
}

// FromRevision names the revision of the settings that a change is made from.
type FromRevision struct {
	Revision int64 `json:"revision"`
}

func rotateToken(_ *Service, ctx context.Context, c *call, in FromRevision) (NewToken, error) {
	given := secret.New()
	if err := c.setToken(ctx, in.Revision, secret.Digest(given)); err != nil {
		return NewToken{}, err
	}
	return NewToken{given}, nil
}

func revokeToken(_ *Service, ctx context.Context, c *call, in FromRevision) (None, error) {
	return None{}, c.setToken(ctx, in.Revision, "")
}

func (c *call) setToken(ctx context.Context, from int64, digest string) error {
	if p, _ := c.service.Declared(c.publisher.ID); p.TokenDigest != "" {
		return ErrDeclared
	}
	_, err := c.changeSettings(ctx, from, nil, func(set *authstore.Settings) error {
		set.TokenDigest = digest
		return nil
	})
	return err
}
