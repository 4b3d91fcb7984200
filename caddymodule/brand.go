// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"fmt"
	"net/url"
	"os"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"go.uber.org/zap"

	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/pages"
)

// Brand is how a publisher's pages look.
type Brand struct {
	// A picture in place of the publisher's name: SVG, PNG, WebP, JPEG or GIF, of
	// at most 256 KiB. It should suit light and dark grounds. The file is read
	// when the configuration is loaded. Default: the name in letters.
	Logo string `json:"logo,omitempty"`

	// The icon in the browser's tab, like the logo. Default: a plain one.
	Favicon string `json:"favicon,omitempty"`

	// The colour of buttons and links, such as 0a5bd3 or #0a5bd3. It is made darker or
	// lighter where it could not be read. Default: a blue.
	Color string `json:"color,omitempty"`

	// Pages of the publisher's own, linked at the foot of every page.
	Links []Link `json:"links,omitempty"`
}

// Link leads to a page of the publisher's own.
type Link struct {
	// One of terms, privacy, imprint, help, contact and accessibility, which are
	// named in the viewer's language, or words of the publisher's own. Required.
	Name string `json:"name"`

	// Its address, with https or http. Required.
	URL string `json:"url"`
}

// readPages reads what pages are made of.
func (a *App) readPages() (err error) {
	if a.catalog, err = i18n.Load(); err != nil {
		return err
	}
	if a.renderer, err = pages.NewRenderer(a.catalog); err != nil {
		return err
	}
	a.renderer.OnError = func(page string, err error) {
		a.log.Error("rendering a page", zap.String("page", page), zap.Error(err))
	}
	if a.Templates != "" {
		if err := override(a.renderer, a.Templates); err != nil {
			return err
		}
	}
	for _, p := range a.Publishers {
		look, err := p.Brand.brand()
		if err == nil {
			err = a.renderer.SetBrand(p.ID, look)
		}
		if err != nil {
			return fmt.Errorf("publisher %d: %w", p.ID, err)
		}
	}
	return nil
}

// override puts the templates of a folder in the places of our own.
func override(r *pages.Renderer, folder string) error {
	folder = caddy.NewReplacer().ReplaceKnown(folder, "")
	if err := r.Override(os.DirFS(folder)); err != nil {
		return fmt.Errorf("templates %s: %w", folder, err)
	}
	return nil
}

// parseTemplates reads
//
//	templates <folder>
//
// and judges what is in the folder, so that an error names the line.
func parseTemplates(d *caddyfile.Dispenser) (string, error) {
	folder, err := one(d, "the path of a folder")
	if err != nil {
		return "", err
	}
	catalog, err := i18n.Load()
	if err != nil {
		return "", err
	}
	renderer, err := pages.NewRenderer(catalog)
	if err != nil {
		return "", err
	}
	if err := override(renderer, folder); err != nil {
		return "", d.WrapErr(err)
	}
	return folder, end(d)
}

// brand reads the pictures and judges the rest.
func (b *Brand) brand() (look pages.Brand, err error) {
	if b == nil {
		return look, nil
	}
	if look.Logo, err = readPicture(b.Logo); err != nil {
		return look, fmt.Errorf("logo: %w", err)
	}
	if look.Favicon, err = readPicture(b.Favicon); err != nil {
		return look, fmt.Errorf("favicon: %w", err)
	}
	look.Color = b.Color
	if err := pages.CheckColor(b.Color); b.Color != "" && err != nil {
		return look, fmt.Errorf("color: %w", err)
	}
	for _, l := range b.Links {
		if err := l.check(); err != nil {
			return look, err
		}
		own := pages.Link{Text: l.Name, URL: l.URL}
		if slices.Contains(pages.LinkKinds, l.Name) {
			own.Kind = l.Name
		}
		look.Links = append(look.Links, own)
	}
	return look, nil
}

func (l Link) check() error {
	if l.Name == "" {
		return fmt.Errorf("link to %q has no name; write one of %v, or words of your own", l.URL, pages.LinkKinds)
	}
	if u, err := url.Parse(l.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("link %s leads to %q, which is no web address; write one such as https://example.com/%[1]s", l.Name, l.URL)
	}
	return nil
}

// readPicture reads a picture from a file; "" is none.
func readPicture(path string) (*pages.Image, error) {
	path = caddy.NewReplacer().ReplaceKnown(path, "")
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w; write the path of a file that the server may read", err)
	}
	picture, err := pages.NewImage(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return picture, nil
}

// parseBrand reads
//
//	brand {
//		logo    <file>
//		favicon <file>
//		color   <rrggbb>
//		link    <name> <address>
//	}
func parseBrand(d *caddyfile.Dispenser) (*Brand, error) {
	if d.NextArg() {
		return nil, d.Errf("brand takes no arguments; remove %q, or write it in the block", d.Val())
	}
	b := &Brand{}
	seen := map[string]bool{}
	for level := d.Nesting(); d.NextBlock(level); {
		name := d.Val()
		if seen[name] && name != "link" {
			return nil, d.Errf("%s is given twice; remove one", name)
		}
		seen[name] = true
		if err := b.parseOption(d, name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// picture reads the path of a picture that there is.
func picture(d *caddyfile.Dispenser) (string, error) {
	path, err := one(d, "the path of a picture")
	if err != nil {
		return "", err
	}
	if _, err := readPicture(path); err != nil {
		return "", d.WrapErr(err)
	}
	return path, nil
}

func (b *Brand) parseOption(d *caddyfile.Dispenser, name string) (err error) {
	switch name {
	case "logo":
		b.Logo, err = picture(d)
	case "favicon":
		b.Favicon, err = picture(d)
	case "color":
		if b.Color, err = one(d, "a colour, such as 0a5bd3 (a # begins a comment)"); err == nil {
			if bad := pages.CheckColor(b.Color); bad != nil {
				err = d.WrapErr(bad)
			}
		}
	case "link":
		var l Link
		if l.Name, err = one(d, "a name and an address, such as privacy https://example.com/privacy"); err != nil {
			return err
		}
		if !d.NextArg() {
			return d.Errf("link %s needs an address, such as https://example.com/%[1]s", l.Name)
		}
		l.URL = d.Val()
		if bad := l.check(); bad != nil {
			err = d.WrapErr(bad)
		}
		b.Links = append(b.Links, l)
	default:
		err = d.Errf("unknown option %q of brand; known are logo, favicon, color and link", name)
	}
	if err != nil {
		return err
	}
	return end(d)
}
