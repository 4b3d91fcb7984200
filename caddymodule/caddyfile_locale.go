// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// parseLocale reads
//
//	locale {
//		country_header <name>
//		database       <path>
//	}
func parseLocale(d *caddyfile.Dispenser) (*Locale, error) {
	head := *d
	if d.NextArg() {
		return nil, d.Errf("locale takes no arguments; remove %q, or write it in the block", d.Val())
	}
	var l Locale
	seen := map[string]bool{}
	for level := d.Nesting(); d.NextBlock(level); {
		name := d.Val()
		if seen[name] {
			return nil, d.Errf("%s is given twice; remove one", name)
		}
		seen[name] = true
		if err := l.option(d, name); err != nil {
			return nil, err
		}
	}
	if len(seen) == 0 {
		return nil, head.Err("locale is empty; write country_header or database in its block, or remove it")
	}
	return &l, nil
}

func (l *Locale) option(d *caddyfile.Dispenser, name string) (err error) {
	switch name {
	case "country_header":
		if l.CountryHeader, err = one(d, "the name of a header, such as CF-IPCountry"); err != nil {
			return err
		}
		if err := checkHeaderName(l.CountryHeader); err != nil {
			return d.WrapErr(err)
		}
	case "database":
		if l.Database, err = one(d, "the path of a file, such as /var/lib/GeoIP/GeoLite2-Country.mmdb"); err != nil {
			return err
		}
		if l.Database == "" {
			return d.Err("the path of the database is empty; write one, such as /var/lib/GeoIP/GeoLite2-Country.mmdb")
		}
	default:
		return d.Errf("unknown option %q of locale; known are country_header and database", name)
	}
	return end(d)
}
