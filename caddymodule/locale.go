// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/usher-sso/usher/internal/locale"
)

// Locale is how the country of a viewer is found, which the API tells clients
// and which new accounts get. It is a guess and opens or closes nothing. The
// header is asked first, then the database, then the table that is compiled in,
// then the browser's languages.
type Locale struct {
	// The header in which a CDN tells the viewer's country as two letters, such
	// as CF-IPCountry or CloudFront-Viewer-Country. It is believed only of a
	// request that comes from one of the server's `trusted_proxies`. Those must
	// set or remove it in every request: viewers choose the country where a proxy
	// passes on what they send. Default: none.
	CountryHeader string `json:"country_header,omitempty"`

	// A file of countries in MaxMind's format, such as GeoLite2-Country.mmdb. A
	// relative path starts where the server was started. The file is read when
	// the configuration is loaded, so a newer one counts after
	// `usher reload --force`. Default: none.
	Database string `json:"database,omitempty"`
}

// readLocale opens the database, if there is one.
func (a *App) readLocale() error {
	if a.Locale == nil {
		a.Locale = new(Locale)
	}
	if a.Locale.CountryHeader != "" {
		if err := checkHeaderName(a.Locale.CountryHeader); err != nil {
			return fmt.Errorf("locale: %w", err)
		}
	}
	if a.Locale.Database == "" {
		return nil
	}
	path := caddy.NewReplacer().ReplaceKnown(a.Locale.Database, "")
	database, err := locale.OpenDatabase(path)
	if err != nil {
		return fmt.Errorf("locale: %w", err)
	}
	a.resolver = locale.NewResolver(database)
	return nil
}

// tokenMarks are what the name of a header may have beside letters and digits
// (RFC 9110 section 5.6.2). No request has another one, so a name with a blank
// or a colon would be waited for in vain.
const tokenMarks = "!#$%&'*+-.^_`|~"

func checkHeaderName(name string) error {
	wrong := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(tokenMarks, c)
	}
	if name == "" {
		return errors.New("the name of a header is empty; write it as the CDN does, such as CF-IPCountry")
	}
	if strings.ContainsFunc(name, wrong) {
		return fmt.Errorf("%q is not the name of a header; write it as the CDN does, such as CF-IPCountry", name)
	}
	return nil
}

// countryOf returns what a trusted proxy says about the viewer's country, "" for
// nothing.
func (a *App) countryOf(r *http.Request) string {
	if a.Locale.CountryHeader == "" {
		return ""
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		return ""
	}
	// Two values mean that a proxy added its own to what the viewer sent, and
	// nothing tells which is whose.
	if said := r.Header.Values(a.Locale.CountryHeader); len(said) == 1 {
		return said[0]
	}
	return ""
}
