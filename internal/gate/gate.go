// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package gate owns the question that stands in front of every request to a
// site: may it pass, must its visitor sign in first, or is it refused? It owns
// the cookie of a site session, the identity that the app behind the gate is
// told, and the reserved paths under /.usher/. It refuses to let a client
// speak about identity, and to let anything pass when it cannot tell.
package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/recall"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/token"
)

// Gate guards one or more sites that share a policy. Safe for concurrent use.
type Gate struct {
	sites     []publisher.Origin
	policy    *Policy
	hub       publisher.Origin
	sessions  *session.Manager
	keys      *token.Keyring
	sso       *sso.Service
	directory *publisher.Directory
	flow      *flow.Dispatcher
	stamps    map[int64]string // what each publisher demands now
	pages     Pages
	cache     *recall.Cache[known]
	renewals  singleflight.Group
}

// Config is what a Gate stands on.
type Config struct {
	Sites     []publisher.Origin // those it guards; patterns allowed
	Policy    *Policy
	Hub       publisher.Origin
	Sessions  *session.Manager
	Keys      *token.Keyring
	SSO       *sso.Service
	Directory *publisher.Directory
	Flow      *flow.Dispatcher
	Pages     Pages
}

// New returns a Gate.
func New(c Config) *Gate {
	stamps := map[int64]string{}
	for _, p := range c.Directory.All() {
		stamps[p.ID] = flow.Stamp(p)
	}
	return &Gate{
		sites: c.Sites, policy: c.Policy, hub: c.Hub, sessions: c.Sessions, keys: c.Keys,
		sso: c.SSO, directory: c.Directory, flow: c.Flow, stamps: stamps, pages: c.Pages, cache: recall.New[known](),
	}
}

// Pages shows what the gate has to tell a person.
type Pages interface {
	// Problem tells what went wrong at a site and what to do next.
	Problem(w http.ResponseWriter, r *http.Request, p Problem)

	// SignOut asks for confirmation, because only a POST signs out.
	SignOut(w http.ResponseWriter, r *http.Request, site publisher.Origin)

	// Assets serves the style sheet; path is what follows the reserved prefix.
	Assets(w http.ResponseWriter, r *http.Request, path string)
}

// Problem is a dead end, and the way out of it.
type Problem struct {
	Kind   ProblemKind
	Status int
	Site   publisher.Origin
	Return string // path to go on with, where that helps
}

// ProblemKind tells pages which words to find.
type ProblemKind string

// The dead ends of a gate.
const (
	ProblemPath        ProblemKind = "path"        // the address is ambiguous
	ProblemNotFound    ProblemKind = "not-found"   // nothing at this reserved path
	ProblemExpired     ProblemKind = "expired"     // sign-in took too long, or was begun elsewhere
	ProblemCookies     ProblemKind = "cookies"     // the browser keeps no cookies
	ProblemLoop        ProblemKind = "loop"        // signed in at the hub, and not at the site
	ProblemClock       ProblemKind = "clock"       // the clocks of our servers differ
	ProblemForm        ProblemKind = "form"        // a form that was sent met the gate
	ProblemCode        ProblemKind = "code"        // the hub's answer was refused
	ProblemNotSignedIn ProblemKind = "signed-out"  // shown inside a frame
	ProblemForeign     ProblemKind = "foreign"     // a form was sent from another site
	ProblemMethod      ProblemKind = "method"      // the reserved path takes another method
	ProblemUnavailable ProblemKind = "unavailable" // the store cannot be asked
)

// ErrUnavailable says that the gate could not find out whether a request may
// pass. Nothing was written to the response.
var ErrUnavailable = errors.New("cannot tell who is signed in")

// ErrNoSite says that a request has a Host that this gate does not guard.
// Nothing was written to the response.
var ErrNoSite = errors.New("host is not a site of this gate")

// Serve decides on a request. When it passes, Serve returns true and the
// identity to tell the app, nil for an anonymous visitor; otherwise it has
// answered. asked is the address that the visitor asked for: rewrites may have
// changed the request's own, which is what the app will see and so what the
// policy judges.
//
// The caller calls Strip first. Errors: ErrUnavailable, ErrNoSite; then
// nothing was answered and the request must not pass.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request, asked *url.URL) (*Identity, bool, error) {
	site, ok := g.site(r.Host)
	if !ok {
		return nil, false, ErrNoSite
	}
	access, reserved := g.access(r, asked)
	switch access {
	case Ambiguous:
		g.refuse(w, r, Problem{Kind: ProblemPath, Status: http.StatusBadRequest, Site: site})
		return nil, false, nil
	case Reserved:
		original := *r
		original.URL = asked
		return nil, false, g.reserved(w, &original, site, reserved)
	case Public:
		return nil, true, nil
	}
	id, err := g.identify(w, r, site)
	reason := sso.LoginRequired
	switch {
	case id != nil && err == nil:
		return id, true, nil
	case access == Optional && err != nil: // shown to strangers anyway, whatever went wrong
		return nil, true, nil
	case errors.Is(err, errDue):
		reason = sso.InteractionRequired
	case err != nil:
		return nil, false, err
	}
	return nil, g.turnAway(w, r, site, asked.RequestURI(), decide(access, r), reason), nil
}

// access judges the path that the app will see. The gate's own paths are found
// under the address that was asked for too, because a rewrite for the app's
// sake must not swallow them.
func (g *Gate) access(r *http.Request, asked *url.URL) (Access, string) {
	if asked != r.URL {
		if access, reserved := g.policy.Access(asked.Path, asked.EscapedPath()); access == Reserved {
			return access, reserved
		}
	}
	return g.policy.Access(r.URL.Path, r.URL.EscapedPath())
}

// Unavailable tells a visitor that the gate cannot find out who they are.
func (g *Gate) Unavailable(w http.ResponseWriter, r *http.Request) {
	site, _ := g.site(r.Host)
	g.refuse(w, r, Problem{Kind: ProblemUnavailable, Status: http.StatusServiceUnavailable, Site: site, Return: "/"})
}

// site returns the site that a Host header belongs to.
func (g *Gate) site(host string) (publisher.Origin, bool) {
	for _, s := range g.sites {
		if site, ok := s.ForHost(host); ok {
			return site, true
		}
	}
	return "", false
}

// errDue says that a customer is signed in, and has to do something at the hub
// before they may go on.
var errDue = errors.New("something is due at the hub")

// dueFor is how long a customer is known to have something to do. Short, because
// they may do it through the API with the same token.
const dueFor = time.Second

// identify returns who sent a request: by bearer token, else by the site's
// cookie; nil when nobody is signed in. Errors: errDue, with the identity;
// ErrUnavailable.
func (g *Gate) identify(w http.ResponseWriter, r *http.Request, site publisher.Origin) (*Identity, error) {
	if raw, ok := bearer(r.Header); ok {
		if id, err := g.byBearer(r.Context(), raw, site); id != nil || err != nil {
			return id, err
		}
	}
	value, ok := findCookie(r.Header, sso.CookiesFor(site).Name(sso.SiteCookie))
	if !ok {
		return nil, nil
	}
	return g.byCookie(w, r, value, site)
}

// bearer returns the token of an Authorization header (RFC 6750).
func bearer(h http.Header) (string, bool) {
	values := h["Authorization"]
	if len(values) != 1 || len(values[0]) < 8 || !strings.EqualFold(values[0][:7], "Bearer ") {
		return "", false
	}
	return values[0][7:], true
}

func (g *Gate) byBearer(ctx context.Context, raw string, site publisher.Origin) (*Identity, error) {
	p, ok := g.directory.BySite(site)
	if !ok {
		return nil, nil
	}
	key, now := recall.KeyOf(raw, token.PublisherAudience(p.ID)), g.sessions.Now()
	if k, verdict := g.cache.Get(key, now); verdict != recall.Unknown {
		return g.remembered(k)
	}
	claims, err := g.keys.VerifyForPublisher(raw)
	if err != nil || claims.PublisherID != p.ID {
		g.cache.Refuse(key, now)
		return nil, nil
	}
	return g.admit(ctx, key, claims, raw)
}

// admit lets the owner of a good token in, unless their publisher demands
// something of them first. What was demanded when the token was made is in it,
// so the store is asked only after that has changed. Errors: ErrUnavailable.
func (g *Gate) admit(ctx context.Context, key recall.Key, claims token.Claims, raw string) (*Identity, error) {
	now := g.sessions.Now()
	stamp, configured := g.stamps[claims.PublisherID]
	if !configured {
		g.cache.Refuse(key, now)
		return nil, nil
	}
	id := newIdentity(claims, raw)
	if claims.Stamp != stamp {
		step, err := g.flow.Barrier(ctx, claims.PublisherID, claims.CustomerID)
		switch {
		case errors.Is(err, authstore.ErrNotFound):
			g.cache.Refuse(key, now)
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case step != flow.Done:
			return g.wait(key, known{identity: id, due: true})
		}
	}
	g.cache.Put(key, known{identity: id}, claims.Expires, now)
	return g.live(id), nil
}

// known is what the gate remembers of a cookie or token that it found good.
type known struct {
	identity *Identity
	renewed  string // the cookie's newer value, to be sent with the answer
	due      bool   // the customer has something to do first
}

// remembered returns what a thing known stands for. Errors: errDue.
func (g *Gate) remembered(k known) (*Identity, error) {
	id := g.live(k.identity)
	if id != nil && k.due {
		return id, errDue
	}
	return id, nil
}

// wait remembers for a moment that a customer has something to do first.
func (g *Gate) wait(key recall.Key, k known) (*Identity, error) {
	now := g.sessions.Now()
	g.cache.Put(key, k, now.Add(dueFor), now)
	return g.remembered(k)
}

// live drops an identity whose session has ended.
func (g *Gate) live(id *Identity) *Identity {
	if id == nil || g.sessions.Ended(id.SessionID) {
		return nil
	}
	return id
}
