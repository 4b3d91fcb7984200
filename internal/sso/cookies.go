// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package sso

import (
	"net/http"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/publisher"
)

// Cookie names, as they are on https. See Cookies.Name for plain http.
const (
	SiteCookie    = "__Host-usher"        // at a site: access token and the secret that renews it
	PendingCookie = "__Host-usher-tx-"    // at a site: a pending sign-in; its id follows
	NobodyCookie  = "__Host-usher-no"     // at a site: the hub was asked, and nobody is signed in
	ArrivedCookie = "__Host-usher-in"     // at a site: a sign-in has just ended well
	KeptCookie    = "__Host-usher-ok"     // at a site: the browser keeps cookies
	HubCookie     = "__Host-usher-hub"    // at the hub: what proves the session
	DeviceCookie  = "__Host-usher-device" // at the hub: somebody signed in here before
)

// hostPrefix makes browsers insist on Secure, Path=/ and no Domain
// (RFC 6265bis, section 4.1.3.2).
const hostPrefix = "__Host-"

// Cookies makes usher's cookies for one origin.
type Cookies struct{ secure bool }

// CookiesFor returns the Cookies of an origin.
func CookiesFor(o publisher.Origin) Cookies { return Cookies{secure: o.Secure()} }

// Name returns the name a cookie has at the origin. On plain http, which is
// for loopback names only, browsers refuse the prefix, so it falls away.
func (c Cookies) Name(name string) string {
	if c.secure {
		return name
	}
	return strings.TrimPrefix(name, hostPrefix)
}

// Set sends a cookie that no script can read and no other host sees. life is
// how long the browser keeps it; 0 removes it.
func (c Cookies) Set(h http.Header, name, value string, life time.Duration) {
	age := int(life / time.Second)
	if age <= 0 {
		age = -1 // net/http writes this as Max-Age=0
	}
	h.Add("Set-Cookie", (&http.Cookie{
		Name: c.Name(name), Value: value, Path: "/", MaxAge: age,
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}).String())
}

// Clear removes a cookie.
func (c Cookies) Clear(h http.Header, name string) { c.Set(h, name, "", 0) }

// SameOrigin tells whether a request that changes something was sent by a page
// of the given origin. Browsers say so in Sec-Fetch-Site, older ones in
// Origin; one that says neither is refused.
func SameOrigin(r *http.Request, o publisher.Origin) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return r.Header.Get("Origin") == string(o)
}

// Ahead tells whether nobody has asked for a page yet: the browser fetches it in
// case somebody will. No sign-in begins or ends for such a request.
func Ahead(h http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.Contains(h.Get(name), "prefetch") {
			return true
		}
	}
	return false
}
