// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/recall"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/token"
)

// A site cookie reads <session>~<secret>~<token>. The token lets the gate judge
// without the store; the secret gets a new token when it expires.
const cookieSeparator = "~"

// renewedFor is how long the result of a renewal answers for the old cookie:
// all requests of a page, and tabs that were opened with it.
const renewedFor = time.Minute

func joinCookie(id, proof, own string) string {
	return id + cookieSeparator + proof + cookieSeparator + own
}

func splitCookie(v string) (id, proof, own string, ok bool) {
	id, rest, ok1 := strings.Cut(v, cookieSeparator)
	proof, own, ok2 := strings.Cut(rest, cookieSeparator)
	return id, proof, own, ok1 && ok2
}

// findCookie returns the value of the first cookie of that name without
// parsing the others.
func findCookie(h http.Header, name string) (string, bool) {
	for _, line := range h["Cookie"] {
		for line != "" {
			end := strings.IndexByte(line, ';')
			if end < 0 {
				end = len(line)
			}
			part := strings.TrimLeft(line[:end], " ")
			if len(part) > len(name) && part[len(name)] == '=' && part[:len(name)] == name {
				return part[len(name)+1:], true
			}
			line = line[min(end+1, len(line)):]
		}
	}
	return "", false
}

// byCookie returns who a site cookie belongs to, nil for nobody. A token that
// has expired is renewed here, without a redirect, while its session lives.
// Errors: errDue, ErrUnavailable.
func (g *Gate) byCookie(w http.ResponseWriter, r *http.Request, value string, site publisher.Origin) (*Identity, error) {
	key, ok := g.memory.Key(value, string(site), string(g.hub))
	if !ok {
		return nil, nil
	}
	now := g.sessions.Now()
	if k, verdict := g.recalled(key, now); verdict != recall.Unknown {
		return g.told(w, site, k)
	}
	id, proof, own, ok := splitCookie(value)
	if !ok {
		g.memory.Refuse(key, now)
		return nil, nil
	}
	generation := g.keys.Generation()
	claims, err := g.tokens.Judge(own, string(site), id)
	switch {
	case err == nil:
		return g.admit(r.Context(), key, claims, "", generation)
	case errors.Is(err, token.ErrExpired):
		return g.renew(w, r, site, key, id, proof)
	}
	g.memory.Refuse(key, now)
	return nil, nil
}

// told is remembered, and tells the browser of its newer cookie. Errors: errDue.
func (g *Gate) told(w http.ResponseWriter, site publisher.Origin, k *known) (*Identity, error) {
	id, err := g.remembered(k)
	if id != nil && k.renewed != "" {
		g.setCookie(w, site, k.renewed)
	}
	return id, err
}

// renew gets a new token for a site cookie. Requests that arrive together get one
// result. Errors: errDue, ErrUnavailable.
func (g *Gate) renew(w http.ResponseWriter, r *http.Request, site publisher.Origin, key recall.Key, id, proof string) (*Identity, error) {
	v, err, _ := g.renewals.Do(key.String(), func() (any, error) {
		// Another may have renewed it since this request looked.
		if k, verdict := g.recalled(key, g.sessions.Now()); verdict == recall.Good {
			return k, nil
		}
		// Not the context of this request: others wait for the result.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
		defer cancel()
		fresh, err := g.fresh(ctx, site, key, id, proof)
		if err != nil {
			return nil, err
		}
		g.remember(key, fresh, g.renewedUntil(fresh))
		return &fresh, nil
	})
	switch {
	case errors.Is(err, session.ErrRefused):
		g.memory.Refuse(key, g.sessions.Now())
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return g.told(w, site, v.(*known))
}

// renewedUntil returns until when the result of a renewal answers for the old
// cookie.
func (g *Gate) renewedUntil(k known) time.Time {
	until := g.sessions.Now().Add(renewedFor)
	if expires := time.Unix(0, k.identity.expires); expires.Before(until) {
		return expires // the session's end is near
	}
	return until
}

func (g *Gate) fresh(ctx context.Context, site publisher.Origin, key recall.Key, id, proof string) (known, error) {
	s, err := g.sessions.AtSite(ctx, id, string(site), proof)
	if err != nil {
		return known{}, err
	}
	generation := g.keys.Generation()
	claims, err := g.sessions.Claims(ctx, s, string(site))
	if err != nil {
		return known{}, err
	}
	k, err := g.known(key, claims, "", generation)
	if err == nil && !k.due {
		k.renewed = joinCookie(id, proof, g.tokens.Make(claims))
	}
	return k, err
}

// open starts the site session that a callback led to.
func (g *Gate) open(ctx context.Context, w http.ResponseWriter, site publisher.Origin, s authstore.Session, proof string) error {
	claims, err := g.sessions.Claims(ctx, s, string(site))
	if err != nil {
		return err
	}
	g.setCookie(w, site, joinCookie(s.ID, proof, g.tokens.Make(claims)))
	return nil
}

func (g *Gate) setCookie(w http.ResponseWriter, site publisher.Origin, value string) {
	p, _ := g.directory.BySite(site)
	sso.CookiesFor(site).Set(w.Header(), sso.SiteCookie, value, p.Session.InForce().Absolute)
}

// StripCookies removes usher's cookies from a request that goes on to the app.
func StripCookies(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 1 && strings.IndexByte(lines[0], ';') < 0 && ownCookie(lines[0]) { // as with most sites
		delete(h, "Cookie")
		return
	}
	for _, line := range lines {
		if strings.Contains(line, "usher") {
			keepOthers(h, lines)
			return
		}
	}
}

// keepOthers joins the cookies that are not usher's into one line.
func keepOthers(h http.Header, lines []string) {
	room := 0
	for _, line := range lines {
		room += len(line) + len(cookieJoint)
	}
	var kept []byte
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			if part = strings.TrimSpace(part); part == "" || ownCookie(part) {
				continue
			}
			if kept == nil {
				kept = append(make([]byte, 0, room), part...)
				continue
			}
			kept = append(append(kept, cookieJoint...), part...)
		}
	}
	if kept == nil {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = []string{string(kept)}
}

// cookieJoint is between cookies (RFC 6265, section 4.2.1).
const cookieJoint = "; "

// ownCookie tells whether a cookie is usher's, on https or on plain http.
func ownCookie(part string) bool {
	name, _, _ := strings.Cut(part, "=")
	name = strings.TrimPrefix(strings.TrimSpace(name), "__Host-")
	return name == "usher" || strings.HasPrefix(name, "usher-")
}
